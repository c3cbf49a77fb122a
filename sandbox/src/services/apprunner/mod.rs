//! App Runner. It is closed to new customers: accounts that were not customers get an access error.
//!
//! A service is changed by one operation at a time; each is a few states with due times and a task of the runtime.

use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
pub(crate) use operation::DEPLOY;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod operation;
mod service;
mod tags;

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Services by ARN, deleted ones for a while.
    services: BTreeMap<String, Service>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Service {
    arn: String,
    name: String,
    id: String,
    url: String,
    created: Time,
    updated: Time,
    deleted: Option<Time>,
    /// AWS's word, but for OPERATION_IN_PROGRESS: that is shown while an operation is under way.
    status: String,
    declared: Declared,
    tags: BTreeMap<String, String>,
    /// The task that serves.
    task: Option<String>,
    /// Newest last.
    operations: Vec<Operation>,
}

/// What CreateService and UpdateService bring.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Declared {
    source: Value,
    instance: Value,
    health: Value,
    network: Value,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Operation {
    id: String,
    /// AWS's word: CREATE_SERVICE, …
    kind: String,
    /// AWS's word: PENDING, IN_PROGRESS, SUCCEEDED, FAILED, ROLLBACK_SUCCEEDED.
    status: String,
    started: Time,
    ended: Option<Time>,
    updated: Time,
    /// When the next step is due.
    next: Time,
    /// What an update brings; taken over when it works.
    declared: Option<Declared>,
    /// The task that this operation has started.
    task: Option<String>,
}

impl Service {
    fn under_way(&self) -> Option<&Operation> {
        self.operations.last().filter(|o| o.ended.is_none())
    }

    fn shown_status(&self) -> &str {
        if self.under_way().is_some() { "OPERATION_IN_PROGRESS" } else { &self.status }
    }
}

pub fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "CreateService" => service::create(call),
        "DescribeService" => service::describe(call),
        "UpdateService" => service::update(call),
        "DeleteService" => service::change(call, "DELETE_SERVICE"),
        "ListServices" => service::list(call),
        "PauseService" => service::change(call, "PAUSE_SERVICE"),
        "ResumeService" => service::change(call, "RESUME_SERVICE"),
        "StartDeployment" => service::deploy(call),
        "ListOperations" => service::operations(call),
        "TagResource" => tags::add(call),
        "UntagResource" => tags::remove(call),
        "ListTagsForResource" => tags::list(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// Lets everything happen that is due.
pub fn tick(world: &mut World) {
    let places: Vec<String> = world.apprunner.keys().cloned().collect();
    for here in places {
        operation::tick(world, &here);
    }
}

fn state<'a>(call: &'a mut Call) -> &'a mut State {
    let here = call.here();
    call.world.apprunner.entry(here).or_default()
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidRequestException", message)
}

/// The service of this ARN, deleted or not.
fn found(call: &mut Call, arn: &str) -> Result<Service, Fault> {
    let missing = || Fault::new("ResourceNotFoundException", format!("Service with arn {arn} not found"));
    state(call).services.get(arn).cloned().ok_or_else(missing)
}

fn show(service: &Service, region: &str, account: &str) -> Value {
    let configuration =
        format!("arn:aws:apprunner:{region}:{account}:autoscalingconfiguration/DefaultConfiguration/1");
    json!({
        "ServiceName": service.name,
        "ServiceId": service.id,
        "ServiceArn": service.arn,
        "ServiceUrl": service.url,
        "CreatedAt": service.created,
        "UpdatedAt": service.updated,
        "DeletedAt": service.deleted,
        "Status": service.shown_status(),
        "SourceConfiguration": service.declared.source,
        "InstanceConfiguration": service.declared.instance,
        "HealthCheckConfiguration": service.declared.health,
        "NetworkConfiguration": service.declared.network,
        "AutoScalingConfigurationSummary": {
            "AutoScalingConfigurationArn": format!("{configuration}/00000000000000000000000000000001"),
            "AutoScalingConfigurationName": "DefaultConfiguration",
            "AutoScalingConfigurationRevision": 1,
            "Status": "ACTIVE",
            "IsDefault": true,
        },
    })
}

#[cfg(test)]
mod tests;
