//! An ECS Express service: the running app.
//!
//! ACTIVE is not serving and INACTIVE is gone: it is ready when its newest deployment succeeded and its URL answers.

mod images;
mod managed;
mod rollout;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_ecs::types::{
    EcsExpressGatewayService as Found, ExpressCpuArchitecture, ExpressGatewayContainer,
    ExpressGatewayScalingTarget, ExpressGatewayServiceAwsLogsConfiguration,
    ExpressGatewayServiceConfiguration as Revision, ExpressGatewayServiceInclude,
    ExpressGatewayServiceNetworkConfiguration, ExpressGatewayServiceStatusCode as Status, KeyValuePair, Tag,
};
use serde::Serialize;

use super::serving::{IMAGE_DIGEST, answers, digest, url};
use super::{Account, Image, LogGroup, Repository, Role, image};
use crate::aws::{Aws, Door, Failure, Mark, explain, wrote};
use crate::config::Size;
use crate::graph::{Input, Key, Node};
use crate::image::Platform;
use crate::report::Known;
use crate::resource::{Busy, Cx, NotVisible, Resource, Seen, SeenBy, State};

pub(crate) use images::{good, last_words, rolled_out};
pub(crate) use rollout::{Standing, roll_out, standing};

/// A service with a public URL.
#[derive(Serialize)]
pub(crate) struct ExpressService {
    pub(crate) account: Key<Account>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
    /// What it runs at first; later images are `deploy`'s. Its processors are those that its image was made for.
    pub(crate) image: Key<Image>,
    pub(crate) repository: Key<Repository>,
    pub(crate) execution_role: Key<Role>,
    pub(crate) infrastructure_role: Key<Role>,
    pub(crate) task_role: Key<Role>,
    pub(crate) log_group: Key<LogGroup>,
    pub(crate) environment: Vec<(String, Input<String>)>,
    pub(crate) port: u16,
    pub(crate) size: Size,
    pub(crate) health_path: String,
    /// Empty: those of the default VPC.
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    /// What must be there before it can start, and is not named above.
    pub(crate) after: Vec<Node>,
    /// The revision that this run asked for: whether it failed is then the answer to us.
    #[serde(skip)]
    pub(crate) asked: RefCell<Option<String>>,
}

#[derive(Default, Serialize)]
pub(crate) struct Owned {
    port: Option<i32>,
    environment: BTreeMap<String, String>,
    execution_role: Option<String>,
    infrastructure_role: Option<String>,
    task_role: Option<String>,
    log_group: Option<String>,
    cpu: Option<String>,
    memory: Option<String>,
    min_tasks: Option<i32>,
    max_tasks: Option<i32>,
    health_path: Option<String>,
    /// Of those that are declared, the ones that are there: ECS adds its own.
    subnets: Vec<String>,
    security_groups: Vec<String>,
}

pub(crate) struct Learned {
    pub(crate) arn: String,
    pub(crate) url: Option<String>,
    /// What it runs, `…@sha256:…`.
    pub(crate) image: Option<String>,
}

