//! What every command starts with: the files, the declaration, and AWS.

mod identity_center;
mod images;
mod sign_in;

pub(crate) use identity_center::NO_CENTER;

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use tokio::time::Instant;

use crate::Common;
use crate::aws::{Aws, Reach};
use crate::commands::sandbox;
use crate::config::{Config, write};
use crate::engine::{self, Options, Stop};
use crate::environment::{Center, Declaration, Declared, Switch, declare};
use crate::graph::Environment;
use crate::image::BuilderKind;
use crate::interview::{self, Answers, Surroundings};
use crate::orphans;
use crate::policy;
use crate::profiles::{self, Source};
use crate::report::{Done, Judgement, Plan};
use crate::resources::ImageSource;
use crate::signals;
use crate::ui::Ui;
use crate::ui::progress::Progress;
use crate::ui::prompts::{Interrupted, Person, Prompter};
use crate::workspace::{Documents, Workspace};

/// The files of this run and what they declare.
pub(crate) struct Project<'u> {
    pub(crate) ui: &'u Ui,
    pub(crate) common: Common,
    pub(crate) workspace: Workspace,
    pub(crate) config: Config,
    /// Whether `foothold.toml` was written by this run.
    pub(crate) new: bool,
    pub(crate) reach: Reach,
    /// Factor on all pauses: the sandbox's time runs faster.
    pub(crate) pace: f64,
    pub(crate) stop: Stop,
}

impl<'u> Project<'u> {
    /// Reads and checks everything, starting a sandbox if one is asked for. Without `foothold.toml` it asks.
    pub(crate) async fn open(ui: &'u Ui, common: &Common, answers: Option<&Answers>) -> Result<Self> {
        let read = |workspace: &Workspace| read_config(ui, common, workspace, answers);
        Self::start(ui, common, read, true).await
    }

    /// The same for those who look around before there is anything: without `foothold.toml`, with what it would say.
    pub(crate) async fn look_around(ui: &'u Ui, common: &Common) -> Result<Self> {
        let read = |workspace: &Workspace| match workspace.foothold.exists() {
            true => Config::load(&workspace.foothold),
            false => interview::imagined(&Surroundings::look(common.sandbox)),
        };
        Self::start(ui, common, read, true).await
    }

    /// The same for what must work in an emergency: a policy or another stage's file that is broken stands in nobody's
    /// way. Goes with [`Self::declaration_anyway`].
    pub(crate) async fn open_anyway(ui: &'u Ui, common: &Common) -> Result<Self> {
        Self::start(ui, common, |workspace| Config::load(&workspace.foothold), false).await
    }

    async fn start(
        ui: &'u Ui,
        common: &Common,
        read: impl FnOnce(&Workspace) -> Result<Config>,
        checked: bool,
    ) -> Result<Self> {
        let stop = signals::stop()?;
        let mut workspace = Workspace::find()?;
        if common.sandbox {
            workspace = workspace.sandboxed()?;
        }
        let new = !workspace.foothold.exists();
        let config = read(&workspace)?;
        config.knows(common.stage.as_deref())?;
        if checked {
            policy::check(&workspace.policies, &config.people.documents())?;
            workspace.documents(&config)?;
        }
        let (reach, pace) = match common.sandbox {
            true => sandbox::reach(ui, &workspace, &config.region).await?,
            false => (Reach::new(common.profile.clone(), &config.region), common.pace.unwrap_or(1.0)),
        };
        Ok(Self { ui, common: common.clone(), workspace, config, new, reach, pace, stop })
    }

    /// Reads and checks the files, and goes nowhere.
    pub(crate) fn read(ui: &'u Ui, common: &Common) -> Result<Self> {
        let mut workspace = Workspace::find()?;
        if common.sandbox {
            workspace = workspace.sandboxed()?;
        }
        let config = Config::load(&workspace.foothold)?;
        policy::check(&workspace.policies, &config.people.documents())?;
        let reach = Reach::new(common.profile.clone(), &config.region);
        Ok(Self {
            ui,
            common: common.clone(),
            workspace,
            config,
            new: false,
            reach,
            pace: 1.0,
            stop: Stop::default(),
        })
    }

