//! An image on its way into a registry that cuts, refuses, or has it already.

use crate::world::{self, Ended, World, get};
use sandbox::faults::{Kind, Rule, reads};
use sandbox::services::iam;
use serde_json::Value;
use std::path::PathBuf;

/// A static program of which nothing is left that could run: enough for an image, which is all that is asked.
fn stump(world: &World, number: usize) -> PathBuf {
    let keys = iam::admin_keys(&world.sandbox.world());
    let command = world.command(&[], &keys.access_key_id, &keys.secret_access_key);
    let given = command.get_envs().find(|(name, _)| *name == "FOOTHOLD_BINARY").and_then(|(_, value)| value);
    let mut bytes = std::fs::read(given.expect("a program")).expect("read the program");
    bytes.truncate(64 * 1024);
    bytes.extend(number.to_le_bytes());
    let path = world.file(&format!("stump-{number}"));
    std::fs::write(&path, bytes).expect("write a program");
    path
}

async fn with(world: &World, program: &std::path::Path, arguments: &[&str]) -> Ended {
    let program = program.display().to_string();
    world.xtask(&[arguments, &["--binary", &program]].concat()).await
}

fn strike(world: &World, operation: &str, kind: Kind, times: Option<u64>) {
    let rule =
        serde_json::json!({"service": "registry", "operation": operation, "kind": kind, "times": times});
    world.sandbox.add_fault(serde_json::from_value::<Rule>(rule).expect("a rule"));
}

/// What was sent to the registry since requests were forgotten.
fn writes(world: &World) -> Vec<String> {
    let requests = world.sandbox.requests().into_iter();
    let registry = requests.filter(|r| r.service == "registry" && !reads(&r.operation));
    registry.map(|r| r.operation).collect()
}

