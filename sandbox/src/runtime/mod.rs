//! Containers and ingress: runs what the services want run.
//!
//! Services declare tasks and routes in the [`State`] and read there what became of them; [`run`] makes them true.
//!
//! **Architecture Invariant:** nothing here knows ECS or App Runner: a task is an image, a process, and its health.

use crate::auth::{self, Caller, Principal};
use crate::call::{Call, HEX};
use crate::clock::Time;
use crate::services;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

mod image;
pub mod ingress;
mod isolation;
mod process;
mod supervisor;
mod task;

#[cfg(test)]
mod tests;

pub use ingress::{Ingress, Route};
pub use isolation::helper;
pub use supervisor::{Holds, replace, run};

/// How many of a container's last lines are kept for failure messages.
const TAIL: usize = 20;

/// What services want to run, and what became of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Tasks by id.
    pub tasks: BTreeMap<String, Task>,
    /// Public addresses by the ARN of their service.
    pub ingress: BTreeMap<String, Ingress>,
}

/// What a service wants run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spec {
    pub account: String,
    pub region: String,
    /// `HOST/…/NAME@sha256:…` or `…:TAG`, as the registry takes it.
    pub image: String,
    /// The role that pulls the image and writes the log: ECS's execution role, App Runner's access role.
    pub puller: String,
    /// The role of the running code.
    pub task_role: Option<String>,
    /// The service that must be trusted by `task_role`.
    pub principal: String,
    /// Replaces the image's command; ECS's `command`, App Runner's `StartCommand`.
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub port: u16,
    /// Whether the platform tells the port by `PORT`, as App Runner does and ECS does not.
    pub tells_port: bool,
    /// `amd64` or `arm64`; empty: whatever the image is.
    pub architecture: String,
    pub log: Option<Log>,
    pub health: Health,
    /// Seconds (AWS's) until the task's machine is there.
    pub provisioning: f64,
    /// Seconds (AWS's) between SIGTERM and SIGKILL.
    pub stop_timeout: f64,
}

/// Where a container's output goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Log {
    pub group: String,
    pub stream: String,
    /// Whether the group is the platform's own: it is made when it is missing, and no role is asked.
    pub managed: bool,
}

/// How a container's health is judged. Seconds are AWS's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// The path that must answer 200 to 299; `None`: the port must take a connection.
    pub path: Option<String>,
    pub interval: f64,
    pub timeout: f64,
    /// How many checks in a row make it healthy, and unhealthy.
    pub healthy: u32,
    pub unhealthy: u32,
    /// How long failures do not count after the start.
    pub grace: f64,
}

/// A task: what was wanted, and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub spec: Spec,
    /// Why it should stop; `None` as long as it should run.
    pub unwanted: Option<Stop>,
    pub status: Status,
    /// What its machine is ready to pull at.
    pub provisioned: Time,
    pub created: Time,
    pub pull_started: Option<Time>,
    pub pull_stopped: Option<Time>,
    pub started: Option<Time>,
    pub stopping: Option<Time>,
    pub stopped: Option<Time>,
    /// The digest that the image resolved to.
    pub digest: Option<String>,
    /// `None` until the first verdict.
    pub healthy: Option<bool>,
    pub exit: Option<i64>,
    /// Why it stopped, when it was not told to, or the reason it was told.
    pub outcome: Option<Stop>,
    /// The last lines of its output.
    pub tail: Vec<String>,
    /// The unguessable part of its credentials' URL.
    pub token: String,
    /// Where it can be reached, once it has been started.
    #[serde(skip)]
    pub address: Option<process::Address>,
    /// What the load balancer has sent it and is not answered yet.
    #[serde(skip)]
    pub requests: ingress::Requests,
}

/// The states of a task, in ECS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Provisioning,
    Pending,
    Running,
    Stopping,
    Stopped,
}

/// Why a task stops: ECS's stop code and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    pub code: String,
    pub reason: String,
}

impl Stop {
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self { code: code.to_owned(), reason: reason.into() }
    }
}

