//! `cargo xtask config diff`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::place::{File, Place, live, schema};
use crate::Common;
use crate::diff::differences;
use crate::project::Project;
use crate::report::{CHANGES, DONE};
use crate::ui::Ui;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Exit with status 3 when there is a difference.
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open_anyway(ui, common).await?;
    let place = Place::find(&mut project).await?;
    let in_file = File::read(&project, &place.stage.name)?.content(&schema(&project)?)?;
    let newest_first = place.target.deployments().await?;
    let deployed = place.content(live(&newest_first)).await?;
    let differences = differences(&deployed, &in_file);
    match common.json {
        true => ui.json(&differences),
        false => differences.iter().for_each(|difference| ui.result(difference)),
    }
    if differences.is_empty() {
        ui.say(format_args!("The file says what is deployed to stage {}.", place.stage.name));
    }
    Ok(ExitCode::from(if arguments.check && !differences.is_empty() { CHANGES } else { DONE }))
}
