//! Deployments of an Express service: how the newest one stands, why one failed, and a new image.

use anyhow::{Context, Result};
use aws_sdk_ecs::config::Builder;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::types::{
    DesiredStatus, EcsExpressGatewayService as Found, ServiceDeployment as Deployment,
    ServiceDeploymentBrief as Brief, ServiceDeploymentStatus as Status, Task,
};

use super::{CLUSTER, LOGS, architecture, describe, environment, later, managed, newest, variables};
use crate::aws::{Door, explain, read};
use crate::image::Platform;

/// How the newest deployment of a service stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// ECS remembers deployments for 90 days, and none of this one.
    Forgotten,
    Coming(String),
    Successful {
        revision: String,
    },
    /// `serving`: an earlier one still serves.
    Failed {
        revision: String,
        serving: bool,
        why: String,
    },
}

/// Lets a service run another image, made for `platform`, and returns the revision that is to run it. What else it has
/// stays.
pub(crate) async fn roll_out(
    door: &Door,
    arn: &str,
    reference: &str,
    platform: Option<Platform>,
) -> Result<String> {
    if let Some(revision) = asked_already(door, arn, reference).await? {
        return Ok(revision);
    }
    let service = describe(door, arn).await?.context("there is no such service")?;
    let runs =
        newest(&service).and_then(|it| it.primary_container()).context("the service runs nothing yet")?;
    let told = environment(variables(Some(runs)).collect(), reference);
    let mut container = runs.clone();
    container.image = reference.to_owned();
    container.environment = Some(told);
    let request = door.ecs().update_express_gateway_service().service_arn(arn);
    let request = request.primary_container(container).set_cpu_architecture(platform.map(architecture));
    // Sent twice, it makes two, the second of which stops the first.
    let once = Builder::new().retry_config(RetryConfig::disabled());
    let answer = request.customize().config_override(once).send().await.map_err(explain).map_err(later)?;
    let target = answer.service.and_then(|it| it.target_configuration);
    target.and_then(|it| it.service_revision_arn).context("ECS does not say which revision it makes")
}

/// The newest revision, if it brings this image and has not failed: its answer may have been lost.
async fn asked_already(door: &Door, arn: &str, reference: &str) -> Result<Option<String>> {
    let deployments = deployments(door, arn).await?;
    let created = |it: &&Brief| it.created_at().map(|at| (at.secs(), at.subsec_nanos()));
    let Some(newest) = deployments.iter().max_by_key(created) else { return Ok(None) };
    let lives = [Status::Pending, Status::InProgress, Status::Successful];
    let lives = newest.status().is_some_and(|status| lives.contains(status));
    let Some(revision) = newest.target_service_revision_arn().filter(|_| lives) else { return Ok(None) };
    let request = door.ecs().describe_service_revisions().service_revision_arns(revision);
    let found = read(request.send().await, &[])?.and_then(|answer| answer.service_revisions);
    let images = found.iter().flatten().flat_map(|it| it.container_images());
    let brings = images.filter_map(|it| it.image()).any(|image| image == reference);
    Ok(brings.then(|| revision.to_owned()))
}

/// How the newest deployment stands: what only looks like running is told apart from what serves.
pub(crate) async fn standing(door: &Door, arn: &str) -> Result<Standing> {
    let deployments = deployments(door, arn).await?;
    let created = |it: &&Brief| it.created_at().map(|at| (at.secs(), at.subsec_nanos()));
    let Some(newest) = deployments.iter().max_by_key(created) else {
        return Ok(Standing::Forgotten);
    };
    let revision = newest.target_service_revision_arn().unwrap_or_default().to_owned();
    let succeeded = |it: &Brief| it.status() == Some(&Status::Successful);
    match newest.status() {
        Some(Status::Successful) => Ok(Standing::Successful { revision }),
        Some(Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed) => {
            let why = newest.status_reason().unwrap_or("its deployment failed").to_owned();
            let back = newest.status() == Some(&Status::RollbackSuccessful);
            Ok(Standing::Failed { revision, serving: back || deployments.iter().any(succeeded), why })
        }
        _ => progress(door, newest).await.map(Standing::Coming),
    }
}

