//! Signing in, as a developer who has nothing but the repository.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::Arc;

use aws_sdk_ssoadmin::types::{PrincipalType, TargetType};
use rexpect::process::WaitStatus;
use rexpect::session::spawn_command;
use sandbox::faults::{Kind, Rule};
use sandbox::services::identity;
use sandbox::{Options, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

use crate::access::{copy, repository};
use crate::browser::{curl, decide, parameter};
use crate::person::Person;
use crate::world::{Ended, denied};

/// An organization with Identity Center, in which Ada may develop in one of two stages.
struct Story {
    sandbox: Arc<Sandbox>,
    directory: TempDir,
    dev: String,
    start_url: String,
    ada: Person,
}

impl Story {
    async fn begin() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut options = Options::new(directory.path().join("aws"));
        options.scale = 600.0;
        options.settings.throttles = false;
        options.settings.iam_propagation = 0.0;
        options.settings.organization = true;
        options.settings.identity_center = true;
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let [dev, production, config] = members(&sandbox, ["dev", "production", "config"]).await;
        identity::synchronize(&mut sandbox.world(), "ada", &["developers"]);
        let start_url = sandbox.world().identity.instance.as_ref().expect("an instance").start_url();
        let ada = Person {
            workspace: directory.path().join("repository"),
            home: directory.path().join("home"),
            endpoint: sandbox.endpoint(),
        };
        let story = Self { sandbox: Arc::new(sandbox), directory, dev, start_url, ada };
        story.write(&production, &config);
        story.let_ada_develop().await;
        story
    }

    fn write(&self, production: &str, config: &str) {
        let root = self.directory.path().join("repository");
        std::fs::create_dir_all(root.join("app")).expect("app");
        copy(&repository().join("policies"), &root.join("policies"));
        copy(&repository().join("app/config"), &root.join("app/config"));
        let (management, dev) = (self.sandbox.world().settings.management.clone(), &self.dev);
        let text = format!(
            "name = \"ListServices\"\nregion = \"eu-west-1\"\norganization = false\n\
             [management]\naccount_id = \"{management}\"\n\
             [identity_center]\nstart_url = \"{}\"\n\
             [config]\naccount = \"config\"\naccount_id = \"{config}\"\n\
             [[stage]]\nname = \"development\"\naccount = \"dev\"\naccount_id = \"{dev}\"\n\
             [[stage]]\nname = \"production\"\naccount_id = \"{production}\"\n",
            self.start_url
        );
        std::fs::write(root.join("foothold.toml"), text).expect("foothold.toml");
    }

    async fn let_ada_develop(&self) {
        let config = admin(&self.sandbox).await;
        let admin = aws_sdk_ssoadmin::Client::new(&config);
        let store = aws_sdk_identitystore::Client::new(&config);
        let instances = admin.list_instances().send().await.expect("instances");
        let instance = instances.instances()[0].clone();
        let arn = instance.instance_arn().expect("an ARN");
        let users = store.list_users().identity_store_id(instance.identity_store_id().expect("a store"));
        let ada = users.send().await.expect("users").users()[0].user_id().to_owned();
        let made =
            admin.create_permission_set().instance_arn(arn).name("ListServices-developer").send().await;
        let set = made.expect("a set").permission_set.expect("a set").permission_set_arn.expect("an ARN");
        self.sandbox.world().clock.advance(60.0);
        let request = admin.create_account_assignment().instance_arn(arn).permission_set_arn(&set);
        let request = request.target_id(&self.dev).target_type(TargetType::AwsAccount);
        request.principal_type(PrincipalType::User).principal_id(ada).send().await.expect("an assignment");
        self.sandbox.world().clock.advance(600.0);
        let request = admin.list_account_assignments().instance_arn(arn).permission_set_arn(&set);
        let made = request.account_id(&self.dev).send().await.expect("assignments");
        let statuses = admin.list_account_assignment_creation_status().instance_arn(arn).send().await;
        assert_eq!(made.account_assignments().len(), 1, "{statuses:?}");
    }

    /// `exec` in development of a command that does nothing.
    async fn reach_dev(&self) -> Ended {
        self.ada.xtask(&["exec", "--stage", "development", "--", "true"]).await
    }

    async fn refused_before_signing_in(&self, why: &str) {
        let ended = self.ada.login(&[], |link| panic!("somebody is sent to {link}")).await;
        assert_eq!((ended.status, self.asked("RegisterClient")), (1, 0), "{why}: {ended:?}");
        ended.says(why);
    }

    /// What the cache keeps of Ada's session.
    fn session(&self) -> Value {
        let [file] = &self.ada.sessions()[..] else { panic!("one session, and no more or less") };
        serde_json::from_slice(&std::fs::read(file).expect("a session")).expect("JSON")
    }

    fn change_session(&self, change: impl FnOnce(&mut Value)) {
        let mut session = self.session();
        change(&mut session);
        std::fs::write(&self.ada.sessions()[0], session.to_string()).expect("write the session");
    }

    /// How often AWS was asked this since the record was emptied.
    fn asked(&self, operation: &str) -> usize {
        self.sandbox.requests().iter().filter(|request| request.operation == operation).count()
    }
}