    /// AWS as the person reaches it: by what they have signed in to, and by credentials of the management account
    /// that `foothold.toml` names.
    pub(crate) async fn connect(&mut self) -> Result<Aws> {
        self.reach = self.where_to_look();
        let aws = Aws::connect(&self.reach).await?;
        if let Some(told) = aws.ahead.told() {
            self.ui.say(told);
        }
        let caller = &aws.caller;
        if caller.arn.ends_with(":root") {
            bail!(
                "these are root credentials of account {}, and root cannot assume roles: in the console, open IAM, \
                 Users, Create user, attach AdministratorAccess, create an access key, run `aws configure`, and try again",
                caller.account
            );
        }
        if self.config.management.account_id.is_none() && aws.manages() {
            self.config.management.account_id = Some(caller.account.clone());
        }
        Ok(aws)
    }

    /// Where the person is looked for: in what `foothold.toml` says, too.
    pub(crate) fn where_to_look(&self) -> Reach {
        Reach { management: self.config.management.account_id.clone(), sso: self.sso(), ..self.reach.clone() }
    }

    /// Writes the management account that was found into `foothold.toml`, for those who cannot find it.
    pub(crate) fn remember_management(&self) -> Result<()> {
        let file = &self.workspace.foothold;
        let known = Config::load(file)?.management.account_id;
        let Some(id) = self.config.management.account_id.as_ref().filter(|_| known.is_none()) else {
            return Ok(());
        };
        let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        write::save(file, &write::set_management_account(&text, id)?)
    }

    /// What the environment is declared from, for those who build nothing: a missing builder is no fault there.
    pub(crate) async fn declaration(&self) -> Result<Declaration> {
        Ok(self.declare(self.workspace.documents(&self.config)?, self.image_unbuilt().await))
    }

    /// The same for those who only look: a stage whose file is broken is told, and stands in no other's way.
    pub(crate) async fn declaration_to_look(&self) -> Result<Declaration> {
        let (documents, faults) = self.workspace.documents_that_are_whole(&self.config)?;
        faults.iter().for_each(|fault| self.ui.say(fault));
        Ok(self.declare(documents, self.image_unbuilt().await))
    }

    /// The same for those who only ask where things are: nothing stands for files of which one is broken.
    pub(crate) async fn declaration_anyway(&self) -> Declaration {
        let documents = self.workspace.documents(&self.config).unwrap_or_default();
        self.declare(documents, self.image_unbuilt().await)
    }

    /// What the environment is declared from, with what builds its image.
    pub(crate) async fn declaration_to_build(&self, builder: Option<BuilderKind>) -> Result<Declaration> {
        Ok(self.declare(self.workspace.documents(&self.config)?, self.image(builder).await?))
    }

    fn declare(&self, files: Documents, (image, tag): (ImageSource, String)) -> Declaration {
        let Documents { lifecycle, schema, contents } = files;
        Declaration {
            config: self.config.clone(),
            policies: self.workspace.policies.clone(),
            lifecycle,
            schema,
            contents,
            description: "first version, by cargo xtask bootstrap".to_owned(),
            image: Rc::new(image),
            tag,
            profiles: self.workspace.profiles.clone(),
            // A file that cannot be read is the profiles' own error, at their turn.
            shared_config: profiles::read(&self.workspace.profiles).unwrap_or_default(),
            endpoint: self.reach.only.clone(),
            source: self.credentials_from(),
            close_accounts: false,
            identity_center: Switch::Off,
        }
    }

    /// Where the roles of profiles are taken from. The sandbox's config file has its administrator as `default`.
    fn credentials_from(&self) -> Source {
        match &self.reach.profile {
            Some(profile) => Source::Profile(profile.clone()),
            None if self.common.sandbox => Source::Profile("default".to_owned()),
            None => Source::found(|name| std::env::var(name).ok(), self.workspace.has_default_profile()),
        }
    }

    /// Fails when it was stopped: who has not seen everything knows nothing.
    pub(crate) async fn look(&self, e: &Environment<Aws>, aws: &Aws, adopt: &[String]) -> Result<Plan> {
        let options =
            Options { adopt: adopt.to_vec(), pace: self.pace, stop: self.stop.clone(), ..Options::default() };
        let plan = engine::look(e, aws, &options).await?;
        ensure!(!self.stop.is_stopped(), Interrupted("and AWS is as it was"));
        Ok(plan)
    }

