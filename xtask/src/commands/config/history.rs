//! `cargo xtask config history`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use time::macros::format_description;

use super::place::Place;
use crate::Common;
use crate::project::Project;
use crate::resources::deployment::{Deployment, Stage};
use crate::ui::Ui;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many deployments.
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    number: u32,
}

pub(super) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open_anyway(ui, common).await?;
    let place = Place::find(&mut project).await?;
    let newest_first = place.target.deployments().await?;
    let asked =
        newest_first.iter().take(arguments.number as usize).map(|it| place.target.deployment(it.number));
    // Descriptions are not in the list.
    let deployments: Vec<Deployment> = stream::iter(asked).buffered(8).try_collect().await?;
    if deployments.is_empty() {
        ui.say(format_args!("Nothing was ever deployed to stage {}.", place.stage.name));
    }
    for deployment in &deployments {
        match common.json {
            true => ui.json(deployment),
            false => ui.result(line(deployment)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(deployment: &Deployment) -> String {
    let Deployment { number, .. } = deployment;
    let (when, label) = (when(deployment), name(deployment));
    format!("{number:>4}  {when}  {label:<16} {:<18} {}", state(deployment), by(deployment))
}

/// Who deployed what when, in a sentence.
pub(super) fn told(deployment: &Deployment) -> String {
    let (number, label, state) = (deployment.number, name(deployment), state(deployment));
    format!("deployment {number} ({label}, {state}) was started at {}: {}", when(deployment), by(deployment))
}

fn state(deployment: &Deployment) -> String {
    match deployment.state {
        Stage::Deploying => format!("deploying, {:.0} %", deployment.percent),
        state => state.name().to_owned(),
    }
}

/// The version's label, or its number where it has none.
fn name(deployment: &Deployment) -> String {
    deployment.label.clone().unwrap_or_else(|| format!("version {}", deployment.version))
}

fn by(deployment: &Deployment) -> &str {
    deployment.description.as_deref().unwrap_or("by somebody who left no description")
}

fn when(deployment: &Deployment) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let said = deployment.started.and_then(|started| started.format(format).ok());
    said.unwrap_or_else(|| "an unknown time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_deployed_what_when_is_one_sentence() {
        let deployment = Deployment {
            number: 3,
            version: "2".to_owned(),
            label: Some("c-0123456789ab".to_owned()),
            state: Stage::Deploying,
            percent: 40.0,
            started: time::OffsetDateTime::from_unix_timestamp(1_795_250_000).ok(),
            description: Some("revision abc, by arn:aws:iam::111111111111:user/ann".to_owned()),
            events: Vec::new(),
        };
        assert_eq!(
            told(&deployment),
            "deployment 3 (c-0123456789ab, deploying, 40 %) was started at 2026-11-21 08:33:20 UTC: revision abc, \
             by arn:aws:iam::111111111111:user/ann"
        );
        assert_eq!(name(&Deployment { label: None, ..deployment }), "version 2");
    }
}
