//! How a deployment brings a revision into service, and how a service keeps its tasks.
//!
//! PENDING, then scale up; with a revision before it, 5 % of the requests and a bake time; all requests and another bake
//! time; done. Three failed tasks, or more than 1 % errors in two of three minutes, and it is rolled back.

use super::{Deployment, Event, Revision, State, Status, Task, ending};
use crate::call::HEX;
use crate::clock::Time;
use crate::runtime::{self, Health, Log, Spec, Stop, ingress};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Seconds that AWS takes.
pub(crate) const BAKE: f64 = 180.0;
const PROVISIONING: f64 = 20.0;
const INTERVAL: f64 = 30.0;
/// From its declaration until a task is healthy: its machine, and checks, of which the first comes before it listens.
pub(crate) const HEALTHY: f64 = PROVISIONING + INTERVAL * CHECKS as f64;
const PERIOD: f64 = 60.0;
const BACKOFF: f64 = 10.0;

/// Good checks that make a task healthy.
const CHECKS: u32 = 5;

/// Per cent of the requests that a canary gets.
const CANARY: u64 = 5;

/// Failed tasks that stop a deployment: half the wanted ones, and at least three.
const FAILURES: u64 = 3;

/// The error-rate alarm: periods of a minute, and whether more than 1 % of the answers in it were errors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Alarm {
    since: Option<(Time, u64, u64)>,
    periods: Vec<bool>,
}

impl Alarm {
    /// Takes the counts at the end of a period; true: two of the last three were bad.
    fn take(&mut self, now: Time, due: Time, (requests, errors): (u64, u64)) -> bool {
        match self.since {
            None => self.since = Some((due, requests, errors)),
            Some((end, r, e)) if now >= end => {
                self.periods.push((errors - e.min(errors)) * 100 > requests - r.min(requests));
                self.since = Some((due, requests, errors));
            }
            Some(_) => {}
        }
        self.periods.iter().rev().take(3).filter(|bad| **bad).count() >= 2
    }
}

pub(super) fn tick(world: &mut World, here: &str) {
    let services: Vec<String> = at(world, here).services.keys().cloned().collect();
    for arn in services {
        match at(world, here).services.get(&arn).map(|s| s.status) {
            Some(Status::Active) => {
                count_failures(world, here, &arn);
                step(world, here, &arn);
                scale(world, here, &arn);
                route(world, here, &arn);
            }
            Some(Status::Draining) => ending::drained(world, here, &arn),
            Some(Status::Inactive) => ending::forgotten(world, here, &arn),
            None => {}
        }
    }
}

pub(super) fn at<'w>(world: &'w mut World, here: &str) -> &'w mut State {
    world.ecs.entry(here.to_owned()).or_default()
}

fn event(world: &mut World, here: &str, arn: &str, message: String) {
    let (id, now) = (world.id(HEX, 32), world.clock.now());
    if let Some(service) = at(world, here).services.get_mut(arn) {
        let message = format!("(service {}) {message}", service.name);
        service.events.push(Event { id, at: now, message });
        // AWS shows a hundred.
        let surplus = service.events.len().saturating_sub(100);
        service.events.drain(..surplus);
    }
}

pub(super) fn tasks_of(state: &State, arn: &str) -> Vec<(String, Task)> {
    state.tasks.iter().filter(|(_, t)| t.service == arn).map(|(id, t)| (id.clone(), t.clone())).collect()
}

/// Counts tasks that failed since the last look, tells of them, and stops the unhealthy.
fn count_failures(world: &mut World, here: &str, arn: &str) {
    let failed: Vec<_> = tasks_of(at(world, here), arn)
        .into_iter()
        .filter(|(id, t)| !t.counted && world.runtime.tasks.get(id).is_some_and(runtime::Task::failed))
        .collect();
    for (id, task) in failed {
        let unhealthy = world.runtime.tasks.get(&id).is_some_and(|t| t.healthy == Some(false));
        if unhealthy {
            let reason = "Task failed ELB health checks";
            runtime::stop(world, &id, Stop::new("ServiceSchedulerInitiated", reason));
        }
        let told = world.runtime.tasks.get(&id).map(runtime::Task::failure).unwrap_or_default();
        let told =
            if unhealthy { format!("failed ELB health checks{told}") } else { format!("stopped: {told}") };
        event(world, here, arn, format!("(task {id}) {told}"));
        let backoff = world.clock.due(BACKOFF);
        let state = at(world, here);
        if let Some(task) = state.tasks.get_mut(&id) {
            task.counted = true;
        }
        if let Some(service) = state.services.get_mut(arn) {
            service.backoff = backoff;
        }
        let current =
            state.deployments.values_mut().find(|d| d.arn == task.deployment && d.finished.is_none());
        if let Some(deployment) = current {
            deployment.failures += 1;
            deployment.reason = Some(told);
        }
    }
}

