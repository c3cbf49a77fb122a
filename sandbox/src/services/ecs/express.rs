//! Express services: create, describe, update, delete.

use super::managed::Managed;
use super::{
    Deployment, Revision, Service, Status, arn, checks, cluster, cluster_name, clusters, ending, invalid,
    managed, rollout,
};
use super::{service_linked_role, state, tags};
use crate::call::{Answer, Call, DIGITS, HEX};
use crate::fault::Fault;
use crate::runtime::ingress;
use serde_json::{Map, Value, json};

/// What an update may bring, and a revision keeps.
const MEMBERS: [&str; 9] = [
    "executionRoleArn",
    "taskRoleArn",
    "cpu",
    "memory",
    "cpuArchitecture",
    "networkConfiguration",
    "healthCheckPath",
    "primaryContainer",
    "scalingTarget",
];

pub(super) fn valid_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

pub(super) fn create(call: &mut Call) -> Answer {
    let cluster_name = cluster_name(call);
    let name = match call.opt_text("serviceName") {
        Some(name) => name.to_owned(),
        None => format!("express-{}", call.world.id(HEX, 8)),
    };
    let arn = arn(call, &format!("service/{cluster_name}/{name}"));
    let tags = tags::read(&call.list("tags"))?;
    allow(call, &arn, &tags)?;
    if !valid_name(&name) {
        return Err(invalid("Service name must contain only letters, numbers, hyphens and underscores."));
    }
    let infrastructure_role = call.text("infrastructureRoleArn").to_owned();
    let mut configuration = asked(call);
    checks::check(&configuration)?;
    checks::roles(call, &configuration, &infrastructure_role)?;
    checks::registers(call, &cluster_name, &name)?;
    service_linked_role(call)?;
    checks::subnets(call, &configuration)?;
    if call.opt_text("cluster").is_none() || cluster_name == "default" {
        clusters::make(call, &cluster_name);
    }
    cluster(call)?;
    free(call, &arn)?;
    defaults(call, &mut configuration, &cluster_name, &name);
    let now = call.now();
    let service = Service {
        arn: arn.clone(),
        name,
        cluster: cluster_name,
        infrastructure_role,
        status: Status::Active,
        created: now,
        updated: now,
        tags,
        serving: None,
        deployment: None,
        events: Vec::new(),
        backoff: now,
        next: now,
    };
    state(call).services.insert(arn.clone(), service);
    deploy(call, &arn, configuration);
    Ok(json!({ "service": show(call, &arn, true) }))
}

/// Creating with tags is asked for twice, as AWS does.
fn allow(call: &mut Call, arn: &str, tags: &tags::Tags) -> Result<(), Fault> {
    let mut context = tags::context(tags);
    let cluster = super::arn(call, &format!("cluster/{}", cluster_name(call)));
    context.push(("ecs:cluster".to_owned(), cluster));
    let pairs: Vec<_> = context.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    call.allow_with("ecs:CreateExpressGatewayService", arn, &pairs, None)?;
    if tags.is_empty() {
        return Ok(());
    }
    context.push(("ecs:CreateAction".to_owned(), "CreateExpressGatewayService".to_owned()));
    let pairs: Vec<_> = context.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    call.allow_with("ecs:TagResource", arn, &pairs, None)
}

fn asked(call: &Call) -> Map<String, Value> {
    let given = MEMBERS.iter().filter_map(|m| call.input.get(*m).map(|v| ((*m).to_owned(), v.clone())));
    given.filter(|(_, v)| !v.is_null()).collect()
}

/// A name can be used again when its service is INACTIVE, not while it is DRAINING.
fn free(call: &mut Call, arn: &str) -> Result<(), Fault> {
    match state(call).services.get(arn).map(|s| s.status) {
        Some(Status::Active) => Err(invalid("Creation of service was not idempotent.")),
        Some(Status::Draining) => Err(invalid("Unable to Start a service that is still Draining.")),
        _ => Ok(()),
    }
}

