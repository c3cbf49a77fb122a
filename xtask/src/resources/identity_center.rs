//! Identity Center's instance of the organization: there is one, or none. It is used as found.
//!
//! No API switches it on in a management account: CreateInstance is refused there. A person does, in the console.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_ssoadmin::types::{InstanceMetadata, InstanceStatus, RegionScope};
use serde::Serialize;
use tokio::time::Instant;

use super::Organization;
use crate::aws::{Aws, Mark, read};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Busy, Cx, Resource, Seen, SeenBy, State};

/// The instance of the caller's organization.
#[derive(Serialize)]
pub(crate) struct IdentityCenter {
    pub(crate) organization: Key<Organization>,
    /// The project, for its name.
    pub(crate) project: String,
    /// The project's Region: where to switch it on.
    pub(crate) region: String,
    /// Whether somebody is about to switch it on.
    pub(crate) awaited: bool,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    status: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Learned {
    pub(crate) arn: String,
    /// The id of its identity store: the people and the groups.
    pub(crate) store: String,
    /// Where people sign in.
    pub(crate) start_url: String,
    /// Its own, which may be another than the project's.
    pub(crate) region: String,
}

impl Resource for IdentityCenter {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "identity center";

    fn name(&self) -> String {
        self.project.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.organization.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { status: InstanceStatus::Active.as_str().to_owned() })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let Some(learned) = instance(cx.world, cx.since).await? else {
            return match self.awaited {
                true => Err(Busy(how_to_switch_on(&self.region)).into()),
                false => Ok(None),
            };
        };
        let owned = Owned { status: InstanceStatus::Active.as_str().to_owned() };
        Ok(Some(Seen { owned, learned, ours: false, state: State::Ready }))
    }

    async fn apply(&self, _: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        bail!(how_to_switch_on(&self.region))
    }

    async fn delete(&self, _: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        bail!("it is the organization's, and not ours to delete")
    }

    fn shared(&self) -> bool {
        true
    }

    /// As long as a person takes who was asked in the evening.
    fn patience(&self) -> Duration {
        Duration::from_secs(24 * 60 * 60)
    }
}

/// What to do where there is no instance.
pub(crate) fn how_to_switch_on(region: &str) -> String {
    format!(
        "Identity Center is not switched on, and no API can: sign in to the management account, open {} and choose \
         Enable",
        console(region)
    )
}

/// Where somebody switches it on.
pub(crate) fn console(region: &str) -> String {
    format!("https://{region}.console.aws.amazon.com/singlesignon/home?region={region}")
}

/// The instance that belongs to the caller's account and can be used, wherever it is.
pub(crate) async fn instance(aws: &Aws, since: Instant) -> Result<Option<Learned>> {
    let list = async || {
        let request = aws.sso_admin(&aws.region).list_instances().region_scope(RegionScope::AllRegions);
        let answer = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        Ok(read(answer, &[])?.unwrap_or_default())
    };
    let instances = aws.instances.since(since, list).await?;
    // A member account may have an instance of its own, which knows no permission sets.
    let is_it = |it: &InstanceMetadata| {
        it.owner_account_id() == Some(&aws.caller.account) && it.status() == Some(&InstanceStatus::Active)
    };
    instances.iter().find(|it| is_it(it)).map(|found| learned(found, &aws.region)).transpose()
}

fn learned(found: &InstanceMetadata, here: &str) -> Result<Learned> {
    let store = found.identity_store_id().context("Identity Center names no identity store")?;
    Ok(Learned {
        arn: found.instance_arn().context("Identity Center names no instance")?.to_owned(),
        store: store.to_owned(),
        start_url: format!("https://{store}.awsapps.com/start"),
        region: found.primary_region().unwrap_or(here).to_owned(),
    })
}

impl Learned {
    /// What administers it.
    pub(crate) fn admin(&self, aws: &Aws) -> aws_sdk_ssoadmin::Client {
        aws.sso_admin(&self.region)
    }

    /// What keeps its people and groups.
    pub(crate) fn identity_store(&self, aws: &Aws) -> aws_sdk_identitystore::Client {
        aws.identity_store(&self.region)
    }
}

/// What Identity Center and its identity store say of what is not there.
pub(super) const ABSENT: &str = "ResourceNotFoundException";
/// What they say while something else changes, and while a change spreads.
pub(super) const AGAIN: &[&str] = &["ConflictException"];

/// What marks a thing in the identity store, which knows no tags, as ours.
pub(super) fn mark_of(project: &str) -> String {
    format!("{}={project}", Mark::PROJECT)
}
