//! An IAM role: who may take it, and what it may do.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Error, Result};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::Tag;
use serde::Serialize;
use serde_json::Value;

use super::Account;
use crate::aws::{Aws, Door, Mark, explain, gone, read, wrote};
use crate::graph::{Input, Key, Node};
use crate::policy::{canonical, canonical_text};
use crate::report::Known;
use crate::resource::{Busy, Cx, Resource, Seen, SeenBy, State};

/// A role with inline policies of ours and attached policies of AWS's.
#[derive(Serialize)]
pub(crate) struct Role {
    pub(crate) account: Key<Account>,
    pub(crate) mark: Mark,
    /// Such as `/foothold/listservices/`.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) trust: Input<Value>,
    /// Each by its name.
    pub(crate) inline: Vec<(String, Input<Value>)>,
    /// ARNs of policies that AWS manages.
    pub(crate) attached: Vec<String>,
}

/// The names of all roles under a path.
pub(crate) async fn names(door: &Door, path: &str) -> Result<Vec<String>> {
    let found = door.iam().list_roles().path_prefix(path).into_paginator().items().send();
    let found = read(found.collect::<Result<Vec<_>, _>>().await, &[])?.unwrap_or_default();
    Ok(found.into_iter().map(|role| role.role_name).collect())
}

/// Documents in the canonical form, in which equal ones look equal.
#[derive(Serialize)]
pub(crate) struct Owned {
    path: String,
    trust: Value,
    inline: BTreeMap<String, Value>,
    attached: BTreeSet<String>,
}

pub(crate) struct Learned {
    pub(crate) arn: String,
}

impl Resource for Role {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "role";
    const CREATE_ONLY: &'static [&'static str] = &["path"];

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.account.node())
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        let document = |input: &Input<Value>| known.value(input).map(|document| canonical(&document));
        let inline = self.inline.iter().map(|(name, policy)| Ok((name.clone(), document(policy)?)));
        Ok(Owned {
            path: self.path.clone(),
            trust: document(&self.trust)?,
            inline: inline.collect::<Result<_>>()?,
            attached: self.attached.iter().cloned().collect(),
        })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let client = self.client(cx).await?;
        let answer = client.get_role().role_name(&self.name).send().await;
        let Some(role) = read(answer, &[ABSENT])?.and_then(|answer| answer.role) else { return Ok(None) };
        let owned = Owned {
            path: role.path().to_owned(),
            trust: canonical_text(role.assume_role_policy_document().context("the role has no trust")?)?,
            inline: inline(&client, &self.name).await?,
            attached: attached(&client, &self.name).await?,
        };
        let ours = self.mark.is_on(role.tags().iter().map(|tag| (tag.key(), tag.value())));
        let learned = Learned { arn: role.arn };
        Ok(Some(Seen { owned, learned, ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let client = self.client(cx).await?;
        match current {
            None => self.create(&client, desired).await?,
            Some(role) => {
                if !role.ours {
                    let request = client.tag_role().role_name(&self.name).set_tags(Some(self.tags()?));
                    wrote(request.send().await, AGAIN)?;
                }
                if role.owned.trust != desired.trust {
                    let request = client.update_assume_role_policy().role_name(&self.name);
                    trusted(request.policy_document(desired.trust.to_string()).send().await)?;
                }
            }
        }
        let nothing = (BTreeMap::new(), BTreeSet::new());
        let (inline, attached) =
            current.map_or((&nothing.0, &nothing.1), |role| (&role.owned.inline, &role.owned.attached));
        self.put_inline(&client, inline, &desired.inline).await?;
        self.attach(&client, attached, &desired.attached).await
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let client = self.client(cx).await?;
        // Policies first: IAM refuses otherwise.
        self.put_inline(&client, &current.owned.inline, &BTreeMap::new()).await?;
        self.attach(&client, &current.owned.attached, &BTreeSet::new()).await?;
        let again = [AGAIN, &["DeleteConflict"]].concat();
        gone(client.delete_role().role_name(&self.name).send().await, &[ABSENT], &again)
    }
}

/// What IAM says of what is not there.
const ABSENT: &str = "NoSuchEntity";
/// What it says while somebody else changes the same role.
const AGAIN: &[&str] = &["ConcurrentModification"];

impl Role {
    async fn client(&self, cx: &Cx<'_, Aws>) -> Result<Client> {
        let account = cx.known.of(&self.account)?;
        Ok(cx.world.door(&account.id, &account.access).await?.iam())
    }

    fn tags(&self) -> Result<Vec<Tag>> {
        self.mark.tags().map(|(key, value)| Ok(Tag::builder().key(key).value(value).build()?)).collect()
    }

    async fn create(&self, client: &Client, desired: &Owned) -> Result<()> {
        let request = client.create_role().role_name(&self.name).path(&self.path);
        let request = request.assume_role_policy_document(desired.trust.to_string());
        trusted(request.set_tags(Some(self.tags()?)).send().await)
    }

    /// Makes the inline policies `after`, from `before`, touching only those that differ. A role that was just made may
    /// not be there yet for others.
    async fn put_inline(&self, client: &Client, before: &Policies, after: &Policies) -> Result<()> {
        for (name, policy) in after.iter().filter(|(name, policy)| before.get(*name) != Some(policy)) {
            let request = client.put_role_policy().role_name(&self.name).policy_name(name);
            wrote(request.policy_document(policy.to_string()).send().await, &[ABSENT, AGAIN[0]])?;
        }
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            let request = client.delete_role_policy().role_name(&self.name).policy_name(name);
            gone(request.send().await, &[ABSENT], AGAIN)?;
        }
        Ok(())
    }

    async fn attach(
        &self,
        client: &Client,
        before: &BTreeSet<String>,
        after: &BTreeSet<String>,
    ) -> Result<()> {
        for arn in after.difference(before) {
            let request = client.attach_role_policy().role_name(&self.name).policy_arn(arn);
            wrote(request.send().await, &[ABSENT, AGAIN[0]])?;
        }
        for arn in before.difference(after) {
            let request = client.detach_role_policy().role_name(&self.name).policy_arn(arn);
            gone(request.send().await, &[ABSENT], AGAIN)?;
        }
        Ok(())
    }
}

