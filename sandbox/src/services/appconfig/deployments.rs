//! Deployments: DEPLOYING in steps, BAKING, COMPLETE; or stopped on the way, or reverted.

use super::environments::environment;
use super::profiles::{Profile, profile};
use super::strategies::{self, Strategy};
use super::versions::{self, Version};
use super::{
    allow, application_path, environment_path, kept, missing, page, profile_path, refused, requested,
};
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::tags::Tags;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// AWS seconds until a deployment that was asked for shows its first percentage.
pub(crate) const START: f64 = 3.0;
/// AWS seconds that a rollback takes.
const ROLLBACK: f64 = 10.0;
/// AWS seconds within which a complete deployment can be reverted.
const REVERTIBLE: f64 = 72.0 * 3600.0;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    Deploying,
    Baking,
    Complete,
    RollingBack,
    RolledBack,
    Reverted,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Deploying => "DEPLOYING",
            Self::Baking => "BAKING",
            Self::Complete => "COMPLETE",
            Self::RollingBack => "ROLLING_BACK",
            Self::RolledBack => "ROLLED_BACK",
            Self::Reverted => "REVERTED",
        }
    }
}

/// A deployment, with a copy of what it deploys: what happens to the version later does not change it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deployment {
    pub number: i64,
    pub application: String,
    pub environment: String,
    pub profile: String,
    pub profile_name: String,
    pub version: Version,
    pub strategy: Strategy,
    pub description: Option<String>,
    pub tags: Tags,
    pub stage: Stage,
    pub percentage: f64,
    pub started: Time,
    pub completed: Option<Time>,
    /// What is still to happen, in order.
    coming: Vec<(Time, Step)>,
    /// What happened, in order.
    events: Vec<Value>,
}

/// What happens to a deployment as time passes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Step {
    Percentage(f64),
    Bake,
    Complete,
    RolledBack,
}

impl Deployment {
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Deploying | Stage::Baking | Stage::RollingBack)
    }

    /// Whether this client gets what is deployed. While the percentage grows it is the client's name that decides.
    pub(super) fn reaches(&self, client: &str) -> bool {
        match self.stage {
            Stage::Deploying => self.events.len() > 1 && share(client) < self.percentage,
            Stage::Baking | Stage::Complete => true,
            Stage::RollingBack | Stage::RolledBack | Stage::Reverted => false,
        }
    }

    pub(super) fn progress(&mut self, now: Time) {
        while let Some((at, step)) = self.coming.first().copied().filter(|(at, _)| *at <= now) {
            self.coming.remove(0);
            self.take(step, at);
        }
    }

    fn take(&mut self, step: Step, at: Time) {
        match step {
            Step::Percentage(percentage) => {
                self.percentage = percentage;
                let what = format!("Configuration available to {percentage:.2}% of clients");
                self.log("PERCENTAGE_UPDATED", "APPCONFIG", &what, at);
            }
            Step::Bake => {
                self.stage = Stage::Baking;
                self.log("BAKE_TIME_STARTED", "APPCONFIG", "Deployment bake time started", at);
            }
            Step::Complete => {
                (self.stage, self.completed) = (Stage::Complete, Some(at));
                self.log("DEPLOYMENT_COMPLETED", "APPCONFIG", "Deployment completed", at);
            }
            Step::RolledBack => {
                (self.stage, self.completed) = (Stage::RolledBack, Some(at));
                self.log("ROLLBACK_COMPLETED", "APPCONFIG", "Rollback completed", at);
            }
        }
    }

    fn log(&mut self, kind: &str, by: &str, what: &str, at: Time) {
        self.events.push(json!({
            "EventType": kind, "TriggeredBy": by, "Description": what, "ActionInvocations": [], "OccurredAt": at,
        }));
    }

    fn summary(&self) -> Value {
        json!({
            "DeploymentNumber": self.number,
            "ConfigurationProfileId": self.profile,
            "ConfigurationName": self.profile_name,
            "ConfigurationVersion": self.version.number.to_string(),
            "VersionLabel": self.version.label,
            "DeploymentDurationInMinutes": self.strategy.duration,
            "GrowthType": self.strategy.growth_type(),
            "GrowthFactor": self.strategy.growth,
            "FinalBakeTimeInMinutes": self.strategy.bake,
            "State": self.stage.name(),
            "PercentageComplete": self.percentage,
            "StartedAt": self.started,
            "CompletedAt": self.completed,
            "Type": "USER",
        })
    }

    fn output(&self) -> Value {
        let newest_first: Vec<&Value> = self.events.iter().rev().collect();
        let mut output = self.summary();
        output["ApplicationId"] = json!(self.application);
        output["EnvironmentId"] = json!(self.environment);
        output["DeploymentStrategyId"] = json!(self.strategy.id);
        output["ConfigurationLocationUri"] = json!("hosted");
        output["Description"] = json!(self.description);
        output["EventLog"] = json!(newest_first);
        output["AppliedExtensions"] = json!([]);
        if let Some(members) = output.as_object_mut() {
            members.remove("Type");
        }
        output
    }
}

/// A client's place among all: 0 to 100, the same in every deployment and on every day.
fn share(client: &str) -> f64 {
    let digest = Sha256::digest(client);
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / 65_536.0 * 100.0
}

