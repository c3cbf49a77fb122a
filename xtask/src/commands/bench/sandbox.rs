//! `cargo xtask bench sandbox`

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;
use tokio::process::Command;

use super::{Figure, show};
use crate::Common;
use crate::commands::sandbox::build;
use crate::ui::Ui;

/// Many clients at once on a sandbox of its own: what fails, what is lost, and what becomes of its memory.
#[derive(Args)]
pub(crate) struct Arguments {
    #[arg(long, default_value_t = 200)]
    clients: usize,
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
}

/// What `sandbox load` prints.
#[derive(Deserialize)]
struct Load {
    requests: u64,
    requests_per_second: f64,
    errors: u64,
    error: Option<String>,
    lost_writes: u64,
    memory_idle_kib: f64,
    memory_early_kib: f64,
    memory_end_kib: f64,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut load = Command::new(build(ui).await?);
    let (clients, seconds) = (arguments.clients.to_string(), arguments.seconds.to_string());
    load.args(["load", "--clients", &clients, "--seconds", &seconds]).stderr(Stdio::inherit());
    let ended = load.output().await.context("run the load")?;
    let load: Load = serde_json::from_slice(&ended.stdout).context("read what the load prints")?;
    let growth = load.memory_end_kib / load.memory_early_kib;
    let requests = format!("{} ({:.0} a second, {clients} clients)", load.requests, load.requests_per_second);
    show(
        ui,
        common,
        &[
            Figure::new("requests", requests, "-"),
            Figure::new("errors", load.errors, "0"),
            Figure::new("lost writes", load.lost_writes, "0"),
            Figure::new("memory, idle", format!("{:.0} MB", load.memory_idle_kib / 1024.0), "50 MB"),
            Figure::new("memory at the end over that after 10 s", format!("{growth:.2}"), "1.2"),
        ],
    );
    if let Some(error) = load.error {
        ui.say(format_args!("The first error: {error}"));
    }
    Ok(if ended.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
