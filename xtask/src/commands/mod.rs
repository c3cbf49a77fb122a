//! The commands, one file each: arguments and `run` side by side.

pub(crate) mod access;
pub(crate) mod bench;
pub(crate) mod bootstrap;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod graph;
pub(crate) mod image;
mod live;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod logs;
mod open;
pub(crate) mod plan;
pub(crate) mod sandbox;
pub(crate) mod status;
pub(crate) mod teardown;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::Common;
use crate::config::Stage;
use crate::project::Project;
use crate::ui::Ui;

#[derive(Subcommand)]
pub(crate) enum Command {
    Bootstrap(bootstrap::Arguments),
    Plan(plan::Arguments),
    Status(status::Arguments),
    #[command(subcommand)]
    Config(config::Arguments),
    Deploy(deploy::Arguments),
    Logs(logs::Arguments),
    Access(access::Arguments),
    Login(login::Arguments),
    Logout(logout::Arguments),
    Exec(exec::Arguments),
    Env(env::Arguments),
    Console(console::Arguments),
    Image(image::Arguments),
    Doctor(doctor::Arguments),
    Graph(graph::Arguments),
    Teardown(teardown::Arguments),
    #[command(subcommand)]
    Sandbox(sandbox::Arguments),
    #[command(subcommand)]
    Bench(bench::Arguments),
}

impl Command {
    /// Whether `--stage` means something to it.
    pub(crate) fn is_about_one_stage(&self) -> bool {
        match self {
            Self::Config(arguments) => !matches!(arguments, config::Arguments::Promote(_)),
            Self::Status(_) | Self::Deploy(_) | Self::Logs(_) | Self::Teardown(_) => true,
            Self::Exec(_) | Self::Env(_) | Self::Console(_) => true,
            _ => false,
        }
    }
}

/// Runs a command; its exit status is of design section 1.
pub(crate) async fn run(command: Command, common: &Common, ui: &Ui) -> Result<ExitCode> {
    match command {
        Command::Bootstrap(arguments) => bootstrap::run(&arguments, common, ui).await,
        Command::Plan(arguments) => plan::run(&arguments, common, ui).await,
        Command::Status(arguments) => status::run(&arguments, common, ui).await,
        Command::Config(arguments) => config::run(&arguments, common, ui).await,
        Command::Deploy(arguments) => deploy::run(&arguments, common, ui).await,
        Command::Logs(arguments) => logs::run(&arguments, common, ui).await,
        Command::Access(arguments) => access::run(&arguments, common, ui).await,
        Command::Login(arguments) => login::run(&arguments, common, ui).await,
        Command::Logout(arguments) => logout::run(&arguments, common, ui).await,
        Command::Exec(arguments) => exec::run(&arguments, common, ui).await,
        Command::Env(arguments) => env::run(&arguments, common, ui).await,
        Command::Console(arguments) => console::run(&arguments, common, ui).await,
        Command::Image(arguments) => image::run(&arguments, common, ui).await,
        Command::Doctor(arguments) => doctor::run(&arguments, common, ui).await,
        Command::Graph(arguments) => graph::run(&arguments, common, ui).await,
        Command::Teardown(arguments) => teardown::run(&arguments, common, ui).await,
        Command::Sandbox(arguments) => sandbox::run(arguments, common, ui).await,
        Command::Bench(arguments) => bench::run(arguments, common, ui).await,
    }
}

/// Whether to deploy to a stage. A protected one asks for its name, and `--yes` does not give it.
fn confirmed(project: &Project<'_>, stage: &Stage) -> Result<bool> {
    let Stage { name, protected, .. } = stage;
    match protected {
        true => {
            let confirm = project.common.confirm.as_deref();
            project.ui.confirm_name(&format!("Stage {name} is protected."), name, confirm)
        }
        false => project.ui.confirm(&format!("Deploy this to stage {name}?"), project.common.yes),
    }
}
