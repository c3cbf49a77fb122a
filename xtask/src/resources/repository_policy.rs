//! Who may pull from a repository.

use anyhow::Result;
use aws_sdk_ecr::Client;
use serde::Serialize;
use serde_json::Value;

use super::Repository;
use super::repository::ABSENT;
use crate::aws::{Aws, gone, read, wrote};
use crate::graph::{Input, Key, Node};
use crate::policy::{canonical, canonical_text};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// The policy of a repository, all of it: ECR keeps one document.
#[derive(Serialize)]
pub(crate) struct RepositoryPolicy {
    pub(crate) repository: Key<Repository>,
    pub(crate) policy: Input<Value>,
}

/// The document in the canonical form, in which equal ones look equal.
#[derive(Serialize)]
pub(crate) struct Owned {
    policy: Value,
}

pub(crate) struct Learned;

impl Resource for RepositoryPolicy {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "repository policy";

    fn name(&self) -> String {
        "pull".to_owned()
    }

    fn place(&self) -> Option<Node> {
        Some(self.repository.node())
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        Ok(Owned { policy: canonical(&known.value(&self.policy)?) })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let (client, name) = client(cx, &self.repository).await?;
        let answer = client.get_repository_policy().repository_name(name).send().await;
        let found = read(answer, &[NO_POLICY, ABSENT])?.and_then(|answer| answer.policy_text);
        let Some(text) = found else { return Ok(None) };
        let owned = Owned { policy: canonical_text(&text)? };
        Ok(Some(Seen { owned, learned: Learned, ours: true, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let (client, name) = client(cx, &self.repository).await?;
        let request = client.set_repository_policy().repository_name(name);
        let answer = request.policy_text(desired.policy.to_string()).send().await;
        wrote(answer, &[ABSENT]).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let (client, name) = client(cx, &self.repository).await?;
        let answer = client.delete_repository_policy().repository_name(name).send().await;
        gone(answer, &[NO_POLICY, ABSENT], &[])
    }
}

const NO_POLICY: &str = "RepositoryPolicyNotFoundException";

/// The client for a repository's account, and the repository's name.
pub(super) async fn client<'k>(
    cx: &'k Cx<'_, Aws>,
    repository: &Key<Repository>,
) -> Result<(Client, &'k str)> {
    let repository = cx.known.of(repository)?;
    let door = cx.world.door(&repository.registry, &repository.access).await?;
    Ok((door.ecr(), &repository.name))
}
