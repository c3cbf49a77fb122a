//! An AppConfig deployment strategy: how fast a configuration reaches everybody.
//!
//! AWS's own `AppConfig.AllAtOnce` bakes for ten minutes, in which nothing else can be deployed: hence one of ours.

use anyhow::{Context, Result};
use aws_sdk_appconfig::types::{GrowthType, ReplicateTo};
use serde::Serialize;

use super::Account;
use super::application::{ABSENT, Tagging, once};
use super::only::{Made, One, new_tags};
use crate::aws::{Aws, Door, Mark, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy};

/// A linear strategy.
#[derive(Serialize)]
pub(crate) struct Strategy {
    pub(crate) account: Key<Account>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
    /// Minutes from nobody to everybody.
    pub(crate) minutes: i32,
    /// Percent that each step adds.
    pub(crate) growth: f32,
    /// Minutes of watching afterwards.
    pub(crate) bake: i32,
    #[serde(skip)]
    pub(crate) made: Made,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    #[serde(flatten)]
    pace: Pace,
    settled: bool,
}

#[derive(PartialEq, Serialize)]
struct Pace {
    minutes: i32,
    growth: Option<f32>,
    growth_type: Option<String>,
    bake: i32,
}

pub(crate) struct Learned {
    pub(crate) id: String,
    found: One,
}

impl Resource for Strategy {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "deployment strategy";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.account.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        let growth_type = Some(GrowthType::Linear.as_str().to_owned());
        let pace = Pace { minutes: self.minutes, growth: Some(self.growth), growth_type, bake: self.bake };
        Ok(Owned { pace, settled: true })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let account = cx.known.of(&self.account)?;
        let door = cx.world.door(&account.id, &account.access).await?;
        let found = door.appconfig().list_deployment_strategies().into_paginator().items().send();
        let listed = read(found.collect::<Result<Vec<_>, _>>().await, &[])?.unwrap_or_default();
        let named = listed.iter().filter(|it| it.name() == Some(&self.name));
        let named: Vec<String> = named.filter_map(|it| it.id.clone()).collect();
        let tagging = Tagging { door: &door, region: &cx.world.region };
        let Some(found) = tagging.only(&self.mark, &self.made, &named, path).await? else { return Ok(None) };
        let it = listed.iter().find(|it| it.id() == Some(&found.id)).context("find the strategy again")?;
        let pace = Pace {
            minutes: it.deployment_duration_in_minutes,
            growth: it.growth_factor,
            growth_type: it.growth_type().map(|it| it.as_str().to_owned()),
            bake: it.final_bake_time_in_minutes,
        };
        let owned = Owned { pace, settled: found.settled };
        let (id, ours, state) = (found.id.clone(), found.ours, found.state());
        Ok(Some(Seen { owned, learned: Learned { id, found }, ours, state }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let account = cx.known.of(&self.account)?;
        let door = cx.world.door(&account.id, &account.access).await?;
        let Some(current) = current else {
            let request = door.appconfig().create_deployment_strategy().name(&self.name);
            let request = request.deployment_duration_in_minutes(self.minutes).growth_factor(self.growth);
            let request = request.final_bake_time_in_minutes(self.bake).growth_type(GrowthType::Linear);
            let request = request.replicate_to(ReplicateTo::None).set_tags(new_tags(&self.mark)).customize();
            self.made.note(wrote(request.config_override(once()).send().await, &[])?.id);
            return Ok(());
        };
        let Learned { id, found } = &current.learned;
        let tagging = Tagging { door: &door, region: &cx.world.region };
        match current.owned.settled {
            _ if !current.ours => tagging.tag(&self.mark, &path(id)).await?,
            true => {}
            false => tagging.settle(found, path, async |id| remove(&door, id).await).await?,
        }
        if current.owned.pace == desired.pace {
            return Ok(());
        }
        let request = door.appconfig().update_deployment_strategy().deployment_strategy_id(id);
        let request = request.deployment_duration_in_minutes(self.minutes).growth_factor(self.growth);
        let request = request.final_bake_time_in_minutes(self.bake).growth_type(GrowthType::Linear);
        wrote(request.send().await, &[]).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let account = cx.known.of(&self.account)?;
        let door = cx.world.door(&account.id, &account.access).await?;
        remove(&door, &current.learned.id).await
    }
}

async fn remove(door: &Door, id: &str) -> Result<()> {
    let request = door.appconfig().delete_deployment_strategy();
    gone(request.deployment_strategy_id(id).send().await, &[ABSENT], &[])
}

/// As it stands in its ARN.
fn path(id: &str) -> String {
    format!("deploymentstrategy/{id}")
}