    pub(crate) async fn reconcile(&self, e: &Environment<Aws>, aws: &Aws, adopt: &[String]) -> Result<Done> {
        let progress = Progress::new(self.ui, e.shape.entries.len());
        *aws.meter.borrow_mut() = progress.meter();
        let listen = |event: engine::Event<'_>| progress.hear(&event);
        let (pace, patience) = (self.pace, self.patience());
        let (adopt, stop) = (adopt.to_vec(), self.stop.clone());
        let options = Options { pace, patience, adopt, stop, listen: &listen };
        let walk = engine::reconcile(e, aws, &options);
        let done = self.stop.telling(walk, || progress.say(STOPPING)).await;
        *aws.meter.borrow_mut() = Box::new(|_, _, _| ());
        progress.finish();
        done
    }

    /// Factor on how long anything is waited for.
    pub(crate) fn patience(&self) -> f64 {
        self.common.patience_factor.unwrap_or(1.0)
    }

    /// The exit status of what a walk came to, after it was told.
    pub(crate) fn end(&self, done: &Done) -> ExitCode {
        self.ui.json(&done.lines);
        let remedies = crate::ui::text::remedies(done);
        if !remedies.is_empty() {
            self.ui.json(&serde_json::json!({"remedies": remedies}));
        }
        self.ui.say(crate::ui::text::done(done));
        ExitCode::from(done.exit_status())
    }

    /// What is still there and `foothold.toml` no longer declares, after a look begun at `since`; or why that cannot be
    /// seen, which stops nobody. Fails when it was stopped.
    pub(crate) async fn orphaned(
        &self,
        aws: &Aws,
        from: &Declaration,
        center: &Center,
        plan: &Plan,
        since: Instant,
    ) -> Result<Result<Option<Plan>>> {
        match self.look_for_orphans(aws, from, center, plan, since).await {
            Err(error) if self.stop.is_stopped() => Err(error),
            found => Ok(found),
        }
    }

    async fn look_for_orphans(
        &self,
        aws: &Aws,
        from: &Declaration,
        center: &Center,
        plan: &Plan,
        since: Instant,
    ) -> Result<Option<Plan>> {
        let orphans = orphans::find(aws, &self.config, center, plan, since).await?;
        if orphans.is_empty() {
            return Ok(None);
        }
        let mut e = Environment::default();
        orphans.retire(&mut e, from);
        let plan = self.look(&e, aws, &[]).await?;
        let stays =
            |result: &Judgement| matches!(result, Judgement::Same | Judgement::Absent | Judgement::Kept(_));
        Ok(plan.lines.iter().any(|line| !stays(&line.result)).then_some(plan))
    }

    /// The whole environment, all of it wanted.
    pub(crate) fn wanted(&self, from: &Declaration) -> (Environment<Aws>, Declared) {
        let mut e = Environment::default();
        let declared = declare(&mut e, from);
        (e, declared)
    }
}

/// Said when a walk is to stop.
const STOPPING: &str =
    "Stopping: what AWS was asked is let end. Once more stops at once, and is as safe to go on from.";

fn read_config(ui: &Ui, common: &Common, workspace: &Workspace, answers: Option<&Answers>) -> Result<Config> {
    let Some(answers) = answers else { return Config::load(&workspace.foothold) };
    let new = !workspace.foothold.exists();
    // `--yes` takes every default, as nobody at a terminal would.
    let mut person = if common.yes { None } else { Person::at_terminal() };
    let prompter = person.as_mut().map(|person| person as &mut dyn Prompter);
    let around = Surroundings::look(common.sandbox);
    let config = interview::load_or_ask(&workspace.foothold, answers, &around, prompter)?;
    if new {
        let text = std::fs::read_to_string(&workspace.foothold).unwrap_or_default();
        ui.say(format_args!("Wrote {}:\n\n{text}", workspace.foothold.display()));
        for (made, from) in workspace.complete(&config)? {
            ui.say(format_args!("Wrote {}, like {}\n", made.display(), from.display()));
        }
    }
    Ok(config)
}
