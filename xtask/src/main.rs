//! `cargo xtask`: from one AWS account to a running application, and back.

#[cfg(test)]
mod any;
mod aws;
mod beside;
mod commands;
mod config;
mod content;
mod diff;
mod draft;
mod engine;
mod environment;
mod estimate;
mod graph;
mod image;
mod interview;
mod names;
mod orphans;
mod policy;
mod probe;
mod profiles;
mod project;
mod proxy;
mod report;
mod resource;
mod resources;
mod session;
mod signals;
mod ui;
mod workspace;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, error::ErrorKind};

use commands::Command;
use ui::Ui;

/// From one AWS account to a multi-account environment with a running, centrally configured application, and back.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Common {
    /// The stage that it is about; where only one has an account, that one.
    #[arg(long, global = true)]
    pub(crate) stage: Option<String>,
    /// Answer yes. Never for a protected stage: that takes `--confirm`.
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// The name that a protected change asks for.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// Results and events as JSON lines on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use a local AWS on this machine; it is started if it does not run.
    #[arg(long, global = true)]
    pub(crate) sandbox: bool,
    /// The profile of the shared config file to start from.
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
    /// Factor on the pauses between two looks, for a cloud whose time runs faster.
    #[arg(long, global = true, hide = true, env = "FOOTHOLD_PACE")]
    pub(crate) pace: Option<f64>,
    /// Factor on how long anything is waited for.
    #[arg(long, global = true, hide = true, env = "FOOTHOLD_PATIENCE")]
    pub(crate) patience_factor: Option<f64>,
    /// A static Linux program to put into the image instead of building it.
    #[arg(long, global = true, hide_short_help = true, env = "FOOTHOLD_BINARY", value_name = "FILE")]
    pub(crate) binary: Option<std::path::PathBuf>,
    /// Show what is unchanged, too.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let common = &arguments.common;
    if let Some(stage) = common.stage.as_ref().filter(|_| !arguments.command.is_about_one_stage()) {
        let whole = format!("this is not about one stage: leave `--stage {stage}` out");
        Arguments::command().error(ErrorKind::ArgumentConflict, whole).exit();
    }
    let ui = Ui::new(common);
    let run = async { commands::run(arguments.command, &arguments.common, &ui).await };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run));
    ui.end(ended.unwrap_or_else(|error| ui.fail(&error)))
}

#[cfg(test)]
mod tests {
    use super::CommandFactory as _;

    #[test]
    fn the_arguments_fit_together() {
        super::Arguments::command().debug_assert();
    }
}
