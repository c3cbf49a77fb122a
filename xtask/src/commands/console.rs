//! `cargo xtask console`

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::open::opened;
use crate::Common;
use crate::probe;
use crate::session::{self, Session};
use crate::ui::Ui;

/// Open the AWS console in a stage's account, or print the link.
///
/// Who has signed in to Identity Center gets its link, which stays good. Otherwise the link signs in by itself and is
/// good for a few minutes; besides, the link that switches the role of somebody who is signed in already. Opens a
/// browser only at a terminal.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The role to take in the stage's account, instead of the one it is entered by.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// Print the link only.
    #[arg(long)]
    print: bool,
}

/// Where credentials become a sign-in.
const FEDERATION: &str = "https://signin.aws.amazon.com/federation";

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    ensure!(!common.sandbox, "a sandbox has no console: `cargo xtask status` and `exec` show what is in it");
    let Some(session) = session::open(ui, common, arguments.role.as_deref()).await? else {
        ui.say("Nothing was opened.");
        return Ok(ExitCode::FAILURE);
    };
    let role = session.role.as_ref().filter(|_| session.console.is_none());
    let switch = role.map(|role| switch_role(&session.account, role, &session.stage));
    let sign_in = match (&session.console, &session.endpoint) {
        (Some(portal), _) => Some(portal.clone()),
        (None, Some(_)) => None,
        (None, None) => sign_in(&session, FEDERATION).await.unwrap_or_else(|error| {
            ui.say(format_args!("There is no sign-in link: {error:#}"));
            None
        }),
    };
    if common.json {
        ui.json(&json!({"account": session.account, "sign_in": sign_in, "switch_role": switch}));
        return Ok(ExitCode::SUCCESS);
    }
    if let (Some(link), Some(_)) = (&switch, &sign_in) {
        ui.say(format_args!("To switch the role of somebody who is signed in: {link}"));
    }
    let link =
        sign_in.or(switch).context("find a link: a profile's own keys can neither sign in nor switch")?;
    if !arguments.print && std::io::stdout().is_terminal() && opened(&link) {
        ui.say(format_args!("Opened the console of account {} ({}).", session.account, session.stage));
    } else {
        ui.result(link);
    }
    Ok(ExitCode::SUCCESS)
}

/// The form in which somebody who is signed in takes the role.
pub(crate) fn switch_role(account: &str, role: &str, stage: &str) -> String {
    let parameters = [("roleName", role), ("account", account), ("displayName", stage)];
    format!("https://signin.aws.amazon.com/switchrole?{}", query(&parameters))
}

/// A link that is signed in, as AWS gives them at `federation`. Only temporary credentials can have one.
async fn sign_in(session: &Session, federation: &str) -> Result<Option<String>> {
    let keys = &session.keys;
    let Some(token) = &keys.token else { return Ok(None) };
    let credentials = json!({
        "sessionId": keys.access_key_id,
        "sessionKey": keys.secret_access_key,
        "sessionToken": token,
    });
    let asked = [("Action", "getSigninToken"), ("Session", &credentials.to_string())];
    let answer = probe::json_secretly(federation, &query(&asked)).await?;
    let token = answer["SigninToken"].as_str().context("find a token in AWS's answer")?;
    let destination = format!("https://{}.console.aws.amazon.com/", session.region);
    let parameters = [("Action", "login"), ("Destination", &destination), ("SigninToken", token)];
    Ok(Some(format!("{federation}?{}", query(&parameters))))
}

fn query(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn escape(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::SessionKeys;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn session(token: Option<&str>) -> Session {
        let keys = SessionKeys {
            access_key_id: "ASIA1".into(),
            secret_access_key: "s&s".into(),
            token: token.map(str::to_owned),
            expires: None,
        };
        let (stage, account, region) = ("dev".into(), "111122223333".into(), "eu-west-1".into());
        Session { stage, account, role: None, console: None, region, endpoint: None, keys }
    }

    #[tokio::test]
    async fn the_link_signs_in_with_what_aws_gives_for_the_credentials() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let federation = format!("http://{}/federation", listener.local_addr().unwrap());
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).await.unwrap();
            let body = r#"{"SigninToken":"a/b"}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
            String::from_utf8(asked[..read].to_vec()).unwrap()
        };
        let session = session(Some("t=t"));
        let (asked, link) = tokio::join!(answer, sign_in(&session, &federation));
        assert!(asked.starts_with("GET /federation?Action=getSigninToken&Session=%7B"), "{asked}");
        assert!(asked.contains("s%26s") && asked.contains("t%3Dt"), "{asked}");
        let console = "https%3A%2F%2Feu%2Dwest%2D1%2Econsole%2Eaws%2Eamazon%2Ecom%2F";
        let expected = format!("{federation}?Action=login&Destination={console}&SigninToken=a%2Fb");
        assert_eq!(link.unwrap(), Some(expected));
    }

    #[tokio::test]
    async fn keys_that_last_have_no_link() {
        assert_eq!(sign_in(&session(None), FEDERATION).await.unwrap(), None);
    }

    #[test]
    fn the_switch_role_link_names_role_account_and_stage() {
        assert_eq!(
            switch_role("111122223333", "Deploy", "a&b"),
            "https://signin.aws.amazon.com/switchrole?roleName=Deploy&account=111122223333&displayName=a%26b"
        );
    }
}
