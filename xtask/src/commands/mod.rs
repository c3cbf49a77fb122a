//! The commands, one file each: arguments and `run` side by side.

pub(crate) mod bootstrap;
pub(crate) mod doctor;
pub(crate) mod graph;
pub(crate) mod image;
pub(crate) mod logs;
pub(crate) mod plan;
pub(crate) mod sandbox;
pub(crate) mod status;
pub(crate) mod teardown;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::Common;
use crate::ui::Ui;

#[derive(Subcommand)]
pub(crate) enum Command {
    Bootstrap(bootstrap::Arguments),
    Plan(plan::Arguments),
    Status(status::Arguments),
    Logs(logs::Arguments),
    Image(image::Arguments),
    Doctor(doctor::Arguments),
    Graph(graph::Arguments),
    Teardown(teardown::Arguments),
    #[command(subcommand)]
    Sandbox(sandbox::Arguments),
}

/// Runs a command; its exit status is of design section 1.
pub(crate) async fn run(command: Command, common: &Common, ui: &Ui) -> Result<ExitCode> {
    match command {
        Command::Bootstrap(arguments) => bootstrap::run(&arguments, common, ui).await,
        Command::Plan(arguments) => plan::run(&arguments, common, ui).await,
        Command::Status(arguments) => status::run(&arguments, common, ui).await,
        Command::Logs(arguments) => logs::run(&arguments, common, ui).await,
        Command::Image(arguments) => image::run(&arguments, common, ui).await,
        Command::Doctor(arguments) => doctor::run(&arguments, common, ui).await,
        Command::Graph(arguments) => graph::run(&arguments, common, ui).await,
        Command::Teardown(arguments) => teardown::run(&arguments, common, ui).await,
        Command::Sandbox(arguments) => sandbox::run(arguments, common, ui).await,
    }
}
