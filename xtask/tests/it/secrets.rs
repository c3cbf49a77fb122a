//! No secret that AWS hands out is written anywhere: not said, not in JSON, not in an error, not in a file.

use crate::world::{self, World, denied};
use sandbox::faults::{Kind, Rule};
use std::path::Path;

/// How every password of a registry begins, by itself and as it goes over the wire.
const PASSWORDS: [&str; 2] = ["eyJjYWxsZXIi", "QVdTOmV5SmpZV3hzWlhJ"];

/// The keys and tokens that exist.
fn secrets(world: &World) -> Vec<String> {
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

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_said_or_written_whatever_is_asked_and_whatever_fails() {
    let world = world::start().await;
    let mut texts = Vec::new();
    let mut run = async |arguments: &[&str]| {
        let mut command = world.admins(arguments);
        command.env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace");
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
        let output = output.expect("run xtask");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        texts.push((arguments.join(" "), said.concat()));
    };
    for kind in [Kind::Denied, Kind::Expired] {
        for (service, operation) in
            [("ecr", "CreateRepository"), ("registry", "PUT manifest"), ("iam", "CreateRole")]
        {
            let (service, operation) = (Some(service.to_owned()), Some(operation.to_owned()));
            world.sandbox.add_fault(Rule {
                service,
                operation,
                times: Some(1),
                kind: kind.clone(),
                ..denied()
            });
        }
        run(&["bootstrap", "--yes", "-vvv"]).await;
        world.sandbox.clear_faults();
    }
    run(&["bootstrap", "--yes"]).await;
    // An answer with a secret in it that cannot be read.
    for (seed, operation, arguments) in [
        (2, "AssumeRole", ["status", "-vvv"]),
        (8, "AssumeRole", ["status", "--json"]),
        (2, "GetAuthorizationToken", ["image", "-vvv"]),
        (8, "GetAuthorizationToken", ["image", "--json"]),
    ] {
        let (operation, kind) = (Some(operation.to_owned()), Kind::Garbled(seed));
        world.sandbox.add_fault(Rule { operation, kind, ..denied() });
        run(&arguments).await;
        let hit: u64 = world.sandbox.clear_faults().iter().map(|rule| rule.hit).sum();
        assert!(hit > 0, "{arguments:?}");
    }
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
        run(arguments).await;
    }
    // Gives credentials to whoever asks for them: the search finds what there is to find.
    let given = world.xtask(&["bootstrap", "--yes"]).await.good();
    assert_eq!(found(&secrets(&world), &given.stdout), [""; 0]);
    let given = world.xtask(&["env", "--stage", "development"]).await.good();
    let secrets = secrets(&world);
    assert_eq!(found(&secrets, &given.stdout).len(), 2, "a key and a token");

    files(world.home(), &mut texts);
    assert!(secrets.len() > 20 && texts.len() > 20, "{} secrets, {} texts", secrets.len(), texts.len());
    for expected in
        ["Denied", "loading credentials: error parsing XML", "GetAuthorizationToken cannot be read"]
    {
        assert!(texts.iter().any(|(_, text)| text.contains(expected)), "{expected}");
    }
    for (name, text) in &texts {
        assert_eq!(found(&secrets, text), [""; 0], "in {name}");
    }
}