impl Task {
    /// Running and found healthy.
    pub fn serving(&self) -> bool {
        self.status == Status::Running && self.healthy == Some(true) && self.unwanted.is_none()
    }

    /// Stopped without having been told to, or found unhealthy.
    pub fn failed(&self) -> bool {
        self.unwanted.is_none() && (self.status == Status::Stopped || self.healthy == Some(false))
    }

    /// What went wrong, with exit status and last lines, for events and failure messages.
    pub fn failure(&self) -> String {
        let mut text = self.outcome.as_ref().map(|o| o.reason.clone()).unwrap_or_default();
        if let Some(exit) = self.exit {
            text.push_str(&format!(" (exit code {exit})"));
        }
        if !self.tail.is_empty() {
            text.push_str(&format!("; last output: {}", self.tail.join(" | ")));
        }
        text
    }

    fn line(&mut self, text: String) {
        if self.tail.len() == TAIL {
            self.tail.remove(0);
        }
        self.tail.push(text);
    }
}

/// Declares a task; its id is new.
pub fn start(world: &mut World, spec: Spec) -> String {
    let id = world.id(HEX, 32);
    let now = world.clock.now();
    let task = Task {
        provisioned: world.clock.due(spec.provisioning),
        spec,
        unwanted: None,
        status: Status::Provisioning,
        created: now,
        pull_started: None,
        pull_stopped: None,
        started: None,
        stopping: None,
        stopped: None,
        digest: None,
        healthy: None,
        exit: None,
        outcome: None,
        tail: Vec::new(),
        token: secret(),
        address: None,
        requests: ingress::Requests::default(),
    };
    world.runtime.tasks.insert(id.clone(), task);
    id
}

/// Declares that a task should stop, and why. The first reason stays.
pub fn stop(world: &mut World, id: &str, why: Stop) {
    if let Some(task) = world.runtime.tasks.get_mut(id) {
        task.unwanted.get_or_insert(why);
    }
}

/// Whether a task has ended (or is not known any more).
pub fn ended(world: &World, id: &str) -> bool {
    world.runtime.tasks.get(id).is_none_or(|t| t.status == Status::Stopped)
}

/// Drops what is known of a task that has ended.
pub fn forget(world: &mut World, id: &str) {
    if ended(world, id) {
        world.runtime.tasks.remove(id);
    }
}

/// The answer of the container credentials endpoint for the token in its URL. `None`: there is no such running task.
pub fn credentials(world: &mut World, token: &str) -> Option<Value> {
    let task = |(_, t): &(&String, &Task)| t.token == token && t.status != Status::Stopped;
    let (id, role) = {
        let (id, task) = world.runtime.tasks.iter().find(task)?;
        (id.clone(), task.spec.task_role.clone()?)
    };
    let session = auth::session(world, &role, &id, 6.0 * 3600.0)?;
    Some(json!({
        "RoleArn": role,
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.session_token,
        "Expiration": iso8601(session.expiration),
    }))
}

fn iso8601(at: Time) -> Option<String> {
    let at = time::OffsetDateTime::from_unix_timestamp(at as i64).ok()?;
    at.format(&time::format_description::well_known::Rfc3339).ok()
}

/// Makes a log group that the platform keeps for an account, as the account itself; one that is there is as good.
pub fn log_group(world: &mut World, account: &str, region: &str, name: &str) {
    let caller = Caller {
        account: account.to_owned(),
        arn: format!("arn:aws:iam::{account}:root"),
        user_id: account.to_owned(),
        access_key: String::new(),
        principal: Principal::Root,
    };
    let input = json!({ "logGroupName": name }).as_object().cloned().unwrap_or_default();
    let mut call = Call {
        world,
        service: "logs",
        operation: "CreateLogGroup",
        region,
        input,
        caller: Some(caller),
        authorized: false,
    };
    services::handle(&mut call).ok();
}

/// Where tasks have their directories.
fn directory(world: &World) -> PathBuf {
    world.settings.directory.join("containers")
}

/// Something that nobody guesses, unlike a world's ids: it guards credentials.
fn secret() -> String {
    (0..2).map(|n| format!("{:016x}", RandomState::new().hash_one(n))).collect()
}
