//! What runs a stage: its configuration, its roles, and the service of its platform.

use std::cell::RefCell;

use super::*;
use crate::graph::Node;

/// What every part of one running stage is declared from.
struct Part<'a> {
    from: &'a Declaration,
    center: &'a Center,
    stage: &'a config::Stage,
    account: Key<Account>,
    mark: Mark,
}

/// What a service needs that is the same on every platform.
struct Needs {
    variables: Vec<(String, Input<String>)>,
    log_group: Key<LogGroup>,
    after: Vec<Node>,
}

pub(super) fn running(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: &Center,
    stage: &config::Stage,
    lives_in: &config::Account,
    environment: Key<ConfigurationEnvironment>,
) -> Running {
    let part = Part::new(e, from, center, stage, lives_in);
    let needs = part.needs(e, environment);
    let service = part.service(e, needs);
    let runs = match &service {
        Service::Express(key) => key.learns(|service| service.image.clone()),
        Service::AppRunner(key) => key.learns(|service| service.image.clone()),
    };
    e.add(LiveTag { repository: center.repository, stage: stage.name.clone(), runs });
    Running { account: part.account, service }
}

/// Declares that the service of a stage and the roles of its platform should no longer exist.
pub(super) fn retire(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: &Center,
    stage: &config::Stage,
    lives_in: &config::Account,
    environment: Key<ConfigurationEnvironment>,
) {
    let part = e.using(|e| Part::new(e, from, center, stage, lives_in));
    let needs = e.using(|e| part.needs(e, environment));
    e.retire(|e| part.service(e, needs));
}

/// The first configuration of a stage.
pub(super) fn configuration(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: &Center,
    stage: &config::Stage,
    environment: Key<ConfigurationEnvironment>,
) -> Key<Configuration> {
    e.add(Configuration {
        environment,
        profile: center.profile,
        strategy: center.quick,
        content: from.content(&stage.name),
        description: from.description.clone(),
    })
}

impl<'a> Part<'a> {
    fn new(
        e: &mut Environment<Aws>,
        from: &'a Declaration,
        center: &'a Center,
        stage: &'a config::Stage,
        lives_in: &config::Account,
    ) -> Self {
        let account = account(e, from, lives_in, center.workloads, Some(&stage.name));
        machine::profile(e, from, lives_in, account);
        Self { from, center, stage, account, mark: from.mark(Some(&stage.name)) }
    }

    fn needs(&self, e: &mut Environment<Aws>, environment: Key<ConfigurationEnvironment>) -> Needs {
        let names = self.from.names();
        let configuration = configuration(e, self.from, self.center, self.stage, environment);
        let read_role = self.read_role(e, environment);
        let name = names.log_group(&self.stage.name);
        let log_group =
            e.add(LogGroup { account: self.account, mark: self.mark.clone(), name, days: LOG_DAYS });
        let [application, profile, stage, role] = config::OURS.map(str::to_owned);
        let ours = [
            (application, Input::from(names.application())),
            (profile, Input::from(names.configuration_profile())),
            (stage, Input::from(self.stage.name.clone())),
            (role, read_role.learns(|role| role.arn.clone())),
        ];
        let more = self.stage.environment.iter();
        let more = more.map(|(name, value)| (name.clone(), Input::from(value.clone())));
        let variables = ours.into_iter().chain(more).collect();
        let pulls = self.center.repository_policy.map(|policy| policy.node());
        let after = pulls.into_iter().chain([configuration.node(), log_group.node()]).collect();
        Needs { variables, log_group, after }
    }

    /// The service of the stage's platform, with the platform's roles.
    fn service(&self, e: &mut Environment<Aws>, needs: Needs) -> Service {
        match self.stage.platform {
            Platform::EcsExpress => Service::Express(self.express(e, needs)),
            Platform::AppRunner => Service::AppRunner(self.app_runner(e, needs)),
        }
    }

