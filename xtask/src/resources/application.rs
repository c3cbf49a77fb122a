//! An AppConfig application.
//!
//! Names are not unique and nothing makes a creation idempotent: see [`super::only`].

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Result, bail};
use aws_sdk_appconfig::Client;
use aws_sdk_appconfig::config::Builder;
use aws_sdk_appconfig::config::retry::RetryConfig;
use serde::Serialize;

use super::Account;
use super::only::{Made, One, new_tags};
use crate::aws::{Aws, Door, Mark, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy};

/// What environments and configuration profiles belong to.
#[derive(Serialize)]
pub(crate) struct Application {
    pub(crate) account: Key<Account>,
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

#[derive(Clone)]
pub(crate) struct Learned {
    pub(crate) id: String,
    found: Option<One>,
    /// Into the account it is in: what lives in it goes through here.
    pub(crate) door: Rc<Door>,
    region: String,
}

impl Resource for Application {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "application";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.account.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { name: self.name.clone(), settled: true })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let here = self.here(cx).await?;
        let named = here.named(&self.name).await?;
        let Some(found) = here.tagging().only(&self.mark, &self.made, &named, application).await? else {
            return Ok(None);
        };
        if named.len() > 1 {
            here.check_twins(&self.mark, &found.id, &named).await?;
        }
        let owned = Owned { name: self.name.clone(), settled: found.settled };
        let (id, ours, state) = (found.id.clone(), found.ours, found.state());
        let learned = Learned { id, found: Some(found), ..here };
        Ok(Some(Seen { owned, learned, ours, state }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let here = self.here(cx).await?;
        match current.and_then(|current| current.learned.found.as_ref()) {
            Some(found) if found.ours => {
                here.tagging().settle(found, application, async |id| here.remove(id).await).await
            }
            Some(found) => here.tagging().tag(&self.mark, &application(&found.id)).await,
            None => {
                let request = here.client().create_application().name(&self.name);
                let request = request.set_tags(new_tags(&self.mark)).customize().config_override(once());
                self.made.note(wrote(request.send().await, &[])?.id);
                Ok(())
            }
        }
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let here = self.here(cx).await?;
        for id in here.named(&self.name).await? {
            if here.tagging().is_marked(&self.mark, &application(&id)).await? {
                here.remove(&id).await?;
            }
        }
        Ok(())
    }
}

/// What AppConfig says of what is not there.
pub(super) const ABSENT: &str = "ResourceNotFoundException";

impl Application {
    async fn here(&self, cx: &Cx<'_, Aws>) -> Result<Learned> {
        let account = cx.known.of(&self.account)?;
        let door = cx.world.door(&account.id, &account.access).await?;
        Ok(Learned { id: String::new(), found: None, door, region: cx.world.region.clone() })
    }
}

impl Learned {
    pub(super) fn client(&self) -> Client {
        self.door.appconfig()
    }

    pub(super) fn tagging(&self) -> Tagging<'_> {
        Tagging { door: &self.door, region: &self.region }
    }

    async fn named(&self, name: &str) -> Result<Vec<String>> {
        let found = self.client().list_applications().into_paginator().items().send();
        let found = read(found.collect::<Result<Vec<_>, _>>().await, &[])?.unwrap_or_default();
        let named = found.into_iter().filter(|it| it.name() == Some(name)).filter_map(|it| it.id);
        Ok(named.collect())
    }

    /// Another of ours that has something in it: which of them is meant, only people can tell.
    async fn check_twins(&self, mark: &Mark, id: &str, named: &[String]) -> Result<()> {
        let mut full = Vec::new();
        for twin in named.iter().filter(|twin| *twin != id) {
            if self.tagging().is_marked(mark, &application(twin)).await? && self.has_children(twin).await? {
                full.push(twin.as_str());
            }
        }
        if !full.is_empty() {
            bail!(
                "there are several applications of this name with our tag: {id} is used, and {} are not empty: \
                 delete those that are not meant",
                full.join(", ")
            );
        }
        Ok(())
    }

    async fn remove(&self, id: &str) -> Result<()> {
        gone(self.client().delete_application().application_id(id).send().await, &[ABSENT], &[])
    }

    async fn has_children(&self, id: &str) -> Result<bool> {
        let client = self.client();
        let environments = client.list_environments().application_id(id).send().await;
        let profiles = client.list_configuration_profiles().application_id(id).send().await;
        let environments = read(environments, &[ABSENT])?.is_some_and(|it| !it.items().is_empty());
        Ok(environments || read(profiles, &[ABSENT])?.is_some_and(|it| !it.items().is_empty()))
    }
}

/// How things of AppConfig, named by a path such as `application/ID`, say whose they are.
pub(super) struct Tagging<'a> {
    pub(super) door: &'a Door,
    pub(super) region: &'a str,
}

impl Tagging<'_> {
    pub(super) async fn tag(&self, mark: &Mark, path: &str) -> Result<()> {
        let request = self.door.appconfig().tag_resource().resource_arn(self.arn(path));
        wrote(request.set_tags(tags(mark)).send().await, &[]).map(drop)
    }

    pub(super) async fn is_marked(&self, mark: &Mark, path: &str) -> Result<bool> {
        let tags = self.tags(path).await?;
        Ok(mark.is_on(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
    }

    pub(super) async fn tags(&self, path: &str) -> Result<HashMap<String, String>> {
        let answer = self.door.appconfig().list_tags_for_resource().resource_arn(self.arn(path)).send().await;
        Ok(read(answer, &[ABSENT])?.and_then(|answer| answer.tags).unwrap_or_default())
    }

    pub(super) fn arn(&self, path: &str) -> String {
        format!("arn:aws:appconfig:{}:{}:{path}", self.region, self.door.account)
    }
}

fn application(id: &str) -> String {
    format!("application/{id}")
}

pub(super) fn tags(mark: &Mark) -> Option<HashMap<String, String>> {
    Some(mark.tags().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// For creations: sent twice, they make two.
pub(super) fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}
