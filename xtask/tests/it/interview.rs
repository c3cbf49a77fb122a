//! The interview as a person has it: at a terminal, key by key.

use crate::world::{self, World};
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use sandbox::services::iam;

/// How long a question may take to come, in milliseconds.
const PATIENCE: u64 = 60_000;

fn begin(world: &World) -> PtySession {
    std::fs::remove_file(world.file("foothold.toml")).expect("a declaration to forget");
    let keys = iam::admin_keys(&world.sandbox.world());
    let mut command = world.command(&["bootstrap"], &keys.access_key_id, &keys.secret_access_key);
    command.env("TERM", "xterm-256color").stdin(std::process::Stdio::inherit());
    spawn_command(command, Some(PATIENCE)).expect("a terminal")
}

fn answer(terminal: &mut PtySession, question: &str, keys: &str) {
    terminal.exp_string(question).unwrap_or_else(|error| panic!("{question}: {error}"));
    for key in keys.chars() {
        terminal.send(&key.to_string()).expect("a key");
        terminal.flush().expect("a key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answered_key_by_key_it_writes_what_was_said_and_asks_before_it_does_anything() {
    let world = world::start().await;
    let mut terminal = begin(&world);
    for (question, keys) in [
        ("Name of the project", "9lives\r"),
        ("Name of the project", "Shop\r"),
        ("AWS Region", "eu-north-1\r"),
        ("What runs the containers", "\r"),
        ("Stages, first to last", "development,live\r"),
        ("Account for images and configuration", "\r"),
        ("Account of stage development", "\r"),
        ("What to call it", "\r"),
        ("Account of stage live", "\r"),
        ("E-mail of each account", "it+{account}@example.org\r"),
        ("Do this?", "n"),
        ("Nothing was changed.", ""),
    ] {
        answer(&mut terminal, question, keys);
    }
    let ended = terminal.process().wait().expect("an end");
    assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
    let written = world.read("foothold.toml");
    for line in ["name = \"Shop\"", "region = \"eu-north-1\"", "email = \"it+{account}@example.org\""] {
        assert!(written.contains(line), "{line} is not in:\n{written}");
    }
    assert!(world.sandbox.requests().iter().all(|request| sandbox::faults::reads(&request.operation)));
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_in_the_middle_it_writes_nothing() {
    let world = world::start().await;
    let mut terminal = begin(&world);
    answer(&mut terminal, "Name of the project", "Shop\r");
    answer(&mut terminal, "AWS Region", "\u{3}");
    let ended = terminal.process().wait().expect("an end");
    assert!(
        matches!(ended, WaitStatus::Exited(_, 130)) || format!("{ended:?}").contains("SIGINT"),
        "{ended:?}"
    );
    assert!(!world.file("foothold.toml").exists());
    assert!(world.sandbox.requests().is_empty());
}
