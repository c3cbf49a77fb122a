//! Signing in, as a developer who has nothing but the repository.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use aws_sdk_ssoadmin::types::{PrincipalType, TargetType};
use sandbox::services::identity;
use sandbox::{Options, Sandbox};
use tempfile::TempDir;

use crate::access::{copy, repository};

/// An organization with Identity Center, in which Ada may develop in one of two stages.
struct Story {
    sandbox: Sandbox,
    directory: TempDir,
    dev: String,
    start_url: String,
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
        let story = Self { sandbox, directory, dev, start_url };
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

    fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// `cargo xtask` of a person without any key.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).current_dir(self.directory.path().join("repository")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.home());
        command.env("AWS_ENDPOINT_URL", self.sandbox.endpoint()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.stdin(Stdio::null());
        command
    }

    async fn xtask(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("a task")
            .expect("cargo xtask runs")
    }

    /// Signs in; `browser` does something with the link and says what came of it.
    async fn login(&self, arguments: &[&str], browser: fn(&str)) -> (bool, String) {
        let mut command = self.command(&[&["login", "--no-browser"], arguments].concat());
        let task = tokio::task::spawn_blocking(move || {
            let mut child = command.stderr(Stdio::piped()).spawn().expect("cargo xtask runs");
            let mut said = String::new();
            for line in BufReader::new(child.stderr.take().expect("stderr")).lines() {
                let line = line.expect("a line");
                if let Some(link) = line.strip_prefix("Open ") {
                    browser(link);
                }
                said += &(line + "\n");
            }
            (child.wait().expect("its end").success(), said)
        });
        task.await.expect("a task")
    }

    fn cache(&self) -> usize {
        std::fs::read_dir(self.home().join(".aws/sso/cache")).map_or(0, Iterator::count)
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

fn curl(arguments: &[&str]) {
    let ran = Command::new("curl").args(["-s", "-L", "-o", "/dev/null"]).args(arguments).status();
    assert!(ran.expect("curl").success(), "{arguments:?}");
}

fn ada_allows(link: &str) {
    curl(&["--data", "user=ada&decision=allow", link]);
}

fn ada_denies(link: &str) {
    curl(&["--data", "user=ada&decision=deny", link]);
}

/// Somebody else's sign-in sends the browser here.
fn another_state(link: &str) {
    let redirect = link.split('&').find_map(|pair| pair.strip_prefix("redirect_uri=")).expect("a redirect");
    let address = redirect.replace("%3A", ":").replace("%2F", "/").replace("%2E", ".");
    curl(&[&format!("{address}?code=x&state=theirs")]);
}

fn nobody(_: &str) {}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_browser_or_code_and_then_dev_is_reached_and_production_is_not() {
    let story = Story::begin().await;
    for way in [&[][..], &["--device"]] {
        let (good, said) = story.login(way, ada_allows).await;
        assert!(good && said.contains("You are signed in. Profiles: dev."), "{said}");
        let script = "test -n \"$AWS_SESSION_TOKEN\" && exit 42";
        let dev = story.xtask(&["exec", "--stage", "development", "--", "sh", "-c", script]).await;
        assert_eq!(dev.status.code(), Some(42), "{}", err(&dev));
        let production = story.xtask(&["exec", "--stage", "production", "--", "true"]).await;
        assert!(err(&production).contains("not visible to you"), "{}", err(&production));
        let out = story.xtask(&["logout"]).await;
        assert!(err(&out).contains("You are signed out"), "{}", err(&out));
        assert_eq!(story.cache(), 0);
    }
    let config = std::fs::read_to_string(story.home().join(".aws/config")).expect("a config file");
    assert!(config.contains("[sso-session listservices]") && config.contains(&story.dev), "{config}");
    let after = story.xtask(&["exec", "--stage", "development", "--", "true"]).await;
    assert!(err(&after).contains("cargo xtask login"), "{}", err(&after));
}

/// Arguments, what the browser does, and why nothing comes of it.
type Case = (&'static [&'static str], fn(&str), &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_does_not_come_true_writes_nothing() {
    let story = Story::begin().await;
    let cases: [Case; 4] = [
        (&[], another_state, "another state"),
        (&[], ada_denies, "denied in the browser"),
        (&["--device"], ada_denies, "denied in the browser"),
        (&["--patience", "1"], nobody, "did not come back"),
    ];
    for (arguments, browser, why) in cases {
        let (good, said) = story.login(arguments, browser).await;
        assert!(!good && said.contains(why), "{arguments:?}: {said}");
        assert!(story.cache() == 0 && !story.home().join(".aws/config").exists(), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_session_is_said_and_signing_in_again_mends_it() {
    let story = Story::begin().await;
    story.login(&[], ada_allows).await;
    let entry = std::fs::read_dir(story.home().join(".aws/sso/cache")).expect("a cache").next();
    std::fs::write(entry.expect("a file").expect("a file").path(), "{\"accessToken\"").expect("damage");
    let damaged = story.xtask(&["exec", "--stage", "development", "--", "true"]).await;
    assert!(err(&damaged).contains("it is damaged; `cargo xtask login` replaces it"), "{}", err(&damaged));
    let (good, said) = story.login(&[], ada_allows).await;
    assert!(good, "{said}");
    let mended = story.xtask(&["exec", "--stage", "development", "--", "true"]).await;
    assert!(mended.status.success(), "{}", err(&mended));
}
