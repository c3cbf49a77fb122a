//! Killed at any call, run again: the same world. All calls are tried by `cargo xtask bench survive`.

use crate::world::program;
use serde_json::Value;
use std::process::{Command, Stdio};

/// What `bench survive` finds, as its rows.
fn survive(arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["bench", "survive", "--json"])
        .args(arguments)
        .env("FOOTHOLD_BINARY", program())
        .stdin(Stdio::null())
        .output()
        .expect("run xtask");
    let said = String::from_utf8_lossy(&output.stderr);
    let rows = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    assert!(output.status.success(), "{rows:#}\n{said}");
    match rows {
        Value::Array(rows) => rows,
        other => panic!("{other}"),
    }
}

fn sum(rows: &[Value], member: &str) -> u64 {
    rows.iter().map(|row| row[member].as_u64().expect("a number")).sum()
}

#[test]
fn killed_at_every_writing_call_before_and_after_it_took_effect_and_run_again() {
    let rows = survive(&["--sample", "6"]);
    assert_eq!((rows.len(), sum(&rows, "failed")), (5, 0), "{rows:#?}");
    // Every command has calls that write, each was tried on both sides, and nearly all were reached.
    for row in &rows {
        let (writes, trials) = (row["writes"].as_u64(), row["trials"].as_u64());
        assert!(writes >= Some(1) && trials >= writes.map(|writes| 2 * writes), "{row}");
    }
    assert!(sum(&rows, "resumed") * 10 >= sum(&rows, "trials") * 9, "{rows:#?}");
}

#[test]
fn storms_in_which_three_of_ten_calls_fail() {
    let rows = survive(&["--harm", "storm", "--storms", "2", "--only", "bootstrap", "--only", "teardown"]);
    assert_eq!((sum(&rows, "trials"), sum(&rows, "failed"), sum(&rows, "unreached")), (4, 0, 0), "{rows:#?}");
}
