//! `cargo xtask bootstrap`

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use futures::future::{Either, select};
use tokio::time::Instant;

use crate::Common;
use crate::aws::Aws;
use crate::config::{Config, FILE};
use crate::environment::{Declaration, Declared, Switch};
use crate::estimate;
use crate::graph::Shape;
use crate::image::BuilderKind;
use crate::interview::Answers;
use crate::orphans;
use crate::project::Project;
use crate::report::{DONE, Done, INTERRUPTED, Judgement, Plan};
use crate::resources::image::building;
use crate::resources::{account, identity_center};
use crate::ui::{Ui, text};

/// Make everything that foothold.toml declares, and prove that it runs.
///
/// On the first run it asks what to declare and writes foothold.toml. Then it looks at AWS, shows what it would do,
/// asks once, and does it. It can be stopped at any time: run again, it goes on from what is there.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    answers: Answers,
    /// Take over something of that name that is not ours. Repeatable.
    #[arg(long, value_name = "KIND/NAME")]
    adopt: Vec<String>,
    /// Delete, too, what foothold.toml no longer declares: stages that were removed from it.
    #[arg(long)]
    prune: bool,
    /// This is another project beside that one in the same organization, and not that one renamed.
    #[arg(long, value_name = "PROJECT")]
    beside: Option<String>,
    /// What builds the image; chosen by what this machine has.
    #[arg(long, value_enum)]
    builder: Option<BuilderKind>,
    /// Wait until somebody has switched Identity Center on in the console, and go on with people's access.
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open(ui, common, Some(&arguments.answers)).await?;
    let aws = project.connect().await?;
    let mut declaration = project.declaration_to_build(arguments.builder).await?;
    declaration.identity_center = match project.identity_center(&aws).await? {
        Switch::Off if arguments.wait && project.config.organization => Switch::Awaited,
        found => found,
    };
    let since = Instant::now();
    let (mut e, declared) = project.wanted(&declaration);
    let mut plan = project.look(&e, &aws, &arguments.adopt).await?;
    if let Some(Judgement::Create | Judgement::After(_)) = plan.of(&declared.center.account) {
        refuse_another_name(&project, &aws, arguments.beside.as_deref()).await?;
    }
    if arguments.prune {
        let orphans = orphans::find(&aws, &project.config, &declared.center, &plan, since).await?;
        orphans.retire(&mut e, &declaration);
        plan = project.look(&e, &aws, &arguments.adopt).await?;
    }
    ui.say(text::plan(&plan, ui.verbose) + &project.about(declaration.identity_center));
    groups_are_there(&plan, &declared)?;
    if project.stop.is_stopped() {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if plan.is_settled() {
        ui.json(&plan.lines);
        remember(&project, declared.center.identity_center.and_then(|it| plan.learned(&it)))?;
        ui.say(summary(&project, &aws, &declared, &plan_addresses(&plan, &declared)));
        return Ok(ExitCode::from(plan.exit_status(false)));
    }
    ui.say(before(&e.shape, &plan));
    if !confirmed(&project, &plan)? {
        ui.say("Nothing was changed.");
        return Ok(ExitCode::from(DONE));
    }
    project.remember_profile_names()?;
    let absent = matches!(plan.of(&declared.center.image), Some(Judgement::Create | Judgement::After(_)));
    let reconcile = project.reconcile(&e, &aws, &arguments.adopt);
    let done = match absent {
        true => beside(reconcile, build(&aws, &declaration)).await?,
        false => reconcile.await?,
    };
    let status = project.end(&done);
    remember(&project, declared.center.identity_center.and_then(|it| done.learned(&it)))?;
    match done.exit_status() {
        DONE => ui.say(summary(&project, &aws, &declared, &addresses(&done, &declared))),
        _ => {
            ui.say("\nRun `cargo xtask bootstrap` again when that is mended: it goes on from what is there.")
        }
    }
    for (stage, url) in addresses(&done, &declared) {
        ui.json(&serde_json::json!({"stage": stage, "url": url}));
    }
    Ok(status)
}

/// A group that never comes is known before anything is done.
fn groups_are_there(plan: &Plan, declared: &Declared) -> Result<()> {
    for group in declared.people.iter().flat_map(|people| &people.groups) {
        if let Some(Judgement::Failed(failure)) = plan.of(group) {
            bail!("{failure}");
        }
    }
    Ok(())
}

