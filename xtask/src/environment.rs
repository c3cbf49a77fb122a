//! The environment, declared top to bottom: what exists in AWS, and on this machine, because we say so.
//!
//! **Architecture Invariant:** this is the only place that says what is wanted. Commands declare it, look at it,
//! and reconcile it; teardown declares it retired.

mod documents;
mod machine;
mod people;
mod running;

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::aws::{Access, Aws, Mark};
use crate::config::{self, Config, Platform};
use crate::graph::{Environment, Input, Key};
use crate::image::PORT;
use crate::names::{self, Names};
use crate::policy::{self, Policy};
use crate::profiles::{self, Source, Way};
pub(crate) use machine::sections;
pub(crate) use people::{People, Strays};

use crate::report::Report;
use crate::resources::*;

/// What the declaration is made from: `foothold.toml`, and the files it speaks of.
pub(crate) struct Declaration {
    pub(crate) config: Config,
    pub(crate) policies: PathBuf,
    /// Which images expire.
    pub(crate) lifecycle: Value,
    /// The JSON Schema of the application's configuration.
    pub(crate) schema: Value,
    /// The first configuration of every stage that has an account, by the stage's name.
    pub(crate) contents: Vec<(String, Value)>,
    /// Who and which revision a configuration version is from.
    pub(crate) description: String,
    pub(crate) image: Rc<ImageSource>,
    /// The image's tag, made from its source's fingerprint.
    pub(crate) tag: String,
    /// The shared config file of this machine.
    pub(crate) profiles: PathBuf,
    /// What that file says now; empty where it cannot be read.
    pub(crate) shared_config: String,
    /// The sandbox, where one is AWS.
    pub(crate) endpoint: Option<String>,
    /// Where the roles of profiles are taken from.
    pub(crate) source: Source,
    /// Whether accounts that are no longer wanted are closed.
    pub(crate) close_accounts: bool,
    pub(crate) identity_center: Switch,
}

/// Whether the organization has Identity Center, which no API switches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// Nothing is declared in it.
    Off,
    /// Somebody is about to switch it on.
    Awaited,
    On,
}

/// The handles that commands ask about.
pub(crate) struct Declared {
    pub(crate) center: Center,
    pub(crate) stages: Vec<DeclaredStage>,
    pub(crate) people: Option<People>,
}

/// What belongs to no stage.
pub(crate) struct Center {
    organization: Option<Key<Organization>>,
    workloads: Option<Key<Unit>>,
    pub(crate) identity_center: Option<Key<IdentityCenter>>,
    pub(crate) account: Key<Account>,
    pub(crate) repository: Key<Repository>,
    repository_policy: Option<Key<RepositoryPolicy>>,
    pub(crate) image: Key<Image>,
    pub(crate) application: Key<Application>,
    pub(crate) profile: Key<ConfigurationProfile>,
    pub(crate) quick: Key<Strategy>,
}

/// One stage: its environment in AppConfig, and what runs it, if it has an account.
pub(crate) struct DeclaredStage {
    pub(crate) name: String,
    pub(crate) environment: Key<ConfigurationEnvironment>,
    pub(crate) running: Option<Running>,
}

pub(crate) struct Running {
    pub(crate) account: Key<Account>,
    pub(crate) service: Service,
}

/// What runs the containers.
pub(crate) enum Service {
    Express(Key<ExpressService>),
    AppRunner(Key<AppRunnerService>),
}

impl Declared {
    /// The accounts of the stages that have one, in their order.
    fn accounts(&self) -> impl Iterator<Item = Key<Account>> {
        self.stages.iter().filter_map(|stage| Some(stage.running.as_ref()?.account))
    }

    /// Stage and URL of what runs, as far as `url` knows it.
    pub(crate) fn addresses(&self, url: impl Fn(&Service) -> Option<String>) -> Vec<(String, String)> {
        let of = |stage: &DeclaredStage| Some((stage.name.clone(), url(&stage.running.as_ref()?.service)?));
        self.stages.iter().filter_map(of).collect()
    }
}

