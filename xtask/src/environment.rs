//! The environment, declared top to bottom: what exists in AWS, and on this machine, because we say so.
//!
//! **Architecture Invariant:** this is the only place that says what is wanted. Commands declare it, look at it,
//! and reconcile it; teardown declares it retired.

mod people;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::aws::{Access, Aws, Mark};
use crate::config::{self, Config, Platform};
use crate::content::label;
use crate::graph::{Environment, Input, Key};
use crate::image::PORT;
use crate::names::{self, Names};
use crate::policy::{self, Policy};
use crate::profiles::{self, Way};
pub(crate) use people::People;

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
    /// The profile that roles are assumed from.
    pub(crate) source_profile: Option<String>,
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
    repository_policy: Key<RepositoryPolicy>,
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

/// Declares that these stages should no longer exist. What is not theirs alone is left as it is.
pub(crate) fn retire(e: &mut Environment<Aws>, from: &Declaration, stages: &[config::Stage]) {
    let center = e.using(|e| center(e, from));
    for retired in stages {
        let declared = e.retire(|e| stage(e, from, &center, retired));
        people::retire(e, from, &center, retired, declared);
    }
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
    profile(e, from, &from.config.config, account);
    sign_in(e, from, identity_center);

    let repository = e.add(Repository { account, mark: mark.clone(), name: names.repository() });
    let policy = from.repository_policy(organization);
    let repository_policy = e.add(RepositoryPolicy { repository, policy });
    e.add(LifecyclePolicy { repository, policy: from.lifecycle.clone() });
    let image = e.add(Image { repository, tag: from.tag.clone(), source: from.image.clone() });

    let application = e.add(Application { account, mark: mark.clone(), name: names.application() });
    let profile = e.add(ConfigurationProfile {
        application,
        mark: mark.clone(),
        name: names.configuration_profile(),
        schema: from.schema.clone(),
    });
    let name = names.quick_strategy();
    let quick = e.add(Strategy { account, mark, name, minutes: 0, growth: 100.0, bake: 0 });
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
    let mark = from.mark(Some(&stage.name));
    let (application, name) = (center.application, stage.name.clone());
    let environment = e.add(ConfigurationEnvironment { application, mark, name: name.clone() });
    let running = stage.account.as_ref().map(|a| running(e, from, center, stage, a, environment));
    DeclaredStage { name, environment, running }
}