    /// The role that the app takes in the configuration account.
    fn read_role(&self, e: &mut Environment<Aws>, environment: Key<ConfigurationEnvironment>) -> Key<Role> {
        let (from, names, stage) = (self.from, self.from.names(), self.stage);
        e.add(Role {
            account: self.center.account,
            mark: self.mark.clone(),
            path: names.role_path(),
            name: names.read_role(&stage.name),
            trust: from.read_role_trust(self.center, self.account, stage.platform),
            inline: vec![(names.read_policy(), from.read_policy(self.center, environment))],
            attached: Vec::new(),
        })
    }

    /// The role that the app runs as.
    fn task_role(&self, e: &mut Environment<Aws>) -> Key<Role> {
        let (from, names, stage) = (self.from, self.from.names(), self.stage);
        let trust = from.app_role_trust(self.account, stage.platform);
        let inline = vec![(names.app_policy(), from.app_policy(self.center, &stage.name))];
        e.add(Role { inline, ..self.role(names.app_role(stage.platform), trust) })
    }

    fn express(&self, e: &mut Environment<Aws>, needs: Needs) -> Key<ExpressService> {
        let (from, names, stage) = (self.from, self.from.names(), self.stage);
        let task_role = self.task_role(e);
        let trust = from.of_account(self.account, &policy::EXECUTION_ROLE_TRUST);
        let execution_role =
            self.service_role(e, names.execution_role(), trust, "AmazonECSTaskExecutionRolePolicy");
        let (name, trust) = (names.infrastructure_role(), from.fixed(&policy::INFRASTRUCTURE_ROLE_TRUST));
        let managed = "AmazonECSInfrastructureRoleforExpressGatewayServices";
        let infrastructure_role = self.service_role(e, name, trust, managed);
        e.add(ExpressService {
            account: self.account,
            mark: self.mark.clone(),
            name: names.service(),
            image: self.center.image,
            repository: self.center.repository,
            execution_role,
            infrastructure_role,
            task_role,
            log_group: needs.log_group,
            environment: needs.variables,
            port: PORT,
            size: stage.size,
            health_path: HEALTH_PATH.to_owned(),
            asked: RefCell::default(),
            subnets: stage.subnets.clone(),
            security_groups: stage.security_groups.clone(),
            after: needs.after,
        })
    }

    fn app_runner(&self, e: &mut Environment<Aws>, needs: Needs) -> Key<AppRunnerService> {
        let names = self.from.names();
        let task_role = self.task_role(e);
        let trust = self.from.fixed(&policy::ACCESS_ROLE_TRUST);
        let access_role =
            self.service_role(e, names.access_role(), trust, "AWSAppRunnerServicePolicyForECRAccess");
        e.add(AppRunnerService {
            account: self.account,
            mark: self.mark.clone(),
            name: names.service(),
            image: self.center.image,
            access_role,
            task_role,
            environment: needs.variables,
            port: PORT,
            size: self.stage.size,
            health_path: HEALTH_PATH.to_owned(),
            after: needs.after,
        })
    }

    /// A role of the platform's own, with the policy that AWS keeps for it.
    fn service_role(
        &self,
        e: &mut Environment<Aws>,
        name: String,
        trust: Input<Value>,
        managed: &str,
    ) -> Key<Role> {
        let attached = vec![format!("arn:aws:iam::aws:policy/service-role/{managed}")];
        e.add(Role { attached, ..self.role(name, trust) })
    }

    /// A role in the stage's account, which may nothing yet.
    fn role(&self, name: String, trust: Input<Value>) -> Role {
        let (mark, path) = (self.mark.clone(), self.from.names().role_path());
        Role { account: self.account, mark, path, name, trust, inline: Vec::new(), attached: Vec::new() }
    }
}

/// How long the app's output is kept.
const LOG_DAYS: i32 = 30;

/// Where the platform asks whether the app is well.
const HEALTH_PATH: &str = "/readyz";
