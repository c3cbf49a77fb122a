//! Tags of accounts, units and the root.

use super::{accounts, invalid, manage, manage_with, organization_mut, violation};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::tags::{LIMIT, Tags, borrowed, of_resource, remove, requested};
use crate::world::World;
use serde_json::{Value, json};

pub(super) fn tag(call: &mut Call) -> Answer {
    let id = call.text("ResourceId").to_owned();
    let new = given(call)?;
    let context = requested(&new);
    manage_with(call, &id, &borrowed(&context))?;
    let mut all = tags_of(call, &id)?.clone();
    all.extend(new);
    limited(&all)?;
    *tags_of(call, &id)? = all;
    Ok(json!({}))
}

pub(super) fn untag(call: &mut Call) -> Answer {
    let id = call.text("ResourceId").to_owned();
    let keys = call.texts("TagKeys");
    manage(call, &id)?;
    remove(tags_of(call, &id)?, &keys);
    Ok(json!({}))
}

pub(super) fn list(call: &mut Call) -> Answer {
    let id = call.text("ResourceId").to_owned();
    manage(call, &id)?;
    let shown = |(key, value): (&String, &String)| json!({ "Key": key, "Value": value });
    let all: Vec<Value> = tags_of(call, &id)?.iter().map(shown).collect();
    Ok(json!({ "Tags": all }))
}

fn tags_of<'a>(call: &'a mut Call, id: &str) -> Result<&'a mut Tags, Fault> {
    if id.starts_with(|c: char| c.is_ascii_digit()) {
        return accounts::member_mut(call, id).map(|a| &mut a.tags).map_err(|_| no_target());
    }
    let organization = organization_mut(call)?;
    if id == organization.root {
        return Ok(&mut organization.root_tags);
    }
    organization.units.get_mut(id).map(|u| &mut u.tags).ok_or_else(no_target)
}

fn no_target() -> Fault {
    Fault::new("TargetNotFoundException", "You specified a target that doesn't exist.")
}

/// The tags of a request, which AWS refuses as a whole if one of them is not right.
pub(super) fn given(call: &Call) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    for tag in call.list("Tags") {
        let [key, value] = ["Key", "Value"].map(|m| tag[m].as_str().unwrap_or_default().to_owned());
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(
                "INVALID_SYSTEM_TAGS_PARAMETER",
                "You specified a tag key that is a system tag.",
            ));
        }
        if tags.insert(key, value).is_some() {
            return Err(invalid(
                "DUPLICATE_TAG_KEY",
                "Tag keys must be unique among the tags attached to the same entity.",
            ));
        }
    }
    limited(&tags)?;
    Ok(tags)
}

fn limited(tags: &Tags) -> Result<(), Fault> {
    if tags.len() <= LIMIT {
        return Ok(());
    }
    Err(violation("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags allowed on this resource."))
}

/// `aws:ResourceTag/…` of an account, a unit or the root.
pub(super) fn resource_context(world: &World, id: &str) -> Vec<(String, String)> {
    let state = &world.organizations;
    let organization = state.organization.as_ref();
    let tags = match state.accounts.get(id) {
        Some(account) => Some(&account.tags),
        None => organization.and_then(|o| match o.units.get(id) {
            Some(unit) => Some(&unit.tags),
            None => (id == o.root).then_some(&o.root_tags),
        }),
    };
    tags.map(of_resource).unwrap_or_default()
}