fn running(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: &Center,
    stage: &config::Stage,
    lives_in: &config::Account,
    environment: Key<ConfigurationEnvironment>,
) -> Running {
    let (names, mark) = (from.names(), from.mark(Some(&stage.name)));
    let account = account(e, from, lives_in, center.workloads, Some(&stage.name));
    profile(e, from, lives_in, account);

    let configuration = e.add(Configuration {
        environment,
        profile: center.profile,
        strategy: center.quick,
        content: from.content(&stage.name),
        label: label(&from.content(&stage.name)),
        description: from.description.clone(),
    });
    let read_role = e.add(Role {
        account: center.account,
        mark: mark.clone(),
        path: names.role_path(),
        name: names.read_role(&stage.name),
        trust: from.read_role_trust(center, account, stage.platform),
        inline: vec![(names.read_policy(), from.read_policy(center, environment))],
        attached: Vec::new(),
    });
    let task_role = e.add(Role {
        account,
        mark: mark.clone(),
        path: names.role_path(),
        name: names.app_role(stage.platform),
        trust: from.app_role_trust(account, stage.platform),
        inline: vec![(names.app_policy(), from.app_policy(center, &stage.name))],
        attached: Vec::new(),
    });
    let log_group =
        e.add(LogGroup { account, mark: mark.clone(), name: names.log_group(&stage.name), days: LOG_DAYS });
    let variables = vec![
        ("APPCONFIGAPPNAME".to_owned(), Input::from(names.application())),
        ("APPCONFIGCONF".to_owned(), Input::from(names.configuration_profile())),
        ("APPCONFIGENV".to_owned(), Input::from(stage.name.clone())),
        ("APPCONFIGREADROLE".to_owned(), read_role.learns(|role| role.arn.clone())),
    ];
    let after = vec![configuration.node(), center.repository_policy.node(), log_group.node()];
    let role = |name: String, trust: Input<Value>, attached: &str| Role {
        account,
        mark: mark.clone(),
        path: names.role_path(),
        name,
        trust,
        inline: Vec::new(),
        attached: vec![format!("arn:aws:iam::aws:policy/service-role/{attached}")],
    };
    let service = match stage.platform {
        Platform::EcsExpress => {
            let trust = from.of_account(account, &policy::EXECUTION_ROLE_TRUST);
            let execution_role =
                e.add(role(names.execution_role(), trust, "AmazonECSTaskExecutionRolePolicy"));
            let trust = from.fixed(&policy::INFRASTRUCTURE_ROLE_TRUST);
            let policy = "AmazonECSInfrastructureRoleforExpressGatewayServices";
            let infrastructure_role = e.add(role(names.infrastructure_role(), trust, policy));
            Service::Express(e.add(ExpressService {
                account,
                mark: mark.clone(),
                name: names.service(),
                image: center.image,
                execution_role,
                infrastructure_role,
                task_role,
                log_group,
                environment: variables,
                port: PORT,
                size: stage.size,
                health_path: HEALTH_PATH.to_owned(),
                architecture: ARCHITECTURE.to_owned(),
                asked: RefCell::default(),
                subnets: stage.subnets.clone(),
                security_groups: stage.security_groups.clone(),
                after,
            }))
        }
        Platform::AppRunner => {
            let trust = from.fixed(&policy::ACCESS_ROLE_TRUST);
            let access_role =
                e.add(role(names.access_role(), trust, "AWSAppRunnerServicePolicyForECRAccess"));
            Service::AppRunner(e.add(AppRunnerService {
                account,
                mark: mark.clone(),
                name: names.service(),
                image: center.image,
                access_role,
                task_role,
                environment: variables,
                port: PORT,
                size: stage.size,
                health_path: HEALTH_PATH.to_owned(),
                after,
            }))
        }
    };
    let runs = match &service {
        Service::Express(key) => key.learns(|service| service.image.clone()),
        Service::AppRunner(key) => key.learns(|service| service.image.clone()),
    };
    e.add(LiveTag { repository: center.repository, stage: stage.name.clone(), runs });
    Running { account, service }
}

/// How long the app's output is kept.
const LOG_DAYS: i32 = 30;

/// What the image is made for, in ECS's words.
const ARCHITECTURE: &str = "X86_64";

/// Where the platform asks whether the app is well.
const HEALTH_PATH: &str = "/readyz";

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
fn role_of(declared: &config::Account) -> String {
    declared.role.clone().unwrap_or_else(|| MEMBER_ROLE.to_owned())
}

/// The profiles of an account: by the roles that the person signs in by, or by the role that leads there.
fn profile(e: &mut Environment<Aws>, from: &Declaration, declared: &config::Account, account: Key<Account>) {
    // A profile that leads to the account already is the person's own.
    if declared.profile.is_none() {
        let (name, id) = (from.profile_name(declared), account.learns(|account| account.id.clone()));
        let way = Way::Role { role: role_of(declared), source: from.source_profile.clone() };
        profiles_of(e, from, &name, id, Some(way));
    }
}

fn profiles_of(
    e: &mut Environment<Aws>,
    from: &Declaration,
    name: &str,
    account: Input<String>,
    otherwise: Option<Way>,
) {
    let signing_in = profiles::signing_in(&from.shared_config, &from.config.name);
    let session = |role: &String| Way::SignIn { session: from.session_name(), role: role.clone() };
    let own = signing_in.iter().find(|(profile, _)| profile == name).map(|(_, role)| session(role));
    let mut ways: Vec<(String, Way)> =
        own.or(otherwise).into_iter().map(|way| (name.to_owned(), way)).collect();
    let more = signing_in.iter().filter(|(profile, role)| *profile == profiles::also(name, role));
    ways.extend(more.map(|(profile, role)| (profile.clone(), session(role))));
    for (name, way) in ways {
        e.add(Profile {
            file: from.profiles.clone(),
            project: from.config.name.clone(),
            name,
            account: account.clone(),
            way,
            region: from.config.region.clone(),
            endpoint: from.endpoint.clone(),
        });
    }
}

