//! An AppConfig configuration profile: a hosted configuration, and what every version of it must look like.

use anyhow::{Context, Result};
use aws_sdk_appconfig::types::{DeletionProtectionCheck, Validator as Found, ValidatorType};
use serde::Serialize;
use serde_json::Value;

use super::Application;
use super::application::{ABSENT, Learned as Home, once};
use super::only::{Made, One, new_tags};
use crate::aws::{Aws, Mark, explain, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Busy, Cx, Resource, Seen, SeenBy};

/// A hosted, freeform profile whose versions AppConfig checks against a JSON schema (draft-04).
#[derive(Serialize)]
pub(crate) struct ConfigurationProfile {
    pub(crate) application: Key<Application>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
    pub(crate) schema: Value,
    #[serde(skip)]
    pub(crate) made: Made,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    validators: Vec<Validator>,
    settled: bool,
}

/// Its content as JSON, so that only what it says counts. What is not JSON is compared as text.
#[derive(PartialEq, Serialize)]
struct Validator {
    kind: String,
    content: Value,
}

pub(crate) struct Learned {
    pub(crate) id: String,
    found: One,
}

impl Resource for ConfigurationProfile {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "configuration profile";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.application.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        let kind = ValidatorType::JsonSchema.as_str().to_owned();
        Ok(Owned { validators: vec![Validator { kind, content: self.schema.clone() }], settled: true })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let application = cx.known.of(&self.application)?;
        let request = application.client().list_configuration_profiles().application_id(&application.id);
        let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let found = read(found, &[ABSENT])?.unwrap_or_default();
        let named = found.into_iter().filter(|it| it.name() == Some(&self.name));
        let named: Vec<String> = named.filter_map(|it| it.id).collect();
        let path = |id: &str| path(&application.id, id);
        let Some(found) = application.tagging().only(&self.mark, &self.made, &named, path).await? else {
            return Ok(None);
        };
        let request = application.client().get_configuration_profile().application_id(&application.id);
        let answer = request.configuration_profile_id(&found.id).send().await;
        let Some(answer) = read(answer, &[ABSENT])? else { return Ok(None) };
        let validators = answer.validators().iter().map(Validator::of).collect();
        let owned = Owned { validators, settled: found.settled };
        let (id, ours, state) = (found.id.clone(), found.ours, found.state());
        Ok(Some(Seen { owned, learned: Learned { id, found }, ours, state }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let application = cx.known.of(&self.application)?;
        let client = application.client();
        let Some(current) = current else {
            let request = client.create_configuration_profile().application_id(&application.id);
            let request = request.name(&self.name).location_uri("hosted").r#type("AWS.Freeform");
            let request = request.validators(self.validator()?).set_tags(new_tags(&self.mark)).customize();
            self.made.note(wrote(request.config_override(once()).send().await, &[])?.id);
            return Ok(());
        };
        let (Learned { id, found }, path) = (&current.learned, |id: &str| path(&application.id, id));
        match current.owned.settled {
            _ if !current.ours => application.tagging().tag(&self.mark, &path(id)).await?,
            true => {}
            false => {
                let remove = async |id: &str| remove(application, id).await;
                application.tagging().settle(found, path, remove).await?;
            }
        }
        if current.owned.validators == desired.validators {
            return Ok(());
        }
        let request = client.update_configuration_profile().application_id(&application.id);
        let request = request.configuration_profile_id(id).validators(self.validator()?);
        wrote(request.send().await, &[]).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        remove(cx.known.of(&self.application)?, &current.learned.id).await
    }
}

impl ConfigurationProfile {
    fn validator(&self) -> Result<Found> {
        let content = serde_json::to_string(&self.schema)?;
        let validator = Found::builder().r#type(ValidatorType::JsonSchema).content(content);
        validator.build().context("describe the validator")
    }
}

impl Validator {
    fn of(found: &Found) -> Self {
        let content = found.content();
        let content = serde_json::from_str(content).unwrap_or_else(|_| Value::from(content));
        Self { kind: found.r#type().as_str().to_owned(), content }
    }
}

async fn remove(application: &Home, id: &str) -> Result<()> {
    delete_versions(application, id).await?;
    let request = application.client().delete_configuration_profile().application_id(&application.id);
    // An app that still reads it is about to go, too.
    let request = request.deletion_protection_check(DeletionProtectionCheck::Bypass);
    match request.configuration_profile_id(id).send().await.map_err(explain) {
        Err(failure) if failure.is(&[ABSENT]) => Ok(()),
        Err(failure) if failure.transient || failure.says("versions") || failure.says("ongoing") => {
            Err(Busy(failure.to_string()).into())
        }
        answer => Ok(answer.map(drop)?),
    }
}

/// A profile goes only without its versions.
async fn delete_versions(application: &Home, profile: &str) -> Result<()> {
    let client = application.client();
    let request = client.list_hosted_configuration_versions().application_id(&application.id);
    let found = request.configuration_profile_id(profile).into_paginator().items().send();
    let found = read(found.collect::<Result<Vec<_>, _>>().await, &[ABSENT])?.unwrap_or_default();
    for version in found {
        let request = client.delete_hosted_configuration_version().application_id(&application.id);
        let request = request.configuration_profile_id(profile).version_number(version.version_number);
        gone(request.send().await, &[ABSENT], &["ConflictException"])?;
    }
    Ok(())
}

/// As it stands in its ARN.
fn path(application: &str, id: &str) -> String {
    format!("application/{application}/configurationprofile/{id}")
}
