//! What ECS makes for an Express service with the infrastructure role: load balancer, target groups, scaling, alarms.
//!
//! It needs that role to remove them again, while the service is DRAINING: with the role gone too early they stay, and
//! so does the service. Whether AWS's service stays then is not known.

use super::{Revision, State, Status};
use crate::auth;
use crate::call::Call;
use crate::clock::Time;
use crate::runtime;
use crate::services::iam;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Seconds that AWS takes.
pub(crate) const PROVISION: f64 = 120.0;
const REMOVE: f64 = 120.0;

/// The state of what was made for one revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Managed {
    status: Managing,
    reason: Option<String>,
    updated: Time,
    /// When the next state is due.
    due: Option<Time>,
    /// The log group that ECS makes when none is asked for.
    log_group: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Managing {
    Provisioning,
    Active,
    Deprovisioning,
    Deleted,
    Failed,
}

impl Managing {
    fn text(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Active => "ACTIVE",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Deleted => "DELETED",
            Self::Failed => "FAILED",
        }
    }
}

impl Managed {
    pub(super) fn new(now: Time, log_group: Option<String>) -> Self {
        Self { status: Managing::Provisioning, reason: None, updated: now, due: None, log_group }
    }

    fn become_(&mut self, status: Managing, now: Time) {
        self.status = status;
        self.updated = now;
        self.due = None;
    }
}

/// The log group that ECS makes itself: one with the name that it gives by default.
pub(super) fn own_log_group(call: &Call, configuration: &Map<String, Value>) -> Option<String> {
    let group = configuration["primaryContainer"]["awsLogsConfiguration"]["logGroup"].as_str()?;
    let asked =
        call.input.get("primaryContainer").map_or(&Value::Null, |c| &c["awsLogsConfiguration"]["logGroup"]);
    (asked.is_null() && group.starts_with("/aws/ecs/")).then(|| group.to_owned())
}

/// Begins the removal of what a service's revisions have.
pub(super) fn remove(state: &mut State, arn: &str, now: Time) {
    for revision in state.revisions.values_mut().filter(|r| r.service == arn) {
        if matches!(revision.managed.status, Managing::Provisioning | Managing::Active) {
            revision.managed.become_(Managing::Deprovisioning, now);
        }
    }
}

/// Whether anything is left of what a service's revisions had.
pub(super) fn remains(state: &State, arn: &str) -> bool {
    state.revisions.values().any(|r| r.service == arn && r.managed.status != Managing::Deleted)
}

pub(super) fn tick(world: &mut World, here: &str) {
    let Some(state) = world.ecs.get(here) else { return };
    let changing =
        |r: &&Revision| matches!(r.managed.status, Managing::Provisioning | Managing::Deprovisioning);
    let changing: Vec<Revision> = state.revisions.values().filter(changing).cloned().collect();
    for revision in changing {
        let role =
            state_of(world, here).services.get(&revision.service).map(|s| s.infrastructure_role.clone());
        match revision.managed.status {
            Managing::Provisioning => provision(world, here, &revision, &role.unwrap_or_default()),
            _ => deprovision(world, here, &revision, &role.unwrap_or_default()),
        }
    }
    release(world, here);
}

fn state_of<'w>(world: &'w mut World, here: &str) -> &'w mut State {
    world.ecs.entry(here.to_owned()).or_default()
}

fn assumable(world: &World, here: &str, role: &str) -> bool {
    let account = here.split('/').next().unwrap_or_default();
    auth::trusts_service(world, role, super::ECS, account)
}

fn provision(world: &mut World, here: &str, revision: &Revision, role: &str) {
    let (now, ready) = (world.clock.now(), world.clock.due(PROVISION));
    let balancer = *state_of(world, here).balancer.get_or_insert(ready);
    let (account, region) = here.split_once('/').unwrap_or_default();
    // The tasks do not wait for the load balancer, and need their log group.
    if let Some(group) = revision.managed.log_group.as_ref().filter(|_| assumable(world, here, role)) {
        runtime::log_group(world, account, region, group);
    }
    if balancer > now {
        return;
    }
    if !assumable(world, here, role) {
        return settle(
            world,
            here,
            &revision.arn,
            Managing::Failed,
            Some(format!("Cannot assume role {role}")),
        );
    }
    for service in ["elasticloadbalancing.amazonaws.com", "ecs.application-autoscaling.amazonaws.com"] {
        iam::service_linked_role(world, account, service);
    }
    settle(world, here, &revision.arn, Managing::Active, None);
}

