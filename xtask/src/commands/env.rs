//! `cargo xtask env`

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Common;
use crate::session::{self, Session};
use crate::ui::Ui;

/// Print a stage's credentials for a shell: `eval "$(cargo xtask env --stage development)"`.
///
/// With `--json` in the form of a `credential_process` of the shared config file.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The role to take in the stage's account, instead of the one it is entered by.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let Some(session) = session::open(ui, common, arguments.role.as_deref()).await? else {
        ui.say("Nothing was printed.");
        return Ok(ExitCode::FAILURE);
    };
    ui.result(if common.json { process(&session)? } else { shell(&session) });
    Ok(ExitCode::SUCCESS)
}

/// For any POSIX shell. What would speak against these credentials is unset.
fn shell(session: &Session) -> String {
    let given = session.variables();
    let exports =
        given.iter().map(|(name, value)| format!("export {name}='{}'", value.replace('\'', r"'\''")));
    let fixed = session::MISLEADING.map(str::to_owned).into_iter();
    let here = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unset: BTreeSet<_> = fixed.chain(here.filter(|name| session::misleads(name))).collect();
    let unset = unset.iter().filter(|name| given.iter().all(|(given, _)| given != name));
    let unset = unset.map(|name| format!("unset {name}"));
    unset.chain(exports).collect::<Vec<_>>().join("\n")
}

fn process(session: &Session) -> Result<String> {
    let keys = &session.keys;
    let expires = keys.expires.map(|at| OffsetDateTime::from(at).format(&Rfc3339)).transpose();
    let said = json!({
        "Version": 1,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.token,
        "Expiration": expires.context("write the time of expiry")?,
    });
    Ok(said.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::SessionKeys;

    #[test]
    fn a_quote_ends_no_quotes() {
        let keys = SessionKeys {
            access_key_id: "AKIA".into(),
            secret_access_key: "a'b $(c)".into(),
            token: None,
            expires: None,
        };
        let (stage, account, region) = ("dev".into(), "111122223333".into(), "eu-west-1".into());
        let session = Session { stage, account, role: None, console: None, region, endpoint: None, keys };
        let script = format!(
            "AWS_PROFILE=x AWS_SESSION_TOKEN=y; {}; printf %s \"$AWS_SECRET_ACCESS_KEY|$AWS_PROFILE|$AWS_SESSION_TOKEN\"",
            shell(&session).replace('\n', ";")
        );
        let ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "a'b $(c)||");
    }
}
