//! `cargo xtask status`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use tokio::time::Instant;

use crate::Common;
use crate::environment::DeclaredStage;
use crate::probe;
use crate::project::Project;
use crate::report::{Judgement, Plan};
use crate::ui::{Ui, text};

/// Show on one screen what runs, with which image and configuration, and what has drifted.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Exit with status 3 when something would change.
    #[arg(long)]
    check: bool,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open_anyway(ui, common).await?;
    let aws = project.connect().await?;
    let mut declaration = project.declaration_to_look().await?;
    declaration.identity_center = project.identity_center(&aws).await?;
    let (e, declared) = project.wanted(&declaration);
    let since = Instant::now();
    let plan = project.look(&e, &aws, &[]).await?;
    let orphaned = project.orphaned(&aws, &declaration, &declared.center, &plan, since).await?;
    let asked = declared.stages.iter().filter(|s| common.stage.as_ref().is_none_or(|name| *name == s.name));
    let stages = futures::future::join_all(asked.map(|stage| of(stage, &plan))).await;
    match common.json {
        true => {
            let orphaned = orphaned.iter().flatten().next().map(|it| &it.lines);
            ui.json(&serde_json::json!({"stages": stages, "resources": plan.lines, "orphaned": orphaned}));
        }
        false => {
            let screen = screen(&project, &declared.center.account, &stages, &plan);
            ui.result(screen + &text::orphaned(&orphaned));
        }
    }
    // What the person may not see is no failure of what was asked.
    let failed =
        plan.count(|judgement| matches!(judgement, Judgement::Failed(_) | Judgement::Interrupted)) > 0;
    Ok(match arguments.check || failed {
        true => ExitCode::from(plan.exit_status(arguments.check)),
        false => ExitCode::SUCCESS,
    })
}

/// One stage as it is.
#[derive(serde::Serialize)]
struct StageStatus {
    name: String,
    account: Option<String>,
    url: Option<String>,
    /// What the running app says of itself, or why it does not.
    version: Option<Result<probe::Version, String>>,
}

async fn of(stage: &DeclaredStage, plan: &Plan) -> StageStatus {
    let running = stage.running.as_ref();
    let url = running.and_then(|running| running.service.url(plan));
    let version = match &url {
        Some(url) => Some(probe::version(url).await.map_err(|e| format!("{e:#}"))),
        None => None,
    };
    let account =
        running.and_then(|running| plan.learned(&running.account)).map(|account| account.id.clone());
    StageStatus { name: stage.name.clone(), account, url, version }
}

fn screen(
    project: &Project,
    center: &crate::graph::Key<crate::resources::Account>,
    stages: &[StageStatus],
    plan: &Plan,
) -> String {
    let config = &project.config;
    let center = plan.learned(center).map_or("not there yet", |account| account.id.as_str());
    let mut lines =
        vec![format!("{} in {}, configuration in account {center}\n", config.name, config.region)];
    lines.extend(stages.iter().map(stage_lines));
    let drift = |judgement: &Judgement| !matches!(judgement, Judgement::Same | Judgement::Kept(_));
    lines.push(match plan.count(drift) {
        0 => format!("\nAs declared: {} resources.", plan.lines.len()),
        hidden if hidden == plan.count(|judgement| matches!(judgement, Judgement::NotVisible(_))) => {
            let seen = plan.lines.len() - hidden;
            let which = match project.ui.verbose {
                true => format!(":\n\n{}", text::plan(plan, false)),
                false => "; -v lists them.".to_owned(),
            };
            format!("\nAs declared: {seen} resources. {hidden} are not visible to you{which}")
        }
        _ => format!("\nNot as declared:\n\n{}", text::plan(plan, false)),
    });
    lines.join("\n")
}

fn stage_lines(stage: &StageStatus) -> String {
    let name = &stage.name;
    let place = stage.account.as_ref().map_or("no account".to_owned(), |id| format!("account {id}"));
    let said = match (&stage.url, &stage.version) {
        (None, _) => "nothing runs".to_owned(),
        (Some(url), Some(Ok(version))) => format!(
            "{url}\n  {:<14} image {}, configuration {}",
            "",
            version.image.as_deref().unwrap_or("unknown"),
            version.configuration.as_deref().unwrap_or("none yet")
        ),
        (Some(url), Some(Err(why))) => format!("{url}\n  {:<14} does not answer: {why}", ""),
        (Some(url), None) => url.clone(),
    };
    format!("  {name:<14} {place:<22} {said}")
}
