//! Operations as time passes, and the task that a running service keeps.

use super::service::{TASKS, port};
use super::{Declared, Service};
use crate::runtime::{self, Health, Log, Spec, Stop, ingress};
use crate::services::logs;
use crate::world::World;
use serde_json::Value;

/// Seconds that AWS takes.
pub(crate) const DEPLOY: f64 = 120.0;
const STOP: f64 = 30.0;
const REMEMBERED: f64 = 3600.0;

pub(super) fn tick(world: &mut World, here: &str) {
    let Some(state) = world.apprunner.get(here) else { return };
    let services: Vec<Service> = state.services.values().cloned().collect();
    let now = world.clock.now();
    for mut service in services {
        if service.deleted.is_some_and(|d| d + world.clock.scaled(REMEMBERED) <= now) {
            world.apprunner.entry(here.to_owned()).or_default().services.remove(&service.arn);
            continue;
        }
        match service.under_way().map(|o| (o.kind.clone(), o.status.clone(), o.next)) {
            Some((_, status, next)) if status == "PENDING" && next <= now => {
                launch(world, here, &mut service)
            }
            Some((kind, status, _)) if status == "IN_PROGRESS" => advance(world, here, &mut service, &kind),
            Some(_) => {}
            None => keep(world, here, &mut service),
        }
        route(world, &service);
        world.apprunner.entry(here.to_owned()).or_default().services.insert(service.arn.clone(), service);
    }
}

/// Whether this operation brings a new task.
fn brings_task(kind: &str) -> bool {
    !["PAUSE_SERVICE", "DELETE_SERVICE"].contains(&kind)
}

fn launch(world: &mut World, here: &str, service: &mut Service) {
    let now = world.clock.now();
    let Some(kind) = service.operations.last().map(|o| o.kind.clone()) else { return };
    let declared = service.operations.last().and_then(|o| o.declared.clone()).unwrap_or_default();
    let task = brings_task(&kind).then(|| {
        event(world, here, service, &format!("{kind}: pulling the image"));
        start(world, here, service, &declared)
    });
    if !brings_task(&kind)
        && let Some(task) = service.task.take()
    {
        runtime::stop(world, &task, Stop::new("ServiceSchedulerInitiated", kind.clone()));
    }
    let next = world.clock.due(if brings_task(&kind) { DEPLOY } else { STOP });
    if let Some(operation) = service.operations.last_mut() {
        operation.status = "IN_PROGRESS".to_owned();
        operation.updated = now;
        operation.task = task;
        operation.next = next;
    }
}

fn start(world: &mut World, here: &str, service: &Service, declared: &Declared) -> String {
    let (account, region) = here.split_once('/').unwrap_or_default();
    let group = log(service, "application");
    runtime::log_group(world, account, region, &group);
    let spec = spec(here, declared, Log { group, stream: String::new(), managed: true });
    let id = runtime::start(world, spec);
    if let Some(log) = world.runtime.tasks.get_mut(&id).and_then(|t| t.spec.log.as_mut()) {
        log.stream = format!("instance/{id}");
    }
    id
}

/// The log groups that App Runner makes: `application` for what the program writes, `service` for events.
fn log(service: &Service, which: &str) -> String {
    format!("/aws/apprunner/{}/{}/{which}", service.name, service.id)
}

fn event(world: &mut World, here: &str, service: &Service, text: &str) {
    let (account, region) = here.split_once('/').unwrap_or_default();
    let group = log(service, "service");
    runtime::log_group(world, account, region, &group);
    let now = world.clock.now();
    logs::append(
        world,
        &logs::Stream { account, region, group: &group, stream: "events" },
        &[(now, text.to_owned())],
    );
}

