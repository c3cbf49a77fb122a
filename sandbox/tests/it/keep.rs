//! What exists survives: a stop, a kill at any moment, and nothing is thrown away unasked.

use crate::world::{self, Aws};
use aws_config::SdkConfig;
use sandbox::services::iam;
use sandbox::{Options, Sandbox, snapshot};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

async fn kept() -> Aws {
    world::start_with(|options| {
        options.keep = true;
        options.settings.throttles = false;
        options.settings.organization = true;
        options.settings.identity_center = true;
    })
    .await
}

async fn names(config: &SdkConfig) -> Vec<String> {
    let client = aws_sdk_appconfig::Client::new(config);
    let listed = client.list_applications().send().await.expect("applications");
    let mut names: Vec<String> = listed.items().iter().filter_map(|a| a.name.clone()).collect();
    names.sort();
    names
}

async fn begin(options: Options) -> String {
    Sandbox::start(options).await.map(|_| String::new()).unwrap_or_else(|e| format!("{e:#}"))
}

#[tokio::test]
async fn a_stop_forgets_nothing_and_sessions_go_on() {
    let aws = kept().await;
    let admin = aws.admin().await;
    let organizations = aws_sdk_organizations::Client::new(&admin);
    organizations.create_account().email("dev@example.org").account_name("dev").send().await.expect("asked");
    aws.sandbox.advance(600.0);
    let accounts = organizations.list_accounts().send().await.expect("accounts");
    let dev = accounts.accounts().iter().find(|a| a.name() == Some("dev")).and_then(|a| a.id()).expect("dev");
    let member = aws.assume(&admin, &format!("arn:aws:iam::{dev}:role/OrganizationAccountAccessRole")).await;
    let image = crate::image::push(&aws, &member, "amd64").await;
    aws_sdk_appconfig::Client::new(&member).create_application().name("app").send().await.expect("made");
    let (before, endpoint) = (aws.sandbox.snapshot(), aws.sandbox.endpoint());

    let aws = aws.restarted().await;
    assert_eq!(snapshot::diff(&before, &aws.sandbox.snapshot()), Vec::<String>::new());
    assert_eq!(aws.sandbox.endpoint(), endpoint);
    assert_eq!(names(&member).await, ["app"], "the session is still one");
    let ecr = aws_sdk_ecr::Client::new(&member);
    let images = ecr.describe_images().repository_name("hello").send().await.expect("images");
    let digest = images.image_details()[0].image_digest().expect("a digest");
    assert!(image.ends_with(digest), "{image} and {digest}");
    assert_eq!(iam::admin_keys(&aws.sandbox.world()).access_key_id.len(), 20);
}

#[tokio::test]
async fn a_file_that_is_no_world_is_said_and_left_alone() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("world.json");
    std::fs::write(&file, r#"{"clock": 1}"#).expect("written");
    let said = begin(Options { keep: true, ..Options::new(directory.path()) }).await;
    assert!(said.contains("read the kept world") && said.contains("to forget it, remove"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), r#"{"clock": 1}"#);
}

#[tokio::test]
async fn a_directory_has_one_sandbox_and_a_kept_world_one_port() {
    let aws = kept().await;
    let options = || Options { keep: true, ..Options::new(aws.directory.path()) };
    let second = begin(options()).await;
    assert!(second.contains("a sandbox runs in") && second.contains("already"), "{second}");

    let (directory, port) = (aws.directory, aws.sandbox.address.port());
    aws.sandbox.stop().await.expect("stopped");
    let options = |port| Options { keep: true, port, ..Options::new(directory.path()) };
    let other = begin(options(port ^ 1)).await;
    assert!(other.contains(&format!("is at port {port}")), "{other}");
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port");
    let said = begin(options(0)).await;
    assert!(said.contains(&format!("listen on 127.0.0.1:{port}")), "{said}");
    drop(taken);
    assert_eq!(begin(options(0)).await, "");
}

/// The program, killed when it goes.
struct Program {
    child: Child,
    said: Value,
}

impl Program {
    fn start(directory: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
        command.arg("--directory").arg(directory).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        Self { child, said: serde_json::from_str(&line).expect("how to connect") }
    }

    async fn config(&self) -> SdkConfig {
        let text = |name: &str| self.said[name].as_str().expect("text");
        aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(aws_config::Region::new("eu-west-1"))
            .endpoint_url(text("endpoint"))
            .credentials_provider(world::long_term(text("access_key_id"), text("secret_access_key")))
            .load()
            .await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

/// Makes an application and changes it again and again: until the world file names it, and then for a while.
async fn change_until_kept(config: &SdkConfig, file: &Path, name: &str, more: Duration) {
    let client = aws_sdk_appconfig::Client::new(config);
    let made = client.create_application().name(name).send().await.expect("made");
    let id = made.id().expect("an id");
    let begun = Instant::now();
    let mut kept = None;
    while kept.is_none_or(|at: Instant| at.elapsed() < more) {
        let description = format!("{:?}", begun.elapsed());
        client
            .update_application()
            .application_id(id)
            .description(description)
            .send()
            .await
            .expect("changed");
        let written = std::fs::read_to_string(file).expect("the world");
        assert!(serde_json::from_str::<Value>(&written).is_ok(), "at every moment it is a whole world");
        kept = kept.or_else(|| written.contains(name).then(Instant::now));
        assert!(begun.elapsed() < Duration::from_secs(60), "{name} is not written");
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_is_a_whole_world_and_what_was_written_is_there() {
    let directory = TempDir::new().expect("a directory");
    let mut made = Vec::new();
    for turn in 0..6 {
        let program = Program::start(directory.path());
        let config = program.config().await;
        assert_eq!(names(&config).await, made);
        let name = format!("app-{turn}-");
        let more = Duration::from_millis(turn * 210);
        change_until_kept(&config, &directory.path().join("world.json"), &name, more).await;
        made.push(name);
    }
}

#[tokio::test]
async fn reset_is_kept_as_well() {
    let aws = kept().await;
    let admin = aws.admin().await;
    aws_sdk_appconfig::Client::new(&admin).create_application().name("app").send().await.expect("made");
    let reset = format!("{}/_sandbox/reset", aws.sandbox.endpoint());
    crate::image::http(http::Method::POST, &reset, &[], json!({}).to_string().into_bytes()).await;
    let aws = aws.restarted().await;
    assert_eq!(names(&aws.admin().await).await, Vec::<String>::new());
}