pub(super) fn start(call: &mut Call) -> Answer {
    let strategy = format!("deploymentstrategy/{}", call.text("DeploymentStrategyId"));
    allow(call, &[application_path(call), environment_path(call), profile_path(call), strategy])?;
    let strategy_id = call.text("DeploymentStrategyId").to_owned();
    let wanted = call.text("ConfigurationVersion").to_owned();
    let latest = call.int("LatestDeploymentNumber");
    let strategy = strategies::find(call, &strategy_id)?;
    let profile = profile(call)?.clone();
    let version = versions::find(&profile, &wanted)?.clone();
    free(call, latest)?;
    version.check(&profile.validators)?;
    let deployment = new(call, &profile, version, strategy)?;
    let output = deployment.output();
    environment(call)?.deployments.push(deployment);
    Ok(output)
}

/// Refuses while another deployment is under way in the environment, whatever its profile.
fn free(call: &mut Call, expected: Option<i64>) -> Result<(), Fault> {
    let environment = environment(call)?;
    let conflict = |why: String| Err(Fault::new("ConflictException", why));
    if let Some(busy) = environment.busy() {
        return conflict(format!("Deployment number {} already exists", busy.number));
    }
    let latest = environment.deployments.last().map_or(0, |deployment| deployment.number);
    match expected.filter(|expected| *expected != latest) {
        Some(expected) => conflict(format!("The latest deployment number is {latest}, not {expected}")),
        None => Ok(()),
    }
}

fn new(
    call: &mut Call,
    profile: &Profile,
    version: Version,
    strategy: Strategy,
) -> Result<Deployment, Fault> {
    let coming = schedule(call, &strategy);
    let (started, description, tags) = (call.now(), kept(call, "Description"), requested(call)?);
    let environment = environment(call)?;
    let mut deployment = Deployment {
        number: environment.deployments.last().map_or(0, |it| it.number) + 1,
        application: environment.application.clone(),
        environment: environment.id.clone(),
        profile: profile.id.clone(),
        profile_name: profile.name.clone(),
        version,
        strategy,
        description,
        tags,
        stage: Stage::Deploying,
        percentage: 1.0,
        started,
        completed: None,
        coming,
        events: Vec::new(),
    };
    deployment.log("DEPLOYMENT_STARTED", "USER", "Deployment started", started);
    Ok(deployment)
}

fn schedule(call: &Call, strategy: &Strategy) -> Vec<(Time, Step)> {
    let percentages = strategy.percentages();
    let duration = strategy.duration as f64 * 60.0;
    let interval = duration / percentages.len() as f64;
    let at = |seconds: f64| call.due(START + seconds);
    let steps = percentages.into_iter().enumerate();
    let mut coming: Vec<_> = steps.map(|(n, it)| (at(n as f64 * interval), Step::Percentage(it))).collect();
    coming.push((at(duration), Step::Bake));
    coming.push((at(duration + strategy.bake as f64 * 60.0), Step::Complete));
    coming
}

pub(super) fn get(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), environment_path(call), deployment_path(call)])?;
    Ok(deployment(call)?.output())
}

pub(super) fn list(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), environment_path(call)])?;
    let newest_first = environment(call)?.deployments.iter().rev();
    let items = newest_first.map(Deployment::summary).collect();
    page(call, items)
}

/// Stops a deployment that is DEPLOYING; with `AllowRevert` also one that bakes, or the last one that is complete.
pub(super) fn stop(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), environment_path(call), deployment_path(call)])?;
    let (revert, now, rolled_back) = (call.flag("AllowRevert"), call.now(), call.due(ROLLBACK));
    let revertible = call.world.clock.scaled(REVERTIBLE);
    let number = call.int("DeploymentNumber").unwrap_or_default();
    let superseded = environment(call)?.deployments.last().is_some_and(|last| last.number > number);
    let deployment = deployment(call)?;
    let recent = deployment.completed.is_some_and(|completed| now < completed + revertible);
    match deployment.stage {
        Stage::Deploying => deployment.roll_back(now, rolled_back),
        Stage::Baking if revert => deployment.roll_back(now, rolled_back),
        Stage::Complete if revert && recent && !superseded => {
            deployment.stage = Stage::Reverted;
            deployment.log("REVERT_COMPLETED", "USER", "Revert completed", now);
        }
        stage => {
            let why = format!("Deployment {number} cannot be stopped: its state is {}.", stage.name());
            return Err(refused(why));
        }
    }
    Ok(deployment.output())
}

impl Deployment {
    fn roll_back(&mut self, now: Time, until: Time) {
        self.stage = Stage::RollingBack;
        self.log("ROLLBACK_STARTED", "USER", "Rollback started", now);
        self.coming = vec![(until, Step::RolledBack)];
    }
}

fn deployment_path(call: &Call) -> String {
    format!("{}/deployment/{}", environment_path(call), call.int("DeploymentNumber").unwrap_or_default())
}

/// The deployment that the request names.
fn deployment<'a>(call: &'a mut Call) -> Result<&'a mut Deployment, Fault> {
    let number = call.int("DeploymentNumber").unwrap_or_default();
    let mut deployments = environment(call)?.deployments.iter_mut();
    deployments.find(|it| it.number == number).ok_or_else(|| missing("deployment", &number.to_string()))
}
