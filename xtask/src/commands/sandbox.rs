//! `cargo xtask sandbox`

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde_json::Value;
use tokio::process::Command;

use crate::Common;
use crate::aws::Reach;
use crate::ui::{Style, Ui};
use crate::workspace::Workspace;

/// The local AWS: start it, stop it, ask for it, make it new.
#[derive(Subcommand)]
pub(crate) enum Arguments {
    /// Start it, if it does not run, with everything that exists in it; it goes on after this terminal is closed.
    Start(Start),
    /// Stop it, and everything that it runs; what exists is kept for the next start.
    Stop,
    /// Show whether it runs, and how to connect.
    Status,
    /// Forget everything that exists in it.
    Reset,
}

/// How to start it.
#[derive(clap::Args, Default, PartialEq)]
pub(crate) struct Start {
    /// The loopback port; 0: where it was, or a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many seconds of AWS's waiting pass in one second [default: 120].
    #[arg(long)]
    scale: Option<f64>,
    /// Arguments for the sandbox itself; see `cargo run -p sandbox -- --help`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// An account of a minute takes half a second.
const SCALE: f64 = 120.0;

/// Whose turn it is to start, stop or reset: a locked file.
const TURN: &str = "turn";

/// How long a sandbox may take until it serves.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn run(arguments: Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let directory = Workspace::find()?.sandbox();
    match arguments {
        Arguments::Start(start) => {
            if start != Start::default() && running(&directory).await?.is_some() {
                bail!("a sandbox runs already, as it was started: `cargo xtask sandbox stop` first");
            }
            let found = ensure(ui, &directory, &start).await?;
            ui.result(if common.json { found.to_string() } else { shown(&found) });
        }
        Arguments::Stop => match running(&directory).await? {
            Some(found) => {
                let _turn = turn(&directory).await?;
                stop(&directory, &found).await?;
                ui.say("Stopped. What exists in it is kept; `cargo xtask sandbox reset` forgets it.");
            }
            None => ui.say("No sandbox runs."),
        },
        Arguments::Status => match running(&directory).await? {
            Some(found) => ui.result(if common.json { found.to_string() } else { shown(&found) }),
            None => {
                ui.say("No sandbox runs: start one with `cargo xtask sandbox start`.");
                return Ok(ExitCode::FAILURE);
            }
        },
        Arguments::Reset => reset(ui, &directory).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a run under `--sandbox` goes, and the factor on its pauses. Starts a sandbox if none runs.
pub(crate) async fn reach(ui: &Ui, workspace: &Workspace, region: &str) -> Result<(Reach, f64)> {
    let found = ensure(ui, &workspace.sandbox(), &Start::default()).await?;
    let status = control(&found, "status").await?;
    let scale = status["clock"]["scale"].as_f64().unwrap_or(1.0);
    let reach = Reach {
        only: Some(text(&found, "endpoint").to_owned()),
        keys: Some((text(&found, "access_key_id").to_owned(), text(&found, "secret_access_key").to_owned())),
        ..Reach::new(None, region)
    };
    Ok((reach, (1.0 / scale).max(0.02)))
}

/// The running sandbox, or a new one. Returns how to connect when it serves.
async fn ensure(ui: &Ui, directory: &Path, start: &Start) -> Result<Value> {
    if let Some(found) = running(directory).await? {
        return Ok(found);
    }
    let program = build(ui).await?;
    let _turn = turn(directory).await?;
    if let Some(found) = running(directory).await? {
        return Ok(found);
    }
    let log = directory.join("sandbox.log");
    let output = File::create(&log).with_context(|| format!("create {}", log.display()))?;
    let mut child = Command::new(program)
        .args([
            "--port",
            &start.port.to_string(),
            "--scale",
            &start.scale.unwrap_or(SCALE).to_string(),
            "--directory",
        ])
        .arg(directory)
        .args(&start.more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        // A group of its own: a Ctrl-C here does not end it.
        .process_group(0)
        .spawn()
        .context("start the sandbox")?;
    let serves = async {
        loop {
            if let Some(found) = running(directory).await? {
                return Ok(found);
            }
            tokio::select! {
                ended = child.wait() => {
                    let said = std::fs::read_to_string(&log).unwrap_or_default();
                    bail!("start the sandbox: it ended with {}: {}", ended?, said.trim());
                }
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, serves).await;
    waited.with_context(|| format!("start the sandbox: it does not serve; see {}", log.display()))?
}

/// Builds the sandbox. At a terminal cargo shows how far it is; what it says when it fails is seen everywhere.
pub(crate) async fn build(ui: &Ui) -> Result<PathBuf> {
    ui.say("Building the sandbox…");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--package", "sandbox", "--message-format", "json-render-diagnostics"];
    let quiet = (ui.style != Style::Rich).then_some("--quiet");
    // `output` would take what cargo says about it, too.
    let cargo = Command::new(cargo).args(arguments).args(quiet).stdout(Stdio::piped()).spawn();
    let built = cargo.context("run cargo")?.wait_with_output().await.context("run cargo")?;
    if !built.status.success() {
        bail!("build the sandbox: cargo ended with {}", built.status);
    }
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = messages
        .filter(|m| m["target"]["name"] == "sandbox")
        .filter_map(|m| m["executable"].as_str().map(PathBuf::from))
        .next_back();
    program.context("build the sandbox: cargo names no program")
}

/// The sandbox that `sandbox.json` tells of, if it answers. A file that a dead one left is ignored.
async fn running(directory: &Path) -> Result<Option<Value>> {
    let file = directory.join("sandbox.json");
    let Ok(text) = std::fs::read_to_string(&file) else { return Ok(None) };
    let found: Value = serde_json::from_str(&text).with_context(|| format!("read {}", file.display()))?;
    match control(&found, "status").await {
        Ok(status) if status["pid"] == found["pid"] => Ok(Some(found)),
        _ => Ok(None),
    }
}

/// Waits until no other command starts, stops or resets this sandbox; the next one waits for us.
async fn turn(directory: &Path) -> Result<File> {
    std::fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let path = directory.join(TURN);
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await?;
    locked.with_context(|| format!("lock {}", path.display()))
}

async fn stop(directory: &Path, found: &Value) -> Result<()> {
    let pid = found["pid"].as_u64().context("sandbox.json names no process")?;
    let asked = Command::new("kill").arg(pid.to_string()).status().await.context("run kill")?;
    if !asked.success() {
        bail!("stop process {pid}: kill ended with {asked}");
    }
    let ended = async {
        while running(directory).await?.is_some() || directory.join("sandbox.json").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, ended).await.with_context(|| format!("process {pid} does not end"))?
}

async fn reset(ui: &Ui, directory: &Path) -> Result<()> {
    let _turn = turn(directory).await?;
    if let Some(found) = running(directory).await? {
        stop(directory, &found).await?;
    }
    // The lock stays: whoever waits for it waits for this file.
    for entry in std::fs::read_dir(directory).with_context(|| format!("read {}", directory.display()))? {
        let path = entry.context("read the directory")?.path();
        let removed = match path.is_dir() {
            true => std::fs::remove_dir_all(&path),
            false if path.ends_with(TURN) => Ok(()),
            false => std::fs::remove_file(&path),
        };
        removed.with_context(|| format!("remove {}", path.display()))?;
    }
    ui.say("Everything in the sandbox is forgotten.");
    Ok(())
}

async fn control(found: &Value, path: &str) -> Result<Value> {
    crate::probe::json(&format!("{}/{path}", text(found, "control"))).await
}

fn text<'v>(found: &'v Value, member: &str) -> &'v str {
    found[member].as_str().unwrap_or_default()
}

fn shown(found: &Value) -> String {
    format!(
        "The sandbox serves at {}.\n\n  export AWS_CONFIG_FILE={}\n  aws sts get-caller-identity\n\n\
         Its control is at {}, its process is {}.",
        text(found, "endpoint"),
        text(found, "config_file"),
        text(found, "control"),
        found["pid"]
    )
}
