//! `cargo xtask config rollback`

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::place::{File, Place};
use super::release::{Followed, Release, follow, has};
use crate::Common;
use crate::commands::confirmed;
use crate::commands::live::unseen;
use crate::config::Strategy;
use crate::content::label;
use crate::diff::differences;
use crate::project::Project;
use crate::report::{DONE, INTERRUPTED};
use crate::resources::deployment::{Deployment, Stage};
use crate::ui::Ui;

pub(super) async fn run(common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open_anyway(ui, common).await?;
    let place = Place::find(&mut project).await?;
    let history = place.target.deployments().await?;
    let (from, to) = step(&history).with_context(|| {
        format!("stage {} has no configuration to return to: only one was ever deployed", place.stage.name)
    })?;
    let content = place.target.content(&to.version).await.context("return to the configuration before")?;
    let file = File::read(&project, &place.stage.name)?;
    let text = file.like(&content)?;
    let note = format!("back from deployment {} to {}", from.number, to.number);
    let strategy = Some(Strategy::Quick);
    let release = Release { content, file, text, replaces: true, strategy, note, wait: false };
    match from.state {
        Stage::Complete => release.run(&project, &place).await,
        _ => stop(&project, &place, (from, to), &release).await,
    }
}

/// What to leave and what to return to: the newest that has not been taken back, and the newest before it that was
/// complete, which a deployment that is stopped gives way to. After one that is complete it must have had other content.
fn step(newest_first: &[Deployment]) -> Option<(&Deployment, &Deployment)> {
    let stays = |it: &&Deployment| !matches!(it.state, Stage::RolledBack | Stage::Reverted);
    let from = newest_first.iter().find(stays)?;
    let before = newest_first.iter().filter(|it| it.number < from.number && it.state == Stage::Complete);
    let to = before.into_iter().find(|it| from.state != Stage::Complete || it.version != from.version)?;
    Some((from, to))
}

/// Stops the deployment that is under way, and follows until the running app is back.
async fn stop(
    project: &Project<'_>,
    place: &Place,
    (from, to): (&Deployment, &Deployment),
    release: &Release,
) -> Result<ExitCode> {
    let there = place.target.content(&from.version).await?;
    differences(&there, &release.content).iter().for_each(|it| project.ui.say(format_args!("  {it}")));
    if !confirmed(project, &place.stage)? {
        project.ui.say("Nothing was changed.");
        return Ok(ExitCode::from(DONE));
    }
    let started = Instant::now();
    if from.state != Stage::RollingBack && !place.target.stop(from).await? {
        // Complete since we looked.
        return release.run(project, place).await;
    }
    let written = release.write(project, &there);
    let Followed::To(ended) = follow(project, place, from.number, |stage| !stage.is_under_way()).await?
    else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if ended.state == Stage::Complete {
        bail!("deployment {} was asked to stop, and is complete: run this again", from.number);
    }
    project.ui.json(&ended);
    // What somebody else deployed may be called otherwise than we would have called it.
    let version = to.label.clone().unwrap_or_else(|| label(&release.content));
    let seen = has(project, place, &version, started).await?;
    written?;
    match seen {
        true => Ok(ExitCode::from(DONE)),
        false => Ok(ExitCode::from(unseen(project))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(oldest_first: &[(&str, Stage)]) -> Vec<Deployment> {
        let deployments = oldest_first.iter().zip(1..).map(|((version, state), number)| Deployment {
            number,
            version: (*version).to_owned(),
            label: None,
            state: *state,
            percent: 100.0,
            started: None,
            description: None,
            events: Vec::new(),
        });
        deployments.collect::<Vec<_>>().into_iter().rev().collect()
    }

    fn stepped(oldest_first: &[(&str, Stage)]) -> Option<(i32, i32)> {
        step(&history(oldest_first)).map(|(from, to)| (from.number, to.number))
    }

    use Stage::{Baking, Complete, Deploying, Reverted, RolledBack};

    #[test]
    fn the_one_before_is_returned_to() {
        assert_eq!(stepped(&[("1", Complete), ("2", Complete)]), Some((2, 1)));
        assert_eq!(stepped(&[("1", Complete), ("2", Complete), ("3", Deploying)]), Some((3, 2)));
        assert_eq!(stepped(&[("1", Complete), ("2", Baking)]), Some((2, 1)));
    }

    #[test]
    fn what_was_taken_back_counts_for_nothing() {
        assert_eq!(stepped(&[("1", Complete), ("2", Complete), ("3", RolledBack)]), Some((2, 1)));
        assert_eq!(stepped(&[("1", Complete), ("2", Reverted), ("3", Complete)]), Some((3, 1)));
    }

    #[test]
    fn the_same_content_once_more_is_not_before() {
        assert_eq!(stepped(&[("1", Complete), ("2", Complete), ("2", Complete)]), Some((3, 1)));
        assert_eq!(stepped(&[("1", Complete), ("2", Complete), ("2", Deploying)]), Some((3, 2)));
    }

    #[test]
    fn without_a_history_there_is_nothing_to_return_to() {
        assert_eq!(stepped(&[]), None);
        assert_eq!(stepped(&[("1", Complete)]), None);
        assert_eq!(stepped(&[("1", Deploying)]), None);
        assert_eq!(stepped(&[("1", Complete), ("1", Complete)]), None);
    }
}