/// AWS as the management account's administrator sees it.
async fn admin(sandbox: &Sandbox) -> aws_config::SdkConfig {
    let keys = sandbox::services::iam::admin_keys(&sandbox.world());
    let (id, secret) = (keys.access_key_id, keys.secret_access_key);
    aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(aws_config::Region::new("eu-west-1"))
        .endpoint_url(sandbox.endpoint())
        .credentials_provider(aws_credential_types::Credentials::new(id, secret, None, None, "story"))
        .load()
        .await
}

/// New accounts of the organization, by their names.
async fn members<const N: usize>(sandbox: &Sandbox, names: [&str; N]) -> [String; N] {
    let client = aws_sdk_organizations::Client::new(&admin(sandbox).await);
    for name in names {
        let request = client.create_account().account_name(name).email(format!("{name}@example.com"));
        request.send().await.expect("an account");
    }
    sandbox.world().clock.advance(3600.0);
    // Whatever is due happens with the first request, and is seen by the next.
    client.describe_organization().send().await.expect("an organization");
    let listed = client.list_accounts().send().await.expect("accounts").accounts.expect("accounts");
    let id = |name: &str| {
        listed.iter().find(|a| a.name() == Some(name)).and_then(|a| a.id()).expect("an id").to_owned()
    };
    names.map(id)
}

fn ada_allows(link: &str) {
    decide(link, "ada", "allow");
}

fn ada_denies(link: &str) {
    decide(link, "ada", "deny");
}

/// Somebody else's sign-in sends the browser here.
fn another_state(link: &str) {
    let answer = curl(&[&format!("{}?code=x&state=theirs", parameter(link, "redirect_uri"))]);
    assert!(answer.contains("You are not signed in"), "{answer}");
}

fn nobody(_: &str) {}

