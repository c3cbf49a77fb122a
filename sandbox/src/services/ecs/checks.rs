//! What ECS refuses of an Express service before it makes or changes one.

use super::{ECS, arn, invalid};
use crate::auth;
use crate::call::Call;
use crate::fault::Fault;
use crate::services::organizations;
use serde_json::{Map, Value};

/// The service principal of tasks.
const TASKS: &str = "ecs-tasks.amazonaws.com";

/// What the model does not say about a whole configuration.
pub(super) fn check(configuration: &Map<String, Value>) -> Result<(), Fault> {
    let text = |m: &str| configuration.get(m).and_then(Value::as_str).unwrap_or_default();
    let container = configuration.get("primaryContainer").unwrap_or(&Value::Null);
    if text("executionRoleArn").is_empty() || container["image"].as_str().is_none_or(str::is_empty) {
        return Err(invalid(
            "executionRoleArn and primaryContainer are required when taskDefinitionArn is not specified.",
        ));
    }
    if !(1..=65535).contains(&container["containerPort"].as_i64().unwrap_or(80)) {
        return Err(invalid("Container port must be between 1 and 65535."));
    }
    if configuration.get("healthCheckPath").is_some() && !text("healthCheckPath").starts_with('/') {
        return Err(invalid("Health check path must start with a forward slash."));
    }
    if container["secrets"].as_array().is_some_and(|s| !s.is_empty()) {
        return Err(Fault::not_implemented("ecs", "CreateExpressGatewayService with secrets"));
    }
    scaling(configuration.get("scalingTarget").unwrap_or(&Value::Null))?;
    size(configuration)
}

fn scaling(target: &Value) -> Result<(), Fault> {
    let (min, max) =
        (target["minTaskCount"].as_i64().unwrap_or(1), target["maxTaskCount"].as_i64().unwrap_or(20));
    if min < 1 {
        return Err(invalid("Minimum task count must be at least 1."));
    }
    if max < min {
        return Err(invalid("Maximum task count must not be less than the minimum task count."));
    }
    Ok(())
}

/// Fargate has certain sizes only.
fn size(configuration: &Map<String, Value>) -> Result<(), Fault> {
    let number = |m: &str, default: u32| match configuration.get(m).and_then(Value::as_str) {
        Some(text) => text.parse().unwrap_or(0),
        None => default,
    };
    let (cpu, memory) = (number("cpu", 256), number("memory", 512));
    let fits = match cpu {
        256 => [512, 1024, 2048].contains(&memory),
        512 => (1024..=4096).contains(&memory) && memory % 1024 == 0,
        1024 => (2048..=8192).contains(&memory) && memory % 1024 == 0,
        2048 => (4096..=16384).contains(&memory) && memory % 1024 == 0,
        4096 => (8192..=30720).contains(&memory) && memory % 1024 == 0,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(invalid(format!(
        "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
    )))
}

/// ECS registers the task definition with the caller's rights, as the action that AWS has for Express Mode tells.
pub(super) fn registers(call: &mut Call, cluster: &str, name: &str) -> Result<(), Fault> {
    let family = arn(call, &format!("task-definition/{cluster}-{name}"));
    call.allow("ecs:RegisterTaskDefinition", &format!("{family}:*"))
}

/// Without subnets the service goes into the default VPC, if there is one.
///
/// That it is refused at once, and the words, are ours: neither the documentation nor a report has AWS's. The model has
/// no exception for it but that of a wrong parameter.
pub(super) fn subnets(call: &Call, configuration: &Map<String, Value>) -> Result<(), Fault> {
    let given = configuration.get("networkConfiguration").and_then(|n| n["subnets"].as_array());
    let named = given.is_some_and(|subnets| !subnets.is_empty());
    if named || organizations::has_default_vpc(call.world, &call.account()) {
        return Ok(());
    }
    Err(invalid("No default VPC was found in this Region. Specify subnets in networkConfiguration."))
}

/// The caller must be allowed to pass the roles, and ECS to assume them.
pub(super) fn roles(
    call: &mut Call,
    configuration: &Map<String, Value>,
    infrastructure: &str,
) -> Result<(), Fault> {
    let text = |m: &str| configuration.get(m).and_then(Value::as_str).map(str::to_owned);
    let (execution, task) = (text("executionRoleArn"), text("taskRoleArn"));
    let account = call.account();
    let passed = [(execution.as_deref(), TASKS), (task.as_deref(), TASKS), (Some(infrastructure), ECS)];
    for (role, service) in passed.into_iter().filter_map(|(r, s)| r.map(|r| (r, s))) {
        if role.split(':').nth(4) != Some(account.as_str()) {
            return Err(Fault::new("AccessDeniedException", "Cross-account pass role is not allowed."));
        }
        auth::pass_role(call, role, service)?;
    }
    for (role, service) in [(execution.as_deref(), TASKS), (Some(infrastructure), ECS)] {
        if let Some(role) = role.filter(|r| !auth::trusts_service(call.world, r, service, &account)) {
            return Err(Fault::new("AccessDeniedException", format!("Cannot assume role {role}")));
        }
    }
    Ok(())
}
