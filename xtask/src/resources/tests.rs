//! Stories of the resources, told against a sandbox of their own.

use std::cell::RefCell;
use std::path::PathBuf;

use sandbox::Sandbox;
use sandbox::faults::{Kind, Rule};
use sandbox::services::iam;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Account, LifecyclePolicy, LogGroup, Organization, Origin, Profile, Repository, RepositoryPolicy, Role,
    Unit,
};
use crate::aws::{Access, Aws, Mark, Reach};
use crate::engine::{self, Options};
use crate::graph::Environment;
use crate::profiles::{Source, Way};
use crate::report::{Act, Done, Judgement, Outcome};

mod accounts;
mod configured;
mod everything;
mod guards;
mod people;
mod profiles;
mod running;

const REGION: &str = "eu-west-1";

/// A sandbox, and what foothold.toml would say.
struct Story {
    sandbox: Sandbox,
    directory: TempDir,
    region: &'static str,
    email: String,
    close: bool,
    adopt: RefCell<Vec<String>>,
}

impl Story {
    async fn begin() -> Self {
        Self::begin_with(|_| ()).await
    }

    /// 600 times faster than AWS, and without throttles.
    async fn begin_with(change: impl FnOnce(&mut sandbox::Options)) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut options = sandbox::Options::new(directory.path().join("aws"));
        options.scale = 600.0;
        options.settings.throttles = false;
        change(&mut options);
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let (email, adopt) = ("aws+config@example.com".to_owned(), RefCell::default());
        Self { sandbox, directory, region: REGION, email, close: false, adopt }
    }

    fn reach(&self) -> Reach {
        let keys = iam::admin_keys(&self.sandbox.world());
        let keys = Some((keys.access_key_id, keys.secret_access_key));
        Reach { region: self.region.into(), only: Some(self.sandbox.endpoint()), keys, ..Reach::default() }
    }

    async fn aws(&self) -> Aws {
        Aws::connect(&self.reach()).await.expect("a connection")
    }

    fn config_file(&self) -> PathBuf {
        self.directory.path().join("config")
    }

    fn mark(&self) -> Mark {
        Mark { project: "ListServices".into(), stage: None }
    }

    fn account(&self, environment: &mut Environment<Aws>) -> crate::graph::Key<Account> {
        let organization = environment.add(Organization { mark: self.mark() });
        let unit = environment.add(Unit { organization, name: "Deployments".into(), mark: self.mark() });
        let origin = Origin::Created { name: "listservices-config".into(), email: self.email.clone() };
        environment.add(self.account_of(origin, Some(unit)))
    }

    fn only_account(&self, environment: &mut Environment<Aws>) {
        self.account(environment);
    }

    fn account_of(&self, origin: Origin, unit: Option<crate::graph::Key<Unit>>) -> Account {
        Account {
            label: "config".into(),
            origin,
            unit,
            access: Access::Role("OrganizationAccountAccessRole".into()),
            region: self.region.into(),
            mark: self.mark(),
            close: self.close,
        }
    }

    fn everything(&self, environment: &mut Environment<Aws>) {
        let (account, mark) = (self.account(environment), self.mark());
        let management = self.sandbox.world().settings.management.clone();
        let trust = account.learns(move |account| trust(&[&account.id, &management]));
        let may = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["appconfig:GetLatestConfiguration"], "Resource": "*"}
        ]});
        environment.add(Role {
            account,
            mark: mark.clone(),
            path: "/foothold/listservices/".into(),
            name: "reader".into(),
            trust,
            inline: vec![("read".into(), may.into())],
            attached: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()],
        });
        environment.add(LogGroup {
            account,
            mark: mark.clone(),
            name: "/foothold/listservices".into(),
            days: 30,
        });
        let repository = environment.add(Repository { account, mark, name: "listservices".into() });
        environment.add(RepositoryPolicy { repository, policy: account.learns(|account| pull(&account.id)) });
        environment.add(LifecyclePolicy { repository, policy: untagged() });
        environment.add(Profile {
            file: self.config_file(),
            project: "ListServices".into(),
            name: "config".into(),
            account: account.learns(|account| account.id.clone()),
            way: Way::Role {
                role: "OrganizationAccountAccessRole".into(),
                source: Source::Profile("management".into()),
            },
            region: self.region.into(),
            endpoint: None,
        });
    }

    fn options(&self) -> Options<'static> {
        Options { pace: 0.02, adopt: self.adopt.borrow().clone(), ..Options::default() }
    }

    async fn make(&self, declare: impl FnOnce(&Self, &mut Environment<Aws>)) -> Done {
        let mut environment = Environment::default();
        declare(self, &mut environment);
        self.reconcile(&environment).await
    }

    async fn retire(&self, declare: impl FnOnce(&Self, &mut Environment<Aws>)) -> Done {
        let mut environment = Environment::default();
        environment.retire(|environment| declare(self, environment));
        self.reconcile(&environment).await
    }

    async fn reconcile(&self, environment: &Environment<Aws>) -> Done {
        let aws = self.aws().await;
        engine::reconcile(environment, &aws, &self.options()).await.expect("a sound declaration")
    }

    async fn look(&self, declare: impl FnOnce(&Self, &mut Environment<Aws>)) -> Vec<(String, Judgement)> {
        let mut environment = Environment::default();
        declare(self, &mut environment);
        let aws = self.aws().await;
        let plan = engine::look(&environment, &aws, &self.options()).await.expect("a sound declaration");
        plan.lines.into_iter().map(|line| (line.label.to_string(), line.result)).collect()
    }

    /// The operations of this run that changed something, or tried to.
    fn writes(&self) -> Vec<String> {
        let is_read = |operation: &str| {
            ["Describe", "List", "Get", "AssumeRole"].iter().any(|verb| operation.starts_with(verb))
        };
        let operations = self.sandbox.requests().into_iter().map(|request| request.operation);
        operations.filter(|operation| !is_read(operation)).collect()
    }

    fn sent(&self, operation: &str) -> usize {
        self.sandbox.requests().iter().filter(|request| request.operation == operation).count()
    }

    /// How often this was asked for and not refused.
    fn done(&self, operation: &str) -> usize {
        let requests = self.sandbox.requests();
        requests.iter().filter(|request| request.operation == operation && request.status == 200).count()
    }

    fn fault(&self, operation: &str, kind: Kind, times: u64) {
        self.sandbox.add_fault(Rule {
            service: None,
            operation: Some(operation.into()),
            account: None,
            client: None,
            writes: None,
            skip: 0,
            times: Some(times),
            chance: None,
            kind,
            seen: 0,
            hit: 0,
        });
    }

    /// A client of a member account, by the role that gets into it.
    async fn iam(&self) -> aws_sdk_iam::Client {
        self.door().await.iam()
    }

    async fn door(&self) -> std::rc::Rc<crate::aws::Door> {
        let aws = self.aws().await;
        let id = self.made().expect("an account that was made");
        let access = Access::Role("OrganizationAccountAccessRole".into());
        aws.door(&id, &access).await.expect("a door")
    }

    /// The account with our address.
    fn made(&self) -> Option<String> {
        let world = self.sandbox.world();
        let same = |email: &str| email.eq_ignore_ascii_case(&self.email);
        world
            .organizations
            .accounts
            .iter()
            .find(|(_, account)| same(&account.email))
            .map(|(id, _)| id.clone())
    }
}

