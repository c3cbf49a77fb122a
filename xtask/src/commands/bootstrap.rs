//! `cargo xtask bootstrap`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::Common;
use crate::aws::Aws;
use crate::environment::{Declared, Switch};
use crate::estimate;
use crate::graph::Shape;
use crate::image::BuilderKind;
use crate::interview::Answers;
use crate::project::Project;
use crate::report::{DONE, Done, INTERRUPTED, Judgement, Plan};
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
    declaration.identity_center = match project.identity_center(&aws, !arguments.wait).await? {
        Switch::Off if arguments.wait && project.config.organization => Switch::Awaited,
        found => found,
    };
    let (e, declared) = project.wanted(&declaration);
    let plan = project.look(&e, &aws, &arguments.adopt).await?;
    ui.say(text::plan(&plan, ui.verbose));
    if project.stop.is_stopped() {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if plan.is_settled() {
        ui.json(&plan.lines);
        ui.say(summary(&project, &aws, &declared, &plan_addresses(&plan, &declared)));
        return Ok(ExitCode::from(plan.exit_status(false)));
    }
    ui.say(before(&e.shape, &plan));
    if !ui.confirm("Do this?", common.yes)? {
        ui.say("Nothing was changed.");
        return Ok(ExitCode::from(DONE));
    }
    let absent = matches!(plan.of(&declared.center.image), Some(Judgement::Create | Judgement::After(_)));
    // It needs no account to be built: what fails here fails again, and is told, at its turn.
    let build = async { if absent { declaration.image.made(&|_| ()).await.map(drop) } else { Ok(()) } };
    let (done, _built) = tokio::join!(project.reconcile(&e, &aws, &arguments.adopt), build);
    let done = done?;
    let status = project.end(&done);
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
