//! The first configuration of an environment: a hosted version, deployed.
//!
//! What is deployed later is `config`'s business: any deployment of the environment counts as there.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_appconfig::primitives::Blob;
use aws_sdk_appconfig::types::{DeploymentState, DeploymentSummary};
use serde::Serialize;
use serde_json::Value;

use super::application::{ABSENT, once};
use super::{ConfigurationEnvironment, ConfigurationProfile, Strategy};
use crate::aws::{Aws, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// Content for an environment that has none yet.
#[derive(Serialize)]
pub(crate) struct Configuration {
    pub(crate) environment: Key<ConfigurationEnvironment>,
    pub(crate) profile: Key<ConfigurationProfile>,
    pub(crate) strategy: Key<Strategy>,
    pub(crate) content: Value,
    /// The version's label, made from the content. It needs something that is not a digit.
    pub(crate) label: String,
    pub(crate) description: String,
}

/// Nothing: it is only ever brought.
#[derive(Serialize)]
pub(crate) struct Owned {}

pub(crate) struct Learned {
    /// Of the newest deployment.
    pub(crate) number: i32,
}

impl Resource for Configuration {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "configuration";

    fn name(&self) -> String {
        "first".to_owned()
    }

    fn place(&self) -> Option<Node> {
        Some(self.environment.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned {})
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let deployments = self.deployments(cx).await?;
        let Some(newest) = deployments.iter().max_by_key(|it| it.deployment_number) else { return Ok(None) };
        if self.is_removed(cx).await? {
            return Ok(None);
        }
        let state = match state(&deployments) {
            State::Failed(why) => State::Failed(self.why(cx, newest.deployment_number).await?.unwrap_or(why)),
            state => state,
        };
        let learned = Learned { number: newest.deployment_number };
        Ok(Some(Seen { owned: Owned {}, learned, ours: true, state }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let environment = cx.known.of(&self.environment)?;
        let application = &environment.application;
        let (profile, strategy) = (&cx.known.of(&self.profile)?.id, &cx.known.of(&self.strategy)?.id);
        let version = self.version(cx, profile).await?;
        if self.is_removed(cx).await? {
            let request =
                application.client().untag_resource().resource_arn(environment.arn()).tag_keys(REMOVED);
            wrote(request.send().await, &[])?;
        }
        let request = application.client().start_deployment().application_id(&application.id);
        let request = request.environment_id(&environment.id).configuration_profile_id(profile);
        let request = request.deployment_strategy_id(strategy).configuration_version(version.to_string());
        let request = request.description(&self.description).customize();
        // Sent again when the first is complete, it would make a second.
        let answer = request.config_override(once()).send().await;
        // One deployment at a time: ours of an earlier run, or somebody else's. Either way one is there.
        wrote(answer, &["ConflictException"]).map(drop)
    }

    /// Deployments cannot be deleted, they go with their environment: it is noted there that they count no more.
    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let environment = cx.known.of(&self.environment)?;
        let application = &environment.application;
        if let State::Coming(_) = current.state {
            let request = application.client().stop_deployment().application_id(&application.id);
            let request = request.environment_id(&environment.id).deployment_number(current.learned.number);
            gone(request.send().await, &[ABSENT, "BadRequestException"], &[])?;
        }
        let request =
            application.client().tag_resource().resource_arn(environment.arn()).tags(REMOVED, "true");
        gone(request.send().await, &[ABSENT], &[])
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(15 * 60)
    }
}

/// The tag of an environment whose deployments count no more.
const REMOVED: &str = "foothold:configuration-removed";

impl Configuration {
    async fn deployments(&self, cx: &Cx<'_, Aws>) -> Result<Vec<DeploymentSummary>> {
        let environment = cx.known.of(&self.environment)?;
        let application = &environment.application;
        let request = application.client().list_deployments().application_id(&application.id);
        let request = request.environment_id(&environment.id);
        let answer = read(request.send().await, &[ABSENT])?;
        Ok(answer.and_then(|answer| answer.items).unwrap_or_default())
    }

    async fn is_removed(&self, cx: &Cx<'_, Aws>) -> Result<bool> {
        Ok(cx.known.of(&self.environment)?.tags().await?.contains_key(REMOVED))
    }

    /// The number of the version with this content: one that is there already, or a new one.
    async fn version(&self, cx: &Cx<'_, Aws>, profile: &str) -> Result<i32> {
        let application = &cx.known.of(&self.environment)?.application;
        let client = application.client();
        let request = client.list_hosted_configuration_versions().application_id(&application.id);
        let request = request.configuration_profile_id(profile).version_label(&self.label);
        let found = read(request.send().await, &[ABSENT])?.and_then(|answer| answer.items);
        if let Some(version) = found.unwrap_or_default().first() {
            return Ok(version.version_number);
        }
        let request = client.create_hosted_configuration_version().application_id(&application.id);
        let request = request.configuration_profile_id(profile).version_label(&self.label);
        let request = request.content(Blob::new(serde_json::to_vec(&self.content)?));
        let request = request.content_type("application/json").description(&self.description);
        let answer = request.customize().config_override(once()).send().await;
        Ok(wrote(answer, &["ConflictException"])?.version_number)
    }

    /// What AppConfig noted last about a deployment.
    async fn why(&self, cx: &Cx<'_, Aws>, number: i32) -> Result<Option<String>> {
        let environment = cx.known.of(&self.environment)?;
        let application = &environment.application;
        let request = application.client().get_deployment().application_id(&application.id);
        let request = request.environment_id(&environment.id).deployment_number(number);
        let found = read(request.send().await, &[ABSENT])?;
        let said: Vec<String> = found
            .iter()
            .flat_map(|found| found.event_log())
            .filter_map(|event| event.description.clone())
            .collect();
        Ok((!said.is_empty()).then(|| format!("deployment {number} was rolled back: {}", said.join("; "))))
    }
}

/// Whether a configuration is live: while baking it is.
fn state(deployments: &[DeploymentSummary]) -> State {
    let is = |deployment: &DeploymentSummary, states: &[DeploymentState]| {
        deployment.state().is_some_and(|state| states.contains(state))
    };
    if deployments.iter().any(|it| is(it, &[DeploymentState::Baking, DeploymentState::Complete])) {
        return State::Ready;
    }
    let under_way = [DeploymentState::Deploying, DeploymentState::Validating, DeploymentState::RollingBack];
    if let Some(coming) = deployments.iter().find(|it| is(it, &under_way)) {
        let percent = coming.percentage_complete.unwrap_or_default();
        return State::Coming(format!("deployment {}: {percent} %", coming.deployment_number));
    }
    State::Failed("its deployment was rolled back".to_owned())
}
