//! A permission set: what whoever has it may do in an account, and for how long.
//!
//! A change reaches the accounts only when it is provisioned, which takes a while, and each change takes a moment to
//! spread, in which AWS refuses another one.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_ssoadmin::Client;
use aws_sdk_ssoadmin::types::{ProvisionTargetType, ProvisioningStatus, Tag};
use futures::future::try_join_all;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::IdentityCenter;
use super::account_assignment::remove_all;
use super::identity_center::{ABSENT, AGAIN, Learned as Center};
use crate::aws::{Aws, Mark, gone, read, wrote};
use crate::graph::{Input, Key, Node};
use crate::policy::{canonical, canonical_text};
use crate::report::Known;
use crate::resource::{Busy, Cx, Resource, Seen, SeenBy, State};

/// A permission set with one document of ours and policies of AWS's.
#[derive(Serialize)]
pub(crate) struct PermissionSet {
    pub(crate) center: Key<IdentityCenter>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
    pub(crate) description: String,
    /// How long a session lasts.
    pub(crate) hours: u32,
    pub(crate) inline: Option<Input<Value>>,
    /// ARNs of policies that AWS manages.
    pub(crate) managed: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    description: String,
    session: String,
    /// In the canonical form, in which equal documents look equal.
    inline: Value,
    managed: BTreeSet<String>,
    /// The accounts that have it as it was before its last change.
    outdated: BTreeSet<String>,
}

pub(crate) struct Learned {
    pub(crate) arn: String,
}

