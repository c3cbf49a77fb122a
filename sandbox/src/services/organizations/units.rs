//! Organizational units, and who is whose parent.

use super::{manage, manage_with, organization, organization_mut, page, tags, violation};
use crate::call::{Answer, Call, LOWER};
use crate::fault::Fault;
use crate::services::tags::{borrowed, requested};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An organizational unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Unit {
    /// `ou-…-…`
    pub(super) id: String,
    /// A unit's or the root's id.
    pub(super) parent: String,
    pub(super) name: String,
    pub(super) tags: BTreeMap<String, String>,
}

/// How deep units may be nested under the root.
const DEPTH: usize = 5;
/// How many units an organization may have.
const UNITS: usize = 2000;

pub(super) fn create(call: &mut Call) -> Answer {
    let (parent, name) = (call.text("ParentId").to_owned(), call.text("Name").to_owned());
    let tags = tags::given(call)?;
    let context = requested(&tags);
    manage_with(call, &parent, &borrowed(&context))?;
    if !tags.is_empty() {
        call.allow_with("organizations:TagResource", "*", &borrowed(&context), None)?;
    }
    settled(call)?;
    room(call, &parent)?;
    unique(call, &parent, &name)?;
    let root = organization(call)?.root.trim_start_matches("r-").to_owned();
    let id = format!("ou-{root}-{}", call.world.id(LOWER, 8));
    let unit = Unit { id: id.clone(), parent, name, tags };
    organization_mut(call)?.units.insert(id.clone(), unit);
    answer(call, &id)
}

/// Straight after CreateAccount the tree is busy with it.
fn settled(call: &Call) -> Result<(), Fault> {
    if call.now() >= organization(call)?.changing {
        return Ok(());
    }
    Err(Fault::new(
        "ConcurrentModificationException",
        "AWS Organizations can't complete your request because it conflicts with another attempt to modify the same \
         entity. Try again later.",
    ))
}

fn room(call: &Call, parent: &str) -> Result<(), Fault> {
    let organization = organization(call)?;
    organization.parent(parent)?;
    if organization.lineage(parent).len() >= DEPTH {
        return Err(violation("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the allowed depth of OUs."));
    }
    if organization.units.len() >= UNITS {
        return Err(violation("OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of OUs."));
    }
    Ok(())
}

fn unique(call: &Call, parent: &str, name: &str) -> Result<(), Fault> {
    let same = |u: &Unit| u.parent == parent && u.name == name;
    if organization(call)?.units.values().any(same) {
        return Err(Fault::new(
            "DuplicateOrganizationalUnitException",
            "An OU with the same name already exists.",
        ));
    }
    Ok(())
}

pub(super) fn update(call: &mut Call) -> Answer {
    let id = named(call)?;
    let unit = found(call, &id)?.clone();
    let name = call.opt_text("Name").unwrap_or(&unit.name).to_owned();
    if name != unit.name {
        unique(call, &unit.parent, &name)?;
    }
    if let Some(unit) = organization_mut(call)?.units.get_mut(&id) {
        unit.name = name;
    }
    answer(call, &id)
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let id = named(call)?;
    answer(call, &id)
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let id = named(call)?;
    found(call, &id)?;
    let units = organization(call)?.units.values().any(|u| u.parent == id);
    let accounts = call.world.organizations.accounts.values().any(|a| a.parent.as_ref() == Some(&id));
    if units || accounts {
        return Err(Fault::new(
            "OrganizationalUnitNotEmptyException",
            "You must remove all accounts and child OUs from an OU before you can delete it.",
        ));
    }
    organization_mut(call)?.units.remove(&id);
    Ok(json!({}))
}

pub(super) fn list_for_parent(call: &mut Call) -> Answer {
    let parent = parent(call)?;
    let organization = organization(call)?;
    let within = organization.units.values().filter(|u| u.parent == parent);
    let all: Vec<Value> = within.map(|u| shown(call.world, organization, u)).collect();
    let (units, next) = page(call, all)?;
    Ok(json!({ "OrganizationalUnits": units, "NextToken": next }))
}

pub(super) fn list_children(call: &mut Call) -> Answer {
    let parent = parent(call)?;
    let kind = call.text("ChildType").to_owned();
    let accounts = call.world.organizations.accounts.values();
    let ids: Vec<String> = match kind.as_str() {
        "ACCOUNT" => accounts.filter(|a| a.parent.as_ref() == Some(&parent)).map(|a| a.id.clone()).collect(),
        _ => {
            let units = organization(call)?.units.values();
            units.filter(|u| u.parent == parent).map(|u| u.id.clone()).collect()
        }
    };
    let (children, next) = page(call, ids)?;
    let children: Vec<Value> = children.iter().map(|id| json!({ "Id": id, "Type": kind })).collect();
    Ok(json!({ "Children": children, "NextToken": next }))
}

pub(super) fn list_parents(call: &mut Call) -> Answer {
    let child = call.text("ChildId").to_owned();
    manage(call, &child)?;
    let parent = parent_of(call, &child)?;
    let kind = if parent.starts_with("r-") { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
    let (parents, next) = page(call, vec![json!({ "Id": parent, "Type": kind })])?;
    Ok(json!({ "Parents": parents, "NextToken": next }))
}

fn parent_of(call: &Call, child: &str) -> Result<String, Fault> {
    let account = call.world.organizations.accounts.get(child).and_then(|a| a.parent.clone());
    let unit = || organization(call).ok()?.units.get(child).map(|u| u.parent.clone());
    account
        .or_else(unit)
        .ok_or_else(|| Fault::new("ChildNotFoundException", "You specified a child that doesn't exist."))
}

/// The parent that a listing names, once the caller may list it.
pub(super) fn parent(call: &mut Call) -> Result<String, Fault> {
    let parent = call.text("ParentId").to_owned();
    manage(call, &parent)?;
    organization(call)?.parent(&parent)?;
    Ok(parent)
}

fn named(call: &mut Call) -> Result<String, Fault> {
    let id = call.text("OrganizationalUnitId").to_owned();
    manage(call, &id)?;
    Ok(id)
}

fn found<'a>(call: &'a Call, id: &str) -> Result<&'a Unit, Fault> {
    organization(call)?.units.get(id).ok_or_else(|| {
        Fault::new(
            "OrganizationalUnitNotFoundException",
            "You specified an organizational unit that doesn't exist.",
        )
    })
}

fn answer(call: &Call, id: &str) -> Answer {
    let unit = found(call, id)?;
    Ok(json!({ "OrganizationalUnit": shown(call.world, organization(call)?, unit) }))
}

fn shown(world: &World, organization: &super::Organization, unit: &Unit) -> Value {
    json!({
        "Id": unit.id,
        "Arn": super::arn(world, &unit.id),
        "Name": unit.name,
        "Path": organization.path(&unit.id),
    })
}
