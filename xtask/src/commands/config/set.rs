//! `cargo xtask config set` and `config deploy`

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use super::place::{File, Place, schema};
use super::release::{self, Release};
use crate::Common;
use crate::content::{self, Schema};
use crate::project::Project;
use crate::ui::Ui;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to change. A value is JSON, or text where the schema wants text.
    #[arg(required = true, value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    #[command(flatten)]
    waiting: release::Waiting,
}

pub(super) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let project = Project::open_anyway(ui, common).await?;
    let schema = schema(&project)?;
    let file = File::read(&project, &project.config.stage(common.stage.as_deref())?.name)?;
    let path = file.path.display().to_string();
    let text =
        assign(&schema, file.text()?, &arguments.assignments).with_context(|| format!("change {path}"))?;
    bring(project, &schema, file, text, arguments.waiting).await
}

pub(super) async fn deploy(arguments: &release::Waiting, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let project = Project::open_anyway(ui, common).await?;
    let schema = schema(&project)?;
    let file = File::read(&project, &project.config.stage(common.stage.as_deref())?.name)?;
    let text = file.text()?.to_owned();
    bring(project, &schema, file, text, *arguments).await
}

/// Checks a text, and brings it to the stage and into the file.
async fn bring(
    mut project: Project<'_>,
    schema: &Schema,
    file: File,
    text: String,
    arguments: release::Waiting,
) -> Result<ExitCode> {
    let content = schema.check(&text).with_context(|| format!("check {}", file.path.display()))?;
    let place = Place::find(&mut project).await?;
    let release = Release {
        content,
        file,
        text,
        replaces: false,
        strategy: None,
        note: String::new(),
        wait: arguments.wait,
    };
    release.run(&project, &place).await
}

/// The text with all of these set.
fn assign(schema: &Schema, text: &str, assignments: &[String]) -> Result<String> {
    let mut keys = BTreeSet::new();
    assignments.iter().try_fold(text.to_owned(), |text, argument| {
        let (key, value) = schema.assignment(argument)?;
        ensure!(keys.insert(key.clone()), "`{key}` is set twice");
        content::set(&text, &key, &value)
    })
}
