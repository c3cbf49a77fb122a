//! `cargo xtask bootstrap`

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use futures::future::{Either, select};
use tokio::time::Instant;

use crate::Common;
use crate::aws::{Access, Aws};
use crate::commands::console::switch_role;
use crate::config::{self, Config, FILE};
use crate::environment::{Declaration, Declared, DeclaredStage, Switch};
use crate::estimate;
use crate::graph::{Environment, Shape};
use crate::image::BuilderKind;
use crate::interview::Answers;
use crate::orphans;
use crate::project::Project;
use crate::report::{DONE, INTERRUPTED, Judgement, Line, Plan, Report};
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
    let mut left = String::new();
    if arguments.prune {
        let orphans = orphans::find(&aws, &project.config, &declared.center, &plan, since).await?;
        orphans.retire(&mut e, &declaration);
        plan = project.look(&e, &aws, &arguments.adopt).await?;
    } else {
        let orphaned = project.orphaned(&aws, &declaration, &declared.center, &plan, since).await?;
        left = text::orphaned(&orphaned);
    }
    let machine = project.about_this_machine(&declaration, Some(&declared), &plan);
    let source = project.about_the_source(&declaration, plan.learned(&declared.center.image));
    let people = project.about(declaration.identity_center);
    ui.say([text::plan(&plan, ui.verbose), left, machine, source, people].concat());
    groups_are_there(&plan, &declared)?;
    region_is_on(&project.config, &plan)?;
    if project.stop.is_stopped() {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if plan.is_settled() {
        return settled(&project, &aws, &declared, &plan);
    }
    ui.say(before(&e.shape, &plan));
    if !confirmed(&project, &plan)? {
        ui.say("Nothing was changed.");
        return Ok(ExitCode::from(DONE));
    }
    make(&mut project, &aws, &Planned { declaration, e, declared, plan }, &arguments.adopt).await
}

/// What was looked at, shown, and agreed to.
struct Planned {
    declaration: Declaration,
    e: Environment<Aws>,
    declared: Declared,
    plan: Plan,
}

async fn make(project: &mut Project<'_>, aws: &Aws, planned: &Planned, adopt: &[String]) -> Result<ExitCode> {
    let Planned { declaration, e, declared, plan } = planned;
    project.remember_management()?;
    project.remember_profile_names()?;
    let absent = matches!(plan.of(&declared.center.image), Some(Judgement::Create | Judgement::After(_)));
    if let Some(builder) = declaration.image.builder().filter(|_| absent) {
        project.ui.say(builder);
    }
    let reconcile = project.reconcile(e, aws, adopt);
    let done = match absent {
        true => beside(reconcile, build(aws, declaration)).await?,
        false => reconcile.await?,
    };
    let status = project.end(&done);
    remember(project, declared.center.identity_center.and_then(|it| done.learned(&it)))?;
    match done.exit_status() {
        DONE => project.ui.say(summary(project, aws, declared, &done, estimate::monthly(plan))),
        status => project.ui.say(again(status)),
    }
    for (stage, url) in addresses(&done, declared) {
        project.ui.json(&serde_json::json!({"stage": stage, "url": url}));
    }
    Ok(status)
}

/// Ends where there is nothing to do.
fn settled(project: &Project, aws: &Aws, declared: &Declared, plan: &Plan) -> Result<ExitCode> {
    project.ui.json(&plan.lines);
    project.remember_management()?;
    remember(project, declared.center.identity_center.and_then(|it| plan.learned(&it)))?;
    let status = plan.exit_status(false);
    project.ui.say(match status {
        DONE => summary(project, aws, declared, plan, estimate::monthly(plan)),
        status => again(status),
    });
    Ok(ExitCode::from(status))
}

