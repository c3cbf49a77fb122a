//! The organization: there is one, or none. It is used as found.

use anyhow::{Context, Result, bail};
use aws_sdk_organizations::types::{Organization as Found, OrganizationFeatureSet as Features, Tag};
use serde::Serialize;
use std::time::{Duration, SystemTime};

use super::account::accounts;
use super::unit::units;
use crate::aws::{Aws, Mark, gone, read, wrote};
use crate::graph::Node;
use crate::report::Known;
use crate::resource::{Busy, Cx, Resource, Seen, SeenBy, State};

/// The organization of the caller's account, with all features.
#[derive(Serialize)]
pub(crate) struct Organization {
    pub(crate) mark: Mark,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    features: String,
    /// Its root carries our tags.
    marked: bool,
}

pub(crate) struct Learned {
    pub(crate) id: String,
    /// The root of its tree of units.
    pub(crate) root: String,
}

impl Resource for Organization {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "organization";

    fn name(&self) -> String {
        self.mark.project.clone()
    }

    fn place(&self) -> Option<Node> {
        None
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { features: Features::All.as_str().to_owned(), marked: true })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let answer = cx.world.organizations().describe_organization().send().await;
        let found = read(answer, &[NOT_IN_USE])?.and_then(|answer| answer.organization);
        let Some(found) = found else { return Ok(None) };
        let id = found.id.clone().context("the organization has no id")?;
        let management =
            found.master_account_id.clone().context("the organization has no management account")?;
        if management != cx.world.caller.account {
            bail!(
                "your credentials belong to account {}, a member of organization {id}: use credentials of its \
                 management account {management}",
                cx.world.caller.account
            );
        }
        let Some(root) = root(cx.world).await? else { return Ok(None) };
        let tags = tags_of(cx.world, &root).await?;
        let marked = self.mark.is_on(tags.iter().map(|tag| (tag.key(), tag.value())));
        let ours = marked || tags.is_empty() && is_new_and_empty(cx, &root).await?;
        let (owned, state) = (Owned { features: features(&found), marked }, state(&found));
        Ok(Some(Seen { owned, learned: Learned { id, root }, ours, state }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let client = cx.world.organizations();
        if current.is_none() {
            let answer = client.create_organization().feature_set(Features::All).send().await;
            wrote(answer, &["AlreadyInOrganizationException", "ConcurrentModificationException"])?;
        }
        // The root carries our tags: an organization cannot have any. One that is not listed yet gets them when it is seen.
        let root = match (root(cx.world).await?, current) {
            (Some(root), _) => root,
            (None, None) => return Ok(()),
            (None, Some(_)) => return Err(Busy("AWS does not tell the root at the moment".to_owned()).into()),
        };
        let answer = client.tag_resource().resource_id(root).set_tags(Some(tags(&self.mark)?)).send().await;
        wrote(answer, AGAIN)?;
        Ok(())
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        gone(cx.world.organizations().delete_organization().send().await, &[NOT_IN_USE], AGAIN)
    }

    fn shared(&self) -> bool {
        true
    }
}

/// What Organizations says where there is none.
pub(super) const NOT_IN_USE: &str = "AWSOrganizationsNotInUseException";

/// What Organizations says while something else changes, and for up to an hour after it was made.
pub(super) const AGAIN: &[&str] = &["ConcurrentModificationException", "FinalizingOrganizationException"];

/// Our tags, as Organizations wants them.
pub(super) fn tags(mark: &Mark) -> Result<Vec<Tag>> {
    mark.tags().map(|(key, value)| Ok(Tag::builder().key(key).value(value).build()?)).collect()
}

/// Whether a root, a unit or an account carries our tags.
pub(super) async fn is_ours(aws: &Aws, mark: &Mark, id: &str) -> Result<bool> {
    let found = tags_of(aws, id).await?;
    Ok(mark.is_on(found.iter().map(|tag| (tag.key(), tag.value()))))
}

pub(super) async fn tags_of(aws: &Aws, id: &str) -> Result<Vec<Tag>> {
    let request = aws.organizations().list_tags_for_resource().resource_id(id);
    let answer = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    Ok(read(answer, &["TargetNotFoundException"])?.unwrap_or_default())
}

/// Whether it was made within the hour and holds nothing but our own account: tags cannot be given to an organization
/// as it is made, so that is what a run leaves that ends between the two.
async fn is_new_and_empty(cx: &Cx<'_, Aws>, root: &str) -> Result<bool> {
    let accounts = accounts(cx.world, cx.since).await?;
    let [only] = &accounts[..] else { return Ok(false) };
    let joined = only.joined_timestamp().and_then(|at| SystemTime::try_from(*at).ok());
    let age = joined.and_then(|at| cx.world.now().duration_since(at).ok());
    Ok(age.is_some_and(|age| age < NEW) && units(cx.world, root).await?.is_empty())
}

const NEW: Duration = Duration::from_secs(3600);

async fn root(aws: &Aws) -> Result<Option<String>> {
    let answer = aws.organizations().list_roots().send().await;
    let roots = read(answer, &[NOT_IN_USE])?.and_then(|answer| answer.roots).unwrap_or_default();
    Ok(roots.into_iter().find_map(|root| root.id))
}

fn features(found: &Found) -> String {
    found.feature_set().map(|set| set.as_str().to_owned()).unwrap_or_default()
}

fn state(found: &Found) -> State {
    match found.feature_set() {
        Some(Features::All) => State::Ready,
        _ => State::Failed(
            "the organization has not all features: enable them with `aws organizations enable-all-features`, \
             which each invited member must accept"
                .to_owned(),
        ),
    }
}
