//! `cargo xtask logs`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::Common;
use crate::project::Project;
use crate::resources::log_group;
use crate::ui::Ui;

/// Show the app's last lines, of the last hour.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many lines.
    #[arg(long, short = 'n', default_value_t = 50)]
    lines: usize,
    /// Go on as lines come, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
}

/// How often AWS is asked for new lines, in seconds.
const EVERY: f64 = 2.0;

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open_anyway(ui, common).await?;
    let (stage, _) = project.config.running_stage(common.stage.as_deref())?;
    let (name, group) = (stage.name.clone(), project.config.names().log_group(&stage.name));
    let aws = project.connect().await?;
    let declaration = project.declaration_anyway().await;
    let (e, declared) = project.wanted(&declaration);
    let plan = project.look(&e, &aws, &[]).await?;
    let running = declared.stages.iter().find(|s| s.name == name).and_then(|s| s.running.as_ref());
    let account = running.and_then(|running| plan.learned(&running.account));
    let account =
        account.with_context(|| format!("find the account of stage `{name}`: run `cargo xtask plan`"))?;
    let door = aws.door(&account.id, &account.access).await?;
    let mut after = None;
    loop {
        let found = log_group::events(&door, &group, after.as_ref()).await?;
        if found.is_empty() && !arguments.follow {
            ui.say(format_args!("Stage {name} said nothing in the last hour."));
        }
        let first = if after.is_none() { found.len().saturating_sub(arguments.lines) } else { 0 };
        found[first..].iter().for_each(|event| ui.result(&event.text));
        after = found.into_iter().last().or(after);
        if !arguments.follow || project.stop.is_stopped() {
            return Ok(ExitCode::SUCCESS);
        }
        // Between two looks.
        tokio::time::sleep(Duration::from_secs_f64(EVERY * project.pace.max(0.1))).await;
    }
}
