//! Many connections at once, by `wrk`, whose script looks at every answer.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::workspace::Workspace;

/// What `bench/load.lua` prints.
#[derive(Deserialize, Serialize)]
pub(super) struct Load {
    pub(super) requests: u64,
    pub(super) seconds: f64,
    /// In milliseconds.
    pub(super) p99: f64,
    pub(super) failed: u64,
    /// Answers that are not of exactly one of the versions.
    pub(super) wrong: u64,
    /// How many of the versions were seen.
    pub(super) versions: usize,
}

/// Loads a URL, and compares the answers with the labels and limits of these versions. Without any only their status
/// is looked at.
pub(super) async fn run(
    url: &str,
    connections: u16,
    seconds: u16,
    versions: &[(String, usize)],
) -> Result<Load> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "2", "--timeout", "30s", "--latency"])
        .args(["--connections", &connections.to_string(), "--duration", &format!("{seconds}s")])
        .arg("--script")
        .arg(Workspace::find()?.root.join("bench/load.lua"))
        .args([url, "--"])
        .args(versions.iter().map(|(label, limit)| format!("{label}={limit}")))
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let ended = wrk.output().await.context("run `wrk`: install the package of that name")?;
    ensure!(ended.status.success(), "load {url}: `wrk` ended with {}", ended.status);
    let said = String::from_utf8_lossy(&ended.stdout);
    let figures = said.lines().rfind(|line| line.starts_with('{')).context("read what `wrk` prints")?;
    let load: Load = serde_json::from_str(figures).context("read what `wrk` prints")?;
    ensure!(load.requests > 0, "load {url}: it answered nothing in {seconds} s");
    Ok(load)
}
