//! Service deployments and revisions as they are shown.

use super::{Deployment, Revision, cluster, invalid, managed, services::full, state};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::runtime;
use serde_json::{Value, json};

pub(super) fn list(call: &mut Call) -> Answer {
    let arn = full(call, call.text("service"));
    call.allow("ecs:ListServiceDeployments", &arn)?;
    if !call.text("service").starts_with("arn:") {
        cluster(call)?;
    }
    if !state(call).services.contains_key(&arn) {
        return Err(Fault::new("ServiceNotFoundException", "Service not found."));
    }
    let statuses = call.texts("status");
    let created = call.input.get("createdAt").cloned().unwrap_or_default();
    let (after, before) = (created["after"].as_f64(), created["before"].as_f64());
    let remembered = call.now() - call.world.clock.scaled(HISTORY);
    let listed = |d: &&Deployment| {
        d.service == arn
            && d.created > remembered
            && (statuses.is_empty() || statuses.contains(&d.status))
            && after.is_none_or(|t| d.created >= t)
            && before.is_none_or(|t| d.created <= t)
    };
    let mut found: Vec<Deployment> = state(call).deployments.values().filter(listed).cloned().collect();
    found.sort_by(|a, b| b.created.total_cmp(&a.created));
    let cluster = cluster_arn(call, &arn);
    let listed = |d: &Deployment| {
        let mut value = brief(d, &cluster);
        value["targetServiceRevisionArn"] = json!(d.target);
        value
    };
    let found: Vec<Value> = found.iter().map(listed).collect();
    let (page, next) = call.page(found, ("maxResults", 20), "nextToken", "InvalidParameterException")?;
    Ok(json!({"serviceDeployments": page, "nextToken": next}))
}

/// How long ECS shows a deployment, in seconds: 90 days.
const HISTORY: f64 = 90.0 * 86_400.0;

fn cluster_arn(call: &Call, service: &str) -> String {
    let path = service.split_once(":service/").map_or("", |(_, p)| p);
    super::arn(call, &format!("cluster/{}", path.split('/').next().unwrap_or_default()))
}

/// What both the list and the description show.
fn brief(deployment: &Deployment, cluster: &str) -> Value {
    json!({
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": deployment.service,
        "clusterArn": cluster,
        "createdAt": deployment.created,
        "startedAt": deployment.started,
        "finishedAt": deployment.finished,
        "status": deployment.status,
        "statusReason": deployment.reason,
    })
}