/// The API's own defaults. The developer guide has others: whoever cares sends them.
fn defaults(call: &mut Call, configuration: &mut Map<String, Value>, cluster: &str, name: &str) {
    let own = format!("sg-{}", call.world.id(HEX, 17));
    let subnets =
        vec![format!("subnet-{}", call.world.id(HEX, 17)), format!("subnet-{}", call.world.id(HEX, 17))];
    let group = format!("/aws/ecs/{cluster}/{name}-{}", call.world.id(DIGITS, 4));
    for (member, value) in [
        ("cpu", json!("256")),
        ("memory", json!("512")),
        ("cpuArchitecture", json!("X86_64")),
        ("healthCheckPath", json!("/ping")),
        ("scalingTarget", json!({})),
        ("networkConfiguration", json!({})),
    ] {
        configuration.entry(member).or_insert(value);
    }
    let member = |v: &mut Value, name: &str, default: Value| {
        if let Some(map) = v.as_object_mut()
            && map.get(name).is_none_or(Value::is_null)
        {
            map.insert(name.to_owned(), default);
        }
    };
    let container = &mut configuration["primaryContainer"];
    member(container, "containerPort", json!(80));
    member(container, "awsLogsConfiguration", json!({"logGroup": group, "logStreamPrefix": "ecs"}));
    let scaling = &mut configuration["scalingTarget"];
    member(scaling, "minTaskCount", json!(1));
    member(scaling, "maxTaskCount", json!(20));
    member(scaling, "autoScalingMetric", json!("AVERAGE_CPU"));
    member(scaling, "autoScalingTargetValue", json!(60));
    // ECS adds a security group of its own to those that were asked for.
    let network = &mut configuration["networkConfiguration"];
    member(network, "subnets", json!(subnets));
    member(network, "securityGroups", json!([]));
    if let Some(groups) = network["securityGroups"].as_array_mut() {
        groups.push(json!(own));
    }
}

/// Makes a revision and a deployment that brings it into service.
fn deploy(call: &mut Call, arn: &str, configuration: Map<String, Value>) -> String {
    let (now, next) = (call.now(), call.due(5.0));
    let (revision, deployment) = (call.world.id(DIGITS, 19), call.world.id(HEX, 21));
    let endpoint = ingress::expose(call.world, arn);
    let path = arn.split_once(":service/").map_or("", |(_, p)| p).to_owned();
    let family = path.replace('/', "-");
    let prefix = super::arn(call, "");
    let own = managed::own_log_group(call, &configuration);
    let state = state(call);
    let number = state.revisions.values().filter(|r| r.service == arn).count() + 1;
    let revision = Revision {
        arn: format!("{prefix}service-revision/{path}/{revision}"),
        service: arn.to_owned(),
        created: now,
        task_definition: format!("{prefix}task-definition/{family}:{number}"),
        configuration,
        endpoint,
        managed: Managed::new(now, own),
    };
    let Some(service) = state.services.get_mut(arn) else {
        return String::new();
    };
    let deployment = Deployment {
        arn: format!("{prefix}service-deployment/{path}/{deployment}"),
        service: arn.to_owned(),
        source: service.serving.clone(),
        target: revision.arn.clone(),
        created: now,
        updated: now,
        status: "PENDING".to_owned(),
        stage: "RECONCILE_SERVICE".to_owned(),
        next,
        ..Deployment::default()
    };
    service.updated = now;
    let target = revision.arn.clone();
    let before = service.deployment.replace(deployment.arn.clone());
    state.deployments.insert(deployment.arn.clone(), deployment);
    state.revisions.insert(revision.arn.clone(), revision);
    if let Some(before) = before {
        rollout::supersede(state, &before, now);
    }
    target
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let arn = call.text("serviceArn").to_owned();
    call.allow("ecs:DescribeExpressGatewayService", &arn)?;
    if !state(call).services.contains_key(&arn) {
        return Err(Fault::new("ResourceNotFoundException", "Resource not found"));
    }
    let tags = call.texts("include").iter().any(|i| i == "TAGS");
    Ok(json!({ "service": show(call, &arn, tags) }))
}

