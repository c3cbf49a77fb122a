//! `cargo xtask teardown`

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use tokio::time::Instant;

use crate::Common;
use crate::aws::Aws;
use crate::config::{FILE, Stage};
use crate::environment::{self, Declaration, declare};
use crate::graph::Environment;
use crate::orphans;
use crate::project::Project;
use crate::report::{DONE, Judgement, Line, Plan};
use crate::resources::{account, left_by_aws};
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
        ui.say(left(&project, &aws, &plan, arguments.orphans).await);
        return Ok(ExitCode::from(plan.exit_status(false)));
    }
    if !confirmed(&project, arguments.orphans)? {
        ui.say("Nothing was changed.");
        return Ok(ExitCode::from(DONE));
    }
    let done = project.reconcile(&e, &aws, &[]).await?;
    let status = project.end(&done);
    look_again(&project, &aws, &e, arguments.orphans).await?;
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
/// whether a stage that is not declared was protected. One without an account, in which nothing runs, goes with the
/// whole, and by itself only by its name.
fn confirmed(project: &Project, orphans: bool) -> Result<bool> {
    let (config, common) = (&project.config, &project.common);
    let concerned = |stage: &&Stage| common.stage.as_ref().is_none_or(|name| *name == stage.name);
    let counts = |stage: &Stage| stage.protected && (stage.account.is_some() || common.stage.is_some());
    let protected = orphans || config.stages.iter().filter(concerned).any(counts);
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
async fn look_again(project: &Project<'_>, aws: &Aws, e: &Environment<Aws>, orphans: bool) -> Result<()> {
    match project.look(e, aws, &[]).await {
        Ok(plan) => project.ui.say(left(project, aws, &plan, orphans).await),
        Err(_) if project.stop.is_stopped() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What is left of what was to go, and why.
async fn left(project: &Project<'_>, aws: &Aws, plan: &Plan, only_orphans: bool) -> String {
    let name = &project.config.name;
    let nothing = match &project.common.stage {
        Some(stage) => format!("Nothing of stage {stage} of {name} is left"),
        None if only_orphans => format!("Nothing that {FILE} no longer declares is left"),
        None => format!("Nothing of {name} is left{}", within(plan)),
    };
    let rest =
        plan.lines.iter().filter(|l| !l.wanted && !matches!(l.result, Judgement::Absent | Judgement::Same));
    let rest: Vec<_> = rest.map(|line| format!("  {}", text::left(line))).collect();
    let ours = match rest.is_empty() {
        true => format!("\n{nothing}."),
        false => format!("\n{nothing} but\n{}", rest.join("\n")),
    };
    // What is declared still runs.
    let by_aws = if only_orphans { String::new() } else { left_by_aws(project, aws).await };
    ours + &by_aws
}

/// What AWS made in the accounts of the stages that went, and keeps.
async fn left_by_aws(project: &Project<'_>, aws: &Aws) -> String {
    let (config, since) = (&project.config, Instant::now());
    let stages =
        config.stages.iter().filter(|it| project.common.stage.as_ref().is_none_or(|name| *name == it.name));
    let mut lines = Vec::new();
    for account in stages.filter_map(|stage| stage.account.as_ref()) {
        let left = async || {
            let Some(id) = account::id_of(aws, config, account, since).await? else { return Ok(Vec::new()) };
            let door = aws.door(&id, &environment::member(config, account, None).access).await?;
            left_by_aws::left(&door, &account.label, &config.names().service()).await
        };
        let unseen = |error| {
            vec![format!("what there is in account `{}` is not to be seen: {error:#}", account.label)]
        };
        lines.extend(left().await.unwrap_or_else(unseen));
    }
    if lines.is_empty() {
        String::new()
    } else {
        format!("\n\nAWS made by itself, and keeps:\n  {}", lines.join("\n  "))
    }
}

/// How many of the accounts that were looked into are there.
fn within(plan: &Plan) -> String {
    let there =
        |line: &&Line<Judgement>| line.label.kind == "account" && !matches!(line.result, Judgement::Absent);
    let accounts: BTreeSet<_> = plan.lines.iter().filter(there).map(|line| &line.label.name).collect();
    match accounts.len() {
        0 => String::new(),
        1 => " in 1 account".to_owned(),
        n => format!(" in {n} accounts"),
    }
}