/// Both describe operations: 1 to 20 ARNs, what is not there is a failure.
fn each(
    call: &mut Call,
    member: &str,
    action: &str,
    show: impl Fn(&mut Call, &str) -> Option<Value>,
) -> Result<[Vec<Value>; 2], Fault> {
    let arns = call.texts(member);
    if arns.is_empty() || arns.len() > 20 {
        return Err(invalid(format!("{member} must contain 1 to 20 entries.")));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        call.allow(action, &arn)?;
        match show(call, &arn) {
            Some(value) => found.push(value),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok([found, failures])
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let [found, failures] =
        each(call, "serviceDeploymentArns", "ecs:DescribeServiceDeployments", |call, arn| {
            let deployment = state(call).deployments.get(arn).cloned()?;
            Some(show(call, &deployment))
        })?;
    Ok(json!({"serviceDeployments": found, "failures": failures}))
}

fn show(call: &mut Call, deployment: &Deployment) -> Value {
    let mut value = brief(deployment, &cluster_arn(call, &deployment.service));
    let monitoring = if deployment.finished.is_some() { "MONITORING_COMPLETE" } else { "MONITORING" };
    let tripped = deployment.failures >= 3;
    let source = deployment.source.as_ref().map(|r| summary(call, r, 100 - deployment.weight));
    value["sourceServiceRevisions"] = json!(source.into_iter().collect::<Vec<_>>());
    value["targetServiceRevision"] = summary(call, &deployment.target, deployment.weight);
    value["stoppedAt"] = json!(deployment.stopped);
    value["updatedAt"] = json!(deployment.updated);
    value["lifecycleStage"] = json!(deployment.stage);
    value["deploymentCircuitBreaker"] = json!({
        "status": if tripped { "TRIGGERED" } else { monitoring },
        "failureCount": deployment.failures,
        "threshold": 3,
    });
    value["alarms"] = json!({"status": monitoring, "alarmNames": [], "triggeredAlarmNames": []});
    value["deploymentConfiguration"] = json!({
        "strategy": "CANARY",
        "bakeTimeInMinutes": 3,
        "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 3},
        "deploymentCircuitBreaker": {"enable": true, "rollback": true},
    });
    value["rollback"] = json!(deployment.rollback.as_ref().map(|(reason, at)| json!({
        "reason": reason, "startedAt": at, "serviceRevisionArn": deployment.source,
    })));
    value
}

fn summary(call: &mut Call, revision: &str, weight: u64) -> Value {
    let state = state(call);
    let requested =
        state.revisions.get(revision).map(|r| r.configuration["scalingTarget"]["minTaskCount"].clone());
    let ids: Vec<String> =
        state.tasks.iter().filter(|(_, t)| t.revision == revision).map(|(id, _)| id.clone()).collect();
    let with = |status: &[runtime::Status]| {
        let tasks = ids.iter().filter_map(|id| call.world.runtime.tasks.get(id));
        tasks.filter(|t| t.unwanted.is_none() && status.contains(&t.status)).count()
    };
    json!({
        "arn": revision,
        "requestedTaskCount": requested,
        "runningTaskCount": with(&[runtime::Status::Running]),
        "pendingTaskCount": with(&[runtime::Status::Provisioning, runtime::Status::Pending]),
        "requestedProductionTrafficWeight": weight as f64,
    })
}

pub(super) fn stop(call: &mut Call) -> Answer {
    let arn = call.text("serviceDeploymentArn").to_owned();
    call.allow("ecs:StopServiceDeployment", &arn)?;
    let now = call.now();
    let missing = || Fault::new("ServiceDeploymentNotFoundException", "Service deployment not found.");
    let deployment = state(call).deployments.get_mut(&arn).ok_or_else(missing)?;
    if !["PENDING", "IN_PROGRESS"].contains(&deployment.status.as_str()) {
        let text = format!("The service deployment cannot be stopped in status {}.", deployment.status);
        return Err(Fault::new("ConflictException", text));
    }
    deployment.status = "ROLLBACK_REQUESTED".to_owned();
    deployment.updated = now;
    Ok(json!({ "serviceDeploymentArn": arn }))
}

/// The AWS CLI's monitor knows the refusal by its text.
pub(super) fn revisions(call: &mut Call) -> Answer {
    let (asked, known) = (call.texts("serviceRevisionArns"), state(call));
    let service = |arn: &String| known.services.get(&known.revisions.get(arn)?.service);
    if asked.iter().filter_map(service).any(|it| it.status == super::Status::Inactive) {
        return Err(invalid("Cannot call DescribeServiceRevisions for a service that is INACTIVE"));
    }
    let [found, failures] =
        each(call, "serviceRevisionArns", "ecs:DescribeServiceRevisions", |call, arn| {
            let revision = state(call).revisions.get(arn).cloned()?;
            Some(revision_of(call, &revision))
        })?;
    Ok(json!({"serviceRevisions": found, "failures": failures}))
}

fn revision_of(call: &mut Call, revision: &Revision) -> Value {
    let here = call.here();
    let cluster = cluster_arn(call, &revision.service);
    let state = state(call);
    let managed = managed::show(state, &here, revision);
    let task =
        state.tasks.iter().filter(|(_, t)| t.revision == revision.arn).map(|(id, _)| id.clone()).next_back();
    let digest = task.and_then(|id| call.world.runtime.tasks.get(&id)?.digest.clone());
    let configuration = &revision.configuration;
    json!({
        "serviceRevisionArn": revision.arn,
        "serviceArn": revision.service,
        "clusterArn": cluster,
        "taskDefinition": revision.task_definition,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": {"awsvpcConfiguration": configuration["networkConfiguration"]},
        "containerImages": [{"containerName": "Main", "image": configuration["primaryContainer"]["image"], "imageDigest": digest}],
        "createdAt": revision.created,
        "ecsManagedResources": managed,
    })
}
