//! `cargo xtask config promote`

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::place::{File, Place, live, schema};
use super::release::{self, Release};
use crate::Common;
use crate::config::Stage;
use crate::project::Project;
use crate::ui::Ui;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The stage whose configuration is taken.
    from: String,
    /// The stage that gets it.
    to: String,
    #[command(flatten)]
    waiting: release::Waiting,
}

pub(super) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let Arguments { from, to, waiting } = arguments;
    if from == to {
        bail!("`{from}` cannot be promoted to itself");
    }
    let mut project = Project::open_anyway(ui, common).await?;
    let stages = (project.config.stage(Some(from))?.clone(), project.config.stage(Some(to))?.clone());
    let source = as_its_editor(&mut project, &stages.0).await?;
    let target = as_its_editor(&mut project, &stages.1).await?;
    let newest_first = source.target.deployments().await?;
    let deployed = live(&newest_first).with_context(|| format!("nothing is deployed to stage `{from}`"))?;
    let content = source.content(Some(deployed)).await?;
    let checked = schema(&project)?.check(&content.to_string());
    checked.with_context(|| format!("check what is deployed to stage `{from}` for stage `{to}`"))?;
    let file = File::read(&project, to)?;
    let text = file.like(&content)?;
    let note = format!("promoted from {from}, deployment {}", deployed.number);
    let release = Release { content, file, text, replaces: true, strategy: None, note, wait: waiting.wait };
    release.run(&project, &target).await
}

/// The stage as who reaches it: whoever has signed in has another permission set for each.
async fn as_its_editor(project: &mut Project<'_>, stage: &Stage) -> Result<Place> {
    project.common.stage = Some(stage.name.clone());
    Place::find(project).await
}
