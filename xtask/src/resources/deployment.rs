//! What is deployed to an AppConfig environment, one version after the other.
//!
//! Deployments cannot be deleted and hold no field for who started them: the description says it.

use anyhow::{Context, Result, bail};
use aws_sdk_appconfig::primitives::Blob;
use aws_sdk_appconfig::types::{DeploymentState, DeploymentSummary};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::application::once;
use crate::aws::{Failure, explain, read};
use crate::content::{canonical, label};
use crate::resource::Busy;

/// Where one stage's configuration is deployed.
pub(crate) struct Target {
    pub(crate) client: aws_sdk_appconfig::Client,
    /// The ids that AppConfig knows them by.
    pub(crate) application: String,
    pub(crate) environment: String,
    pub(crate) profile: String,
}

/// One deployment, under way or over.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Deployment {
    pub(crate) number: i32,
    /// The version's number.
    pub(crate) version: String,
    pub(crate) label: Option<String>,
    pub(crate) state: Stage,
    /// Of the clients, 0 to 100.
    pub(crate) percent: f32,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) started: Option<OffsetDateTime>,
    /// Who deployed which revision; only where it was asked for by its number.
    pub(crate) description: Option<String>,
    /// What AppConfig noted, the newest first; only where it was asked for by its number.
    pub(crate) events: Vec<String>,
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// On its way to everybody, or being checked before.
    Deploying,
    /// Everybody has it; AppConfig watches for a while, in which nothing else can be deployed.
    Baking,
    Complete,
    RollingBack,
    RolledBack,
    Reverted,
}

/// Why a deployment did not start.
pub(crate) enum Refusal {
    /// Another one is under way, or has been started since we looked.
    Conflict,
    Other(anyhow::Error),
}

const CONFLICT: &str = "ConflictException";
const MISSING: &str = "ResourceNotFoundException";