/// What to do when something was not done.
fn again(status: u8) -> String {
    let when = if status == INTERRUPTED { "" } else { " when that is mended" };
    format!("\nRun `cargo xtask bootstrap` again{when}: it goes on from what is there.")
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

/// Opt-in Regions are off in accounts that are made.
fn region_is_on(config: &Config, plan: &Plan) -> Result<()> {
    let made = |it: &Line<Judgement>| {
        it.label.kind == "account" && matches!(it.result, Judgement::Create | Judgement::After(_))
    };
    let region = &config.region;
    if config::is_opt_in(region) && plan.lines.iter().any(made) {
        bail!(
            "Region {region} is off in accounts that are made, and nothing could be made in it: choose another for \
             `region` in {FILE}, or make the accounts by hand, enable it in each (console: Account, AWS Regions), and \
             give their `account_id`"
        );
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

/// What to know before what is planned is done.
pub(super) fn before(shape: &Shape, plan: &Plan) -> String {
    let time = text::duration(Duration::from_secs_f64(estimate::seconds(shape, plan)));
    let cost = estimate::monthly(plan);
    format!(
        "\nOn AWS this takes about {time}, and costs about {cost:.0} USD a month until `cargo xtask teardown`.\n\
         It is safe to press Ctrl-C at any time: run it again, and it goes on."
    )
}

fn addresses<T>(seen: &Report<T>, declared: &Declared) -> Vec<(String, String)> {
    declared.addresses(|service| service.url(seen))
}

/// Where everything is, what it costs a month, and what to do next.
fn summary<T>(project: &Project, aws: &Aws, declared: &Declared, seen: &Report<T>, costs: f64) -> String {
    let addresses = addresses(seen, declared);
    let listed = |lines: &[(String, String)]| -> String {
        lines.iter().map(|(stage, what)| format!("  {stage:<14} {what}\n")).collect()
    };
    let (name, caller, file) = (&project.config.name, &aws.caller.arn, project.workspace.profiles.display());
    let profiles = project.config.accounts().filter(|account| account.profile.is_none());
    let profiles = profiles.map(|account| account.profile_name.as_ref().unwrap_or(&account.label).as_str());
    let (profiles, links) = (profiles.collect::<Vec<_>>().join(", "), links(declared, seen));
    let console = match links.is_empty() || project.common.sandbox {
        true => String::new(),
        false => format!("\nConsole, by switching roles:\n{}", listed(&links)),
    };
    let sandbox = if project.common.sandbox { " --sandbox" } else { "" };
    let login = match declared.center.identity_center {
        Some(_) => format!("  cargo xtask login{sandbox}\n"),
        None => String::new(),
    };
    let people = match declared.center.identity_center {
        Some(_) if !project.config.people.people.is_empty() => PASSWORDS,
        _ => "",
    };
    let stage = addresses.first().map_or("development", |(stage, _)| stage);
    format!(
        "\n{name} runs.\n{}{console}\n\
         Profiles {profiles} are in {file}, for the AWS CLI and every SDK.\n\
         Signed in as {caller}.\n{people}\
         On AWS this costs about {costs:.0} USD a month, until `cargo xtask teardown`.\n\n\
         Next:\n{login}  cargo xtask status{sandbox}\n  \
         cargo xtask graph{sandbox}\n  \
         cargo xtask config set boolEnableLimitResults=true --stage {stage}{sandbox}\n  \
         cargo xtask teardown{sandbox}",
        listed(&addresses)
    )
}

/// What no API can do for the people it makes.
const PASSWORDS: &str = "People who were made have no password yet: in the console of Identity Center, Settings, \
                         Authentication, let it send one-time passwords by e-mail, or reset each password in Users.\n";

/// For each stage that runs, where somebody who is signed in to the console takes its account's role.
fn links<T>(declared: &Declared, seen: &Report<T>) -> Vec<(String, String)> {
    let link = |stage: &DeclaredStage| {
        let account = seen.learned(&stage.running.as_ref()?.account)?;
        match &account.access {
            Access::Role(role) => Some((stage.name.clone(), switch_role(&account.id, role, &stage.name))),
            _ => None,
        }
    };
    declared.stages.iter().filter_map(link).collect()
}