impl Resource for ExpressService {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "service";
    const CREATE_ONLY: &'static [&'static str] = &["infrastructure_role"];

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.account.node())
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        let role = |key: &Key<Role>| known.of(key).map(|role| Some(role.arn.clone()));
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| Ok((name.clone(), known.value(value)?)));
        Ok(Owned {
            port: Some(self.port.into()),
            environment: environment.collect::<Result<_>>()?,
            execution_role: role(&self.execution_role)?,
            infrastructure_role: role(&self.infrastructure_role)?,
            task_role: role(&self.task_role)?,
            log_group: log_group_name(&known.of(&self.log_group)?.arn),
            cpu: Some(self.size.cpu.to_string()),
            memory: Some(self.size.memory.to_string()),
            min_tasks: Some(self.size.min_tasks.try_into()?),
            max_tasks: Some(self.size.max_tasks.try_into()?),
            health_path: Some(self.health_path.clone()),
            subnets: sorted(self.subnets.clone()),
            security_groups: sorted(self.security_groups.clone()),
        })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let door = self.door(cx).await?;
        let arn = self.arn(&door, &cx.world.region);
        let Some(service) = describe(&door, &arn).await? else { return Ok(None) };
        let ours = self.mark.is_on(service.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
        let seen = self.seen(&service, arn);
        let state = match service.status().and_then(|status| status.status_code()) {
            Some(Status::Inactive) if !ours => return Ok(None),
            Some(Status::Inactive) => match managed::remains(&door, &service).await? {
                Some(what) => State::Going(what),
                None => return Ok(None),
            },
            Some(Status::Draining) => {
                let what = managed::remains(&door, &service).await?;
                State::Going(what.unwrap_or_else(|| "its tasks are ending".to_owned()))
            }
            _ => self.state(&door, &service, &seen.1).await?,
        };
        Ok(Some(Seen { owned: seen.0, learned: seen.1, ours, state }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let door = self.door(cx).await?;
        let Some(current) = current else {
            let image = cx.known.of(&self.image)?.of(self.mark.stage.as_deref());
            let repository = cx.known.of(&self.repository)?;
            let center = cx.world.door(&repository.registry, &repository.access).await?;
            let platform = image::platform(&center, repository, image).await?;
            return self.create(&door, desired, image, platform).await;
        };
        if let State::Failed(_) = current.state {
            // It would keep its failed beginning for ever: made again, it begins anew.
            return managed::delete(&door, &current.learned.arn).await;
        }
        if !current.ours {
            let request = door.ecs().tag_resource().resource_arn(&current.learned.arn);
            wrote(request.set_tags(Some(self.tags(desired))).send().await, &[])?;
        }
        self.update(&door, current, desired).await
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        managed::delete(&*self.door(cx).await?, &current.learned.arn).await
    }

    /// A deployment bakes for minutes, and the first one waits for a load balancer.
    fn patience(&self) -> Duration {
        Duration::from_secs(30 * 60)
    }
}

/// The tag that tells where the service's tasks log to, also when no deployment is left to ask.
const LOGS: &str = "foothold:logs";

impl ExpressService {
    async fn door(&self, cx: &Cx<'_, Aws>) -> Result<Rc<Door>> {
        let account = cx.known.of(&self.account)?;
        cx.world.door(&account.id, &account.access).await
    }

    fn arn(&self, door: &Door, region: &str) -> String {
        format!("arn:aws:ecs:{region}:{}:service/{CLUSTER}/{}", door.account, self.name)
    }

    fn tags(&self, desired: &Owned) -> Vec<Tag> {
        let logs = desired.log_group.as_deref().map(|group| (LOGS, group));
        let tags = self.mark.tags().chain(logs);
        tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }

    fn seen(&self, service: &Found, arn: String) -> (Owned, Learned) {
        let revision = newest(service);
        let infrastructure_role = service.infrastructure_role_arn.clone();
        let owned = revision.map(|revision| self.owned(revision)).unwrap_or_default();
        let endpoint = revision.and_then(|it| it.ingress_paths().first()).map(|path| url(path.endpoint()));
        let image = revision.and_then(|it| it.primary_container()).map(|it| it.image().to_owned());
        (Owned { infrastructure_role, ..owned }, Learned { arn, url: endpoint, image })
    }

    fn owned(&self, revision: &Revision) -> Owned {
        let container = revision.primary_container();
        let scaling = revision.scaling_target();
        let network = revision.network_configuration();
        let declared = |declared: &[String], there: &[String]| {
            sorted(there.iter().filter(|id| declared.contains(id)).cloned().collect())
        };
        let log = container.and_then(|it| it.aws_logs_configuration());
        Owned {
            port: container.and_then(|it| it.container_port()),
            environment: variables(container).filter(|(name, _)| name != IMAGE_DIGEST).collect(),
            execution_role: revision.execution_role_arn.clone(),
            infrastructure_role: None,
            task_role: revision.task_role_arn.clone(),
            log_group: log.map(|it| it.log_group().to_owned()),
            cpu: revision.cpu.clone(),
            memory: revision.memory.clone(),
            min_tasks: scaling.and_then(|it| it.min_task_count()),
            max_tasks: scaling.and_then(|it| it.max_task_count()),
            health_path: revision.health_check_path.clone(),
            subnets: network.map(|it| declared(&self.subnets, it.subnets())).unwrap_or_default(),
            security_groups: network
                .map(|it| declared(&self.security_groups, it.security_groups()))
                .unwrap_or_default(),
        }
    }

    async fn state(&self, door: &Door, service: &Found, learned: &Learned) -> Result<State> {
        let standing = standing(door, &learned.arn).await?;
        let was_asked = |revision: &str| self.asked.borrow().as_deref() == Some(revision);
        match standing {
            Standing::Coming(why) => return Ok(State::Coming(why)),
            // It serves what it served before; only to us, who asked for the change, that is a failure.
            Standing::Failed { revision, serving, why }
                if !(serving || serves_other(service, &revision)) || was_asked(&revision) =>
            {
                let told = rollout::failure(door, service).await?;
                return Ok(State::Failed([why, told].join("\n").trim().to_owned()));
            }
            _ => {}
        }
        let Some(url) = &learned.url else { return Ok(State::Coming("it has no URL yet".to_owned())) };
        let told = newest(service).and_then(|it| it.primary_container());
        let told = variables(told).find(|(name, _)| name == IMAGE_DIGEST).map(|(_, digest)| digest);
        Ok(answers(url, told.as_deref()).await.map_or_else(State::Coming, |()| State::Ready))
    }

    /// In the cluster `default`: naming none is how ECS is asked to make that one where it is not there.
    async fn create(
        &self,
        door: &Door,
        desired: &Owned,
        image: &str,
        platform: Option<Platform>,
    ) -> Result<()> {
        let request = door.ecs().create_express_gateway_service().service_name(&self.name);
        let request = request.set_infrastructure_role_arn(desired.infrastructure_role.clone());
        let request = request.set_execution_role_arn(desired.execution_role.clone());
        let request = request.set_task_role_arn(desired.task_role.clone());
        let request = request.set_cpu(desired.cpu.clone()).set_memory(desired.memory.clone());
        let request = request.set_health_check_path(desired.health_path.clone());
        let request = request.set_cpu_architecture(platform.map(architecture));
        let request = request.scaling_target(scaling(desired)).set_network_configuration(self.network());
        let request = request.primary_container(self.container(desired, image)?);
        let answer = request.set_tags(Some(self.tags(desired))).send().await;
        answer.map(drop).map_err(explain).map_err(later)
    }

    async fn update(&self, door: &Door, current: &SeenBy<Self>, desired: &Owned) -> Result<()> {
        let image = current.learned.image.as_deref().context("the service does not say what it runs")?;
        let request = door.ecs().update_express_gateway_service().service_arn(&current.learned.arn);
        let request = request.set_execution_role_arn(desired.execution_role.clone());
        let request = request.set_task_role_arn(desired.task_role.clone());
        let request = request.set_cpu(desired.cpu.clone()).set_memory(desired.memory.clone());
        let request = request.set_health_check_path(desired.health_path.clone());
        let request = request.scaling_target(scaling(desired)).set_network_configuration(self.network());
        let request = request.primary_container(self.container(desired, image)?);
        let answer = request.send().await.map_err(explain).map_err(later)?;
        let revision = answer.service.and_then(|it| it.target_configuration);
        *self.asked.borrow_mut() = revision.and_then(|it| it.service_revision_arn);
        Ok(())
    }

    fn container(&self, desired: &Owned, image: &str) -> Result<ExpressGatewayContainer> {
        let container = ExpressGatewayContainer::builder().image(image).set_container_port(desired.port);
        let group = desired.log_group.as_deref().context("the log group has no name")?;
        let logs = ExpressGatewayServiceAwsLogsConfiguration::builder().log_group(group);
        let logs = logs.log_stream_prefix(&self.name).build()?;
        let container = container.aws_logs_configuration(logs);
        Ok(container.set_environment(Some(environment(desired.environment.clone(), image))).build()?)
    }

    fn network(&self) -> Option<ExpressGatewayServiceNetworkConfiguration> {
        let declared = !self.subnets.is_empty() || !self.security_groups.is_empty();
        let some = |ids: &[String]| (!ids.is_empty()).then(|| ids.to_vec());
        let network = ExpressGatewayServiceNetworkConfiguration::builder();
        let network = network.set_subnets(some(&self.subnets));
        declared.then(|| network.set_security_groups(some(&self.security_groups)).build())
    }
}

fn architecture(platform: Platform) -> ExpressCpuArchitecture {
    match platform {
        Platform::X86_64 => ExpressCpuArchitecture::X8664,
        Platform::Arm64 => ExpressCpuArchitecture::Arm64,
    }
}

/// Express services live in the cluster that ECS makes for them.
pub(super) const CLUSTER: &str = "default";

/// The service of this ARN, tags included, whatever its status.
async fn describe(door: &Door, arn: &str) -> Result<Option<Found>> {
    let request = door.ecs().describe_express_gateway_service().service_arn(arn);
    let answer = request.include(ExpressGatewayServiceInclude::Tags).send().await;
    match answer.map_err(explain) {
        Ok(answer) => Ok(answer.service),
        Err(failure) if is_absent(&failure) => Ok(None),
        Err(failure) if failure.is(&["AccessDeniedException"]) => Err(NotVisible(failure.to_string()).into()),
        Err(failure) => Err(later(failure)),
    }
}

/// How ECS says that there is no such service, or none any more.
fn is_absent(failure: &Failure) -> bool {
    let codes = ["ResourceNotFoundException", "ServiceNotFoundException", "ClusterNotFoundException"];
    failure.is(&codes) || failure.is(&["InvalidParameterException"]) && failure.says("not found")
}

/// What ECS says while roles that were just made are unknown to it, or while the name is still in use.
const LATER: [&str; 6] = [
    "Cannot assume role",
    "is not authorized to perform: sts:AssumeRole",
    "AWS was not able to validate the provided access credentials",
    // Its infrastructure role, or the service-linked one.
    "nable to assume",
    "Creation of service was not idempotent",
    "still Draining",
];

fn later(failure: Failure) -> anyhow::Error {
    let passes = failure.transient || LATER.iter().any(|text| failure.says(text));
    if passes { Busy(failure.to_string()).into() } else { failure.into() }
}

/// Whether a service serves another revision than this one, which may have come longer ago than ECS remembers.
fn serves_other(service: &Found, revision: &str) -> bool {
    service
        .active_configurations()
        .iter()
        .any(|it| it.service_revision_arn().is_some_and(|it| it != revision))
}

/// The newest of the revisions that serve.
fn newest(service: &Found) -> Option<&Revision> {
    service
        .active_configurations()
        .iter()
        .max_by_key(|it| it.created_at().map(|at| (at.secs(), at.subsec_nanos())))
}

fn variables(container: Option<&ExpressGatewayContainer>) -> impl Iterator<Item = (String, String)> + '_ {
    let variables = container.into_iter().flat_map(|it| it.environment());
    variables.filter_map(|it| Some((it.name.clone()?, it.value.clone()?)))
}

/// What the container is told: what is declared, and which image it runs.
fn environment(declared: BTreeMap<String, String>, image: &str) -> Vec<KeyValuePair> {
    let told = digest(image).map(|digest| (IMAGE_DIGEST.to_owned(), digest.to_owned()));
    let all = declared.into_iter().filter(|(name, _)| name != IMAGE_DIGEST).chain(told);
    all.map(|(name, value)| KeyValuePair::builder().name(name).value(value).build()).collect()
}

fn scaling(desired: &Owned) -> ExpressGatewayScalingTarget {
    let target = ExpressGatewayScalingTarget::builder().set_min_task_count(desired.min_tasks);
    target.set_max_task_count(desired.max_tasks).build()
}

/// The name in `arn:…:log-group:NAME`, with or without `:*`.
fn log_group_name(arn: &str) -> Option<String> {
    arn.split(":log-group:").nth(1).map(|name| name.trim_end_matches(":*").to_owned())
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}