/// What the runtime is to run.
fn spec(here: &str, declared: &Declared, log: Log) -> Spec {
    let (account, region) = here.split_once('/').unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let image = &declared.source["ImageRepository"];
    let configuration = &image["ImageConfiguration"];
    let variables = configuration["RuntimeEnvironmentVariables"].as_object();
    let health = &declared.health;
    let number = |m: &str| health[m].as_f64().unwrap_or(1.0);
    Spec {
        account: account.to_owned(),
        region: region.to_owned(),
        image: text(&image["ImageIdentifier"]),
        puller: text(&declared.source["AuthenticationConfiguration"]["AccessRoleArn"]),
        task_role: declared.instance["InstanceRoleArn"].as_str().map(str::to_owned),
        principal: TASKS.to_owned(),
        command: text(&configuration["StartCommand"]).split_whitespace().map(str::to_owned).collect(),
        environment: variables.into_iter().flatten().map(|(k, v)| (k.clone(), text(v))).collect(),
        port: port(declared).unwrap_or(8080),
        tells_port: true,
        architecture: "amd64".to_owned(),
        log: Some(log),
        health: Health {
            path: (health["Protocol"] == "HTTP").then(|| text(&health["Path"])),
            interval: number("Interval"),
            timeout: number("Timeout"),
            healthy: number("HealthyThreshold") as u32,
            unhealthy: number("UnhealthyThreshold") as u32,
            grace: 60.0,
        },
        provisioning: 30.0,
        stop_timeout: 30.0,
    }
}

fn advance(world: &mut World, here: &str, service: &mut Service, kind: &str) {
    let Some(operation) = service.under_way().cloned() else { return };
    let now = world.clock.now();
    let task = operation.task.clone().unwrap_or_default();
    if !brings_task(kind) {
        let stopped = world
            .runtime
            .tasks
            .iter()
            .all(|(_, t)| !ours(service, t) || t.status == runtime::Status::Stopped);
        if stopped && operation.next <= now {
            finish(
                world,
                here,
                service,
                "SUCCEEDED",
                if kind == "PAUSE_SERVICE" { "PAUSED" } else { "DELETED" },
            );
        }
        return;
    }
    if world.runtime.tasks.get(&task).is_none_or(runtime::Task::failed) {
        failed(world, here, service, kind, &task);
    } else if operation.next <= now && world.runtime.tasks.get(&task).is_some_and(runtime::Task::serving) {
        if let Some(old) = service.task.replace(task) {
            runtime::stop(
                world,
                &old,
                Stop::new("ServiceSchedulerInitiated", "replaced by a new deployment"),
            );
        }
        service.declared = operation.declared.unwrap_or_default();
        finish(world, here, service, "SUCCEEDED", "RUNNING");
    }
}

fn ours(service: &Service, task: &runtime::Task) -> bool {
    task.spec.log.as_ref().is_some_and(|l| l.group == log(service, "application"))
}

/// What did not come up is stopped; an update goes back to what was there, a creation has failed and stays so.
fn failed(world: &mut World, here: &str, service: &mut Service, kind: &str, task: &str) {
    let why = world.runtime.tasks.get(task).map(runtime::Task::failure).unwrap_or_default();
    event(world, here, service, &format!("{kind} failed: {why}"));
    runtime::stop(world, task, Stop::new("ServiceSchedulerInitiated", "the deployment failed"));
    let status = service.status.clone();
    let outcome = if status == "RUNNING" { "ROLLBACK_SUCCEEDED" } else { "FAILED" };
    finish(world, here, service, outcome, &status);
}

fn finish(world: &mut World, here: &str, service: &mut Service, outcome: &str, status: &str) {
    let now = world.clock.now();
    service.status = status.to_owned();
    service.updated = now;
    if let Some(operation) = service.operations.last_mut() {
        operation.status = outcome.to_owned();
        operation.ended = Some(now);
        operation.updated = now;
    }
    event(world, here, service, &format!("service is {status}"));
    if status == "DELETED" {
        service.deleted = Some(now);
        ingress::close(world, &service.arn);
    }
}

/// Starts another task when the one that serves has ended.
fn keep(world: &mut World, here: &str, service: &mut Service) {
    if service.status != "RUNNING" {
        return;
    }
    let failed =
        service.task.as_ref().is_none_or(|id| world.runtime.tasks.get(id).is_none_or(runtime::Task::failed));
    if failed {
        if let Some(old) = service.task.take() {
            let why = world.runtime.tasks.get(&old).map(runtime::Task::failure).unwrap_or_default();
            event(world, here, service, &format!("an instance failed: {why}"));
            runtime::stop(world, &old, Stop::new("ServiceSchedulerInitiated", "unhealthy"));
        }
        let declared = service.declared.clone();
        service.task = Some(start(world, here, service, &declared));
    }
}

fn route(world: &mut World, service: &Service) {
    let tasks: Vec<String> = service.task.iter().cloned().collect();
    let routes = if tasks.is_empty() { Vec::new() } else { vec![ingress::Route { weight: 100, tasks }] };
    ingress::route(world, &service.arn, routes);
}
