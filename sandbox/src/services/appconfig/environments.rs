//! Environments: where deployments go, one at a time.

use super::deployments::{Deployment, Stage};
use super::{allow, application, application_path, environment_path, kept, missing, new_id, over_quota};
use super::{page, refused, requested, settings};
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::tags::Tags;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const QUOTA: usize = 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Environment {
    pub application: String,
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub monitors: Vec<Value>,
    pub tags: Tags,
    pub created: Time,
    /// In the order of their numbers, which start at 1.
    pub deployments: Vec<Deployment>,
}

impl Environment {
    pub(super) fn progress(&mut self, now: Time) {
        for deployment in &mut self.deployments {
            deployment.progress(now);
        }
    }

    /// The deployment under way, which blocks every other.
    pub(super) fn busy(&self) -> Option<&Deployment> {
        self.deployments.last().filter(|deployment| deployment.is_under_way())
    }

    fn state(&self) -> &'static str {
        match self.deployments.last().map(|deployment| deployment.stage) {
            Some(Stage::Deploying | Stage::Baking) => "DEPLOYING",
            Some(Stage::RollingBack) => "ROLLING_BACK",
            Some(Stage::RolledBack) => "ROLLED_BACK",
            Some(Stage::Reverted) => "REVERTED",
            Some(Stage::Complete) | None => "READY_FOR_DEPLOYMENT",
        }
    }

    fn output(&self) -> Value {
        json!({
            "ApplicationId": self.application,
            "Id": self.id,
            "Name": self.name,
            "Description": self.description,
            "State": self.state(),
            "Monitors": self.monitors,
        })
    }
}

/// The environment that the request names.
pub(super) fn environment<'a>(call: &'a mut Call) -> Result<&'a mut Environment, Fault> {
    let id = call.text("EnvironmentId").to_owned();
    let found = application(call)?.environments.get_mut(&id);
    found.ok_or_else(|| missing("environment", &id))
}

pub(super) fn create(call: &mut Call) -> Answer {
    allow(call, &[application_path(call)])?;
    if application(call)?.environments.len() >= QUOTA {
        return Err(over_quota("environments in this application", QUOTA));
    }
    let environment = Environment {
        application: call.text("ApplicationId").to_owned(),
        id: new_id(call),
        name: call.text("Name").to_owned(),
        description: kept(call, "Description"),
        monitors: call.list("Monitors"),
        tags: requested(call)?,
        created: call.now(),
        deployments: Vec::new(),
    };
    let output = environment.output();
    application(call)?.environments.insert(environment.id.clone(), environment);
    Ok(output)
}

pub(super) fn get(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), environment_path(call)])?;
    Ok(environment(call)?.output())
}

pub(super) fn list(call: &mut Call) -> Answer {
    allow(call, &[application_path(call)])?;
    let items = application(call)?.environments.values().map(Environment::output).collect();
    page(call, items)
}

pub(super) fn update(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), environment_path(call)])?;
    let (name, description) = (kept(call, "Name"), kept(call, "Description"));
    let monitors = call.input.contains_key("Monitors").then(|| call.list("Monitors"));
    let environment = environment(call)?;
    environment.name = name.unwrap_or_else(|| environment.name.clone());
    environment.description = description.or_else(|| environment.description.clone());
    environment.monitors = monitors.unwrap_or_else(|| environment.monitors.clone());
    Ok(environment.output())
}

pub(super) fn delete(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), environment_path(call)])?;
    let environment = environment(call)?;
    let (id, created) = (environment.id.clone(), environment.created);
    if environment.busy().is_some() {
        let why = format!("Cannot delete environment {id} because there is an ongoing deployment in it.");
        return Err(refused(why));
    }
    settings::protect(call, "environment", &id, created)?;
    application(call)?.environments.remove(&id);
    Ok(json!({}))
}
