//! Elastic Container Service: Express services, and what is made for them.
//!
//! A service has revisions; a deployment brings one into service (`rollout`); its tasks are the runtime's.

use crate::auth;
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::iam;
use crate::world::World;
pub(crate) use managed::PROVISION;
pub(crate) use rollout::{BAKE, HEALTHY};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

mod checks;
mod clusters;
mod deployments;
mod ending;
mod express;
mod managed;
mod rollout;
mod services;
mod tags;
mod tasks;

/// The service principal of ECS itself.
const ECS: &str = "ecs.amazonaws.com";

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Clusters by name.
    clusters: BTreeMap<String, Cluster>,
    /// Services by ARN; a new one of the same name takes the place of an INACTIVE one.
    services: BTreeMap<String, Service>,
    /// Revisions by ARN. They outlive their service: its load balancer is removed after it.
    revisions: BTreeMap<String, Revision>,
    /// Deployments by ARN.
    deployments: BTreeMap<String, Deployment>,
    /// Tasks by id.
    tasks: BTreeMap<String, Task>,
    /// When the load balancer that the Express services share is there; `None`: there is none.
    balancer: Option<Time>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cluster {
    name: String,
    arn: String,
    active: bool,
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Service {
    arn: String,
    name: String,
    cluster: String,
    infrastructure_role: String,
    status: Status,
    created: Time,
    updated: Time,
    tags: BTreeMap<String, String>,
    /// The revision that serves; `None` until a deployment has succeeded.
    serving: Option<String>,
    /// The deployment under way.
    deployment: Option<String>,
    /// Newest last.
    events: Vec<Event>,
    /// No task is started before, because one has failed.
    backoff: Time,
    /// When a DRAINING service is INACTIVE at the earliest, and an INACTIVE one is not found any more.
    next: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Active,
    Draining,
    Inactive,
}

impl Status {
    fn text(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Event {
    id: String,
    at: Time,
    message: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Revision {
    arn: String,
    service: String,
    created: Time,
    task_definition: String,
    /// The members of ExpressGatewayServiceConfiguration that were asked for, with their defaults.
    configuration: Map<String, Value>,
    endpoint: String,
    managed: managed::Managed,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Deployment {
    arn: String,
    service: String,
    source: Option<String>,
    target: String,
    created: Time,
    started: Option<Time>,
    finished: Option<Time>,
    stopped: Option<Time>,
    updated: Time,
    /// AWS's word: PENDING, IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_…
    status: String,
    reason: Option<String>,
    /// AWS's word: SCALE_UP, PRODUCTION_TRAFFIC_SHIFT, BAKE_TIME, CLEAN_UP.
    stage: String,
    /// Per cent of the requests that the target gets.
    weight: u64,
    /// When the next step is due.
    next: Time,
    /// Tasks of the target that failed, for the circuit breaker.
    failures: u64,
    alarm: rollout::Alarm,
    /// Why and when it was rolled back.
    rollback: Option<(String, Time)>,
}

/// What ECS knows of a task beside the runtime.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task {
    arn: String,
    service: String,
    cluster: String,
    revision: String,
    deployment: String,
    /// Whether its failure has been counted.
    counted: bool,
}

pub fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "CreateExpressGatewayService" => express::create(call),
        "DescribeExpressGatewayService" => express::describe(call),
        "UpdateExpressGatewayService" => express::update(call),
        "DeleteExpressGatewayService" => express::delete(call),
        "CreateCluster" => clusters::create(call),
        "DescribeClusters" => clusters::describe(call),
        "ListClusters" => clusters::list(call),
        "DeleteCluster" => clusters::delete(call),
        "ListServices" => services::list(call),
        "DescribeServices" => services::describe(call),
        "DeleteService" | "UpdateService" => services::refuse(call),
        "ListServiceDeployments" => deployments::list(call),
        "DescribeServiceDeployments" => deployments::describe(call),
        "StopServiceDeployment" => deployments::stop(call),
        "DescribeServiceRevisions" => deployments::revisions(call),
        "ListTasks" => tasks::list(call),
        "DescribeTasks" => tasks::describe(call),
        "StopTask" => tasks::stop(call),
        "TagResource" => tags::add(call),
        "UntagResource" => tags::remove(call),
        "ListTagsForResource" => tags::list(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// Lets everything happen that is due.
pub fn tick(world: &mut World) {
    let places: Vec<String> = world.ecs.keys().cloned().collect();
    for here in places {
        rollout::tick(world, &here);
        managed::tick(world, &here);
        tasks::tick(world, &here);
    }
}

/// The caller's account in this Region.
fn state<'a>(call: &'a mut Call) -> &'a mut State {
    let here = call.here();
    call.world.ecs.entry(here).or_default()
}

/// `arn:aws:ecs:REGION:ACCOUNT:` and the rest.
fn arn(call: &Call, rest: &str) -> String {
    format!("arn:aws:ecs:{}:{}:{rest}", call.region, call.account())
}

/// The name of a cluster that was given by name or ARN, or not at all.
fn cluster_name(call: &Call) -> String {
    let given = call.opt_text("cluster").filter(|c| !c.is_empty()).unwrap_or("default");
    given.rsplit('/').next().unwrap_or(given).to_owned()
}

/// The named cluster must be there.
fn cluster(call: &mut Call) -> Result<Cluster, Fault> {
    let name = cluster_name(call);
    let found = state(call).clusters.get(&name).filter(|c| c.active).cloned();
    found.ok_or_else(|| Fault::new("ClusterNotFoundException", "Cluster not found."))
}

/// ECS works through a service-linked role, which it makes when an account first uses it, and cannot assume at once.
fn service_linked_role(call: &mut Call) -> Result<(), Fault> {
    let account = call.account();
    let role = iam::service_linked_role(call.world, &account, ECS).unwrap_or_default();
    if auth::trusts_service(call.world, &role, ECS, &account) {
        return Ok(());
    }
    Err(invalid(
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
    ))
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}

#[cfg(test)]
mod tests;