pub(super) fn update(call: &mut Call) -> Answer {
    let arn = call.text("serviceArn").to_owned();
    call.allow("ecs:UpdateExpressGatewayService", &arn)?;
    let service = active(call, &arn, "ServiceNotFoundException", "Service not found.")?;
    let asked = asked(call);
    let newest = state(call)
        .revisions
        .values()
        .filter(|r| r.service == arn)
        .max_by(|a, b| a.created.total_cmp(&b.created));
    let mut configuration = newest.map(|r| r.configuration.clone()).unwrap_or_default();
    let log = configuration.get("primaryContainer").map(|c| c["awsLogsConfiguration"].clone());
    configuration.extend(asked.clone());
    if configuration["primaryContainer"]["awsLogsConfiguration"].is_null() {
        configuration["primaryContainer"]["awsLogsConfiguration"] = log.unwrap_or_default();
    }
    checks::check(&configuration)?;
    // An update passes the infrastructure role on, too.
    checks::roles(call, &asked, &service.infrastructure_role)?;
    checks::registers(call, &service.cluster, &service.name)?;
    let network = configuration.get("networkConfiguration").cloned();
    defaults(call, &mut configuration, &service.cluster, &service.name);
    if let Some(network) = network.filter(|_| !asked.contains_key("networkConfiguration")) {
        configuration.insert("networkConfiguration".to_owned(), network);
    }
    let target = deploy(call, &arn, configuration);
    let revision = state(call).revisions.get(&target).map(self::configuration);
    Ok(json!({"service": {
        "serviceArn": arn,
        "cluster": service.cluster,
        "serviceName": service.name,
        "status": {"statusCode": "ACTIVE"},
        "targetConfiguration": revision,
        "createdAt": service.created,
        "updatedAt": call.now(),
    }}))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let arn = call.text("serviceArn").to_owned();
    call.allow("ecs:DeleteExpressGatewayService", &arn)?;
    active(call, &arn, "InvalidParameterException", "Resource not found")?;
    ending::drain(call, &arn);
    Ok(json!({ "service": show(call, &arn, true) }))
}

/// The service, if it is there and ACTIVE.
fn active(call: &mut Call, arn: &str, code: &str, message: &str) -> Result<Service, Fault> {
    let service = state(call).services.get(arn).cloned().ok_or_else(|| Fault::new(code, message))?;
    match service.status {
        Status::Active => Ok(service),
        other => {
            Err(Fault::new("ServiceNotActiveException", format!("Service is in {} status", other.text())))
        }
    }
}

fn show(call: &mut Call, arn: &str, tags: bool) -> Value {
    let state = state(call);
    let Some(service) = state.services.get(arn) else {
        return Value::Null;
    };
    let deployment = service.deployment.as_ref().and_then(|d| state.deployments.get(d));
    let mut active: Vec<&String> = service.serving.iter().collect();
    active.extend(deployment.map(|d| &d.target).filter(|t| Some(*t) != service.serving.as_ref()));
    let active = if service.status == Status::Active { active } else { Vec::new() };
    let configurations: Vec<Value> =
        active.iter().filter_map(|r| state.revisions.get(*r)).map(configuration).collect();
    json!({
        "cluster": service.cluster,
        "serviceName": service.name,
        "serviceArn": service.arn,
        "infrastructureRoleArn": service.infrastructure_role,
        "status": {"statusCode": service.status.text()},
        "currentDeployment": service.deployment,
        "activeConfigurations": configurations,
        "tags": tags.then(|| tags::show(&service.tags)),
        "createdAt": service.created,
        "updatedAt": service.updated,
    })
}

fn configuration(revision: &Revision) -> Value {
    let mut value = Value::Object(revision.configuration.clone());
    value["serviceRevisionArn"] = json!(revision.arn);
    value["taskDefinitionArn"] = json!(revision.task_definition);
    value["ingressPaths"] = json!([{"accessType": "PUBLIC", "endpoint": revision.endpoint}]);
    value["createdAt"] = json!(revision.created);
    value
}
