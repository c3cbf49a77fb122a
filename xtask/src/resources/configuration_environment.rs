//! An AppConfig environment: where one stage's configuration is deployed.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use aws_sdk_appconfig::types::{DeletionProtectionCheck, Environment};
use serde::Serialize;

use super::Application;
use super::application::{ABSENT, Learned as Home, once, tags};
use crate::aws::{Aws, Mark, explain, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Busy, Cx, Resource, Seen, SeenBy, State};

/// An environment. It may be there before its stage has an account.
#[derive(Serialize)]
pub(crate) struct ConfigurationEnvironment {
    pub(crate) application: Key<Application>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    name: String,
}

pub(crate) struct Learned {
    pub(crate) id: String,
    pub(crate) application: Home,
}

impl Resource for ConfigurationEnvironment {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "environment";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.application.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { name: self.name.clone() })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let application = cx.known.of(&self.application)?;
        let named = listed(application).await?.into_iter().filter(|it| it.name() == Some(&self.name));
        let named: Vec<String> = named.filter_map(|it| it.id).collect();
        let path = |id: &str| path(&application.id, id);
        let Some((id, ours)) = application.tagging().lowest(&self.mark, &named, path).await? else {
            return Ok(None);
        };
        let owned = Owned { name: self.name.clone() };
        let learned = Learned { id, application: application.clone() };
        Ok(Some(Seen { owned, learned, ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let application = cx.known.of(&self.application)?;
        if let Some(current) = current {
            let path = path(&application.id, &current.learned.id);
            return application.tagging().tag(&self.mark, &path).await;
        }
        let request = application.client().create_environment().application_id(&application.id);
        let request = request.name(&self.name).set_tags(tags(&self.mark)).customize();
        wrote(request.config_override(once()).send().await, &[]).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let application = cx.known.of(&self.application)?;
        let request = application.client().delete_environment().application_id(&application.id);
        // An app that still reads it is about to go, too.
        let request = request.deletion_protection_check(DeletionProtectionCheck::Bypass);
        let answer = request.environment_id(&current.learned.id).send().await;
        match answer.map_err(explain) {
            Err(failure) if failure.is(&[ABSENT]) => Ok(()),
            Err(failure) if failure.transient || failure.says("ongoing deployment") => {
                Err(Busy(failure.to_string()).into())
            }
            answer => Ok(answer.map(drop)?),
        }
    }
}

impl Learned {
    pub(super) fn arn(&self) -> String {
        self.application.tagging().arn(&path(&self.application.id, &self.id))
    }

    pub(super) async fn tags(&self) -> Result<HashMap<String, String>> {
        self.application.tagging().tags(&path(&self.application.id, &self.id)).await
    }
}

/// The stages of a project's environments that are not `declared`, by their tags.
pub(crate) async fn strays(
    application: &Home,
    project: &str,
    declared: &BTreeSet<&str>,
) -> Result<Vec<String>> {
    let mut stages = Vec::new();
    for found in listed(application).await? {
        let (Some(id), Some(name)) = (found.id(), found.name()) else { continue };
        if declared.contains(name) {
            continue;
        }
        let tags = application.tagging().tags(&path(&application.id, id)).await?;
        let mark = Mark { project: project.to_owned(), stage: None };
        let ours = mark.is_on(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        stages.extend(ours.then(|| name.to_owned()));
    }
    Ok(stages)
}

async fn listed(application: &Home) -> Result<Vec<Environment>> {
    let request = application.client().list_environments().application_id(&application.id);
    let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    Ok(read(found, &[ABSENT])?.unwrap_or_default())
}

/// As it stands in its ARN.
fn path(application: &str, id: &str) -> String {
    format!("application/{application}/environment/{id}")
}