type Policies = BTreeMap<String, Value>;

async fn inline(client: &Client, role: &str) -> Result<Policies> {
    let names = client.list_role_policies().role_name(role).into_paginator().items().send();
    let names: Vec<String> = read(names.collect::<Result<_, _>>().await, &[ABSENT])?.unwrap_or_default();
    let mut policies = Policies::new();
    for name in names {
        let answer = client.get_role_policy().role_name(role).policy_name(&name).send().await;
        if let Some(policy) = read(answer, &[ABSENT])? {
            policies.insert(name, canonical_text(policy.policy_document())?);
        }
    }
    Ok(policies)
}

async fn attached(client: &Client, role: &str) -> Result<BTreeSet<String>> {
    let found = client.list_attached_role_policies().role_name(role).into_paginator().items().send();
    let found: Vec<_> = read(found.collect::<Result<_, _>>().await, &[ABSENT])?.unwrap_or_default();
    Ok(found.into_iter().filter_map(|policy| policy.policy_arn).collect())
}

type Sent<T, E> = Result<
    T,
    aws_smithy_runtime_api::client::result::SdkError<
        E,
        aws_smithy_runtime_api::client::orchestrator::HttpResponse,
    >,
>;

/// An answer to a call that brought a trust policy.
///
/// A principal that was just made is unknown for a while, and IAM says so as if the document were malformed.
fn trusted<T, E>(answer: Sent<T, E>) -> Result<()>
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Err(error) = answer else { return Ok(()) };
    let failure = explain(error);
    let unknown = failure.is(&["MalformedPolicyDocument"]) && failure.says("Invalid principal");
    let busy = unknown || failure.transient || failure.is(&["EntityAlreadyExists", AGAIN[0], ABSENT]);
    Err(if busy { Busy(failure.to_string()).into() } else { Error::new(failure) })
}
