//! `cargo xtask deploy`

use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use super::confirmed;
use super::live::{Wanted, seen, unseen};
use crate::Common;
use crate::aws::{Aws, Door};
use crate::config::Stage;
use crate::environment::{Declaration, Declared, Service};
use crate::graph::Environment;
use crate::image::BuilderKind;
use crate::project::Project;
use crate::report::{DONE, INTERRUPTED, Judgement, Plan};
use crate::resource::Busy;
use crate::resources::rollout::{Runner, Runs, Standing};
use crate::resources::{image, repository};
use crate::ui::Ui;
use crate::ui::bar::Bar;
use crate::ui::meter::meter;
use crate::ui::text;

/// Bring a new image to a stage, and return to the last good one when it does not come up.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The image that ran before this one; a second time, this one again.
    #[arg(long, conflicts_with = "image")]
    rollback: bool,
    /// An image that the repository has, by its tag or digest, instead of what the sources make.
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// What builds it; chosen by what this machine has.
    #[arg(long, value_enum, conflicts_with_all = ["image", "rollback"])]
    builder: Option<BuilderKind>,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let built = !arguments.rollback && arguments.image.is_none();
    let mut project = match built {
        true => Project::open(ui, common, None).await?,
        false => Project::open_anyway(ui, common).await?,
    };
    let stage = project.config.running_stage(common.stage.as_deref())?.0.clone();
    let aws = project.connect().await?;
    let declaration = match built {
        true => project.declaration_to_build(arguments.builder).await?,
        false => project.declaration_anyway().await,
    };
    let (e, declared) = project.wanted(&declaration);
    let plan = settled(&project, &aws, &e, &declared, &stage.name).await?;
    let deploy = Deploy::find(&project, &aws, &declared, &plan, stage).await?;
    match project.stop.or(deploy.reference(arguments, &declaration)).await.transpose()? {
        Some(reference) => deploy.bring(&reference).await,
        None => {
            ui.say(UNASKED);
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

const UNASKED: &str = "Nothing was deployed: the roll-out was not asked for.";

/// What is there, once a roll-out that an earlier run began has ended: until then the service has no one image.
async fn settled(
    project: &Project<'_>,
    aws: &Aws,
    e: &Environment<Aws>,
    declared: &Declared,
    stage: &str,
) -> Result<Plan> {
    let running = declared.stages.iter().find(|declared| declared.name == stage);
    let service = running.and_then(|declared| declared.running.as_ref()).map(|running| &running.service);
    let bar = Bar::new(project.ui, &format!("stage {stage}"));
    let (begun, patience) = (Instant::now(), PATIENCE.mul_f64(project.patience()));
    loop {
        let plan = project.look(e, aws, &[]).await?;
        let judged = match service {
            Some(Service::Express(key)) => plan.of(key),
            Some(Service::AppRunner(key)) => plan.of(key),
            None => None,
        };
        let Some(Judgement::Coming(why)) = judged else { return Ok(plan) };
        if begun.elapsed() >= patience {
            bail!(late(stage, patience, why));
        }
        bar.set(0.0, why);
        let pause = Duration::from_secs_f64((EVERY * project.pace).max(0.05));
        if project.stop.or(tokio::time::sleep(pause)).await.is_none() {
            return Ok(plan);
        }
    }
}

fn late(stage: &str, patience: Duration, why: &str) -> String {
    let time = text::duration(patience);
    format!(
        "the roll-out in stage {stage} has not ended after {time}: {why}. It goes on by itself: `cargo xtask status` \
         shows how far it is, and the same command again waits for it"
    )
}

/// A stage's service, and where its images come from.
struct Deploy<'p, 'u> {
    project: &'p Project<'u>,
    stage: Stage,
    runner: Runner,
    url: String,
    /// What the service runs, `…@sha256:…`.
    runs: Option<String>,
    center: Rc<Door>,
    repository: &'p repository::Learned,
}

/// How an image fared.
enum Tried {
    Serves,
    Failed { why: String, alarm: bool, back: bool },
    Superseded,
    Interrupted,
}

/// How often AWS is asked for a roll-out's progress, in seconds.
const EVERY: f64 = 3.0;
/// How long a roll-out is followed, or an earlier one awaited.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How often a roll-out is asked for while the service is busy with another.
const ATTEMPTS: usize = 40;

impl<'p, 'u> Deploy<'p, 'u> {
    async fn find(
        project: &'p Project<'u>,
        aws: &Aws,
        declared: &Declared,
        plan: &'p Plan,
        stage: Stage,
    ) -> Result<Self> {
        let name = &stage.name;
        let missing = || format!("find the service of stage `{name}`: run `cargo xtask bootstrap`");
        let running = declared.stages.iter().find(|declared| declared.name == *name);
        let running = running.and_then(|declared| declared.running.as_ref()).with_context(missing)?;
        let account = plan.seen(&running.account, missing)?;
        let (platform, arn, url, runs) = match &running.service {
            Service::Express(key) => {
                let service = plan.seen(key, missing)?;
                (Runs::Express, &service.arn, &service.url, &service.image)
            }
            Service::AppRunner(key) => {
                let service = plan.seen(key, missing)?;
                (Runs::AppRunner, &service.arn, &service.url, &service.image)
            }
        };
        let center = plan.learned(&declared.center.account).with_context(missing)?;
        let repository = plan.learned(&declared.center.repository).with_context(missing)?;
        let door = aws.door(&account.id, &account.access).await?;
        Ok(Self {
            project,
            runner: Runner { door, arn: arn.clone(), platform },
            url: url.clone().with_context(missing)?,
            runs: runs.clone(),
            center: aws.door(&center.id, &center.access).await?,
            repository,
            stage,
        })
    }

    /// The image to bring, which the repository then has.
    async fn reference(&self, arguments: &Arguments, declaration: &Declaration) -> Result<String> {
        if let Some(name) = &arguments.image {
            let found = image::named(&self.center, self.repository, name).await?;
            return found.with_context(|| format!("there is no image `{name}` in {}", self.repository.uri));
        }
        if arguments.rollback {
            let good = self.good().await?;
            let before = good.into_iter().find(|image| Some(image) != self.runs.as_ref());
            return before.with_context(|| format!("stage {} has never run another image", self.stage.name));
        }
        let (tag, source, meter) = (&declaration.tag, &declaration.image, meter(self.project.ui));
        let tell = |what: &str| self.project.ui.say(what);
        image::ensure(&self.center, self.repository, tag, source, &meter, &tell).await
    }

    /// The images that came up here, the newest first.
    async fn good(&self) -> Result<Vec<String>> {
        match self.runner.good().await? {
            Some(good) => Ok(good),
            None => image::lived(&self.center, self.repository, &self.stage.name).await,
        }
    }

    async fn bring(&self, reference: &str) -> Result<ExitCode> {
        let (ui, name) = (self.project.ui, &self.stage.name);
        let digest = digest(reference)?;
        if self.runs.as_deref() == Some(reference) {
            image::mark_live(&self.center, self.repository, digest, name).await?;
            ui.say(format_args!("Stage {name} runs this image already."));
            return Ok(ExitCode::from(DONE));
        }
        let runs = self.runs.as_deref().map_or("nothing", |runs| self::digest(runs).unwrap_or(runs));
        ui.say(format_args!("  runs    {runs}\n  to run  {digest}"));
        if !confirmed(self.project, &self.stage)? {
            ui.say("Nothing was changed.");
            return Ok(ExitCode::from(DONE));
        }
        let started = Instant::now();
        match self.insist(reference).await? {
            Tried::Interrupted => Ok(ExitCode::from(INTERRUPTED)),
            Tried::Failed { why, back, .. } => self.go_back(&why, back).await,
            Tried::Superseded => bail!(
                "somebody else deployed to stage {name} meanwhile, and this image did not get its turn: look with \
                 `cargo xtask status` at what runs"
            ),
            Tried::Serves => {
                let live = seen(self.project, &self.url, Wanted::Image(digest), started).await?;
                let marked = image::mark_live(&self.center, self.repository, digest, name).await;
                marked.with_context(|| format!("mark the image that stage {name} runs now"))?;
                ui.json(&json!({"stage": name, "image": reference, "url": self.url, "live": live}));
                Ok(ExitCode::from(if live { DONE } else { unseen(self.project) }))
            }
        }
    }

    /// Once more when only the error rate was wrong: others than the image can cause that.
    async fn insist(&self, reference: &str) -> Result<Tried> {
        match self.try_out(reference).await? {
            Tried::Failed { why, alarm: true, back: true } => {
                self.project.ui.say(format_args!("{why}\nNo task failed: trying once more."));
                self.try_out(reference).await
            }
            tried => Ok(tried),
        }
    }

    async fn try_out(&self, reference: &str) -> Result<Tried> {
        let bar = Bar::new(self.project.ui, &format!("stage {}", self.stage.name));
        let Some(asked) = self.ask(reference, &bar).await? else {
            self.project.ui.say(UNASKED);
            return Ok(Tried::Interrupted);
        };
        let (begun, patience) = (Instant::now(), PATIENCE.mul_f64(self.project.patience()));
        loop {
            match self.runner.standing(&asked).await? {
                Standing::Coming(what) if begun.elapsed() >= patience => {
                    bail!(late(&self.stage.name, patience, &what))
                }
                Standing::Coming(what) => bar.set(0.0, &what),
                Standing::Serves => return Ok(Tried::Serves),
                Standing::Superseded => return Ok(Tried::Superseded),
                Standing::Failed { why, alarm, back } => return Ok(Tried::Failed { why, alarm, back }),
            }
            if !self.pause().await {
                self.project.ui.say("The roll-out goes on; `cargo xtask status` shows it.");
                return Ok(Tried::Interrupted);
            }
        }
    }

    /// Asks for the roll-out, again while the service is busy; none when interrupted.
    async fn ask(&self, reference: &str, bar: &Bar<'_>) -> Result<Option<String>> {
        let made_for = image::platform(&self.center, self.repository, reference).await?;
        if self.project.stop.is_stopped() {
            return Ok(None);
        }
        for _ in 1..ATTEMPTS {
            match self.runner.roll_out(reference, made_for).await {
                Err(error) if error.is::<Busy>() => bar.set(0.0, &error.to_string()),
                answer => return answer.map(Some),
            }
            if !self.pause().await {
                return Ok(None);
            }
        }
        self.runner.roll_out(reference, made_for).await.map(Some)
    }

    /// Between two questions; false when interrupted.
    async fn pause(&self) -> bool {
        let pause = Duration::from_secs_f64((EVERY * self.project.pace).max(0.05));
        self.project.stop.or(tokio::time::sleep(pause)).await.is_some()
    }

    /// Says why an image did not come up, and sees to it that what ran before runs again.
    async fn go_back(&self, why: &str, back: bool) -> Result<ExitCode> {
        let (ui, name) = (self.project.ui, &self.stage.name);
        ui.say(why);
        ui.say(self.runner.last_words().await.unwrap_or_else(|error| format!("{error:#}")));
        // What the service was seen to run may itself have been stopped on its way.
        let came_up = self.good().await?.into_iter().next();
        let good = came_up.or(self.runs.clone()).context("find an image that came up before")?;
        if !back {
            ui.say(format_args!("Returning to {good}."));
            if let Tried::Failed { why, .. } = self.try_out(&good).await? {
                bail!("the image did not come up, and neither did the one before: {why}");
            }
        }
        match seen(self.project, &self.url, Wanted::Before(digest(&good)?), Instant::now()).await? {
            true => bail!("the image did not come up; stage {name} runs {good} again"),
            false => bail!("the image did not come up, and {} was not seen to run {good} again", self.url),
        }
    }
}

/// The digest of a reference.
fn digest(reference: &str) -> Result<&str> {
    let digest = reference.split_once('@').map(|(_, digest)| digest);
    digest.with_context(|| format!("`{reference}` names no digest"))
}