fn trust(accounts: &[&String]) -> Value {
    let roots: Vec<String> = accounts.iter().map(|id| format!("arn:aws:iam::{id}:root")).collect();
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": roots}, "Action": "sts:AssumeRole"}
    ]})
}

fn pull(account: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Pull", "Effect": "Allow", "Principal": {"AWS": account},
        "Action": ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
    }]})
}

fn untagged() -> Value {
    json!({"rules": [{
        "rulePriority": 1, "description": "untagged",
        "selection": {
            "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14
        },
        "action": {"type": "expire"}
    }]})
}

/// What did not end well, for messages of tests.
fn troubles(done: &Done) -> Vec<String> {
    let bad = done.lines.iter().filter(|line| !line.result.stands() && !line.result.is_gone());
    bad.map(|line| format!("{}: {:?}", line.label, line.result)).collect()
}

fn outcome<'d>(done: &'d Done, kind: &str) -> &'d Outcome {
    let line = done.lines.iter().find(|line| line.label.kind == kind);
    &line.unwrap_or_else(|| panic!("a line about a {kind}")).result
}

/// Why one of this kind failed.
fn reason(done: &Done, kind: &str) -> String {
    match outcome(done, kind) {
        Outcome::Failed(failure) => failure.to_string(),
        other => panic!("{kind} did not fail: {other:?}"),
    }
}
