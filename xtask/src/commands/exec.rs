//! `cargo xtask exec`

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::Common;
use crate::image::from_cargo;
use crate::session::{self, misleads};
use crate::ui::Ui;

/// Run a command with a stage's credentials. Its exit status is the command's.
///
/// The command gets the credentials, the Region, and nothing of the profile or the keys that were there before.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The role to take in the stage's account, instead of the one it is entered by.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let Some(session) = session::open(ui, common, arguments.role.as_deref()).await? else {
        ui.say("Nothing was run.");
        return Ok(ExitCode::FAILURE);
    };
    let (program, rest) = arguments.command.split_first().context("find a command to run")?;
    let mut command = Command::new(program);
    command.args(rest);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| misleads(name) || from_cargo(name)) {
            command.env_remove(name);
        }
    }
    command.envs(session.variables());
    // The command takes our place: its signals and its status are its own. This returns only when it cannot start.
    let failed = command.exec();
    let status = if failed.kind() == ErrorKind::NotFound { MISSING } else { REFUSED };
    ui.fail(&anyhow::Error::new(failed).context(format!("run `{}`", program.display())));
    Ok(ExitCode::from(status))
}

/// What a shell and `env` end with when there is no such command, and when it cannot be run.
const MISSING: u8 = 127;
const REFUSED: u8 = 126;
