//! Bringing content to a stage: confirmed, made a version, deployed, followed until the running app has it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::history::told;
use super::place::{File, Place, live};
use crate::beside::Beside;
use crate::commands::confirmed;
use crate::commands::live::{Wanted, seen, unseen};
use crate::config::Strategy;
use crate::content::label;
use crate::diff::differences;
use crate::image::head;
use crate::project::Project;
use crate::report::{DONE, INTERRUPTED, duration};
use crate::resource::Busy;
use crate::resources::deployment::{Deployment, Refusal, Stage};
use crate::ui::bar::Bar;

/// What every command that deploys understands.
#[derive(Args, Clone, Copy)]
pub(crate) struct Waiting {
    /// Wait for a deployment that is under way, instead of giving up.
    #[arg(long)]
    pub(super) wait: bool,
}

/// What is to be deployed, and what the file will then say.
pub(super) struct Release {
    pub(super) content: Value,
    pub(super) file: File,
    pub(super) text: String,
    /// Whether the text is made from other content than the file's, which is then in no version.
    pub(super) replaces: bool,
    /// Instead of the stage's own.
    pub(super) strategy: Option<Strategy>,
    /// Put before who and which revision.
    pub(super) note: String,
    pub(super) wait: bool,
}

/// How following ended.
pub(super) enum Followed {
    To(Deployment),
    Interrupted,
}

/// How long a deployment may stand still: longer than any strategy of AWS's or ours bakes.
const PATIENCE: Duration = Duration::from_secs(60 * 60);
/// How often AppConfig is asked for a deployment's progress, in seconds.
const EVERY: f64 = 2.0;

impl Release {
    /// Deploys it. Nothing is uploaded, and the file is not touched, before everything that can be refused was asked.
    pub(super) async fn run(&self, project: &Project<'_>, place: &Place) -> Result<ExitCode> {
        let ui = project.ui;
        let history = match free(project, place, self.wait).await? {
            Some(history) => history,
            None => return Ok(ExitCode::from(INTERRUPTED)),
        };
        let before = live(&history);
        if before.is_some_and(|before| before.label.as_ref() == Some(&label(&self.content))) {
            self.write(project, &self.content)?;
            ui.say(format_args!("Stage {} has this configuration already.", place.stage.name));
            return Ok(ExitCode::from(DONE));
        }
        let there = place.content(before).await?;
        if let Some(before) = before.filter(|_| self.brings_more(&there)) {
            let (path, told) =
                (self.file.path.display(), told(&place.target.deployment(before.number).await?));
            ui.say(format_args!("{path} is not what runs: {told}. More changes than was set:"));
        }
        for difference in differences(&there, &self.content) {
            ui.say(format_args!("  {difference}"));
        }
        if !confirmed(project, &place.stage)? {
            ui.say("Nothing was changed.");
            return Ok(ExitCode::from(DONE));
        }
        self.file.is_as_read()?;
        let ready = self.file.ready(&self.text)?;
        let started = Instant::now();
        let Some(number) = self.start(project, place, &history).await? else {
            ui.say("Nothing was deployed: the deployment was not started.");
            return Ok(ExitCode::from(INTERRUPTED));
        };
        let written = self.put(project, &there, ready);
        let arrived = arrive(project, place, number, &label(&self.content), started).await?;
        written?;
        match arrived {
            Arrived::Stays => Ok(ExitCode::from(DONE)),
            Arrived::Unseen => Ok(ExitCode::from(unseen(project))),
            Arrived::Interrupted => Ok(ExitCode::from(INTERRUPTED)),
            Arrived::TakenBack(why) => {
                self.restore()?;
                bail!("deployment {number} was taken back{why}; {} is as before", self.file.path.display())
            }
        }
    }

    /// Whether the file said something else than what runs: a colleague's change that is not in it would be taken back.
    fn brings_more(&self, there: &Value) -> bool {
        let said = self.file.text().ok().and_then(|text| serde_json::from_str::<Value>(text).ok());
        !self.replaces && said.is_some_and(|said| said != self.content && said != *there)
    }

