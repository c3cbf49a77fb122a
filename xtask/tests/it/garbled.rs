//! Answers of AWS that are not what they should be: an error that says which call, and never a panic.
//!
//! `GARBLED` and `GARBLED_SEED` say with how many seeds, and from which one on; `GARBLED_SHOW` shows what was said.

#![expect(clippy::print_stdout, reason = "how much was tried is what this has to tell")]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use sandbox::faults::{Chance, Kind, Rule};

use crate::people::with_an_organization;
use crate::world::{Ended, FOOTHOLD, World, denied};

const READING: [&[&str]; 6] = [
    &["status"],
    &["plan"],
    &["access"],
    &["config", "history", "--stage", "development"],
    &["config", "diff", "--stage", "development"],
    &["doctor"],
];

const BOOTSTRAP: [&str; 2] = ["bootstrap", "--yes"];

const WRITING: [&[&str]; 4] = [
    &["config", "set", "intResultLimit=3", "--stage", "development", "--yes"],
    &["config", "rollback", "--stage", "development", "--yes"],
    &["teardown", "--stage", "development", "--yes"],
    &["teardown", "--yes", "--confirm", "ListServices"],
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Of the answers to this program, so many in a hundred are spoilt.
fn garbled(world: &World, seed: u64, percent: u32) {
    let chance = Some(Chance { of: f64::from(percent) / 100.0, seed });
    let client = Some("app/foothold".to_owned());
    world.sandbox.clear_faults();
    world.sandbox.add_fault(Rule { client, chance, kind: Kind::Garbled(seed), ..denied() });
}

/// How long a command may wait for what an answer said wrongly, before it is interrupted.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs a command. Gives how it ended, and how many answers were spoilt.
async fn run(world: &World, arguments: &[&str]) -> (Ended, u64) {
    let mut command = tokio::process::Command::from(world.admins(arguments));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run xtask");
    let id = child.id().expect("an id").to_string();
    let mut ended = std::pin::pin!(child.wait_with_output());
    let output = match tokio::time::timeout(PATIENCE, &mut ended).await {
        Ok(output) => output,
        Err(_) => {
            Command::new("kill").args(["-INT", &id]).status().expect("kill");
            ended.await
        }
    };
    let spoilt = world.sandbox.clear_faults().iter().map(|rule| rule.hit).sum();
    (Ended::of(output.expect("its end")), spoilt)
}

/// It went well, or says what did not, and where.
fn sound(seed: u64, arguments: &[&str], ended: &Ended) {
    let told = || format!("seed {seed}: {arguments:?}\n{}\n{}", ended.stdout, ended.stderr);
    if std::env::var_os("GARBLED_SHOW").is_some() {
        println!("==== {} {}", ended.status, told());
    }
    assert!([0, 1, 130].contains(&ended.status), "{} {}", ended.status, told());
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains("panicked") && !said.contains("bug: "), "{}", told());
    // An answer is not told as it came: it may be a secret.
    for raw in ["Response {", "SecretAccessKey", "secretAccessKey", "authorizationToken"] {
        assert!(!said.contains(raw), "{}", told());
    }
    assert!(ended.status == 0 || !said.trim().is_empty(), "{}", told());
}

/// How many commands were run and how they ended, and how many answers were spoilt.
#[derive(Debug, Default)]
struct Tried {
    spoilt: u64,
    ends: BTreeMap<i32, u32>,
    /// Bootstraps that only had to be run again.
    healed: u32,
}

impl Tried {
    async fn one(&mut self, world: &World, seed: u64, arguments: &[&str], percent: u32) {
        garbled(world, seed, percent);
        let (ended, spoilt) = run(world, arguments).await;
        sound(seed, arguments, &ended);
        self.spoilt += spoilt;
        *self.ends.entry(ended.status).or_default() += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_read_is_told_with_its_call() {
    let (mut tried, first) = (Tried::default(), number("GARBLED_SEED", 1));
    for seed in first..first + number("GARBLED", 1) {
        let world = with_an_organization().await;
        world.write("foothold.toml", FOOTHOLD);
        tried.one(&world, seed, &BOOTSTRAP, [1, 3, 10][seed as usize % 3]).await;
        let again = world.xtask(&BOOTSTRAP).await;
        sound(seed, &BOOTSTRAP, &again);
        tried.healed += u32::from(again.status == 0);
        for (arguments, percent) in READING.iter().zip([3, 10, 30].into_iter().cycle()) {
            tried.one(&world, seed, arguments, percent).await;
        }
        for arguments in WRITING {
            tried.one(&world, seed, arguments, [1, 3, 10][seed as usize % 3]).await;
        }
    }
    println!("figure: answers of AWS spoilt, from seed {first}: {tried:?}");
    assert!(tried.spoilt > 0);
}
