//! Which images of a repository expire.

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use super::Repository;
use super::repository::ABSENT;
use super::repository_policy::client;
use crate::aws::{Aws, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// The lifecycle rules of a repository, all of them: ECR keeps one document.
#[derive(Serialize)]
pub(crate) struct LifecyclePolicy {
    pub(crate) repository: Key<Repository>,
    pub(crate) policy: Value,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    policy: Value,
}

pub(crate) struct Learned;

impl Resource for LifecyclePolicy {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "lifecycle policy";

    fn name(&self) -> String {
        "untagged images".to_owned()
    }

    fn place(&self) -> Option<Node> {
        Some(self.repository.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { policy: self.policy.clone() })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let (client, name) = client(cx, &self.repository).await?;
        let answer = client.get_lifecycle_policy().repository_name(name).send().await;
        let found = read(answer, &[NO_POLICY, ABSENT])?.and_then(|answer| answer.lifecycle_policy_text);
        let Some(text) = found else { return Ok(None) };
        let owned = Owned { policy: serde_json::from_str(&text).context("parse the lifecycle policy")? };
        Ok(Some(Seen { owned, learned: Learned, ours: true, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let (client, name) = client(cx, &self.repository).await?;
        let request = client.put_lifecycle_policy().repository_name(name);
        let answer = request.lifecycle_policy_text(desired.policy.to_string()).send().await;
        wrote(answer, &[ABSENT]).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let (client, name) = client(cx, &self.repository).await?;
        let answer = client.delete_lifecycle_policy().repository_name(name).send().await;
        gone(answer, &[NO_POLICY, ABSENT], &[])
    }
}

const NO_POLICY: &str = "LifecyclePolicyNotFoundException";