impl Service {
    /// Where it answers, if it was seen.
    pub(crate) fn url<T>(&self, report: &Report<T>) -> Option<String> {
        match self {
            Self::Express(key) => report.learned(key)?.url.clone(),
            Self::AppRunner(key) => report.learned(key)?.url.clone(),
        }
    }
}

/// Declares everything.
pub(crate) fn declare(e: &mut Environment<Aws>, from: &Declaration) -> Declared {
    let center = center(e, from);
    let stages = from.config.stages.iter().map(|declared| stage(e, from, &center, declared));
    let stages: Vec<DeclaredStage> = stages.collect();
    let people = people::people(e, from, &center, &stages);
    Declared { center, stages, people }
}

/// Declares that nothing of this is retired in what follows.
pub(crate) fn spare(e: &mut Environment<Aws>, from: &Declaration) {
    let mut wanted = Environment::default();
    declare(&mut wanted, from);
    e.spare(&wanted);
}

/// Declares that these stages should no longer exist. What is not theirs alone is left as it is.
pub(crate) fn retire(e: &mut Environment<Aws>, from: &Declaration, stages: &[config::Stage]) {
    let center = e.using(|e| center(e, from));
    for retired in stages {
        let environment = e.retire(|e| configuration_environment(e, from, &center, retired));
        // Without its account it is still a stage, to which something is deployed.
        if !e.is_retired(environment) {
            e.using(|e| running::configuration(e, from, &center, retired, environment));
        }
        let declared = e.retire(|e| stage(e, from, &center, retired));
        people::retire(e, from, &center, retired, declared);
    }
}

/// Declares that what runs these stages on their platform should no longer exist. The stages themselves are left.
pub(crate) fn retire_services(e: &mut Environment<Aws>, from: &Declaration, stages: &[config::Stage]) {
    let center = e.using(|e| center(e, from));
    for retired in stages {
        let environment = e.using(|e| configuration_environment(e, from, &center, retired));
        if let Some(lives_in) = &retired.account {
            running::retire(e, from, &center, retired, lives_in, environment);
        }
    }
}

/// Declares that these, which are in Identity Center, should no longer exist.
pub(crate) fn retire_strays(e: &mut Environment<Aws>, from: &Declaration, strays: &Strays) {
    let center = e.using(|e| center(e, from));
    people::retire_strays(e, from, &center, strays);
}

/// Declares what belongs to no stage.
pub(crate) fn center(e: &mut Environment<Aws>, from: &Declaration) -> Center {
    let (names, mark) = (from.names(), from.mark(None));
    let organization = from.config.organization.then(|| e.add(Organization { mark: mark.clone() }));
    let identity_center = organization.and_then(|organization| identity_center(e, from, organization));
    let mut unit = |name: &str| {
        organization
            .map(|organization| e.add(Unit { organization, name: name.to_owned(), mark: mark.clone() }))
    };
    let (deployments, workloads) = (unit(names::DEPLOYMENTS), unit(names::WORKLOADS));
    let account = account(e, from, &from.config.config, deployments, None);
    machine::profile(e, from, &from.config.config, account);
    machine::sign_in(e, from, identity_center);

    let repository = e.add(Repository { account, mark: mark.clone(), name: names.repository() });
    let policy = from.repository_policy(organization);
    let repository_policy = policy.map(|policy| e.add(RepositoryPolicy { repository, policy }));
    e.add(LifecyclePolicy { repository, policy: from.lifecycle.clone() });
    let image = e.add(Image { repository, tag: from.tag.clone(), source: from.image.clone() });

    let (name, made) = (names.application(), Made::default());
    let application = e.add(Application { account, mark: mark.clone(), name, made });
    let profile = e.add(ConfigurationProfile {
        application,
        mark: mark.clone(),
        name: names.configuration_profile(),
        schema: from.schema.clone(),
        made: Made::default(),
    });
    let (name, made) = (names.quick_strategy(), Made::default());
    let quick = e.add(Strategy { account, mark, name, minutes: 0, growth: 100.0, bake: 0, made });
    Center {
        organization,
        workloads,
        identity_center,
        account,
        repository,
        repository_policy,
        image,
        application,
        profile,
        quick,
    }
}

