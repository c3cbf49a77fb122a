//! `cargo xtask plan`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use tokio::time::Instant;

use super::bootstrap::before;
use crate::Common;
use crate::project::Project;
use crate::ui::{Ui, text};

/// Show what bootstrap would change, and the drift. Reads only.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Exit with status 3 when something would change.
    #[arg(long)]
    check: bool,
    /// Plan as if this were to be taken over. Repeatable.
    #[arg(long, value_name = "KIND/NAME")]
    adopt: Vec<String>,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open(ui, common, None).await?;
    let aws = project.connect().await?;
    let mut declaration = project.declaration().await?;
    declaration.identity_center = project.identity_center(&aws).await?;
    let since = Instant::now();
    let (e, declared) = project.wanted(&declaration);
    let plan = project.look(&e, &aws, &arguments.adopt).await?;
    let orphaned = project.orphaned(&aws, &declaration, &declared.center, &plan, since).await?;
    match common.json {
        true => {
            let orphaned = orphaned.iter().flatten().flat_map(|it| &it.lines);
            ui.json(&plan.lines.iter().chain(orphaned).collect::<Vec<_>>())
        }
        false => {
            let end = text::orphaned(&orphaned)
                + &project.about_this_machine(&declaration, Some(&declared), &plan)
                + &project.about_the_source(&declaration, plan.learned(&declared.center.image))
                + &project.about(declaration.identity_center)
                + &if plan.is_settled() { String::new() } else { format!("\n{}", before(&e.shape, &plan)) };
            ui.result(text::plan(&plan, ui.verbose) + &end);
        }
    }
    Ok(ExitCode::from(plan.exit_status(arguments.check)))
}
