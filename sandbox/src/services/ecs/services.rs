//! The services as ECS's general operations show them.

use super::{Service, Status, arn, cluster, cluster_name, invalid, state, tags};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::runtime;
use serde_json::{Value, json};

pub(super) fn list(call: &mut Call) -> Answer {
    call.allow("ecs:ListServices", "*")?;
    let name = cluster(call)?.name;
    // All that there are here are Express services on Fargate, managed by ECS.
    let other = call.opt_text("resourceManagementType").is_some_and(|t| t != "ECS")
        || call.opt_text("launchType").is_some_and(|t| t != "FARGATE")
        || call.opt_text("schedulingStrategy").is_some_and(|t| t != "REPLICA");
    let listed = |s: &&Service| s.cluster == name && s.status != Status::Inactive && !other;
    let arns: Vec<String> = state(call).services.values().filter(listed).map(|s| s.arn.clone()).collect();
    let (page, next) = call.page(arns, ("maxResults", 10), "nextToken", "InvalidParameterException")?;
    Ok(json!({"serviceArns": page, "nextToken": next}))
}

/// The ARN of a service that was given by name or ARN.
pub(super) fn full(call: &Call, given: &str) -> String {
    if given.starts_with("arn:") {
        return given.to_owned();
    }
    arn(call, &format!("service/{}/{given}", cluster_name(call)))
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let given = call.texts("services");
    if given.is_empty() || given.len() > 10 {
        return Err(invalid("Services must contain 1 to 10 entries."));
    }
    let with_tags = call.texts("include").iter().any(|i| i == "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for given in given {
        let arn = full(call, &given);
        call.allow("ecs:DescribeServices", &arn)?;
        cluster(call)?;
        match state(call).services.get(&arn).cloned() {
            Some(service) => found.push(show(call, &service, with_tags)),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"services": found, "failures": failures}))
}

/// Express services are deleted and updated by their own operations only.
pub(super) fn refuse(call: &mut Call) -> Answer {
    let (operation, own) = match call.operation {
        "DeleteService" => ("ecs:DeleteService", "DeleteExpressGatewayService"),
        _ => ("ecs:UpdateService", "UpdateExpressGatewayService"),
    };
    let arn = full(call, call.text("service"));
    call.allow(operation, &arn)?;
    cluster(call)?;
    if !state(call).services.contains_key(&arn) {
        return Err(Fault::new("ServiceNotFoundException", "Service not found."));
    }
    Err(invalid(format!("The service has ResourceManagementType=ECS. Use {own} instead.")))
}

fn show(call: &mut Call, service: &Service, with_tags: bool) -> Value {
    let state = state(call);
    let deployment = service.deployment.as_ref().and_then(|d| state.deployments.get(d)).cloned();
    let newest = deployment
        .as_ref()
        .map(|d| &d.target)
        .or(service.serving.as_ref())
        .and_then(|r| state.revisions.get(r));
    let newest = newest.cloned();
    let ids: Vec<String> =
        state.tasks.iter().filter(|(_, t)| t.service == service.arn).map(|(id, _)| id.clone()).collect();
    let count = |running: bool| {
        let of = |t: &&runtime::Task| t.unwanted.is_none() && t.status != runtime::Status::Stopped;
        let tasks = ids.iter().filter_map(|id| call.world.runtime.tasks.get(id)).filter(of);
        tasks.filter(|t| (t.status == runtime::Status::Running) == running).count()
    };
    let minimum = newest.as_ref().map(|r| r.configuration["scalingTarget"]["minTaskCount"].clone());
    let events: Vec<Value> = service
        .events
        .iter()
        .rev()
        .map(|e| json!({"id": e.id, "createdAt": e.at, "message": e.message}))
        .collect();
    json!({
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": arn(call, &format!("cluster/{}", service.cluster)),
        "status": service.status.text(),
        "desiredCount": minimum.filter(|_| service.status == Status::Active).unwrap_or(json!(0)),
        "runningCount": count(true),
        "pendingCount": count(false),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "taskDefinition": newest.map(|r| r.task_definition),
        "events": events,
        "createdAt": service.created,
        "currentServiceDeployment": service.deployment,
        "currentServiceRevisions": service.serving.iter().map(|r| json!({"arn": r})).collect::<Vec<_>>(),
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "resourceManagementType": "ECS",
        "tags": with_tags.then(|| tags::show(&service.tags)),
    })
}