fn current(state: &State, arn: &str) -> Option<Deployment> {
    let deployment = state.services.get(arn)?.deployment.as_ref()?;
    state.deployments.get(deployment).cloned()
}

fn wanted_count(state: &State, revision: &str) -> usize {
    let minimum = |r: &Revision| r.configuration["scalingTarget"]["minTaskCount"].as_u64();
    state.revisions.get(revision).and_then(minimum).unwrap_or(1) as usize
}

fn healthy(world: &mut World, here: &str, arn: &str, revision: &str) -> usize {
    let tasks = tasks_of(at(world, here), arn);
    let serving = |id: &String| world.runtime.tasks.get(id).is_some_and(runtime::Task::serving);
    tasks.iter().filter(|(id, t)| t.revision == revision && serving(id)).count()
}

/// One step of the deployment under way, if it is due.
fn step(world: &mut World, here: &str, arn: &str) {
    let Some(mut deployment) = current(at(world, here), arn) else {
        return;
    };
    let now = world.clock.now();
    let before = (deployment.status.clone(), deployment.stage.clone());
    match deployment.status.as_str() {
        "PENDING" if now >= deployment.next => {
            deployment.status = "IN_PROGRESS".to_owned();
            deployment.stage = "SCALE_UP".to_owned();
            deployment.started = Some(now);
        }
        "IN_PROGRESS" => progress(world, here, &mut deployment),
        "ROLLBACK_REQUESTED" => {
            roll_back(world, here, &mut deployment, "Service deployment rolled back by the user.")
        }
        "ROLLBACK_IN_PROGRESS" => rolled_back(world, here, &mut deployment),
        _ => {}
    }
    if before != (deployment.status.clone(), deployment.stage.clone()) {
        deployment.updated = now;
    }
    finish(world, here, arn, deployment);
}

fn finish(world: &mut World, here: &str, arn: &str, mut deployment: Deployment) {
    let now = world.clock.now();
    let over = ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"].contains(&deployment.status.as_str());
    if over {
        deployment.finished = Some(now);
        let (status, id) = (deployment.status.clone(), deployment.arn.clone());
        let told = match status.as_str() {
            "SUCCESSFUL" => "has reached a steady state.".to_owned(),
            _ => format!("deployment {id} failed: {}", deployment.reason.clone().unwrap_or_default()),
        };
        event(world, here, arn, told);
        if let Some(service) = at(world, here).services.get_mut(arn) {
            service.deployment = None;
            if status == "SUCCESSFUL" {
                service.serving = Some(deployment.target.clone());
            }
        }
    }
    at(world, here).deployments.insert(deployment.arn.clone(), deployment);
}

fn progress(world: &mut World, here: &str, deployment: &mut Deployment) {
    let arn = deployment.service.clone();
    let wanted = wanted_count(at(world, here), &deployment.target);
    if deployment.failures >= FAILURES.max(wanted as u64 / 2) {
        return roll_back(
            world,
            here,
            deployment,
            "Service deployment rolled back because the circuit breaker threshold was exceeded.",
        );
    }
    if deployment.weight > 0 && alarmed(world, deployment) {
        return roll_back(
            world,
            here,
            deployment,
            "Service deployment rolled back because of alarms in ALARM state: the error rate exceeded 1%.",
        );
    }
    let now = world.clock.now();
    match deployment.stage.as_str() {
        "SCALE_UP" => {
            let provisioned = at(world, here).balancer.is_some_and(|b| b <= now);
            if !provisioned || healthy(world, here, &arn, &deployment.target) < wanted {
                return;
            }
            let first = deployment.source.is_none();
            deployment.weight = if first { 100 } else { CANARY };
            deployment.stage = if first { "BAKE_TIME" } else { "PRODUCTION_TRAFFIC_SHIFT" }.to_owned();
            deployment.next = world.clock.due(BAKE);
        }
        "PRODUCTION_TRAFFIC_SHIFT" if now >= deployment.next => {
            deployment.weight = 100;
            deployment.stage = "BAKE_TIME".to_owned();
            deployment.next = world.clock.due(BAKE);
        }
        "BAKE_TIME" if now >= deployment.next => {
            deployment.stage = "CLEAN_UP".to_owned();
            deployment.status = "SUCCESSFUL".to_owned();
            deployment.reason = None;
        }
        _ => {}
    }
}