/// All of them: in which order AWS lists them is not documented, and the SDK has no paginator.
pub(super) async fn deployments(door: &Door, arn: &str) -> Result<Vec<Brief>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let request = door.ecs().list_service_deployments().service(arn).cluster(CLUSTER);
        let answer = request.set_next_token(next).send().await;
        let answer = read(answer, &["ServiceNotFoundException", "ServiceNotActiveException"])?;
        let Some(page) = answer else { return Ok(found) };
        found.extend(page.service_deployments.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// What a deployment is at, in a few words.
pub(super) async fn progress(door: &Door, deployment: &Brief) -> Result<String> {
    let status = deployment.status().map_or("PENDING", Status::as_str);
    let Some(arn) = deployment.service_deployment_arn() else { return Ok(status.to_owned()) };
    let answer = door.ecs().describe_service_deployments().service_deployment_arns(arn).send().await;
    let found = read(answer, &[])?.and_then(|answer| answer.service_deployments).unwrap_or_default();
    let words = found.first().map_or(status.to_owned(), |it| words(status, it));
    let cannot = match deployment.target_service_revision_arn() {
        Some(revision) => managed::cannot(door, revision).await?,
        None => None,
    };
    Ok(cannot.map_or(words.clone(), |why| format!("{words}; {why}")))
}

fn words(status: &str, deployment: &Deployment) -> String {
    let stage = deployment.lifecycle_stage().map_or(status, |stage| stage.as_str());
    let stage = stage.to_lowercase().replace('_', " ");
    let Some(target) = deployment.target_service_revision() else { return format!("deployment: {stage}") };
    let (running, wanted) = (target.running_task_count, target.requested_task_count);
    format!("deployment: {stage}, {running} of {wanted} tasks running")
}

/// Why tasks of a service ended, and what they said last. Empty when nobody knows.
pub(super) async fn failure(door: &Door, service: &Found) -> Result<String> {
    let Some(task) = stopped(door, service).await? else { return Ok(String::new()) };
    let reason = task.stopped_reason().unwrap_or("a task stopped").to_owned();
    let container = task.containers().first();
    let exit = container.and_then(|it| it.exit_code()).map(|code| format!("it exited with {code}"));
    let said = container.and_then(|it| it.reason()).map(str::to_owned);
    let group = service.tags().iter().find(|tag| tag.key() == Some(LOGS)).and_then(|tag| tag.value());
    let lines = match group {
        Some(group) => last_lines(door, group, service, &task).await?,
        None => Vec::new(),
    };
    let all = [Some(reason), exit, said].into_iter().flatten().chain(lines);
    Ok(all.collect::<Vec<_>>().join("\n"))
}

/// The task that stopped last.
async fn stopped(door: &Door, service: &Found) -> Result<Option<Task>> {
    let request = door.ecs().list_tasks().cluster(CLUSTER).set_service_name(service.service_name.clone());
    let answer = request.desired_status(DesiredStatus::Stopped).send().await;
    let arns = read(answer, &["ServiceNotFoundException", "ClusterNotFoundException"])?;
    let arns = arns.and_then(|answer| answer.task_arns).unwrap_or_default();
    if arns.is_empty() {
        return Ok(None);
    }
    let request = door.ecs().describe_tasks().cluster(CLUSTER);
    let found = read(request.set_tasks(Some(arns)).send().await, &[])?.and_then(|answer| answer.tasks);
    let stopped = |it: &Task| it.stopped_at().map(|at| (at.secs(), at.subsec_nanos()));
    Ok(found.unwrap_or_default().into_iter().max_by_key(stopped))
}

/// How many log lines a failure is told with.
const LINES: i32 = 8;

async fn last_lines(door: &Door, group: &str, service: &Found, task: &Task) -> Result<Vec<String>> {
    let id = task.task_arn().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
    let container = task.containers().first().and_then(|it| it.name()).unwrap_or("Main");
    let stream = format!("{}/{container}/{id}", service.service_name().unwrap_or_default());
    let request = door.logs().get_log_events().log_group_name(group).log_stream_name(stream);
    let answer = request.limit(LINES).start_from_head(false).send().await;
    let events = read(answer, &["ResourceNotFoundException"])?.and_then(|answer| answer.events);
    Ok(events.unwrap_or_default().into_iter().filter_map(|event| event.message).collect())
}
