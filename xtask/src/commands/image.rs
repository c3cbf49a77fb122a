//! `cargo xtask image`

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::Common;
use crate::image::BuilderKind;
use crate::project::Project;
use crate::report::INTERRUPTED;
use crate::resources::image;
use crate::ui::Ui;
use crate::ui::meter::meter;

/// Build the image and push it, unless the repository has it, and print `repository@digest`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// What builds it; chosen by what this machine has.
    #[arg(long, value_enum)]
    builder: Option<BuilderKind>,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open(ui, common, None).await?;
    let aws = project.connect().await?;
    let declaration = project.declaration_to_build(arguments.builder).await?;
    let (e, declared) = project.wanted(&declaration);
    let plan = project.look(&e, &aws, &[]).await?;
    let center = plan
        .learned(&declared.center.account)
        .context("find the configuration account: run `cargo xtask bootstrap`")?;
    let repository = plan
        .learned(&declared.center.repository)
        .context("find the repository: run `cargo xtask bootstrap`")?;
    let door = aws.door(&center.id, &center.access).await?;
    let meter = meter(ui);
    let tell = |what: &str| ui.say(what);
    let bring = image::ensure(&door, repository, &declaration.tag, &declaration.image, &meter, &tell);
    let Some(reference) = project.stop.or(bring).await.transpose()? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    drop(meter);
    match common.json {
        true => ui.json(&serde_json::json!({"image": reference})),
        false => ui.result(reference),
    }
    Ok(ExitCode::SUCCESS)
}