impl Resource for PermissionSet {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "permission set";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.center.node())
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        let inline = self.inline.as_ref().map(|inline| known.value(inline)).transpose()?;
        Ok(Owned {
            description: self.description.clone(),
            session: format!("PT{}H", self.hours),
            inline: inline.map_or(Value::Null, |document| canonical(&document)),
            managed: self.managed.iter().cloned().collect(),
            outdated: BTreeSet::new(),
        })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let center = cx.known.of(&self.center)?;
        let Some(arn) = arn_of(cx.world, center, &self.name, cx.since).await? else { return Ok(None) };
        let set = Set { client: center.admin(cx.world), instance: center.arn.clone(), arn };
        let request = set.client.describe_permission_set().instance_arn(&set.instance);
        let answer = read(request.permission_set_arn(&set.arn).send().await, &[ABSENT])?;
        let Some(found) = answer.and_then(|answer| answer.permission_set) else { return Ok(None) };
        let owned = Owned {
            description: found.description.unwrap_or_default(),
            session: found.session_duration.unwrap_or_default(),
            inline: set.inline().await?,
            managed: set.managed().await?,
            outdated: set.outdated().await?,
        };
        let ours = set.is_ours(&self.mark).await?;
        Ok(Some(Seen { owned, learned: Learned { arn: set.arn }, ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let center = cx.known.of(&self.center)?;
        let (client, instance) = (center.admin(cx.world), center.arn.clone());
        let Some(current) = current else {
            let request = client.create_permission_set().instance_arn(instance).name(&self.name);
            let request = request.description(&self.description).session_duration(&desired.session);
            return wrote(request.set_tags(Some(self.tags()?)).send().await, AGAIN).map(drop);
        };
        let set = Set { client, instance, arn: current.learned.arn.clone() };
        if !current.ours {
            let request = set.client.tag_resource().instance_arn(&set.instance).resource_arn(&set.arn);
            wrote(request.set_tags(Some(self.tags()?)).send().await, AGAIN)?;
        }
        set.change(&current.owned, desired).await
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let center = cx.known.of(&self.center)?;
        // What somebody has assigned by hand goes with it: AWS refuses otherwise.
        if remove_all(cx.world, center, &current.learned.arn).await? {
            return Err(Busy("assignments that were made by hand are being removed".to_owned()).into());
        }
        let request = center.admin(cx.world).delete_permission_set().instance_arn(&center.arn);
        gone(request.permission_set_arn(&current.learned.arn).send().await, &[ABSENT], AGAIN)
    }

    /// A provisioning reaches one account after the other.
    fn patience(&self) -> Duration {
        Duration::from_secs(15 * 60)
    }
}

impl PermissionSet {
    fn tags(&self) -> Result<Vec<Tag>> {
        self.mark.tags().map(|(key, value)| Ok(Tag::builder().key(key).value(value).build()?)).collect()
    }
}

/// One that is there.
struct Set {
    client: Client,
    instance: String,
    arn: String,
}

impl Set {
    async fn inline(&self) -> Result<Value> {
        let request = self.client.get_inline_policy_for_permission_set().instance_arn(&self.instance);
        let found = read(request.permission_set_arn(&self.arn).send().await, &[ABSENT])?;
        // None is an empty text.
        let text = found.and_then(|found| found.inline_policy).filter(|text| !text.is_empty());
        text.map_or(Ok(Value::Null), |text| canonical_text(&text))
    }

    async fn managed(&self) -> Result<BTreeSet<String>> {
        let request = self.client.list_managed_policies_in_permission_set().instance_arn(&self.instance);
        let request = request.permission_set_arn(&self.arn).into_paginator().items();
        let found = read(request.send().collect::<Result<Vec<_>, _>>().await, &[ABSENT])?.unwrap_or_default();
        Ok(found.into_iter().filter_map(|policy| policy.arn).collect())
    }

    async fn outdated(&self) -> Result<BTreeSet<String>> {
        let request = self.client.list_accounts_for_provisioned_permission_set();
        let request = request.instance_arn(&self.instance).permission_set_arn(&self.arn);
        let request = request.provisioning_status(ProvisioningStatus::LatestPermissionSetNotProvisioned);
        let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        Ok(read(found, &[ABSENT])?.unwrap_or_default().into_iter().collect())
    }

    async fn is_ours(&self, mark: &Mark) -> Result<bool> {
        let request = self.client.list_tags_for_resource().instance_arn(&self.instance);
        let request = request.resource_arn(&self.arn).into_paginator().items();
        let found = read(request.send().collect::<Result<Vec<_>, _>>().await, &[ABSENT])?.unwrap_or_default();
        Ok(mark.is_on(found.iter().map(|tag| (tag.key(), tag.value()))))
    }

    /// One change after the other. Where AWS is busy with one, looking again tells what is left.
    async fn change(&self, before: &Owned, after: &Owned) -> Result<()> {
        let mut changed = !before.outdated.is_empty();
        for arn in after.managed.difference(&before.managed) {
            let request = self.client.attach_managed_policy_to_permission_set().managed_policy_arn(arn);
            let request = request.instance_arn(&self.instance).permission_set_arn(&self.arn);
            wrote(request.send().await, AGAIN)?;
            changed = true;
        }
        for arn in before.managed.difference(&after.managed) {
            let request = self.client.detach_managed_policy_from_permission_set().managed_policy_arn(arn);
            let request = request.instance_arn(&self.instance).permission_set_arn(&self.arn);
            gone(request.send().await, &[ABSENT], AGAIN)?;
            changed = true;
        }
        if before.inline != after.inline {
            self.put_inline(&after.inline).await?;
            changed = true;
        }
        if (&before.description, &before.session) != (&after.description, &after.session) {
            let request = self.client.update_permission_set().description(&after.description);
            let request = request.session_duration(&after.session).instance_arn(&self.instance);
            wrote(request.permission_set_arn(&self.arn).send().await, AGAIN)?;
            changed = true;
        }
        if changed && !self.outdated().await?.is_empty() {
            let request = self.client.provision_permission_set().instance_arn(&self.instance);
            let request = request.permission_set_arn(&self.arn);
            let request = request.target_type(ProvisionTargetType::AllProvisionedAccounts);
            wrote(request.send().await, AGAIN)?;
        }
        Ok(())
    }

    async fn put_inline(&self, document: &Value) -> Result<()> {
        if document.is_null() {
            let request = self.client.delete_inline_policy_from_permission_set().instance_arn(&self.instance);
            return gone(request.permission_set_arn(&self.arn).send().await, &[ABSENT], AGAIN);
        }
        let request = self.client.put_inline_policy_to_permission_set().inline_policy(document.to_string());
        let request = request.instance_arn(&self.instance).permission_set_arn(&self.arn);
        wrote(request.send().await, AGAIN).map(drop)
    }
}

/// The ARN of the permission set of that name.
pub(super) async fn arn_of(aws: &Aws, center: &Center, name: &str, since: Instant) -> Result<Option<String>> {
    let all = all(aws, center, since).await?;
    Ok(all.iter().find(|(known, _)| known == name).map(|(_, arn)| arn.clone()))
}

/// Name and ARN of every permission set, in one read for everyone who looks.
pub(crate) async fn all(aws: &Aws, center: &Center, since: Instant) -> Result<Rc<Vec<(String, String)>>> {
    let list = async || {
        let request = center.admin(aws).list_permission_sets().instance_arn(&center.arn);
        let arns = request.into_paginator().items().send().collect::<Result<Vec<String>, _>>().await;
        let arns = read(arns, &[ABSENT])?.unwrap_or_default().into_iter();
        let named = arns.map(async |arn| {
            let name = name_of(aws, center, &arn).await;
            name.map(|name| name.map(|name| (name, arn)))
        });
        try_join_all(named).await.map(|all: Vec<_>| all.into_iter().flatten().collect())
    };
    aws.permission_sets.since(since, list).await
}

/// Name and ARN of those that are a project's.
pub(crate) async fn ours(
    aws: &Aws,
    center: &Center,
    project: &str,
    since: Instant,
) -> Result<Vec<(String, String)>> {
    let mark = Mark { project: project.to_owned(), stage: None };
    let all = all(aws, center, since).await?;
    let ours = all.iter().map(async |(name, arn)| {
        let set = Set { client: center.admin(aws), instance: center.arn.clone(), arn: arn.clone() };
        Ok(set.is_ours(&mark).await?.then(|| (name.clone(), arn.clone())))
    });
    try_join_all(ours).await.map(|ours: Vec<_>| ours.into_iter().flatten().collect())
}

/// AWS lists ARNs, which say nothing.
pub(super) async fn name_of(aws: &Aws, center: &Center, arn: &str) -> Result<Option<String>> {
    let known = aws.permission_set_names.borrow().get(arn).cloned();
    if known.is_some() {
        return Ok(known);
    }
    let request = center.admin(aws).describe_permission_set().instance_arn(&center.arn);
    let answer = read(request.permission_set_arn(arn).send().await, &[ABSENT])?;
    let Some(found) = answer.and_then(|answer| answer.permission_set) else { return Ok(None) };
    let name = found.name.context("a permission set has no name")?;
    aws.permission_set_names.borrow_mut().insert(arn.to_owned(), name.clone());
    Ok(Some(name))
}
