//! `cargo xtask config show`

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;

use super::history::told;
use super::place::{File, Place, live, schema};
use crate::Common;
use crate::content::label;
use crate::diff::{differences, one_line};
use crate::project::Project;
use crate::ui::Ui;

pub(super) async fn run(common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open_anyway(ui, common).await?;
    let place = Place::find(&mut project).await?;
    let newest_first = place.target.deployments().await?;
    let Some(deployed) = live(&newest_first) else {
        bail!(
            "nothing is deployed to stage `{}`: run `cargo xtask config deploy {}`",
            place.stage.name,
            place.options
        )
    };
    let content = place.content(Some(deployed)).await?;
    let deployed = place.target.deployment(deployed.number).await?;
    let file = File::read(&project, &place.stage.name)?;
    let in_file = file.content(&schema(&project)?);
    let differs = in_file.as_ref().map_or(true, |in_file| label(in_file) != label(&content));
    if common.json {
        ui.json(&json!({"stage": place.stage.name, "deployment": deployed, "content": content, "differs": differs}));
        return Ok(ExitCode::SUCCESS);
    }
    ui.result(format_args!("{content:#}"));
    ui.say(told(&deployed));
    match in_file {
        Ok(in_file) if differs => {
            let path = file.path.display();
            ui.say(format_args!("{path} differs: {}", one_line(&differences(&content, &in_file))));
        }
        Ok(_) => {}
        Err(why) => ui.say(format_args!("{why:#}")),
    }
    Ok(ExitCode::SUCCESS)
}