/// Without the role nothing can be removed, and the load balancer stays and costs.
fn deprovision(world: &mut World, here: &str, revision: &Revision, role: &str) {
    let (now, gone) = (world.clock.now(), world.clock.due(REMOVE));
    let Some(kept) = state_of(world, here).revisions.get_mut(&revision.arn) else {
        return;
    };
    let due = *kept.managed.due.get_or_insert(gone);
    if !assumable(world, here, role) {
        return settle(
            world,
            here,
            &revision.arn,
            Managing::Failed,
            Some(format!("Cannot assume role {role}")),
        );
    }
    let running = state_of(world, here).tasks.iter().filter(|(_, t)| t.service == revision.service);
    let running: Vec<String> = running.map(|(id, _)| id.clone()).collect();
    if now >= due && running.iter().all(|id| runtime::ended(world, id)) {
        settle(world, here, &revision.arn, Managing::Deleted, None);
    }
}

fn settle(world: &mut World, here: &str, arn: &str, status: Managing, reason: Option<String>) {
    let now = world.clock.now();
    if let Some(revision) = state_of(world, here).revisions.get_mut(arn) {
        revision.managed.become_(status, now);
        revision.managed.reason = reason;
    }
}

/// The load balancer goes with the last service that uses it.
fn release(world: &mut World, here: &str) {
    let uses = |r: &Revision| r.managed.status != Managing::Deleted;
    let state = state_of(world, here);
    if !state.revisions.values().any(uses) {
        state.balancer = None;
    }
}

/// A revision's `ecsManagedResources`.
#[expect(clippy::too_many_lines, reason = "one document, as AWS has it")]
pub(super) fn show(state: &State, here: &str, revision: &Revision) -> Value {
    let managed = &revision.managed;
    let others = |s: &super::Service| s.arn != revision.service && s.status == Status::Active;
    let shared = managed.status != Managing::Provisioning && state.services.values().any(others);
    let alone = if shared { Managing::Active } else { managed.status };
    let with = |status: Managing, more: Value| {
        let mut value =
            json!({"status": status.text(), "updatedAt": managed.updated, "statusReason": managed.reason});
        for (k, v) in more.as_object().into_iter().flatten() {
            value[k] = v.clone();
        }
        value
    };
    let own = |more: Value| with(managed.status, more);
    let (account, region) = here.split_once('/').unwrap_or_default();
    let elb = |rest: &str| format!("arn:aws:elasticloadbalancing:{region}:{account}:{rest}");
    let id = revision.arn.rsplit('/').next().unwrap_or_default();
    let configuration = &revision.configuration;
    let scaling = &configuration["scalingTarget"];
    let port = &configuration["primaryContainer"]["containerPort"];
    let group = |n: u8| {
        own(json!({
            "arn": elb(&format!("targetgroup/ecs-gateway-tg-{id}-{n}/{id}")),
            "healthCheckPath": configuration["healthCheckPath"], "healthCheckPort": port, "port": port,
        }))
    };
    json!({
        "ingressPaths": [{
            "accessType": "PUBLIC",
            "endpoint": revision.endpoint,
            "loadBalancer": with(alone, json!({
                "arn": elb("loadbalancer/app/ecs-express-gateway-alb/0123456789abcdef"),
                "scheme": "internet-facing",
                "subnetIds": configuration["networkConfiguration"]["subnets"],
            })),
            "loadBalancerSecurityGroups": [with(alone, json!({}))],
            "listener": with(alone, json!({"arn": elb("listener/app/ecs-express-gateway-alb/0123456789abcdef/443")})),
            "certificate": own(json!({"domainName": revision.endpoint})),
            "rule": own(json!({"arn": elb(&format!("listener-rule/app/ecs-express-gateway-alb/{id}"))})),
            "targetGroups": [group(1), group(2)],
        }],
        "autoScaling": {
            "scalableTarget": own(json!({"minCapacity": scaling["minTaskCount"], "maxCapacity": scaling["maxTaskCount"]})),
            "applicationAutoScalingPolicies": [own(json!({
                "policyType": "TargetTrackingScaling",
                "targetValue": scaling["autoScalingTargetValue"],
                "metric": scaling["autoScalingMetric"],
            }))],
        },
        "metricAlarms": [own(json!({"arn": format!("arn:aws:cloudwatch:{region}:{account}:alarm:{id}-rollback")}))],
        "serviceSecurityGroups": [own(json!({}))],
        // Log groups are left behind.
        "logGroups": managed.log_group.iter().map(|name| with(Managing::Active, json!({
            "arn": format!("arn:aws:logs:{region}:{account}:log-group:{name}"), "logGroupName": name,
        }))).collect::<Vec<_>>(),
    })
}
