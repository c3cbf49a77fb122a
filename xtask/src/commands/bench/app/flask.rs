//! The tutorial's app, which has an environment of Python packages to itself.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::ui::Ui;
use crate::workspace::Workspace;

pub(super) struct Flask {
    python: PathBuf,
    program: PathBuf,
}

/// What it calls its session of the reading role.
pub(super) const SESSION: &str = "AppConfigListServicesAccessRoleSession";

impl Flask {
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.program);
        command
    }
}

/// Installs what it requires below `target/`, unless that is there.
pub(super) async fn installed(ui: &Ui) -> Result<Flask> {
    let root = Workspace::find()?.root;
    let (sources, packages) = (root.join("bench/flask_app"), root.join("target/bench/flask"));
    let flask = Flask { python: packages.join("bin/python"), program: sources.join("app.py") };
    ui.say("Installing what the tutorial's app requires…");
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&packages);
    run(make).await.context("make an environment of Python packages")?;
    let mut install = Command::new(&flask.python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    install.arg(sources.join("requirements.txt"));
    run(install).await.context("install what the tutorial's app requires")?;
    Ok(flask)
}

async fn run(mut command: Command) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let status = command.status().await.with_context(|| format!("run `{name}`"))?;
    ensure!(status.success(), "`{name}` ended with {status}");
    Ok(())
}
