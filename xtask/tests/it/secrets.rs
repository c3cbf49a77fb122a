//! No secret that AWS hands out is written anywhere: not said, not in JSON, not in an error, not in a file.

#![expect(clippy::print_stdout, reason = "how much was searched is what this has to tell")]

use crate::browser::decide;
use crate::people::{PEOPLE, with_an_organization};
use crate::world::{self, FOOTHOLD, World, denied};
use sandbox::faults::{Kind, Rule};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How every password of a registry begins, by itself and as it goes over the wire.
const PASSWORDS: [&str; 2] = ["eyJjYWxsZXIi", "QVdTOmV5SmpZV3hzWlhJ"];

/// A key that somebody keeps in the shared config file.
const THEIRS: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";

/// The keys and tokens that exist.
fn keys_and_tokens(world: &World) -> Vec<String> {
    let world = world.sandbox.world();
    let sessions = world.sts.sessions.values().flat_map(|it| [it.secret.clone(), it.token.clone()]);
    let keys = world.iam.values().flat_map(|account| account.keys.values()).map(|key| key.secret.clone());
    let all = sessions.chain(keys).chain(PASSWORDS.map(str::to_owned));
    all.filter(|secret| !secret.is_empty()).collect()
}

fn found<'s>(secrets: &'s [String], text: &str) -> Vec<&'s str> {
    secrets.iter().map(String::as_str).filter(|secret| text.contains(secret)).collect()
}