impl Target {
    /// All deployments of the environment, the newest first, without their descriptions.
    pub(crate) async fn deployments(&self) -> Result<Vec<Deployment>> {
        let request = self.client.list_deployments().application_id(&self.application);
        let request = request.environment_id(&self.environment).into_paginator().items();
        let found = request.send().collect::<Result<Vec<_>, _>>().await;
        let found = read(found, &[])?.unwrap_or_default();
        let ours =
            found.iter().filter(|it| it.configuration_profile_id().is_none_or(|id| id == self.profile));
        let mut deployments = ours.map(summary).collect::<Result<Vec<_>>>()?;
        deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.number));
        Ok(deployments)
    }

    /// One deployment, with everything that AppConfig knows of it. [`Busy`] where it is not to be seen yet.
    pub(crate) async fn deployment(&self, number: i32) -> Result<Deployment> {
        let request = self.client.get_deployment().application_id(&self.application);
        let answer = request.environment_id(&self.environment).deployment_number(number).send().await;
        let unseen = || Busy(format!("deployment {number} is not to be seen yet"));
        let found = read(answer, &[MISSING])?.ok_or_else(unseen)?;
        Ok(Deployment {
            number: found.deployment_number,
            version: found.configuration_version.clone().unwrap_or_default(),
            label: found.version_label.clone(),
            state: stage(found.state())?,
            percent: found.percentage_complete.unwrap_or_default(),
            started: moment(found.started_at()),
            events: found.event_log().iter().filter_map(|event| event.description.clone()).collect(),
            description: found.description,
        })
    }

    /// What a version holds. Fails when it was deleted.
    pub(crate) async fn content(&self, version: &str) -> Result<Value> {
        let number: i32 = version.parse().with_context(|| format!("`{version}` is no version of ours"))?;
        let request = self.client.get_hosted_configuration_version().application_id(&self.application);
        let request = request.configuration_profile_id(&self.profile).version_number(number);
        let Some(found) = read(request.send().await, &[MISSING])? else {
            bail!("version {version} is there no more: somebody deleted it");
        };
        let content = found.content.context("the version has no content")?;
        serde_json::from_slice(content.as_ref()).with_context(|| format!("read version {version} as JSON"))
    }

    /// The number of the version with this content: the one that is there, or a new one.
    pub(crate) async fn version(&self, content: &Value, description: &str) -> Result<String> {
        if let Some(there) = self.find(content).await? {
            return Ok(there);
        }
        let request = self.client.create_hosted_configuration_version().application_id(&self.application);
        let request = request.configuration_profile_id(&self.profile).content_type("application/json");
        let request = request.content(Blob::new(canonical(content))).version_label(label(content));
        match request.description(fit(description)).send().await.map_err(explain) {
            Ok(made) => Ok(made.version_number.to_string()),
            // Made by somebody else just now, or by a first try whose answer was lost.
            Err(failure) if failure.is(&[CONFLICT]) || failure.transient => {
                self.find(content).await?.ok_or_else(|| failure.into())
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn find(&self, content: &Value) -> Result<Option<String>> {
        let label = label(content);
        let request = self.client.list_hosted_configuration_versions().application_id(&self.application);
        let request = request.configuration_profile_id(&self.profile).version_label(&label);
        let found = read(request.send().await, &[])?.and_then(|answer| answer.items).unwrap_or_default();
        let Some(found) = found.iter().find(|version| version.version_label() == Some(&label)) else {
            return Ok(None);
        };
        let number = found.version_number.to_string();
        if canonical(&self.content(&number).await?) != canonical(content) {
            bail!("version {number} is called {label}, and its content is not what that stands for");
        }
        Ok(Some(number))
    }

    /// Starts to deploy a version, if `latest` is still the newest deployment. Gives its number.
    ///
    /// Without `latest` it is sent once: sent again when the first is complete, it would make a second.
    pub(crate) async fn start(
        &self,
        version: &str,
        strategy: &str,
        description: &str,
        latest: Option<i32>,
    ) -> Result<i32, Refusal> {
        let request = self.client.start_deployment().application_id(&self.application);
        let request = request.environment_id(&self.environment).configuration_profile_id(&self.profile);
        let request = request.configuration_version(version).deployment_strategy_id(strategy);
        let request = request.description(fit(description)).set_latest_deployment_number(latest).customize();
        let request = if latest.is_none() { request.config_override(once()) } else { request };
        let answer = request.send().await.map_err(explain);
        answer.map(|started| started.deployment_number).map_err(Refusal::from)
    }

    /// Takes a deployment back while it is under way. False when it is too late for that.
    pub(crate) async fn stop(&self, deployment: &Deployment) -> Result<bool> {
        let request = self.client.stop_deployment().application_id(&self.application);
        let request = request.environment_id(&self.environment).deployment_number(deployment.number);
        // Without it only one that deploys is stopped, and this one may go on to bake meanwhile.
        match request.allow_revert(true).send().await.map_err(explain) {
            Err(failure) if failure.is(&["BadRequestException"]) => Ok(false),
            answer => Ok(answer.map(|_| true)?),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure.is(&[CONFLICT]) {
            true => Self::Conflict,
            false => Self::Other(failure.into()),
        }
    }
}

impl Stage {
    /// Whether nothing else can be deployed yet.
    pub(crate) fn is_under_way(self) -> bool {
        matches!(self, Self::Deploying | Self::Baking | Self::RollingBack)
    }

    /// Whether everybody gets it, as long as nothing newer comes.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Baking | Self::Complete)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deploying => "deploying",
            Self::Baking => "baking",
            Self::Complete => "complete",
            Self::RollingBack => "rolling back",
            Self::RolledBack => "rolled back",
            Self::Reverted => "reverted",
        }
    }
}

/// Cut to what AppConfig takes of a description.
fn fit(description: &str) -> String {
    description.chars().take(1024).collect()
}

fn summary(found: &DeploymentSummary) -> Result<Deployment> {
    Ok(Deployment {
        number: found.deployment_number,
        version: found.configuration_version.clone().unwrap_or_default(),
        label: found.version_label.clone(),
        state: stage(found.state())?,
        percent: found.percentage_complete.unwrap_or_default(),
        started: moment(found.started_at()),
        description: None,
        events: Vec::new(),
    })
}

fn stage(state: Option<&DeploymentState>) -> Result<Stage> {
    Ok(match state.context("AppConfig names no state of a deployment")? {
        DeploymentState::Deploying | DeploymentState::Validating => Stage::Deploying,
        DeploymentState::Baking => Stage::Baking,
        DeploymentState::Complete => Stage::Complete,
        DeploymentState::RollingBack => Stage::RollingBack,
        DeploymentState::RolledBack => Stage::RolledBack,
        DeploymentState::Reverted => Stage::Reverted,
        other => bail!("AppConfig names a state that is not known here: {other}"),
    })
}

fn moment(at: Option<&aws_sdk_appconfig::primitives::DateTime>) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(at?.secs()).ok()
}
