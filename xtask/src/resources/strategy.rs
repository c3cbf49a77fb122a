//! An AppConfig deployment strategy: how fast a configuration reaches everybody.
//!
//! AWS's own `AppConfig.AllAtOnce` bakes for ten minutes, in which nothing else can be deployed: hence one of ours.

use anyhow::{Context, Result};
use aws_sdk_appconfig::types::{GrowthType, ReplicateTo};
use serde::Serialize;

use super::Account;
use super::application::{ABSENT, Tagging, once, tags};
use crate::aws::{Aws, Mark, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

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
}

#[derive(Serialize)]
pub(crate) struct Owned {
    minutes: i32,
    growth: Option<f32>,
    growth_type: Option<String>,
    bake: i32,
}

pub(crate) struct Learned {
    pub(crate) id: String,
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
        Ok(Owned { minutes: self.minutes, growth: Some(self.growth), growth_type, bake: self.bake })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let account = cx.known.of(&self.account)?;
        let door = cx.world.door(&account.id, &account.access).await?;
        let found = door.appconfig().list_deployment_strategies().into_paginator().items().send();
        let found = read(found.collect::<Result<Vec<_>, _>>().await, &[])?.unwrap_or_default();
        let named = found.iter().filter(|it| it.name() == Some(&self.name));
        let named: Vec<String> = named.filter_map(|it| it.id.clone()).collect();
        let tagging = Tagging { door: &door, region: &cx.world.region };
        let Some((id, ours)) = tagging.lowest(&self.mark, &named, path).await? else { return Ok(None) };
        let found = found.iter().find(|it| it.id() == Some(&id)).context("find the strategy again")?;
        let owned = Owned {
            minutes: found.deployment_duration_in_minutes,
            growth: found.growth_factor,
            growth_type: found.growth_type().map(|it| it.as_str().to_owned()),
            bake: found.final_bake_time_in_minutes,
        };
        Ok(Some(Seen { owned, learned: Learned { id }, ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let account = cx.known.of(&self.account)?;
        let door = cx.world.door(&account.id, &account.access).await?;
        let Some(current) = current else {
            let request = door.appconfig().create_deployment_strategy().name(&self.name);
            let request = request.deployment_duration_in_minutes(self.minutes).growth_factor(self.growth);
            let request = request.final_bake_time_in_minutes(self.bake).growth_type(GrowthType::Linear);
            let request = request.replicate_to(ReplicateTo::None).set_tags(tags(&self.mark)).customize();
            return wrote(request.config_override(once()).send().await, &[]).map(drop);
        };
        let id = &current.learned.id;
        if !current.ours {
            let tagging = Tagging { door: &door, region: &cx.world.region };
            tagging.tag(&self.mark, &path(id)).await?;
        }
        let request = door.appconfig().update_deployment_strategy().deployment_strategy_id(id);
        let request = request.deployment_duration_in_minutes(self.minutes).growth_factor(self.growth);
        let request = request.final_bake_time_in_minutes(self.bake).growth_type(GrowthType::Linear);
        wrote(request.send().await, &[]).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let account = cx.known.of(&self.account)?;
        let door = cx.world.door(&account.id, &account.access).await?;
        let request = door.appconfig().delete_deployment_strategy();
        gone(request.deployment_strategy_id(&current.learned.id).send().await, &[ABSENT], &[])
    }
}

/// As it stands in its ARN.
fn path(id: &str) -> String {
    format!("deploymentstrategy/{id}")
}
