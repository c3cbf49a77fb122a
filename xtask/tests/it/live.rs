//! The running app, whatever becomes of what it reads its configuration with.

use crate::world::{self, World, denied, get};
use sandbox::auth;
use sandbox::faults::{Chance, Kind, Rule};
use sandbox::services::sts;
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

async fn running() -> (World, String) {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    (world, url)
}

async fn set(world: &World, limit: u32) {
    let assignments = ["boolEnableLimitResults=true", &format!("intResultLimit={limit}")];
    let arguments = [&["config", "set"][..], &assignments, &["--stage", "development", "--yes"]].concat();
    world.xtask(&arguments).await.good().says("Live in ");
}

/// Asks for `/` and `/readyz` in turn until `done`. Gives the number of good answers; any other ends the story.
async fn ask_until(url: &str, done: &std::cell::Cell<bool>) -> u32 {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut good = 0;
    while !done.get() {
        for path in ["/", "/readyz"] {
            let mut stream = TcpStream::connect(host).await.expect("a connection");
            let request = format!("GET {path} HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("to ask");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
            good += 1;
        }
    }
    good
}

fn fault(service: &str, kind: Kind, of: f64) -> Rule {
    let chance = Some(Chance { of, seed: 7 });
    Rule { service: Some(service.to_owned()), chance, kind, ..denied() }
}

/// How many requests of the app ended badly since the record was emptied.
fn failures(world: &World, service: &str) -> usize {
    let of_service =
        |it: &&sandbox::record::Record| it.service == service && it.status != 200 && it.status != 201;
    world.sandbox.requests().iter().filter(of_service).count()
}

pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_faults_costs_not_one_request() {
    let (world, url) = running().await;
    set(&world, 3).await;
    let storm = [
        (Kind::Throttle, Kind::Error),
        (Kind::Error, Kind::Throttle),
        (Kind::CutAfter, Kind::Denied),
        (Kind::Denied, Kind::CutBefore),
        (Kind::Expired, Kind::Delay(300)),
        (Kind::CutBefore, Kind::Expired),
    ];
    let done = std::cell::Cell::new(false);
    let hour = async {
        for (sts, data) in storm.iter().cycle().take(12) {
            world.sandbox.clear_faults();
            world.sandbox.forget_requests();
            world.sandbox.add_fault(fault("sts", sts.clone(), 0.7));
            world.sandbox.add_fault(fault("appconfigdata", data.clone(), 0.7));
            // Five minutes: in the course of the hour every credential that was handed out expires.
            world.sandbox.advance(305.0);
            let seen = || failures(&world, "appconfigdata") + failures(&world, "sts") > 0;
            match data {
                Kind::Delay(_) => until("a poll", async || !world.sandbox.requests().is_empty()).await,
                _ => until("a poll that fails", async || seen()).await,
            }
        }
        world.sandbox.clear_faults();
        set(&world, 5).await;
        done.set(true);
    };
    let (asked, ()) = tokio::join!(ask_until(&url, &done), hour);
    assert!(asked > 100, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_over_and_credentials_that_expired_are_replaced() {
    let (world, url) = running().await;
    let done = std::cell::Cell::new(false);
    let story = async {
        // A token lives for a day, an assumed role for an hour.
        world.sandbox.forget_requests();
        world.sandbox.advance(25.0 * 3600.0);
        let again = || world.sandbox.requests().iter().any(|it| it.operation == "StartConfigurationSession");
        until("a new session", async || again()).await;
        set(&world, 6).await;
        done.set(true);
    };
    tokio::join!(ask_until(&url, &done), story);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_removed_and_given_back_only_delays() {
    let (world, url) = running().await;
    set(&world, 3).await;
    let done = std::cell::Cell::new(false);
    let story = async {
        let removed: usize = {
            let mut world = world.sandbox.world();
            let roles = world.iam.values_mut().map(|account| &mut account.roles);
            roles
                .map(|roles| {
                    roles
                        .extract_if(.., |_, role| role.entity.name.contains("AccessRole-development"))
                        .count()
                })
                .sum()
        };
        assert_eq!(removed, 1, "the read role");
        let logs = ["logs", "--stage", "development"];
        until("the app's log to say it", async || {
            let told = world.xtask(&logs).await.good().stdout;
            told.contains("configuration not read: ") && told.contains("AccessDenied")
        })
        .await;
        assert!(get(&url).await.1.contains("\"limit\":3"));
        world.xtask(&["bootstrap", "--yes"]).await.good();
        set(&world, 4).await;
        done.set(true);
    };
    tokio::join!(ask_until(&url, &done), story);
}

/// What the program says of its configuration, started with development's own role and these variables.
async fn trouble(world: &World, environment: &str, read_role: &str, app_role: &str) -> String {
    let session = {
        let mut world = world.sandbox.world();
        let caller = auth::role_caller(&world, app_role, "task").expect("the app's role");
        sts::issue(&mut world, sts::Grant::new(caller, 3600.0))
    };
    let mut app = tokio::process::Command::new(world::program())
        .env_clear()
        .env("APPCONFIGAPPNAME", "ListServices")
        .env("APPCONFIGCONF", "ListServicesAppConfigConfigProfile")
        .env("APPCONFIGENV", environment)
        .env("APPCONFIGREADROLE", read_role)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ENDPOINT_URL", world.sandbox.endpoint())
        .env("AWS_ACCESS_KEY_ID", session.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", session.secret_access_key)
        .env("AWS_SESSION_TOKEN", session.session_token)
        .env("EXPOSE", "config")
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("start the app");
    let mut log = BufReader::new(app.stdout.take().expect("a log")).lines();
    let line: Value = loop {
        let line = log.next_line().await.expect("a line").expect("the app listens");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        if line["message"] == "listening" {
            break line;
        }
    };
    let port = line["address"].as_str().and_then(|it| it.rsplit(':').next()).expect("a port").to_owned();
    let url = format!("http://127.0.0.1:{port}/config");
    let mut config = Value::Null;
    until("a poll", async || {
        config = serde_json::from_str(&get(&url).await.1).unwrap_or_default();
        config["polls"].as_u64() > Some(0)
    })
    .await;
    config["trouble"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn developments_app_is_denied_productions_configuration() {
    let world = world::start().await;
    let production = "[[stage]]\nname = \"production\"\naccount = \"prod\"\nprotected = true\n";
    world.write("foothold.toml", &format!("{}\n{production}", world::FOOTHOLD));
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let arns: Vec<String> = {
        let world = world.sandbox.world();
        let roles = world.iam.values().flat_map(|account| account.roles.values());
        roles.map(|role| role.entity.arn.clone()).collect()
    };
    let arn = |part: &str| arns.iter().find(|arn| arn.contains(part)).unwrap_or_else(|| panic!("{arns:#?}"));
    let (reads, reads_production) = (arn("AccessRole-development"), arn("AccessRole-production"));
    let account = |label: &str| account(&world, label);
    let role = arns.iter().find(|arn| arn.contains("CrossConfig") && arn.contains(&account("dev")));
    let role = role.unwrap_or_else(|| panic!("{arns:#?}"));

    assert_eq!(trouble(&world, "development", reads, role).await, "null");
    let denied = trouble(&world, "production", reads, role).await;
    assert!(denied.contains("StartConfigurationSession: AccessDenied"), "{denied}");
    let denied = trouble(&world, "production", reads_production, role).await;
    assert!(denied.contains("assume the reading role: ") && denied.contains("AccessDenied"), "{denied}");
}

/// The id of the account with this label.
fn account(world: &World, label: &str) -> String {
    let config = world.read("aws-config");
    let profile = config.split("[profile ").find(|it| it.starts_with(&format!("{label}]")));
    let arn = profile.and_then(|it| it.split("arn:aws:iam::").nth(1)).expect("the profile's role");
    arn.split(':').next().expect("an id").to_owned()
}
