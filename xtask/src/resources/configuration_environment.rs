//! An AppConfig environment: where one stage's configuration is deployed.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use aws_sdk_appconfig::types::{DeletionProtectionCheck, Environment};
use serde::Serialize;

use super::Application;
use super::application::{ABSENT, Learned as Home, once};
use super::only::{Made, One, new_tags};
use crate::aws::{Aws, Mark, explain, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Busy, Cx, Resource, Seen, SeenBy};

/// An environment. It may be there before its stage has an account.
#[derive(Serialize)]
pub(crate) struct ConfigurationEnvironment {
    pub(crate) application: Key<Application>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) made: Made,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    name: String,
    settled: bool,
}

pub(crate) struct Learned {
    pub(crate) id: String,
    found: One,
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
        Ok(Owned { name: self.name.clone(), settled: true })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let application = cx.known.of(&self.application)?;
        let named = listed(application).await?.into_iter().filter(|it| it.name() == Some(&self.name));
        let named: Vec<String> = named.filter_map(|it| it.id).collect();
        let path = |id: &str| path(&application.id, id);
        let Some(found) = application.tagging().only(&self.mark, &self.made, &named, path).await? else {
            return Ok(None);
        };
        let owned = Owned { name: self.name.clone(), settled: found.settled };
        let (id, ours, state) = (found.id.clone(), found.ours, found.state());
        let learned = Learned { id, found, application: application.clone() };
        Ok(Some(Seen { owned, learned, ours, state }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let application = cx.known.of(&self.application)?;
        let (tagging, path) = (application.tagging(), |id: &str| path(&application.id, id));
        match current.map(|current| &current.learned.found) {
            Some(found) if found.ours => {
                tagging.settle(found, path, async |id| remove(application, id).await).await
            }
            Some(found) => tagging.tag(&self.mark, &path(&found.id)).await,
            None => {
                let request = application.client().create_environment().application_id(&application.id);
                let request = request.name(&self.name).set_tags(new_tags(&self.mark)).customize();
                let answer = request.config_override(once()).send().await;
                self.made.note(wrote(answer, &[])?.id);
                Ok(())
            }
        }
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        remove(cx.known.of(&self.application)?, &current.learned.id).await
    }
}

async fn remove(application: &Home, id: &str) -> Result<()> {
    let request = application.client().delete_environment().application_id(&application.id);
    // An app that still reads it is about to go, too.
    let request = request.deletion_protection_check(DeletionProtectionCheck::Bypass);
    match request.environment_id(id).send().await.map_err(explain) {
        Err(failure) if failure.is(&[ABSENT]) => Ok(()),
        Err(failure) if failure.transient || failure.says("ongoing deployment") => {
            Err(Busy(failure.to_string()).into())
        }
        answer => Ok(answer.map(drop)?),
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