/// Where this machine's profiles sign in, and those of the management account that do.
fn sign_in(e: &mut Environment<Aws>, from: &Declaration, identity_center: Option<Key<IdentityCenter>>) {
    let declared = from.config.identity_center.clone();
    let learned = identity_center.map(|it| it.learns(|it| (it.start_url.clone(), it.region.clone())));
    let portal = declared.map(|it| Input::from((it.start_url, it.region))).or(learned);
    if let Some(portal) = portal {
        let (file, project, name) = (from.profiles.clone(), from.config.name.clone(), from.session_name());
        e.add(SsoSession { file, project, name, portal });
    }
    if let Some(id) = &from.config.management.account_id {
        let name = profiles::name_for(&from.shared_config, &from.config.name, MANAGEMENT);
        profiles_of(e, from, &name, Input::from(id.clone()), None);
    }
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

    /// A policy whose values come from what its needs have learned.
    fn policy<T: 'static>(
        &self,
        policy: &'static Policy,
        from: Input<T>,
        values: impl Fn(T) -> Vec<(&'static str, Value)> + 'static,
    ) -> Input<Value> {
        let directory = self.policies.clone();
        from.and_then(move |known| policy.render(&directory, &values(known)))
    }

    fn fixed(&self, policy: &'static Policy) -> Input<Value> {
        self.policy(policy, Input::from(()), |()| Vec::new())
    }

    fn of_account(&self, account: Key<Account>, policy: &'static Policy) -> Input<Value> {
        self.policy(policy, account.learns(|a| a.id.clone()), |id| vec![("stage_account_id", json!(id))])
    }

    fn repository_policy(&self, organization: Option<Key<Organization>>) -> Input<Value> {
        let path = self.names().role_path();
        match organization {
            Some(organization) => {
                self.policy(&policy::ECR_REPOSITORY, organization.learns(|o| o.id.clone()), move |id| {
                    vec![("organization_id", json!(id)), ("role_path", json!(path))]
                })
            }
            None => {
                let ids = self.config.stages.iter().filter_map(|s| s.account.as_ref()?.id.clone());
                let roots: Vec<String> = ids.map(|id| format!("arn:aws:iam::{id}:root")).collect();
                self.policy(&policy::ECR_REPOSITORY_WITHOUT_ORGANIZATION, Input::from(roots), move |roots| {
                    vec![("account_roots", json!(roots)), ("role_path", json!(path))]
                })
            }
        }
    }

    fn read_role_trust(&self, center: &Center, stage: Key<Account>, platform: Platform) -> Input<Value> {
        let (path, role) = (self.names().role_path(), self.names().app_role(platform));
        let values = move |id: &str| {
            let arn = names::role_arn(id, &path, &role);
            vec![("app_role_arn", json!(arn)), ("stage_account_id", json!(id))]
        };
        let stage = stage.learns(|a| a.id.clone());
        match center.organization {
            Some(organization) => {
                let both = stage.and(organization.learns(|o| o.id.clone()));
                self.policy(&policy::READ_ROLE_TRUST, both, move |(id, organization)| {
                    [values(&id), vec![("organization_id", json!(organization))]].concat()
                })
            }
            None => self.policy(&policy::READ_ROLE_TRUST_WITHOUT_ORGANIZATION, stage, move |id| values(&id)),
        }
    }

    fn read_policy(&self, center: &Center, environment: Key<ConfigurationEnvironment>) -> Input<Value> {
        let account = center.account.learns(|a| a.id.clone());
        let application = center.application.learns(|a| a.id.clone());
        let profile = center.profile.learns(|p| p.id.clone());
        let environment = environment.learns(|e| e.id.clone());
        let region = self.config.region.clone();
        let all = Input::all(vec![account, application, profile, environment]);
        self.policy(&policy::READ_ROLE, all, move |ids| {
            let names = ["config_account_id", "application_id", "profile_id", "environment_id"];
            let ids = names.into_iter().zip(ids.iter().map(|id| json!(id)));
            ids.chain([("region", json!(region))]).collect()
        })
    }

    fn app_role_trust(&self, account: Key<Account>, platform: Platform) -> Input<Value> {
        match platform {
            Platform::EcsExpress => self.of_account(account, &policy::APP_ROLE_TRUST),
            Platform::AppRunner => self.fixed(&policy::APP_ROLE_TRUST_APP_RUNNER),
        }
    }

    fn app_policy(&self, center: &Center, stage: &str) -> Input<Value> {
        let (path, role) = (self.names().role_path(), self.names().read_role(stage));
        self.policy(&policy::APP_ROLE, center.account.learns(|a| a.id.clone()), move |id| {
            vec![("read_role_arn", json!(names::role_arn(&id, &path, &role)))]
        })
    }
}