fn identity_center(
    e: &mut Environment<Aws>,
    from: &Declaration,
    organization: Key<Organization>,
) -> Option<Key<IdentityCenter>> {
    let (project, region) = (from.config.name.clone(), from.config.region.clone());
    let awaited = from.identity_center == Switch::Awaited;
    let there = from.identity_center != Switch::Off;
    there.then(|| e.add(IdentityCenter { organization, project, region, awaited }))
}

fn stage(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: &Center,
    stage: &config::Stage,
) -> DeclaredStage {
    let environment = configuration_environment(e, from, center, stage);
    let running = stage.account.as_ref().map(|a| running::running(e, from, center, stage, a, environment));
    DeclaredStage { name: stage.name.clone(), environment, running }
}

fn configuration_environment(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: &Center,
    stage: &config::Stage,
) -> Key<ConfigurationEnvironment> {
    let (application, mark) = (center.application, from.mark(Some(&stage.name)));
    let (name, made) = (stage.name.clone(), Made::default());
    e.add(ConfigurationEnvironment { application, mark, name, made })
}

fn account(
    e: &mut Environment<Aws>,
    from: &Declaration,
    declared: &config::Account,
    unit: Option<Key<Unit>>,
    stage: Option<&str>,
) -> Key<Account> {
    let close = from.close_accounts;
    e.add(Account { unit, close, ..member(&from.config, declared, stage) })
}

/// An account as `foothold.toml` has it, in no unit.
pub(crate) fn member(config: &Config, declared: &config::Account, stage: Option<&str>) -> Account {
    let origin = match &declared.id {
        Some(id) => Origin::Given { id: id.clone() },
        None => Origin::Created {
            name: config.names().account(&declared.label),
            email: declared.email.clone().unwrap_or_default(),
        },
    };
    let access = declared.profile.clone().map_or_else(|| Access::Role(role_of(declared)), Access::Profile);
    let (label, region) = (declared.label.clone(), config.region.clone());
    let mark = Mark { project: config.name.clone(), stage: stage.map(str::to_owned) };
    Account { label, origin, unit: None, access, region, mark, close: false }
}

/// The role that Organizations puts into every account it makes.
pub(crate) const MEMBER_ROLE: &str = "OrganizationAccountAccessRole";

/// The role to get in by: the one that an account is made with, where no other is named.
pub(crate) fn role_of(declared: &config::Account) -> String {
    declared.role.clone().unwrap_or_else(|| MEMBER_ROLE.to_owned())
}

/// What the profile of the management account is called.
pub(crate) const MANAGEMENT: &str = "management";

impl Declaration {
    fn profile_name(&self, account: &config::Account) -> String {
        let free = || profiles::name_for(&self.shared_config, &self.config.name, &account.label);
        account.profile_name.clone().unwrap_or_else(free)
    }

    fn session_name(&self) -> String {
        let start_url = self.config.identity_center.as_ref().map_or("", |it| &it.start_url);
        profiles::session_for(&self.shared_config, &self.config.name, start_url)
    }

    fn names(&self) -> Names<'_> {
        self.config.names()
    }

    fn mark(&self, stage: Option<&str>) -> Mark {
        Mark { project: self.config.name.clone(), stage: stage.map(str::to_owned) }
    }

    fn content(&self, stage: &str) -> Value {
        self.contents
            .iter()
            .find(|(name, _)| name == stage)
            .map_or(Value::Null, |(_, content)| content.clone())
    }
}