fn alarmed(world: &mut World, deployment: &mut Deployment) -> bool {
    let counts = ingress::counts(world, &deployment.service);
    deployment.alarm.take(world.clock.now(), world.clock.due(PERIOD), counts)
}

fn roll_back(world: &mut World, here: &str, deployment: &mut Deployment, why: &str) {
    let cause = deployment.reason.take().map(|r| format!(" Last failure: task {r}")).unwrap_or_default();
    let why = format!("{why}{cause}");
    let now = world.clock.now();
    deployment.weight = 0;
    deployment.stage = "CLEAN_UP".to_owned();
    deployment.rollback = deployment.source.is_some().then(|| (why.clone(), now));
    deployment.next = world.clock.due(BACKOFF);
    if deployment.source.is_some() {
        deployment.status = "ROLLBACK_IN_PROGRESS".to_owned();
        deployment.reason = Some(why);
    } else {
        deployment.status = "ROLLBACK_FAILED".to_owned();
        deployment.reason = Some(format!("{why} No rollback candidate was found to run the rollback."));
    }
    let arn = deployment.service.clone();
    event(world, here, &arn, "rolling back to the last deployment.".to_owned());
}

fn rolled_back(world: &mut World, here: &str, deployment: &mut Deployment) {
    let Some(source) = deployment.source.clone() else {
        return;
    };
    let wanted = wanted_count(at(world, here), &source);
    let arn = deployment.service.clone();
    if world.clock.now() >= deployment.next && healthy(world, here, &arn, &source) >= wanted {
        deployment.status = "ROLLBACK_SUCCESSFUL".to_owned();
    }
}

/// A deployment that a newer one has taken the place of.
pub(super) fn supersede(state: &mut State, deployment: &str, now: Time) {
    if let Some(old) = state.deployments.get_mut(deployment) {
        old.status = "STOPPED".to_owned();
        old.reason =
            Some("Service deployment stopped because a new service deployment was started.".to_owned());
        old.stopped = Some(now);
        old.finished = Some(now);
        old.updated = now;
    }
}

/// How many tasks of which revision there should be now.
fn wanted(state: &State, arn: &str) -> BTreeMap<String, (usize, String)> {
    let mut wanted = BTreeMap::new();
    let Some(service) = state.services.get(arn) else {
        return wanted;
    };
    if let Some(serving) = &service.serving {
        let by = state.deployments.values().filter(|d| d.target == *serving).map(|d| d.arn.clone()).next();
        wanted.insert(serving.clone(), (wanted_count(state, serving), by.unwrap_or_default()));
    }
    if let Some(deployment) = current(state, arn).filter(|d| d.status == "IN_PROGRESS") {
        wanted.insert(deployment.target.clone(), (wanted_count(state, &deployment.target), deployment.arn));
    }
    wanted
}

/// Starts what is missing and stops what is too many.
fn scale(world: &mut World, here: &str, arn: &str) {
    let wanted = wanted(at(world, here), arn);
    let tasks = tasks_of(at(world, here), arn);
    let alive = |id: &String| {
        world
            .runtime
            .tasks
            .get(id)
            .is_some_and(|t| t.unwanted.is_none() && t.status != runtime::Status::Stopped)
    };
    let alive: Vec<(String, Task)> = tasks.into_iter().filter(|(id, _)| alive(id)).collect();
    for (id, _) in alive.iter().filter(|(_, t)| !wanted.contains_key(&t.revision)) {
        let reason = format!("Scaling activity initiated by (deployment {})", deployment_id(arn));
        runtime::stop(world, id, Stop::new("ServiceSchedulerInitiated", reason));
    }
    let now = world.clock.now();
    if at(world, here).services.get(arn).is_some_and(|s| s.backoff > now) {
        return;
    }
    for (revision, (count, deployment)) in wanted {
        for _ in alive.iter().filter(|(_, t)| t.revision == revision).count()..count {
            launch(world, here, arn, &revision, &deployment);
        }
    }
}

