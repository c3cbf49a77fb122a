//! Stories of the program itself: its environment, its log, its signals.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on ends here")]

#[path = "../../live-config/tests/fake/mod.rs"]
#[expect(dead_code, reason = "shared with the stories of `live-config`, which need all of it")]
mod fake;

use std::process::Stdio;
use std::time::Duration;

use fake::Fake;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

const PATIENCE: Duration = Duration::from_secs(20);

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    command.env_clear().stdout(Stdio::piped()).kill_on_drop(true);
    command
}

fn running(fake: &Fake) -> Child {
    told_of(fake).spawn().unwrap()
}

/// With everything that the platform tells it.
fn told_of(fake: &Fake) -> Command {
    let source = fake.source();
    let mut command = command();
    command
        .env("APPCONFIGAPPNAME", source.application)
        .env("APPCONFIGCONF", source.profile)
        .env("APPCONFIGENV", source.environment)
        .env("APPCONFIGREADROLE", source.read_role)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIABASE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_ENDPOINT_URL", &fake.url)
        .env("PORT", "0");
    command
}

/// The port that it chose.
async fn port(log: &mut Lines<BufReader<ChildStdout>>) -> u16 {
    port_of(&until_logged(log, "listening").await)
}

/// The same when it has a configuration, too: either may come first.
async fn port_when_configured(log: &mut Lines<BufReader<ChildStdout>>) -> u16 {
    let first = until_any_logged(log, &["listening", "configuration taken"]).await;
    match first["address"].is_string() {
        true => {
            until_logged(log, "configuration taken").await;
            port_of(&first)
        }
        false => port(log).await,
    }
}

fn port_of(line: &serde_json::Value) -> u16 {
    line["address"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// Reads the log until a line says `message`; every line is a JSON object.
async fn until_logged(log: &mut Lines<BufReader<ChildStdout>>, message: &str) -> serde_json::Value {
    until_any_logged(log, &[message]).await
}

async fn until_any_logged(log: &mut Lines<BufReader<ChildStdout>>, messages: &[&str]) -> serde_json::Value {
    let found = async {
        while let Some(line) = log.next_line().await.unwrap() {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let is_it = |text: &str| messages.iter().any(|message| text.contains(message));
            if line["message"].as_str().is_some_and(is_it) {
                return line;
            }
        }
        panic!("the log ended without any of {messages:?}")
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

#[tokio::test]
async fn missing_variables_are_one_error_and_the_program_ends() {
    let mut child = command().env("APPCONFIGENV", "development").env("PORT", "none").spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    let error = until_logged(&mut log, "failed to start").await;
    assert_eq!(
        error["message"],
        "failed to start: APPCONFIGAPPNAME is not set, APPCONFIGCONF is not set, APPCONFIGREADROLE is not set, \
         AWS_REGION is not set, PORT is `none`, not a port"
    );
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn each_signal_ends_the_streams_and_the_program_well() {
    for signal in ["-TERM", "-INT"] {
        let fake = Fake::start().await;
        fake.deploy("v1", r#"{"boolEnableLimitResults": true, "intResultLimit": 2}"#);
        let mut child = running(&fake);
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = port_when_configured(&mut log).await;

        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"GET /events HTTP/1.1\r\nhost: app\r\n\r\n").await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");

        let sent =
            Command::new("kill").arg(signal).arg(child.id().unwrap().to_string()).status().await.unwrap();
        assert!(sent.success());
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
        assert_eq!(ended.code(), Some(0), "{signal}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.ends_with(b"0\r\n\r\n"), "the stream ends as a whole answer");
    }
}

#[tokio::test]
async fn each_request_is_a_line_of_the_log_with_the_id_that_the_answer_has() {
    let fake = Fake::start().await;
    let mut child = told_of(&fake).env("RUST_LOG", "app=debug").spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = port(&mut log).await;
    for (given, status, route) in
        [("x-request-id: Root=1-5759e988-bd86\r\n", 200, "/healthz"), ("", 503, "/readyz")]
    {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!("GET {route} HTTP/1.1\r\nhost: app\r\n{given}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
        assert!(given.contains(id) || given.is_empty() && id.len() == 32, "{answer}");

        let line = until_logged(&mut log, "answered").await;
        assert_eq!(
            (&line["id"], &line["route"], &line["status"]),
            (&id.into(), &route.into(), &status.into())
        );
        assert!(
            line["milliseconds"].is_f64() && line["method"] == "GET" && line["timestamp"].is_string(),
            "{line}"
        );
    }
}