    /// The deployment's number; none when interrupted before it was started.
    async fn start(
        &self,
        project: &Project<'_>,
        place: &Place,
        history: &[Deployment],
    ) -> Result<Option<i32>> {
        let description = self.description(project, place).await;
        let version = place.target.version(&self.content, &description).await?;
        if project.stop.is_stopped() {
            return Ok(None);
        }
        // The first is waited for by an app that has nothing yet.
        let strategy = match live(history) {
            None => Strategy::Quick,
            Some(_) => self.strategy.unwrap_or(place.stage.strategy),
        };
        let latest = history.first().map(|newest| newest.number);
        match place.target.start(&version, place.strategy(strategy), &description, latest).await {
            Ok(number) => Ok(Some(number)),
            Err(Refusal::Other(error)) => Err(error.context(format!("deploy version {version}"))),
            Err(Refusal::Conflict) => match place.target.deployments().await?.first() {
                // Started by a first try whose answer was lost.
                Some(ours) if Some(ours.number) > latest && ours.version == version => Ok(Some(ours.number)),
                Some(other) => bail!(busy(place, other).await?),
                None => bail!(
                    "AppConfig says that another deployment is under way, and lists none: run this again"
                ),
            },
        }
    }

    /// AppConfig has no field for who deployed.
    async fn description(&self, project: &Project<'_>, place: &Place) -> String {
        let revision = head(&project.workspace.root).await.unwrap_or_else(|| "unknown".to_owned());
        let note = if self.note.is_empty() { String::new() } else { format!("{}, ", self.note) };
        format!("{note}revision {revision}, by {}", place.caller)
    }

    /// Writes the file, and keeps a copy of what it said if nothing else has that.
    pub(super) fn write(&self, project: &Project<'_>, there: &Value) -> Result<()> {
        self.put(project, there, self.file.ready(&self.text)?)
    }

    fn put(&self, project: &Project<'_>, there: &Value, ready: Option<Beside>) -> Result<()> {
        let known = [there, &self.content];
        if let Some(copy) = self.replaces.then(|| self.file.keep(&known)).transpose()?.flatten() {
            let (path, copy) = (self.file.path.display(), copy.display());
            project.ui.say(format_args!("What {path} said was never deployed; it is kept in {copy}."));
        }
        self.file.put(ready)
    }

    /// Puts back what the file said, unless somebody has gone on from what we wrote.
    fn restore(&self) -> Result<()> {
        let File { path, bytes } = &self.file;
        match bytes {
            Some(before) if std::fs::read(path).ok().as_deref() == Some(self.text.as_bytes()) => {
                crate::config::write::save(path, before)
            }
            _ => Ok(()),
        }
    }
}

/// All deployments, once none is under way; none when interrupted. Without `wait` one that is under way is an error.
async fn free(project: &Project<'_>, place: &Place, wait: bool) -> Result<Option<Vec<Deployment>>> {
    loop {
        let history = place.target.deployments().await?;
        let Some(newest) = history.first().filter(|newest| newest.state.is_under_way()) else {
            return Ok(Some(history));
        };
        if !wait {
            bail!(busy(place, newest).await?);
        }
        project.ui.say(format_args!("Waiting: {}", told(&place.target.deployment(newest.number).await?)));
        if let Followed::Interrupted =
            follow(project, place, newest.number, |stage| !stage.is_under_way()).await?
        {
            return Ok(None);
        }
    }
}

async fn busy(place: &Place, other: &Deployment) -> Result<String> {
    let told = told(&place.target.deployment(other.number).await?);
    let (stage, options) = (&place.stage.name, &place.options);
    Ok(match other.state.is_under_way() {
        true => format!(
            "stage {stage} is busy: {told}. Pass --wait to go on after it, or take it back with \
             `cargo xtask config rollback {options}`"
        ),
        false => format!("somebody was faster: {told}. Run this again to see what would change now"),
    })
}

