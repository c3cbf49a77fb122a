//! Credentials for other programs: the right account, and nothing that was there before.

use std::path::{Path, PathBuf};
use std::process::Output;

use sandbox::services::{iam, organizations};
use sandbox::{Options, Sandbox};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

/// A sandbox with two accounts that the management account may enter, and a repository that names them.
struct Story {
    sandbox: Sandbox,
    directory: TempDir,
    dev: String,
}

impl Story {
    async fn begin() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut options = Options::new(directory.path().join("aws"));
        options.scale = 600.0;
        options.settings.throttles = false;
        options.settings.iam_propagation = 0.0;
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let [dev, production, config] = ["dev", "production", "config"].map(|name| account(&sandbox, name));
        let root = directory.path().join("repository");
        std::fs::create_dir_all(root.join("app")).expect("app");
        copy(&repository().join("policies"), &root.join("policies"));
        copy(&repository().join("app/config"), &root.join("app/config"));
        let text = format!(
            "name = \"ListServices\"\nregion = \"eu-west-1\"\norganization = false\n\
             [management]\naccount_id = \"{}\"\n[config]\naccount = \"config\"\naccount_id = \"{config}\"\n\
             [[stage]]\nname = \"development\"\naccount = \"dev\"\naccount_id = \"{dev}\"\n\
             [[stage]]\nname = \"production\"\nprotected = true\naccount_id = \"{production}\"\n",
            sandbox.world().settings.management
        );
        std::fs::write(root.join("foothold.toml"), text).expect("foothold.toml");
        Self { sandbox, directory, dev }
    }

    /// Runs `cargo xtask` with the management account's keys, in an environment with somebody else's profile.
    async fn xtask(&self, arguments: &[&str]) -> Output {
        let keys = iam::admin_keys(&self.sandbox.world());
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).current_dir(self.directory.path().join("repository"));
        command.env("AWS_ENDPOINT_URL", self.sandbox.endpoint());
        command.env("AWS_ACCESS_KEY_ID", keys.access_key_id);
        command.env("AWS_SECRET_ACCESS_KEY", keys.secret_access_key);
        command.env("AWS_CONFIG_FILE", self.directory.path().join("config"));
        command.env("AWS_DEFAULT_PROFILE", "somebody-else").env("AWS_ROLE_ARN", "arn:aws:iam::1:role/x");
        command.env_remove("AWS_PROFILE").output().await.expect("cargo xtask runs")
    }
}

fn account(sandbox: &Sandbox, name: &str) -> String {
    let mut world = sandbox.world();
    let management = world.settings.management.clone();
    let id = organizations::new_account(&mut world, name, &format!("{name}@example.com"));
    let root = format!("arn:aws:iam::{management}:root");
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"});
    let role = iam::NewRole {
        account: &id,
        path: "/",
        name: "OrganizationAccountAccessRole",
        trust: json!({"Version": "2012-10-17", "Statement": [statement]}),
        attached: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
        inline: Vec::new(),
    };
    iam::make_role(&mut world, role);
    id
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory to copy") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_gives_the_stages_credentials_and_the_commands_own_status() {
    let story = Story::begin().await;
    let script = "env | grep ^AWS_ | cut -d= -f1 | sort; exit 42";
    let ran = story.xtask(&["exec", "--stage", "development", "--", "sh", "-c", script]).await;
    assert_eq!(ran.status.code(), Some(42), "{}", err(&ran));
    let kept = ["AWS_CA_BUNDLE", "AWS_PAGER"];
    let names = out(&ran);
    let names: Vec<&str> = names.lines().filter(|name| !kept.contains(name)).collect();
    let expected = ["AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"];
    assert_eq!(
        names,
        [&expected[..], &["AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]].concat()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credentials_are_of_the_stages_account() {
    let story = Story::begin().await;
    let printed = story.xtask(&["env", "--stage", "development", "--json"]).await;
    assert!(printed.status.success(), "{}", err(&printed));
    let given: serde_json::Value = serde_json::from_str(&out(&printed)).expect("JSON");
    let text = |name: &str| given[name].as_str().expect(name).to_owned();
    let keys = aws_credential_types::Credentials::new(
        text("AccessKeyId"),
        text("SecretAccessKey"),
        Some(text("SessionToken")),
        None,
        "story",
    );
    let config = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(aws_config::Region::new("eu-west-1"))
        .endpoint_url(story.sandbox.endpoint())
        .credentials_provider(keys)
        .load()
        .await;
    let who = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.expect("an identity");
    assert_eq!(who.account(), Some(story.dev.as_str()));
    assert!(text("Expiration").ends_with('Z'));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_signed_in_gets_the_link_that_switches_the_role() {
    let story = Story::begin().await;
    let console = story.xtask(&["console", "--stage", "development"]).await;
    let link = format!(
        "https://signin.aws.amazon.com/switchrole?roleName=OrganizationAccountAccessRole&account={}&displayName=development\n",
        story.dev
    );
    assert_eq!(out(&console), link, "{}", err(&console));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_stage_takes_its_name_and_not_a_yes() {
    let story = Story::begin().await;
    let refused = story.xtask(&["exec", "--stage", "production", "--yes", "--", "true"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("pass --confirm production"), "{}", err(&refused));
    let asked = story.sandbox.requests().len();
    assert_eq!(asked, 0, "nothing was asked of AWS");
    let ran = story.xtask(&["exec", "--stage", "production", "--confirm", "production", "--", "true"]).await;
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stage_where_there_are_several_nothing_is_guessed() {
    let story = Story::begin().await;
    let refused = story.xtask(&["exec", "--", "true"]).await;
    assert!(err(&refused).contains("pass --stage: `development`, `production`"), "{}", err(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_be_taken_is_said_in_awss_own_words() {
    let story = Story::begin().await;
    let refused = story.xtask(&["exec", "--stage", "development", "--role", "Nope", "--", "true"]).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = err(&refused);
    assert!(said.contains("AccessDenied") && said.contains(&format!("{}:role/Nope", story.dev)), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_exist_is_named() {
    let story = Story::begin().await;
    let ran = story.xtask(&["exec", "--stage", "development", "--", "no-such-command"]).await;
    assert_eq!(ran.status.code(), Some(127));
    assert!(err(&ran).contains("run `no-such-command`"), "{}", err(&ran));
}
