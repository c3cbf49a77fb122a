//! Tasks as they are shown: running ones, and stopped ones for an hour, with their reason.

use super::{Task, arn, cluster, invalid, services::full, state};
use crate::call::{Answer, Call};
use crate::runtime::{self, Status, Stop};
use crate::world::World;
use serde_json::{Value, json};

/// Seconds that a stopped task is shown.
const REMEMBERED: f64 = 3600.0;

pub(super) fn tick(world: &mut World, here: &str) {
    let (now, hour) = (world.clock.now(), world.clock.scaled(REMEMBERED));
    let Some(state) = world.ecs.get(here) else { return };
    let old = |id: &&String| {
        world.runtime.tasks.get(*id).is_none_or(|t| t.stopped.is_some_and(|s| s + hour <= now))
    };
    let old: Vec<String> = state.tasks.keys().filter(old).cloned().collect();
    for id in old {
        runtime::forget(world, &id);
        if let Some(state) = world.ecs.get_mut(here) {
            state.tasks.remove(&id);
        }
    }
}

pub(super) fn list(call: &mut Call) -> Answer {
    call.allow("ecs:ListTasks", "*")?;
    let name = cluster(call)?.name;
    let service = call.opt_text("serviceName").map(|s| full(call, s));
    let stopped = call.opt_text("desiredStatus") == Some("STOPPED");
    let all: Vec<(String, Task)> = state(call).tasks.iter().map(|(id, t)| (id.clone(), t.clone())).collect();
    let listed = |(id, task): &(String, Task)| {
        let ends = call
            .world
            .runtime
            .tasks
            .get(id)
            .is_none_or(|t| t.unwanted.is_some() || t.status == Status::Stopped);
        task.cluster == name && service.as_ref().is_none_or(|s| *s == task.service) && ends == stopped
    };
    let arns: Vec<String> = all.into_iter().filter(listed).map(|(_, t)| t.arn).collect();
    let (page, next) = call.page(arns, ("maxResults", 100), "nextToken", "InvalidParameterException")?;
    Ok(json!({"taskArns": page, "nextToken": next}))
}

/// The id in a task's ARN, or the id itself.
fn id_of(given: &str) -> &str {
    given.rsplit('/').next().unwrap_or(given)
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let given = call.texts("tasks");
    if given.is_empty() || given.len() > 100 {
        return Err(invalid("Tasks must contain 1 to 100 entries."));
    }
    let name = super::cluster_name(call);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for given in given {
        let arn = arn(call, &format!("task/{name}/{}", id_of(&given)));
        call.allow("ecs:DescribeTasks", &arn)?;
        cluster(call)?;
        match show(call, id_of(&given)) {
            Some(task) => found.push(task),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"tasks": found, "failures": failures}))
}

pub(super) fn stop(call: &mut Call) -> Answer {
    let id = id_of(call.text("task")).to_owned();
    let arn = arn(call, &format!("task/{}/{id}", super::cluster_name(call)));
    call.allow("ecs:StopTask", &arn)?;
    cluster(call)?;
    if !state(call).tasks.contains_key(&id) {
        return Err(invalid("The referenced task was not found."));
    }
    let reason = call.opt_text("reason").unwrap_or("Task stopped by user").to_owned();
    runtime::stop(call.world, &id, Stop::new("UserInitiated", reason));
    Ok(json!({ "task": show(call, &id) }))
}

fn show(call: &mut Call, id: &str) -> Option<Value> {
    let known = state(call).tasks.get(id).cloned()?;
    let cluster = arn(call, &format!("cluster/{}", known.cluster));
    let revision = state(call).revisions.get(&known.revision).cloned();
    let task = call.world.runtime.tasks.get(id).cloned()?;
    let stop = task.outcome.clone().or_else(|| task.unwanted.clone());
    let name = known.service.rsplit('/').next().unwrap_or_default();
    let of = |m: &str| revision.as_ref().map(|r| r.configuration[m].clone());
    let health = match task.healthy {
        Some(true) => "HEALTHY",
        Some(false) => "UNHEALTHY",
        None => "UNKNOWN",
    };
    let ends = task.unwanted.is_some() || task.status == Status::Stopped;
    Some(json!({
        "taskArn": known.arn,
        "clusterArn": cluster,
        "taskDefinitionArn": revision.as_ref().map(|r| r.task_definition.clone()),
        "group": format!("service:{name}"),
        "startedBy": known.deployment.rsplit('/').next(),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "cpu": of("cpu"),
        "memory": of("memory"),
        "desiredStatus": if ends { "STOPPED" } else { "RUNNING" },
        "lastStatus": task.status,
        "healthStatus": health,
        "createdAt": task.created,
        "pullStartedAt": task.pull_started,
        "pullStoppedAt": task.pull_stopped,
        "startedAt": task.started,
        "stoppingAt": task.stopping,
        "stoppedAt": task.stopped,
        "stopCode": stop.as_ref().map(|s| s.code.clone()),
        "stoppedReason": stop.as_ref().map(|s| s.reason.clone()),
        "containers": [container(&known, &task, health)],
    }))
}

fn container(known: &Task, task: &runtime::Task, health: &str) -> Value {
    // AWS says here why a container could not be started; of one that ended, the sandbox says its last lines.
    let failed = task.outcome.as_ref().filter(|s| s.code == "TaskFailedToStart").map(|s| s.reason.clone());
    let last = (task.exit.is_some_and(|e| e != 0) && !task.tail.is_empty()).then(|| task.tail.join("\n"));
    json!({
        "containerArn": format!("{}/Main", known.arn.replacen(":task/", ":container/", 1)),
        "taskArn": known.arn,
        "name": "Main",
        "image": task.spec.image,
        "imageDigest": task.digest,
        "lastStatus": task.status,
        "exitCode": task.exit,
        "reason": failed.or(last),
        "healthStatus": health,
    })
}