/// Every tag of the repository that names what sources make.
fn tags(world: &World) -> Vec<String> {
    let snapshot = world.snapshot().to_string();
    let tags = snapshot.split('"').filter(|word| word.starts_with("src-"));
    tags.map(str::to_owned).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_name_is_all_that_is_printed_and_what_is_there_is_not_sent_again() {
    let world = world::start().await;
    let early = world.xtask(&["image"]).await;
    assert_eq!((early.status, early.stdout.as_str()), (1, ""), "{early:?}");
    early.says("run `cargo xtask bootstrap`");
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let program = stump(&world, 1);

    world.sandbox.forget_requests();
    let first = with(&world, &program, &["image"]).await.good();
    assert!(writes(&world).contains(&"PUT upload".to_owned()), "{:?}", writes(&world));
    let (name, rest) = first.stdout.split_once('\n').expect("a line");
    let (_, digest) = name.split_once("/listservices@sha256:").expect("a reference by digest");
    assert_eq!((digest.len(), rest), (64, ""), "{first:?}");

    world.sandbox.forget_requests();
    let again = with(&world, &program, &["image"]).await.good();
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(writes(&world), [""; 0]);
    let version: Value = serde_json::from_str(&get(&format!("{url}/version")).await.1).expect("JSON");
    assert_ne!(version["image"], *digest, "pushed is not deployed");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_at_any_request_it_is_sent_again_or_refused_and_never_half_there() {
    let world = world::start().await;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let (mut number, all) = (0, ["HEAD manifest", "HEAD blob", "POST upload", "PUT upload", "PUT manifest"]);
    for (operation, kind) in all.iter().flat_map(|it| [(*it, Kind::CutBefore), (*it, Kind::CutAfter)]) {
        let before = tags(&world);
        number += 1;
        strike(&world, operation, kind.clone(), Some(1));
        with(&world, &stump(&world, number), &["image"]).await.good();
        world.sandbox.clear_faults();
        assert_eq!(tags(&world).len(), before.len() + 1, "one cut at {operation}, {kind:?}");

        number += 1;
        strike(&world, operation, kind.clone(), None);
        let ended = with(&world, &stump(&world, number), &["image"]).await;
        // Asked again, the registry has every layer whose answer was lost.
        let arrives = (operation, &kind) == ("PUT upload", &Kind::CutAfter);
        assert_eq!(tags(&world).len(), before.len() + 1 + usize::from(arrives), "{operation}, {kind:?}");
        assert_eq!(ended.status, i32::from(!arrives), "{operation}, {kind:?}: {ended:?}");
        if !arrives {
            assert_eq!(ended.stdout, "", "{operation}, {kind:?}");
            ended.says("the connection to the registry was cut; run the command again");
        }
        world.sandbox.clear_faults();
        with(&world, &stump(&world, number), &["image"]).await.good();
        assert_eq!(tags(&world).len(), before.len() + 2, "finished after {operation}, {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_registry_refuses_is_said_and_changes_nothing() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let (before, there) = (get(&format!("{url}/version")).await.1, tags(&world));
    let refusals = [
        (Kind::Expired, "the registry refused our token"),
        (Kind::Denied, "the registry does not allow this"),
        (Kind::Error, "the registry is not well (status 500)"),
        (Kind::Throttle, "the registry is not well (status 429)"),
    ];
    for (kind, said) in refusals {
        strike(&world, "PUT upload", kind, None);
        let ended = with(&world, &stump(&world, 1), &["deploy", "--stage", "development", "--yes"]).await;
        world.sandbox.clear_faults();
        assert_eq!(ended.status, 1, "{ended:?}");
        ended.says(said);
        assert_eq!(tags(&world), there, "{said}");
    }
    let image = |version: &str| serde_json::from_str::<Value>(version).expect("JSON")["image"].clone();
    assert_eq!(image(&get(&format!("{url}/version")).await.1), image(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_could_not_run_there_is_refused_before_anything_is_sent() {
    let world = world::start().await;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let there = tags(&world);
    let mut foreign = std::fs::read(stump(&world, 1)).expect("read a program");
    const ARM64: u8 = 183;
    foreign[18] = ARM64;
    std::fs::write(world.file("foreign"), foreign).expect("write a program");
    std::fs::write(world.file("script"), "#!/bin/sh\n").expect("write a script");
    let programs = [
        (world.file("foreign"), "it is for arm64, the image is for x86_64"),
        (PathBuf::from("/bin/sh"), "it is dynamically linked"),
        (world.file("script"), "it is not a 64-bit Linux program"),
        (world.file("missing"), "missing"),
    ];
    for (program, said) in programs {
        let ended = with(&world, &program, &["deploy", "--stage", "development", "--yes"]).await;
        assert_eq!(ended.status, 1, "{ended:?}");
        ended.says(said);
    }
    assert_eq!(tags(&world), there);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_that_is_missing_says_what_installs_it() {
    let world = world::start().await;
    let tools = world.file("tools");
    std::fs::create_dir(&tools).expect("make a directory");
    let path = std::env::var_os("PATH").expect("a path");
    for tool in ["rustc", "cargo"] {
        let found = std::env::split_paths(&path).map(|it| it.join(tool)).find(|it| it.is_file());
        let found = found.expect("a Rust toolchain");
        std::os::unix::fs::symlink(found, tools.join(tool)).expect("link a tool");
    }
    let run = |arguments: &[&str]| {
        let keys = iam::admin_keys(&world.sandbox.world());
        let mut command = world.command(arguments, &keys.access_key_id, &keys.secret_access_key);
        // Where rustup keeps the toolchain that its links start.
        for (name, below) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            let home = std::env::home_dir().expect("a home directory").join(below);
            command.env(name, std::env::var_os(name).unwrap_or_else(|| home.into_os_string()));
        }
        command.env("PATH", &tools).env_remove("FOOTHOLD_BINARY");
        tokio::task::spawn_blocking(move || command.output().expect("run xtask"))
    };
    let remedies = [
        ("native", "apt-get install musl-tools"),
        ("docker", "docker does not answer here: install it (`apt-get install docker.io`)"),
        ("podman", "install it (`apt-get install podman`)"),
        ("finch", "install it (`brew install finch`)"),
    ];
    for (builder, remedy) in remedies {
        let ended = run(&["image", "--builder", builder]).await.expect("a task");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), ended.stdout.is_empty()), (Some(1), true), "{said}");
        assert!(said.contains(remedy), "{said}");
    }
    let ended = run(&["image"]).await.expect("a task");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("musl-tools") && said.contains("or start Docker, Podman or Finch"), "{said}");
}