fn deployment_id(arn: &str) -> String {
    let digest = arn.bytes().fold(7_u64, |a, b| a.wrapping_mul(31).wrapping_add(u64::from(b)));
    format!("ecs-svc/{digest:019}")
}

fn launch(world: &mut World, here: &str, arn: &str, revision: &str, deployment: &str) {
    let Some(cluster) = at(world, here).services.get(arn).map(|s| s.cluster.clone()) else {
        return;
    };
    let Some(revision) = at(world, here).revisions.get(revision).cloned() else {
        return;
    };
    let id = runtime::start(world, spec(here, &revision));
    let (account, region) = here.split_once('/').unwrap_or_default();
    if let Some(log) = world.runtime.tasks.get_mut(&id).and_then(|t| t.spec.log.as_mut()) {
        log.stream = format!("{}/Main/{id}", log.stream);
    }
    let task = Task {
        arn: format!("arn:aws:ecs:{region}:{account}:task/{cluster}/{id}"),
        service: arn.to_owned(),
        cluster,
        revision: revision.arn,
        deployment: deployment.to_owned(),
        counted: false,
    };
    at(world, here).tasks.insert(id.clone(), task);
    event(world, here, arn, format!("has started 1 tasks: (task {id})."));
}

/// What the runtime is to run for a revision.
fn spec(here: &str, revision: &Revision) -> Spec {
    let (account, region) = here.split_once('/').unwrap_or_default();
    let configuration = &revision.configuration;
    let text = |m: &str| configuration.get(m).and_then(Value::as_str).map(str::to_owned);
    let container = &configuration["primaryContainer"];
    let of = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let log = &container["awsLogsConfiguration"];
    Spec {
        account: account.to_owned(),
        region: region.to_owned(),
        image: of(&container["image"]),
        puller: text("executionRoleArn").unwrap_or_default(),
        task_role: text("taskRoleArn"),
        principal: "ecs-tasks.amazonaws.com".to_owned(),
        command: list(&container["command"]).iter().map(of).collect(),
        environment: list(&container["environment"])
            .iter()
            .map(|e| (of(&e["name"]), of(&e["value"])))
            .collect(),
        port: container["containerPort"].as_u64().unwrap_or(80) as u16,
        tells_port: false,
        architecture: if text("cpuArchitecture").as_deref() == Some("ARM64") { "arm64" } else { "amd64" }
            .to_owned(),
        log: Some(Log { group: of(&log["logGroup"]), stream: of(&log["logStreamPrefix"]), managed: false }),
        health: Health {
            path: text("healthCheckPath"),
            interval: INTERVAL,
            timeout: 5.0,
            healthy: CHECKS,
            unhealthy: 2,
            grace: 300.0,
        },
        provisioning: PROVISIONING,
        stop_timeout: 30.0,
    }
}

/// Sends the requests where the deployment says.
fn route(world: &mut World, here: &str, arn: &str) {
    let state = at(world, here);
    let Some(service) = state.services.get(arn) else {
        return;
    };
    let deployment = current(state, arn);
    let weight = deployment.as_ref().map_or(0, |d| d.weight);
    let target = deployment.map(|d| d.target);
    let tasks = |revision: &Option<String>| -> Vec<String> {
        let of = |t: &Task| t.service == arn && Some(&t.revision) == revision.as_ref();
        state.tasks.iter().filter(|(_, t)| of(t)).map(|(id, _)| id.clone()).collect()
    };
    let routes = [(weight, tasks(&target)), (100 - weight, tasks(&service.serving))];
    let routes =
        routes.into_iter().filter(|(w, _)| *w > 0).map(|(weight, tasks)| ingress::Route { weight, tasks });
    let routes = routes.collect();
    ingress::route(world, arn, routes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bad_minutes_of_three_are_an_alarm_and_one_is_not() {
        let mut alarm = Alarm::default();
        assert!(!alarm.take(0.0, 60.0, (0, 0)));
        assert!(!alarm.take(60.0, 120.0, (100, 2)), "one bad minute");
        assert!(!alarm.take(120.0, 180.0, (200, 3)), "1 % is not more than 1 %");
        assert!(alarm.take(180.0, 240.0, (300, 5)), "the second bad minute of three");
    }

    #[test]
    fn a_minute_without_requests_is_not_bad() {
        let mut alarm = Alarm::default();
        assert!(!(0..10).any(|n| alarm.take(f64::from(n) * 60.0, f64::from(n + 1) * 60.0, (7, 0))));
    }
}
