//! `cargo xtask teardown`

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use tokio::time::Instant;

use crate::Common;
use crate::aws::Aws;
use crate::config::Stage;
use crate::environment::{self, Declaration, declare};
use crate::graph::Environment;
use crate::orphans;
use crate::project::Project;
use crate::report::{DONE, Plan};
use crate::ui::{Ui, text};

/// Delete what bootstrap made, all of it or one stage, and prove what is left.
///
/// Shows the list first and asks for the name. Accounts are kept unless `--close-accounts` is given.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Close the accounts, too. A closed account can be reopened for 90 days; then it is gone.
    #[arg(long)]
    close_accounts: bool,
    /// Delete only what foothold.toml no longer declares: stages that were removed from it.
    #[arg(long, conflicts_with = "stage")]
    orphans: bool,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open_anyway(ui, common).await?;
    let aws = project.connect().await?;
    let mut declaration = project.declaration_anyway().await;
    declaration.close_accounts = arguments.close_accounts;
    declaration.identity_center = project.identity_center(&aws).await?;
    let e = retired(&project, &aws, &declaration, arguments.orphans).await?;
    let plan = project.look(&e, &aws, &[]).await?;
    ui.say(text::plan(&plan, ui.verbose) + &project.about_this_machine(&declaration, None, &plan));
    if plan.is_settled() {
        ui.say(left(&project, &plan));
        return Ok(ExitCode::from(plan.exit_status(false)));
    }
    if !confirmed(&project, arguments.orphans)? {
        ui.say("Nothing was changed.");
        return Ok(ExitCode::from(DONE));
    }
    let done = project.reconcile(&e, &aws, &[]).await?;
    let status = project.end(&done);
    look_again(&project, &aws, &e).await?;
    if done.exit_status() != DONE {
        project.ui.say("\nRun the same command again when that is mended: it goes on from what is left.");
    }
    Ok(status)
}

/// What is to go: one stage, what `foothold.toml` no longer declares, or that and everything that it does.
async fn retired(
    project: &Project<'_>,
    aws: &Aws,
    declaration: &Declaration,
    only_orphans: bool,
) -> Result<Environment<Aws>> {
    let mut e = Environment::default();
    if let Some(name) = &project.common.stage {
        let stage = project.config.stage(Some(name))?.clone();
        environment::retire(&mut e, declaration, &[stage]);
        return Ok(e);
    }
    let (mut place, since) = (Environment::default(), Instant::now());
    let center = place.using(|e| environment::center(e, declaration));
    let plan = project.look(&place, aws, &[]).await?;
    let orphans = orphans::find(aws, &project.config, &center, &plan, since).await?;
    if !only_orphans {
        e.retire(|e| drop(declare(e, declaration)));
    }
    orphans.retire(&mut e, declaration);
    Ok(e)
}

/// Protected stages ask for a name: the stage's, or the project's when more than one goes. Nobody knows any more
/// whether a stage that is not declared was protected.
fn confirmed(project: &Project, orphans: bool) -> Result<bool> {
    let (config, common) = (&project.config, &project.common);
    let concerned = |stage: &&Stage| common.stage.as_ref().is_none_or(|name| *name == stage.name);
    let protected = orphans || config.stages.iter().filter(concerned).any(|stage| stage.protected);
    let name = common.stage.as_ref().unwrap_or(&config.name);
    if common.yes && !protected {
        return Ok(true);
    }
    if common.yes && common.confirm.is_none() {
        bail!("a protected stage is concerned, for which --yes does not answer: pass --confirm {name}");
    }
    project.ui.confirm_name("This cannot be undone.", name, common.confirm.as_deref())
}

/// Ends by looking again.
async fn look_again(project: &Project<'_>, aws: &Aws, e: &Environment<Aws>) -> Result<()> {
    if !project.stop.is_stopped() {
        let plan = project.look(e, aws, &[]).await?;
        project.ui.say(left(project, &plan));
    }
    Ok(())
}

/// What is left of the project, and why.
fn left(project: &Project, plan: &Plan) -> String {
    use crate::report::Judgement::{Absent, Same};
    let rest: Vec<_> =
        plan.lines.iter().filter(|l| !l.wanted && !matches!(l.result, Absent | Same)).collect();
    let accounts = project.config.accounts().count();
    let of = match &project.common.stage {
        Some(stage) => format!("stage {stage} of {}", project.config.name),
        None => project.config.name.clone(),
    };
    if rest.is_empty() {
        return format!("\nNothing of {of} is left in {accounts} accounts.");
    }
    let lines = rest.iter().map(|line| format!("  {}", text::left(line))).collect::<Vec<_>>().join("\n");
    format!("\nNothing of {of} is left in {accounts} accounts but\n{lines}")
}