/// The texts below a directory, but for what is AWS's own.
fn files(directory: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true if path.ends_with("aws") => {}
            true => files(&path, texts),
            false => {
                let bytes = std::fs::read(&path).expect("a file");
                texts.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
}

/// What people sign in with, but for the keys that they are then given: of clients, devices and sessions.
fn sign_ins(world: &World) -> Vec<String> {
    let known = serde_json::to_value(&world.sandbox.world().identity).expect("the state");
    let keys = |of: &str| known["signin"][of].as_object().into_iter().flatten().map(|(key, _)| key.clone());
    let clients = known["signin"]["clients"].as_object().into_iter().flatten();
    let clients = clients.filter_map(|(_, client)| client["secret"].as_str().map(str::to_owned));
    clients.chain(["devices", "codes", "tokens", "refreshes"].into_iter().flat_map(keys)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_signs_in_with_is_in_the_cache_of_the_sdks_and_nowhere_else() {
    let world = with_an_organization().await;
    world.write("foothold.toml", &format!("{FOOTHOLD}{PEOPLE}"));
    world.xtask(&["bootstrap", "--yes", "--confirm", "production"]).await.good();
    let (ada, secrets, mut texts) = (world.person("ada"), Arc::new(Mutex::new(Vec::new())), Vec::new());
    let traced = |arguments: &[&str]| {
        let mut command = ada.command(arguments);
        command.env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace");
        command
    };
    for way in [&["login", "--no-browser", "-vvv"][..], &["login", "--no-browser", "--device", "-vvv"]] {
        let (sandbox, seen) = (world.sandbox.clone(), secrets.clone());
        let browser = move |link: &str| {
            // What is good for one use is known now, and not at the end.
            let known = serde_json::to_value(&sandbox.world().identity).expect("the state");
            let devices = known["signin"]["devices"].as_object().into_iter().flatten();
            seen.lock().expect("secrets").extend(devices.map(|(code, _)| code.clone()));
            drop(decide(link, "ada@example.com", "allow"));
        };
        let ended = ada.ended(traced(way), browser).await.good();
        texts.push((way.concat(), ended.stdout + &ended.stderr));
    }
    let failing = Rule { service: Some("sso".to_owned()), times: Some(1), kind: Kind::Denied, ..denied() };
    world.sandbox.add_fault(failing);
    let logs = &["logs", "--stage", "development"];
    for arguments in [&["status", "-vvv"][..], &["status", "--json"], logs, &["doctor"], &["access"]] {
        let ended = ada.ended(traced(&[arguments, &["-vvv"]].concat()), |_| ()).await;
        texts.push((arguments.concat(), ended.stdout + &ended.stderr));
    }
    let mut secrets = Arc::into_inner(secrets).expect("no browser").into_inner().expect("secrets");
    secrets.extend(sign_ins(&world));
    assert!(secrets.len() >= 6, "{}", secrets.len());

    files(world.home(), &mut texts);
    let (cache, others): (Vec<_>, Vec<_>) =
        texts.into_iter().partition(|(name, _)| name.contains("/.aws/sso/cache/"));
    let kept: Vec<&str> = cache.iter().flat_map(|(_, text)| found(&secrets, text)).collect();
    assert!(kept.len() >= 3, "a session, what renews it, and the client's secret: {}", kept.len());
    for (name, text) in &others {
        assert_eq!(found(&secrets, text), [""; 0], "in {name}");
    }
    println!(
        "figure: of people, {} secrets searched for in {} texts, none found",
        secrets.len(),
        others.len()
    );
    ada.xtask(&["logout"]).await.good();
    assert_eq!(ada.sessions().len(), 0);
    // The record of a local AWS is shown around, too.
    let record = std::fs::read_to_string(world.home().join("aws/requests.jsonl")).expect("a record");
    assert!(record.contains("CreateToken") && record.contains("GetRoleCredentials"));
    secrets.extend(keys_and_tokens(&world));
    assert_eq!(found(&secrets, &record), [""; 0]);
}

/// Runs a command that tells as much as it can, and keeps what it said.
async fn said(world: &World, arguments: &[&str], texts: &mut Vec<(String, String)>) {
    let mut command = world.admins(arguments);
    command.env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace");
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
    let output = output.expect("run xtask");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    texts.push((arguments.join(" "), said.concat()));
}

/// Bootstraps that end at what is refused.
async fn refused(world: &World, texts: &mut Vec<(String, String)>) {
    let calls = [("ecr", "CreateRepository"), ("registry", "PUT manifest"), ("iam", "CreateRole")];
    for kind in [Kind::Denied, Kind::Expired] {
        for (service, operation) in calls {
            let (service, operation) = (Some(service.to_owned()), Some(operation.to_owned()));
            let (times, kind) = (Some(1), kind.clone());
            world.sandbox.add_fault(Rule { service, operation, times, kind, ..denied() });
        }
        said(world, &["bootstrap", "--yes", "-vvv"], texts).await;
        world.sandbox.clear_faults();
    }
}

/// Answers with a secret in them that cannot be read.
async fn unreadable(world: &World, texts: &mut Vec<(String, String)>) {
    for (seed, operation, arguments) in [
        (2, "AssumeRole", ["status", "-vvv"]),
        (8, "AssumeRole", ["status", "--json"]),
        (2, "GetAuthorizationToken", ["image", "-vvv"]),
        (8, "GetAuthorizationToken", ["image", "--json"]),
    ] {
        let (operation, kind) = (Some(operation.to_owned()), Kind::Garbled(seed));
        world.sandbox.add_fault(Rule { operation, kind, ..denied() });
        said(world, &arguments, texts).await;
        let hit: u64 = world.sandbox.clear_faults().iter().map(|rule| rule.hit).sum();
        assert!(hit > 0, "{arguments:?}");
    }
}

/// Every command, as it goes when nothing fails.
async fn asked(world: &World, texts: &mut Vec<(String, String)>) {
    let stage = ["--stage", "development", "--yes", "-vvv"];
    for arguments in [
        &["bootstrap", "--yes", "--json", "-vvv"][..],
        &["status", "--json"],
        &["plan", "-vvv"],
        &[&["config", "set", "intResultLimit=3"], &stage[..]].concat(),
        &[&["config", "history"], &stage[..]].concat(),
        &[&["deploy", "--image", "none"], &stage[..]].concat(),
        &["logs", "--stage", "development"],
        &["access"],
        &["doctor"],
        &["graph"],
        &["image", "-vvv"],
        &["teardown", "--yes", "-vvv"],
    ] {
        said(world, arguments, texts).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_said_or_written_whatever_is_asked_and_whatever_fails() {
    let world = world::start().await;
    world.write("aws-config", &format!("[profile a]\naws_secret_access_key = {THEIRS}"));
    let mut texts = Vec::new();
    refused(&world, &mut texts).await;
    said(&world, &["bootstrap", "--yes"], &mut texts).await;
    unreadable(&world, &mut texts).await;
    asked(&world, &mut texts).await;
    // Gives credentials to whoever asks for them: the search finds what there is to find.
    let given = world.xtask(&["bootstrap", "--yes"]).await.good();
    assert_eq!(found(&keys_and_tokens(&world), &given.stdout), [""; 0]);
    let given = world.xtask(&["env", "--stage", "development"]).await.good();
    let mut secrets = keys_and_tokens(&world);
    assert_eq!(found(&secrets, &given.stdout).len(), 2, "a key and a token");

    assert!(world.read("aws-config").contains(THEIRS));
    secrets.push(THEIRS.to_owned());
    files(world.home(), &mut texts);
    assert!(secrets.len() > 20 && texts.len() > 20, "{} secrets, {} texts", secrets.len(), texts.len());
    for expected in
        ["Denied", "loading credentials: error parsing XML", "GetAuthorizationToken cannot be read"]
    {
        assert!(texts.iter().any(|(_, text)| text.contains(expected)), "{expected}");
    }
    texts.retain(|(name, _)| !name.contains("/aws-config"));
    for (name, text) in &texts {
        assert_eq!(found(&secrets, text), [""; 0], "in {name}");
    }
    println!("figure: of AWS, {} secrets searched for in {} texts, none found", secrets.len(), texts.len());
}