/// Builds the image, which needs no account. What fails here fails again, and is told, at its turn.
async fn build(aws: &Aws, declaration: &Declaration) {
    let meter = |what: &str, done, total| (aws.meter.borrow())(what, done, total);
    declaration.image.made(&building(&meter)).await.ok();
}

/// What the first comes to, while the second goes on: nobody needs the second when the first has ended.
async fn beside<T>(first: impl Future<Output = T>, second: impl Future) -> T {
    match select(pin!(first), pin!(second)).await {
        Either::Left((ended, _)) => ended,
        Either::Right((_, first)) => first.await,
    }
}

/// A yes; where stages go of which nobody knows any more whether they were protected, the project's name.
fn confirmed(project: &Project, plan: &Plan) -> Result<bool> {
    let (common, name) = (&project.common, &project.config.name);
    match plan.count(|it| matches!(it, Judgement::Delete)) {
        0 => project.ui.confirm("Do this?", common.yes),
        _ => {
            let question = "What is deleted cannot be brought back.";
            project.ui.confirm_name(question, name, common.confirm.as_deref())
        }
    }
}

/// The name is fixed by the first bootstrap: under another one, everything would be made a second time.
async fn refuse_another_name(project: &Project<'_>, aws: &Aws, beside: Option<&str>) -> Result<()> {
    let Config { name, config, organization, .. } = &project.config;
    if project.new || !organization {
        return Ok(());
    }
    match account::namesake(aws, name, &config.label).await? {
        Some(other) if beside != Some(other.as_str()) => bail!(
            "{FILE} says `name = \"{name}\"`, of which nothing is there, and the organization has {other} with a \
             `{}` account of its own: a name is fixed by the first bootstrap; set `name = \"{other}\"` again, or, \
             if {name} is to stand beside it, pass `--beside {other}`",
            config.label
        ),
        _ => Ok(()),
    }
}

/// Lets whoever has only `foothold.toml` sign in.
fn remember(project: &Project<'_>, found: Option<&identity_center::Learned>) -> Result<()> {
    found.map_or(Ok(()), |found| project.remember_identity_center(&found.start_url, &found.region))
}

/// What to know before saying yes.
fn before(shape: &Shape, plan: &Plan) -> String {
    let time = text::duration(Duration::from_secs_f64(estimate::seconds(shape, plan)));
    let cost = estimate::monthly(plan);
    format!(
        "\nOn AWS this takes about {time}, and costs about {cost:.0} USD a month until `cargo xtask teardown`.\n\
         It is safe to press Ctrl-C at any time: run it again, and it goes on."
    )
}

fn addresses(done: &Done, declared: &Declared) -> Vec<(String, String)> {
    declared.addresses(|service| service.url(done))
}

fn plan_addresses(plan: &Plan, declared: &Declared) -> Vec<(String, String)> {
    declared.addresses(|service| service.url(plan))
}

/// Where everything is, and what to do next.
fn summary(project: &Project, aws: &Aws, declared: &Declared, addresses: &[(String, String)]) -> String {
    let mut lines = vec![format!("\n{} runs.", project.config.name)];
    lines.extend(addresses.iter().map(|(stage, url)| format!("  {stage:<14} {url}")));
    let sandbox = if project.common.sandbox { " --sandbox" } else { "" };
    if !project.common.sandbox {
        lines.push("\nConsole, by switching roles:".to_owned());
        lines.extend(
            declared
                .stages
                .iter()
                .filter_map(|stage| stage.running.as_ref().map(|_| &stage.name))
                .map(|name| format!("  {name:<14} cargo xtask console --stage {name}")),
        );
    }
    let profiles =
        project.config.accounts().map(|account| account.label.as_str()).collect::<Vec<_>>().join(", ");
    let file = project.workspace.profiles.display();
    lines.push(format!("\nProfiles {profiles} are in {file}, for the AWS CLI and every SDK."));
    lines.push(format!("Signed in as {}.", aws.caller.arn));
    lines.push(format!(
        "\nNext:\n  cargo xtask status{sandbox}\n  cargo xtask config set boolEnableLimitResults=true --stage {}{sandbox}\n  \
         cargo xtask teardown{sandbox}",
        addresses.first().map_or("development", |(stage, _)| stage)
    ));
    lines.join("\n")
}
