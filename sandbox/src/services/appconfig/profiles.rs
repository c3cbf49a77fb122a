//! Configuration profiles: where a configuration comes from, and what it must look like.

use super::versions::Version;
use super::{allow, application, application_path, kept, missing, new_id, over_quota, page, profile_path};
use super::{refused, requested, settings, validation};
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::tags::Tags;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const QUOTA: usize = 100;
const FREEFORM: &str = "AWS.Freeform";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profile {
    pub application: String,
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub location: String,
    pub role: Option<String>,
    /// As given: `{Type, Content}`.
    pub validators: Vec<Value>,
    pub kind: String,
    pub kms_key: Option<String>,
    pub tags: Tags,
    pub created: Time,
    /// Hosted versions in the order of their numbers.
    pub versions: Vec<Version>,
    /// The highest number ever given: numbers are not given twice.
    pub latest: i64,
}

impl Profile {
    fn output(&self) -> Value {
        json!({
            "ApplicationId": self.application,
            "Id": self.id,
            "Name": self.name,
            "Description": self.description,
            "LocationUri": self.location,
            "RetrievalRoleArn": self.role,
            "Validators": self.validators,
            "Type": self.kind,
            "KmsKeyIdentifier": self.kms_key,
        })
    }

    fn summary(&self) -> Value {
        let types: Vec<&Value> = self.validators.iter().map(|validator| &validator["Type"]).collect();
        json!({
            "ApplicationId": self.application,
            "Id": self.id,
            "Name": self.name,
            "LocationUri": self.location,
            "ValidatorTypes": types,
            "Type": self.kind,
        })
    }
}

/// The profile that the request names.
pub(super) fn profile<'a>(call: &'a mut Call) -> Result<&'a mut Profile, Fault> {
    let id = call.text("ConfigurationProfileId").to_owned();
    let found = application(call)?.profiles.get_mut(&id);
    found.ok_or_else(|| missing("configuration profile", &id))
}

pub(super) fn create(call: &mut Call) -> Answer {
    allow(call, &[application_path(call)])?;
    if application(call)?.profiles.len() >= QUOTA {
        return Err(over_quota("configuration profiles in this application", QUOTA));
    }
    let profile = declared(call)?;
    let output = profile.output();
    application(call)?.profiles.insert(profile.id.clone(), profile);
    Ok(output)
}

fn declared(call: &mut Call) -> Result<Profile, Fault> {
    let kind = kept(call, "Type").unwrap_or_else(|| FREEFORM.to_owned());
    if call.text("LocationUri") != "hosted" {
        return Err(Fault::not_implemented("appconfig", "configuration profiles that are not hosted"));
    }
    if kind != FREEFORM {
        return Err(Fault::not_implemented("appconfig", &format!("configuration profiles of type {kind}")));
    }
    Ok(Profile {
        application: call.text("ApplicationId").to_owned(),
        name: call.text("Name").to_owned(),
        description: kept(call, "Description"),
        location: call.text("LocationUri").to_owned(),
        role: kept(call, "RetrievalRoleArn"),
        validators: validation::validators(call)?,
        kind,
        kms_key: kept(call, "KmsKeyIdentifier"),
        tags: requested(call)?,
        created: call.now(),
        versions: Vec::new(),
        latest: 0,
        id: new_id(call),
    })
}

pub(super) fn get(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), profile_path(call)])?;
    Ok(profile(call)?.output())
}

pub(super) fn list(call: &mut Call) -> Answer {
    allow(call, &[application_path(call)])?;
    let kind = kept(call, "Type");
    let profiles = application(call)?.profiles.values();
    let items = profiles.filter(|it| kind.as_ref().is_none_or(|kind| *kind == it.kind)).map(Profile::summary);
    let items = items.collect();
    page(call, items)
}

pub(super) fn update(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), profile_path(call)])?;
    let validators = validation::validators(call)?;
    let validators = call.input.contains_key("Validators").then_some(validators);
    let (name, description) = (kept(call, "Name"), kept(call, "Description"));
    let (role, kms_key) = (kept(call, "RetrievalRoleArn"), kept(call, "KmsKeyIdentifier"));
    let profile = profile(call)?;
    profile.name = name.unwrap_or_else(|| profile.name.clone());
    profile.description = description.or_else(|| profile.description.clone());
    profile.role = role.or_else(|| profile.role.clone());
    profile.kms_key = kms_key.or_else(|| profile.kms_key.clone()).filter(|key| !key.is_empty());
    profile.validators = validators.unwrap_or_else(|| profile.validators.clone());
    Ok(profile.output())
}

pub(super) fn delete(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), profile_path(call)])?;
    let profile = profile(call)?;
    let (id, created) = (profile.id.clone(), profile.created);
    let because =
        |why: &str| Err(refused(format!("Cannot delete configuration profile {id} because {why}.")));
    if !profile.versions.is_empty() {
        return because("there are still hosted configuration versions existing under it");
    }
    let mut environments = application(call)?.environments.values();
    if environments.any(|it| it.busy().is_some_and(|deployment| deployment.profile == id)) {
        return because("there is an ongoing deployment of it");
    }
    settings::protect(call, "configuration profile", &id, created)?;
    application(call)?.profiles.remove(&id);
    Ok(json!({}))
}
