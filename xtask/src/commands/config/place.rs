//! One stage's configuration: its file here, and where it is deployed.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::beside::Beside;
use crate::config::write::{ready, save};
use crate::config::{self, Strategy};
use crate::content::{Schema, become_like};
use crate::environment::Declared;
use crate::project::Project;
use crate::report::Plan;
use crate::resources::deployment::{Deployment, Target};

/// Everything that was looked at.
pub(in crate::commands) struct Places {
    pub(in crate::commands) aws: Aws,
    pub(in crate::commands) declared: Declared,
    pub(in crate::commands) plan: Plan,
    sandbox: bool,
}

/// One stage.
pub(in crate::commands) struct Place {
    pub(super) stage: config::Stage,
    pub(in crate::commands) target: Target,
    /// Where the app answers, if it runs.
    pub(super) url: Option<String>,
    /// The id of our strategy without a bake time.
    pub(in crate::commands) quick: String,
    /// The options by which a command finds it.
    pub(super) options: String,
    /// Who deploys.
    pub(super) caller: String,
}

/// A configuration file, as it was read.
pub(super) struct File {
    pub(super) path: PathBuf,
    /// None where there is no file. They need not be text.
    pub(super) bytes: Option<Vec<u8>>,
}

impl Places {
    pub(in crate::commands) async fn look(project: &mut Project<'_>) -> Result<Self> {
        let aws = project.connect().await?;
        let declaration = project.declaration_anyway().await;
        let (e, declared) = project.wanted(&declaration);
        let plan = project.look(&e, &aws, &[]).await?;
        Ok(Self { aws, declared, plan, sandbox: project.common.sandbox })
    }

    /// Fails when bootstrap has not made it.
    pub(in crate::commands) async fn of(&self, stage: &config::Stage) -> Result<Place> {
        let (center, plan) = (&self.declared.center, &self.plan);
        let declared = self.declared.stages.iter().find(|declared| declared.name == stage.name);
        let declared = declared.context("bug: a stage that is not declared")?;
        let missing = || {
            format!("stage `{}` has no environment in AppConfig yet: run `cargo xtask bootstrap`", stage.name)
        };
        let (account, application) =
            (plan.seen(&center.account, missing)?, plan.seen(&center.application, missing)?);
        let (profile, quick) = (plan.seen(&center.profile, missing)?, plan.seen(&center.quick, missing)?);
        let environment = plan.seen(&declared.environment, missing)?;
        let door = self.aws.door(&account.id, &account.access).await?;
        let target = Target {
            client: door.appconfig(),
            application: application.id.clone(),
            environment: environment.id.clone(),
            profile: profile.id.clone(),
        };
        Ok(Place {
            stage: stage.clone(),
            target,
            url: declared.running.as_ref().and_then(|running| running.service.url(plan)),
            quick: quick.id.clone(),
            options: format!("--stage {}{}", stage.name, if self.sandbox { " --sandbox" } else { "" }),
            // Behind a role that was assumed for this is whoever assumed it.
            caller: match door.role.is_some() && !door.signed_in {
                true => self.aws.caller.arn.clone(),
                false => door.arn.clone(),
            },
        })
    }
}

impl Place {
    /// The place of the stage that the command names.
    pub(super) async fn find(project: &mut Project<'_>) -> Result<Self> {
        let stage = project.config.stage(project.common.stage.as_deref())?.clone();
        Places::look(project).await?.of(&stage).await
    }

    /// The id of a strategy.
    pub(super) fn strategy(&self, strategy: Strategy) -> &str {
        match strategy {
            Strategy::Quick => &self.quick,
            Strategy::Predefined(id) => id,
        }
    }

    /// What a deployment brought; nothing where there is none.
    pub(super) async fn content(&self, deployment: Option<&Deployment>) -> Result<Value> {
        match deployment {
            Some(deployment) => self.target.content(&deployment.version).await,
            None => Ok(json!({})),
        }
    }
}

/// The deployment that everybody gets: the newest that was neither taken back nor is still on its way.
pub(super) fn live(newest_first: &[Deployment]) -> Option<&Deployment> {
    newest_first.iter().find(|deployment| deployment.state.is_live())
}

impl File {
    pub(super) fn read(project: &Project<'_>, stage: &str) -> Result<Self> {
        let path = project.workspace.content_file(stage);
        match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self { path, bytes: None }),
            read => {
                let bytes = read.with_context(|| format!("read {}", path.display()))?;
                Ok(Self { path, bytes: Some(bytes) })
            }
        }
    }

    /// The text, of a file that must be there.
    pub(super) fn text(&self) -> Result<&str> {
        let path = self.path.display();
        let bytes = self
            .bytes
            .as_deref()
            .with_context(|| format!("read {path}: there is no such file; copy another stage's"))?;
        std::str::from_utf8(bytes).with_context(|| format!("read {path}"))
    }

    /// The content of a file that must be there, checked.
    pub(super) fn content(&self, schema: &Schema) -> Result<Value> {
        schema.check(self.text()?).with_context(|| format!("check {}", self.path.display()))
    }

    /// What the file will say when it says `content`, in its own layout.
    pub(super) fn like(&self, content: &Value) -> Result<String> {
        become_like(self.text().unwrap_or_default(), content)
    }

    /// Fails when somebody has changed the file since it was read.
    pub(super) fn is_as_read(&self) -> Result<()> {
        match std::fs::read(&self.path).ok() == self.bytes {
            true => Ok(()),
            false => {
                bail!("{} was changed in the meantime: look at it and run this again", self.path.display())
            }
        }
    }

    /// What it is to say, on the disk and not yet in its place; none where it says so already.
    pub(super) fn ready(&self, text: &str) -> Result<Option<Beside>> {
        let says_so = self.bytes.as_deref() == Some(text.as_bytes());
        (!says_so).then(|| ready(&self.path, text)).transpose()
    }

    /// Puts that in its place.
    pub(super) fn put(&self, ready: Option<Beside>) -> Result<()> {
        self.is_as_read()?;
        let put = ready.map_or(Ok(()), Beside::put);
        put.with_context(|| format!("write {}", self.path.display()))
    }

    /// Copies it to a place beside it, unless it says one of these. Gives that place.
    pub(super) fn keep(&self, elsewhere: &[&Value]) -> Result<Option<PathBuf>> {
        let Some(bytes) = &self.bytes else { return Ok(None) };
        let said: Option<Value> = serde_json::from_slice(bytes).ok();
        if said.is_some_and(|said| elsewhere.contains(&&said)) {
            return Ok(None);
        }
        let copy = self.beside(bytes);
        save(&copy, bytes)?;
        Ok(Some(copy))
    }

    /// The first place beside it that is free, or says this already.
    fn beside(&self, bytes: &[u8]) -> PathBuf {
        let says_other =
            |place: &PathBuf| std::fs::read(place).map_or(place.exists(), |there| there != bytes);
        let mut place = self.path.with_extension("json.before");
        let mut number = 1;
        while says_other(&place) {
            number += 1;
            place = self.path.with_extension(format!("json.before-{number}"));
        }
        place
    }
}

/// The schema of the workspace.
pub(super) fn schema(project: &Project<'_>) -> Result<Schema> {
    Schema::read(&project.workspace.configurations.join("schema.json"))
}