#[tokio::test(flavor = "multi_thread")]
async fn by_browser_or_code_and_then_dev_is_reached_and_production_is_not() {
    let story = Story::begin().await;
    let ada = &story.ada;
    for way in [&[][..], &["--device"]] {
        ada.login(way, ada_allows).await.good().says("You are signed in. Profiles: dev.");
        let script = "test -n \"$AWS_SESSION_TOKEN\" && exit 42";
        let dev = ada.xtask(&["exec", "--stage", "development", "--", "sh", "-c", script]).await;
        assert_eq!(dev.status, 42, "{dev:?}");
        ada.xtask(&["exec", "--stage", "production", "--", "true"]).await.says("not visible to you");
        let console = ada.xtask(&["console", "--stage", "development"]).await.good();
        let link = format!("{}/#/console?account_id={}", story.start_url, story.dev);
        assert_eq!(console.stdout, format!("{link}&role_name=ListServices-developer\n"));
        ada.xtask(&["logout"]).await.good().says("You are signed out");
        assert!(ada.sessions().is_empty());
    }
    let config = ada.config();
    assert!(config.contains("[sso-session listservices]") && config.contains(&story.dev), "{config}");
    let nobody = story.reach_dev().await.says("cargo xtask login");
    nobody.says(": there are no credentials, neither in the environment nor in a profile\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_who_has_signed_in_and_nothing_else() {
    let story = Story::begin().await;
    story.ada.login(&[], ada_allows).await.good();
    let file = story.ada.workspace.join("foothold.toml");
    let before = std::fs::read(&file).expect("foothold.toml");
    let doctor = story.ada.xtask(&["doctor"]).await;
    assert_eq!(doctor.status, 1, "{doctor:?}");
    let doctor = doctor.says(&format!("ok  credentials          {}", story.start_url));
    doctor.says("NO  management account   your sign-in has no access to ");
    assert_eq!(std::fs::read(&file).expect("foothold.toml"), before);
}

/// Stands for the system's browser: says what it was asked to open.
const BROWSER: &str = "#!/bin/sh\nprintf %s \"$1\" >\"$HOME/opened\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_a_browser_opens_for_the_sign_in_and_for_the_console() {
    let story = Story::begin().await;
    for name in ["xdg-open", "open"] {
        story.tool(name, BROWSER);
    }
    let opened = || std::fs::read_to_string(story.ada.home.join("opened")).expect("what was opened");
    let at_terminal = |arguments: &[&str]| {
        let mut command = story.ada.command(arguments);
        command.env("PATH", story.path()).env("TERM", "xterm").stdin(Stdio::inherit());
        spawn_command(command, Some(60_000)).expect("a terminal")
    };
    let mut terminal = at_terminal(&["login"]);
    terminal.exp_string("A browser has opened. If it has not, open ").expect("a link");
    let link = terminal.read_line().expect("a link");
    assert_eq!(opened(), link.trim());
    ada_allows(link.trim());
    terminal.exp_string("You are signed in. Profiles: dev.").expect("the end");
    let mut terminal = at_terminal(&["console", "--stage", "development"]);
    let said = format!("Opened the console of account {} (development).", story.dev);
    terminal.exp_string(&said).expect("the end");
    assert!(opened().starts_with(&format!("{}/#/console?", story.start_url)), "{}", opened());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_ssh_it_is_by_code_without_being_asked_to() {
    let story = Story::begin().await;
    let mut command = story.ada.command(&["login"]);
    command.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
    let ended = story.ada.ended(command, ada_allows).await;
    ended.good().says("The page shows the code").says("You are signed in. Profiles: dev.");
    assert_eq!((story.asked("StartDeviceAuthorization"), story.asked("RegisterClient")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_file_that_cannot_be_changed_is_said_before_anybody_signs_in() {
    let story = Story::begin().await;
    let file = story.ada.home.join(".aws/config");
    std::fs::create_dir_all(story.ada.home.join(".aws")).expect("a home");
    for (text, why) in [
        (&b"[profile caf\xe9]\n"[..], "as UTF-8"),
        (b"[profile a]\r\n\r\n[profile a]\r\n", "`[profile a]` is there twice, on lines 1 and 3"),
        (b"# mine\n[profile a\nregion = x", "line 2 opens a section and never closes it"),
    ] {
        std::fs::write(&file, text).expect("a config file");
        story.refused_before_signing_in(why).await;
        assert_eq!(std::fs::read(&file).expect("the file"), text);
        std::fs::remove_file(&file).expect("another one");
    }
    std::fs::create_dir(&file).expect("a directory");
    story.refused_before_signing_in("is a directory, and no config file").await;
    std::fs::remove_dir(&file).expect("another one");
    for (target, why) in
        [("nowhere", "is a link to nowhere, which does not exist"), ("config", "symbolic link")]
    {
        std::os::unix::fs::symlink(target, &file).expect("a link");
        story.refused_before_signing_in(why).await;
        assert_eq!(std::fs::read_link(&file).expect("the link"), std::path::Path::new(target));
        std::fs::remove_file(&file).expect("another one");
    }
}

/// Arguments, what the browser does, and why nothing comes of it.
type Case = (&'static [&'static str], Box<dyn Fn(&str) + Send>, &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_does_not_come_true_writes_nothing() {
    let story = Story::begin().await;
    let theirs = "# mine\r\n[profile theirs]\r\nregion = eu-west-1";
    let home = story.directory.path().join("home/.aws");
    std::fs::create_dir_all(&home).expect("a home");
    std::fs::write(home.join("config"), theirs).expect("a config file");
    let sandbox = story.sandbox.clone();
    let cases: [Case; 5] = [
        (&[], Box::new(another_state), "another state"),
        (&[], Box::new(ada_denies), "denied in the browser"),
        (&["--device"], Box::new(ada_denies), "denied in the browser"),
        (&["--device"], Box::new(move |_| sandbox.advance(601.0)), "nobody entered the code in time"),
        (&["--patience", "1"], Box::new(nobody), "did not come back"),
    ];
    for (arguments, browser, why) in cases {
        let ended = story.ada.login(arguments, browser).await.says(why);
        assert_eq!((ended.status, &*story.ada.config()), (1, theirs), "{arguments:?}");
        assert!(story.ada.sessions().is_empty(), "{arguments:?}");
        assert_eq!(std::fs::read_dir(&home).expect("a home").count(), 1, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_session_is_said_and_signing_in_again_mends_it() {
    let story = Story::begin().await;
    story.ada.login(&[], ada_allows).await.good();
    let file = &story.ada.sessions()[0];
    let damage = "{\"accessToken\"";
    std::fs::write(file, damage).expect("damage");
    story.reach_dev().await.says("it is damaged; `cargo xtask login` replaces it");
    assert_eq!(std::fs::read_to_string(file).expect("the file"), damage);
    story.ada.login(&[], ada_allows).await.good();
    story.reach_dev().await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_profiles_of_somebody_else_are_used_or_avoided_and_stay_theirs() {
    let story = Story::begin().await;
    let theirs = format!(
        "[sso-session listservices]\nsso_start_url = {}\nsso_region = eu-west-1\n\n[profile dev]\nregion = x\n",
        story.start_url
    );
    std::fs::create_dir_all(story.ada.home.join(".aws")).expect("a home");
    std::fs::write(story.ada.home.join(".aws/config"), &theirs).expect("a config file");
    let said = story.ada.login(&[], ada_allows).await.good();
    said.says("\n+[profile listservices-dev]\n").says("Profiles: listservices-dev.");
    let config = story.ada.config();
    assert!(config.starts_with(&theirs), "{config}");
    let declared = std::fs::read_to_string(story.ada.workspace.join("foothold.toml")).expect("the file");
    assert!(declared.contains("profile_name = \"listservices-dev\""), "{declared}");
    story.reach_dev().await.good();
    story.ada.login(&[], ada_allows).await.good();
    assert_eq!(story.ada.config(), config, "the second time nothing changes");

    let declared = declared.replace("profile_name = \"listservices-dev\"", "profile_name = \"dev\"");
    std::fs::write(story.ada.workspace.join("foothold.toml"), declared).expect("written");
    let said = story.ada.login(&[], ada_allows).await.good();
    said.says("Profile `dev` in ")
        .says("is not ours, and was left as it is")
        .says("no profile of this project leads to an account");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renewed_as_long_as_it_can_be() {
    let story = Story::begin().await;
    story.ada.login(&[], ada_allows).await.good();
    let before = story.session();
    story.change_session(|session| session["expiresAt"] = "2026-01-01T00:00:00Z".into());
    story.sandbox.forget_requests();
    story.reach_dev().await.good();
    let after = story.session();
    assert_eq!(story.asked("CreateToken"), 1);
    for changed in ["accessToken", "refreshToken"] {
        assert!(after[changed].is_string() && after[changed] != before[changed], "{changed}");
    }
    assert_eq!(after["clientId"], before["clientId"]);
    story.reach_dev().await.good();
    assert_eq!(story.asked("CreateToken"), 1, "renewed once");

    // What it was to be renewed with was used by somebody else: nobody is at a terminal to sign in again.
    story.change_session(|session| {
        session["expiresAt"] = "2026-01-01T00:00:00Z".into();
        session["refreshToken"] = before["refreshToken"].clone();
    });
    let ended = story.reach_dev().await.says("your sign-in has ended: run `cargo xtask login`");
    assert_eq!(ended.status, 1);
}

/// The session ends, from elsewhere, between two questions of one command.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_in_the_middle_is_signed_in_again_for_and_the_command_goes_on() {
    let story = Story::begin().await;
    story.ada.login(&[], ada_allows).await.good();
    for operation in ["ListAccountRoles", "GetRoleCredentials"] {
        let (service, operation) = (Some("sso".to_owned()), Some(operation.to_owned()));
        let held = Rule { service, operation, times: Some(1), kind: Kind::HoldBefore, ..denied() };
        story.sandbox.add_fault(held);
        let script = "test -n \"$AWS_SESSION_TOKEN\" && echo reached";
        let arguments = ["exec", "--stage", "development", "--", "sh", "-c", script];
        let mut command = story.ada.command(&arguments);
        command.env("SSH_TTY", "/dev/pts/0").env("TERM", "xterm").stdin(Stdio::inherit());
        let mut terminal = spawn_command(command, Some(60_000)).expect("a terminal");
        curl(&[&format!("{}/_sandbox/held", story.sandbox.endpoint())]);
        let token =
            format!("x-amz-sso_bearer_token: {}", story.session()["accessToken"].as_str().expect("one"));
        curl(&["-X", "POST", "-H", &token, &format!("{}/logout", story.sandbox.endpoint())]);
        story.sandbox.clear_faults();
        terminal
            .exp_string("Your sign-in has ended. Sign in again, and this goes on.")
            .expect("the question");
        terminal.exp_string("Open ").expect("a link");
        let link = terminal.read_line().expect("a link");
        ada_allows(link.trim());
        terminal.exp_string("reached").expect("the command");
        let ended = terminal.process().wait().expect("an end");
        assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
    }
}

/// Stands for `aws sso login`: puts a session where that does, and says what it was asked.
const SSO_LOGIN: &str = r#"
echo "$*" >>"$HOME/asked"
grep -q "^\[sso-session listservices\]" "$AWS_CONFIG_FILE" || exit 3
[ -e "$HOME/session" ] || exit 4
mkdir -p "$HOME/.aws/sso/cache" && cp "$HOME/session" "$HOME/.aws/sso/cache/$(cat "$HOME/name")"
"#;

impl Story {
    /// Ada's `cargo xtask` where the AWS CLI is this script.
    async fn with_aws_cli(&self, script: &str, arguments: &[&str]) -> Ended {
        self.tool("aws", &format!("#!/bin/sh\n{script}"));
        let mut command = self.ada.command(arguments);
        command.env("PATH", self.path());
        self.ada.ended(command, nobody).await
    }

    /// Gives Ada a program.
    fn tool(&self, name: &str, script: &str) {
        let file = self.ada.home.join("tools").join(name);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        std::fs::write(&file, script).expect("a program");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("a program");
    }

    /// Where Ada's programs are found before others.
    fn path(&self) -> String {
        format!("{}:{}", self.ada.home.join("tools").display(), std::env::var("PATH").expect("a path"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_may_do_it_and_its_session_is_taken() {
    let story = Story::begin().await;
    story.ada.login(&[], ada_allows).await.good();
    let (home, file) = (&story.ada.home, story.ada.sessions()[0].clone());
    let name = file.file_name().expect("a name").to_str().expect("text");
    std::fs::rename(&file, home.join("session")).expect("a session that is kept elsewhere");
    std::fs::write(home.join("name"), name).expect("the name");
    let arguments = ["login", "--aws-cli", "--device", "--no-browser"];
    let signed_in = story.with_aws_cli(SSO_LOGIN, &arguments).await.good();
    signed_in.says("You are signed in. Profiles: dev.");
    story.reach_dev().await.good();
    let asked = std::fs::read_to_string(home.join("asked")).expect("what it was asked");
    assert_eq!(asked, "sso login --sso-session listservices --use-device-code --no-browser\n");

    std::fs::remove_file(home.join("session")).expect("no session");
    let ended = story.with_aws_cli(SSO_LOGIN, &arguments).await;
    assert_eq!(ended.status, 1);
    ended.says("`aws sso login` ended with exit status: 4");
}

/// The management account by a session that the AWS CLI keeps, as it gives it to other programs.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_aws_login_is_a_source() {
    let story = Story::begin().await;
    std::fs::create_dir_all(story.ada.home.join(".aws")).expect("a home");
    let config = "[profile mgmt]\nlogin_session = arn:aws:iam::999999999999:user/admin\n";
    std::fs::write(story.ada.home.join(".aws/config"), config).expect("a config file");
    let keys = sandbox::services::iam::admin_keys(&story.sandbox.world());
    let keys = serde_json::json!({
        "Version": 1, "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key
    });
    let asked = "configure export-credentials --profile mgmt --format process";
    let script = format!("[ \"$*\" = \"{asked}\" ] && echo '{keys}'\n");
    let arguments = ["--profile", "mgmt", "exec", "--stage", "production", "--", "true"];
    story.with_aws_cli(&script, &arguments).await.good();
    // Of a profile whose role is taken from the session, the AWS CLI gives the role's credentials.
    let over = "[profile over]\nrole_arn = arn:aws:iam::999999999999:role/admin\nsource_profile = mgmt\n";
    std::fs::write(story.ada.home.join(".aws/config"), config.to_owned() + over).expect("a config file");
    let through = ["--profile", "over", "exec", "--stage", "production", "--", "true"];
    story.with_aws_cli(&script.replace("mgmt", "over"), &through).await.good();
    let ended = story.with_aws_cli("echo expired >&2; exit 255\n", &arguments).await;
    assert_eq!(ended.status, 1);
    ended.says("profile `mgmt` is or begins with a session of `aws login`").says("expired");
}

/// As the AWS CLI does; the SDK's own chain does not. What it would panic at does not matter.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_was_asked_for_goes_before_keys_of_the_environment() {
    let story = Story::begin().await;
    let keys = sandbox::services::iam::admin_keys(&story.sandbox.world());
    let config = format!(
        "[profile mgmt]\nretry_mode = legacy\nmax_attempts = 0\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        keys.access_key_id, keys.secret_access_key
    );
    std::fs::create_dir_all(story.ada.home.join(".aws")).expect("a home");
    std::fs::write(story.ada.home.join(".aws/config"), config).expect("a config file");
    let mut command =
        story.ada.command(&["--profile", "mgmt", "exec", "--stage", "production", "--", "true"]);
    command.env("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE").env("AWS_SECRET_ACCESS_KEY", "other");
    story.ada.ended(command, |_| ()).await.good();
}

/// By the Rust SDK's own chain, in a process whose home is Ada's: this very test, as another process.
#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_signs_in_by_the_profile_that_login_wrote() {
    const ACCOUNT: &str = "FOOTHOLD_TEST_ACCOUNT";
    if let Ok(account) = std::env::var(ACCOUNT) {
        let http = aws_smithy_http_client::Builder::new().build_http();
        let config = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12()).http_client(http);
        let config = config.profile_name("dev").load().await;
        let who = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.expect("somebody");
        let arn = who.arn().expect("an ARN");
        assert_eq!(who.account(), Some(&*account));
        assert!(arn.contains("/AWSReservedSSO_ListServices-developer_") && arn.ends_with("/ada"), "{arn}");
        return;
    }
    let story = Story::begin().await;
    story.ada.login(&[], ada_allows).await.good();
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "login::the_rust_sdk_signs_in_by_the_profile_that_login_wrote"]).env_clear();
    child.env("HOME", &story.ada.home).env("AWS_ENDPOINT_URL", story.sandbox.endpoint());
    child.env(ACCOUNT, &story.dev);
    let ran = tokio::task::spawn_blocking(move || child.output()).await.expect("a task").expect("it runs");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}
