//! `cargo xtask config`

mod check;
mod diff;
mod history;
pub(super) mod place;
mod promote;
mod release;
mod rollback;
mod set;
mod show;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::Common;
use crate::ui::Ui;

/// The configuration of a stage: change it centrally, watch it arrive, take it back.
#[derive(Subcommand)]
pub(crate) enum Arguments {
    /// Show what is deployed, and whether the file differs.
    Show,
    /// Check the files of all stages against the schema and the app's own type. Needs no credentials.
    Check,
    /// Show how the file differs from what is deployed.
    Diff(diff::Arguments),
    /// Change the file, deploy it, and wait until the running app has it.
    Set(set::Arguments),
    /// Deploy the file as it is, and wait until the running app has it.
    Deploy(release::Waiting),
    /// Show who deployed what when.
    History(history::Arguments),
    /// Return to what was deployed before, at once; works while a deployment runs. A second time returns from there.
    Rollback,
    /// Deploy to one stage what is deployed to another.
    Promote(promote::Arguments),
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    match arguments {
        Arguments::Show => show::run(common, ui).await,
        Arguments::Check => check::run(common, ui),
        Arguments::Diff(arguments) => diff::run(arguments, common, ui).await,
        Arguments::Set(arguments) => set::run(arguments, common, ui).await,
        Arguments::Deploy(arguments) => set::deploy(arguments, common, ui).await,
        Arguments::History(arguments) => history::run(arguments, common, ui).await,
        Arguments::Rollback => rollback::run(common, ui).await,
        Arguments::Promote(arguments) => promote::run(arguments, common, ui).await,
    }
}