/// Shows a deployment's progress until it has come far enough.
pub(super) async fn follow(
    project: &Project<'_>,
    place: &Place,
    number: i32,
    enough: impl Fn(Stage) -> bool,
) -> Result<Followed> {
    let bar = Bar::new(project.ui, &format!("deployment {number}"));
    let patience = PATIENCE.mul_f64(project.patience());
    let (mut last, mut since) = (None, Instant::now());
    loop {
        let now = match place.target.deployment(number).await {
            Err(error) if error.is::<Busy>() => (0.0, error.to_string()),
            answer => {
                let deployment = answer?;
                if enough(deployment.state) {
                    bar.set(deployment.percent, note(deployment.state));
                    return Ok(Followed::To(deployment));
                }
                (deployment.percent, note(deployment.state).to_owned())
            }
        };
        bar.set(now.0, &now.1);
        if last.as_ref() != Some(&now) {
            (last, since) = (Some(now), Instant::now());
        } else if since.elapsed() >= patience {
            bail!(stuck(place, number, &now, patience));
        }
        let pause = tokio::time::sleep(Duration::from_secs_f64((EVERY * project.pace).max(0.05)));
        if project.stop.or(pause).await.is_none() {
            let options = &place.options;
            project.ui.say(format_args!(
                "Deployment {number} goes on. `cargo xtask config history {options}` shows it, and \
                 `cargo xtask config rollback {options}` takes it back."
            ));
            return Ok(Followed::Interrupted);
        }
    }
}

fn stuck(place: &Place, number: i32, (percent, note): &(f32, String), time: Duration) -> String {
    let (options, time) = (&place.options, duration(time));
    format!(
        "deployment {number} has been at {percent:.0} %, {note}, for {time}: `cargo xtask config history {options}` \
         shows how it goes on, and `cargo xtask config rollback {options}` takes it back"
    )
}

fn note(stage: Stage) -> &'static str {
    match stage {
        Stage::Baking => "baking: AppConfig watches it; Ctrl-C leaves it to that",
        stage => stage.name(),
    }
}

/// Where a deployment came to.
pub(super) enum Arrived {
    /// Everybody has it, and it stays.
    Stays,
    /// It stays, but the app was not seen to have it.
    Unseen,
    Interrupted,
    /// It was rolled back, and why.
    TakenBack(String),
}

/// Follows a deployment to everybody, then the app until it has it, then the bake time.
pub(super) async fn arrive(
    project: &Project<'_>,
    place: &Place,
    number: i32,
    label: &str,
    started: Instant,
) -> Result<Arrived> {
    let spread = |stage: Stage| !matches!(stage, Stage::Deploying | Stage::RollingBack);
    let Followed::To(deployment) = follow(project, place, number, spread).await? else {
        return Ok(Arrived::Interrupted);
    };
    if !deployment.state.is_live() {
        return Ok(Arrived::TakenBack(why(&deployment)));
    }
    let seen = has(project, place, label, started).await?;
    let ended = match deployment.state.is_under_way() {
        true => follow(project, place, number, |stage| !stage.is_under_way()).await?,
        false => Followed::To(deployment),
    };
    let Followed::To(deployment) = ended else { return Ok(Arrived::Interrupted) };
    project.ui.json(&json!({"stage": place.stage.name, "deployment": deployment, "live": seen}));
    Ok(match (deployment.state, seen) {
        (Stage::Complete, true) => Arrived::Stays,
        (Stage::Complete, false) => Arrived::Unseen,
        _ => Arrived::TakenBack(why(&deployment)),
    })
}

/// Whether the running app has the configuration; where nothing runs there is nothing to wait for.
pub(super) async fn has(project: &Project<'_>, place: &Place, label: &str, started: Instant) -> Result<bool> {
    match &place.url {
        Some(url) => seen(project, url, Wanted::Configuration(label), started).await,
        None => {
            project.ui.say(format_args!("Deployed; nothing runs in stage {} yet.", place.stage.name));
            Ok(true)
        }
    }
}

fn why(deployment: &Deployment) -> String {
    match deployment.events.first() {
        Some(event) => format!(" ({event})"),
        None => String::new(),
    }
}
