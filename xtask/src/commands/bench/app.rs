//! `cargo xtask bench app`

mod changes;
mod flask;
mod load;
mod scene;
mod server;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use tokio::process::Command;

use super::program;
use crate::Common;
use crate::commands::sandbox::build;
use crate::ui::Ui;
use load::Load;
use scene::Scene;

/// The app under load while its configuration changes every second, and the tutorial's Flask app beside it.
///
/// Both run one after the other as processes of this machine, with the app's own role, against one sandbox whose
/// record counts their calls. Fails if a request of the app does, or if an answer is not of exactly one version.
/// Needs `wrk`, and `python3` with `venv`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How long each is loaded.
    #[arg(long, default_value_t = 30)]
    seconds: u16,
    #[arg(long, default_value_t = 50)]
    connections: u16,
    /// How often each is started to see how long that takes.
    #[arg(long, default_value_t = 5)]
    starts: u16,
}

/// What was measured of one of them.
#[derive(Serialize)]
struct Measured {
    load: Load,
    /// Whether its answers say their version, which is then compared with all that they say.
    checked: bool,
    changes: usize,
    /// Resident, when the load ends.
    memory_kib: u64,
    calls: usize,
    /// From its start to the first good answer, the median, in milliseconds.
    cold_start: f64,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let flask = flask::installed(ui).await?;
    let program = match &common.binary {
        Some(binary) => std::path::absolute(binary).context("find the program")?,
        None => program(ui).await?,
    };
    let scene = Scene::set(&build(ui).await?, &program, common, ui).await?;
    ui.say("Loading the app…");
    let app = scene.measure(&|| Command::new(&program), arguments, true).await?;
    ui.say("Loading the tutorial's app…");
    let flask = scene.measure(&|| flask.command(), arguments, false).await?;
    show(ui, common, &app, &flask);
    let good = app.load.failed + app.load.wrong == 0 && app.load.versions * 2 >= app.changes;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The figures as a Markdown table, ready for a README; or all of them as JSON.
fn show(ui: &Ui, common: &Common, app: &Measured, flask: &Measured) {
    if common.json {
        return ui.json(&json!({"app": app, "flask": flask}));
    }
    let row = |what: &str, unit: &str, figure: &dyn Fn(&Measured) -> f64| {
        let (ours, theirs) = (figure(app), figure(flask));
        let ratio = number(if ours > theirs { ours / theirs } else { theirs / ours });
        let better = if ours > theirs { "more" } else { "less" };
        format!("| {what} | {}{unit} | {}{unit} | {ratio} × {better} |", number(ours), number(theirs))
    };
    let counts = |what: &str, figure: &dyn Fn(&Measured) -> String| {
        format!("| {what} | {} | {} | |", figure(app), figure(flask))
    };
    let of_one = |it: &Measured| if it.checked { it.load.wrong.to_string() } else { "–".to_owned() };
    ui.result(
        [
            "| | the app | the tutorial's, in Flask | |".to_owned(),
            "| --- | --- | --- | --- |".to_owned(),
            row("requests a second", "", &|it| it.load.requests as f64 / it.load.seconds),
            row("99 of 100 answered within", " ms", &|it| it.load.p99),
            row("memory at the end", " MB", &|it| it.memory_kib as f64 / 1024.0),
            row("from its start to the first answer", " ms", &|it| it.cold_start),
            counts("AWS calls for 1,000 requests (in all)", &|it| {
                format!("{} ({})", number(1000.0 * it.calls as f64 / it.load.requests as f64), it.calls)
            }),
            counts("changes of the configuration (versions seen)", &|it| {
                let seen = if it.checked { it.load.versions.to_string() } else { "–".to_owned() };
                format!("{} ({seen})", it.changes)
            }),
            counts("failed requests", &|it| format!("{} of {}", it.load.failed, it.load.requests)),
            counts("answers that are not of exactly one version", &of_one),
        ]
        .join("\n"),
    );
}

/// With as many digits as mean something.
fn number(value: f64) -> String {
    match value {
        ..0.1 => format!("{value:.2}"),
        ..10.0 => format!("{value:.1}"),
        ..1000.0 => format!("{value:.0}"),
        _ => format!("{},{:03}", value as u64 / 1000, value as u64 % 1000),
    }
}
