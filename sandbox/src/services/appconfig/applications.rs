//! Applications. Their names are not unique: the same name twice makes two.

use super::{Environment, Profile, allow, application, application_path, kept, new_id, over_quota, page};
use super::{refused, requested, state};
use crate::call::{Answer, Call};
use crate::services::tags::Tags;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const QUOTA: usize = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Application {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub tags: Tags,
    pub environments: BTreeMap<String, Environment>,
    pub profiles: BTreeMap<String, Profile>,
}

impl Application {
    fn output(&self) -> Value {
        json!({"Id": self.id, "Name": self.name, "Description": self.description})
    }
}

pub(super) fn create(call: &mut Call) -> Answer {
    allow(call, &[])?;
    if state(call).applications.len() >= QUOTA {
        return Err(over_quota("applications", QUOTA));
    }
    let application = Application {
        id: new_id(call),
        name: call.text("Name").to_owned(),
        description: kept(call, "Description"),
        tags: requested(call)?,
        environments: BTreeMap::new(),
        profiles: BTreeMap::new(),
    };
    let output = application.output();
    state(call).applications.insert(application.id.clone(), application);
    Ok(output)
}

pub(super) fn get(call: &mut Call) -> Answer {
    allow(call, &[application_path(call)])?;
    Ok(application(call)?.output())
}

pub(super) fn list(call: &mut Call) -> Answer {
    allow(call, &[])?;
    let items = state(call).applications.values().map(Application::output).collect();
    page(call, items)
}

pub(super) fn update(call: &mut Call) -> Answer {
    allow(call, &[application_path(call)])?;
    let (name, description) = (kept(call, "Name"), kept(call, "Description"));
    let application = application(call)?;
    application.name = name.unwrap_or_else(|| application.name.clone());
    application.description = description.or_else(|| application.description.clone());
    Ok(application.output())
}

pub(super) fn delete(call: &mut Call) -> Answer {
    allow(call, &[application_path(call)])?;
    let application = application(call)?;
    let id = application.id.clone();
    let children = [
        ("environments", application.environments.is_empty()),
        ("configuration profiles", application.profiles.is_empty()),
    ];
    if let Some((kind, _)) = children.iter().find(|(_, none)| !none) {
        let why = format!("Cannot delete application {id} because there are still {kind} existing under it.");
        return Err(refused(why));
    }
    state(call).applications.remove(&id);
    Ok(json!({}))
}
