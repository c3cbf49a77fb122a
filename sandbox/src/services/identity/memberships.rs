//! Who is in which group.

use super::store::{ask, ask_to_change, id_of, missing};
use super::{Instance, conflict, page, uuid};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A user's place in a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Membership {
    pub(super) group: String,
    pub(super) user: String,
}

fn arn(id: &str) -> String {
    format!("arn:aws:identitystore:::membership/{id}")
}

/// The group and the user that an input names.
fn both(call: &Call) -> (String, String) {
    (id_of(call.text("GroupId")), member(call))
}

fn member(call: &Call) -> String {
    let member = call.input.get("MemberId").and_then(|m| m["UserId"].as_str());
    id_of(member.unwrap_or_default())
}

pub(super) fn create(call: &mut Call) -> Answer {
    let (group, user) = both(call);
    let id = uuid(call.world);
    let instance = ask_to_change(call)?;
    if !instance.groups.contains_key(&group) {
        return Err(missing("GROUP"));
    }
    if !instance.users.contains_key(&user) {
        return Err(missing("USER"));
    }
    if find(instance, &group, &user).is_some() {
        return Err(conflict("Member and Group relationship already exists.")
            .with("Reason", "UNIQUENESS_CONSTRAINT_VIOLATION"));
    }
    let store = instance.store.clone();
    let id = format!("{}-{id}", store.trim_start_matches("d-"));
    instance.memberships.insert(id.clone(), Membership { group, user });
    Ok(json!({ "IdentityStoreId": store, "MembershipId": id, "MembershipArn": arn(&id) }))
}

fn find<'a>(instance: &'a Instance, group: &str, user: &str) -> Option<&'a String> {
    instance.memberships.iter().find(|(_, m)| m.group == group && m.user == user).map(|(id, _)| id)
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let id = id_of(call.text("MembershipId"));
    let instance = ask(call)?;
    let membership = instance.memberships.get(&id).ok_or_else(|| missing("GROUP_MEMBERSHIP"))?;
    Ok(shown(&instance.store, &id, membership))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let id = id_of(call.text("MembershipId"));
    let instance = ask_to_change(call)?;
    instance.memberships.remove(&id).ok_or_else(|| missing("GROUP_MEMBERSHIP"))?;
    Ok(json!({}))
}

pub(super) fn get_id(call: &mut Call) -> Answer {
    let (group, user) = both(call);
    let instance = ask(call)?;
    let id = find(instance, &group, &user).ok_or_else(|| missing("GROUP_MEMBERSHIP"))?;
    Ok(json!({ "IdentityStoreId": instance.store, "MembershipId": id, "MembershipArn": arn(id) }))
}

pub(super) fn list(call: &mut Call) -> Answer {
    let group = id_of(call.text("GroupId"));
    let instance = ask(call)?;
    if !instance.groups.contains_key(&group) {
        return Err(missing("GROUP"));
    }
    let all = chosen(instance, |m| m.group == group);
    answer(call, all)
}

pub(super) fn list_for_member(call: &mut Call) -> Answer {
    let user = member(call);
    let instance = ask(call)?;
    if !instance.users.contains_key(&user) {
        return Err(missing("USER"));
    }
    let all = chosen(instance, |m| m.user == user);
    answer(call, all)
}

fn chosen(instance: &Instance, wanted: impl Fn(&Membership) -> bool) -> Vec<Value> {
    let all = instance.memberships.iter().filter(|(_, m)| wanted(m));
    all.map(|(id, m)| shown(&instance.store, id, m)).collect()
}

fn answer(call: &Call, all: Vec<Value>) -> Result<Value, Fault> {
    let (memberships, next) = page(call, all)?;
    Ok(json!({ "GroupMemberships": memberships, "NextToken": next }))
}

pub(super) fn is_member(call: &mut Call) -> Answer {
    let user = member(call);
    let groups: Vec<String> = call.texts("GroupIds").iter().map(|id| id_of(id)).collect();
    let instance = ask(call)?;
    let result = |group: &String| {
        json!({
            "GroupId": group,
            "MemberId": { "UserId": user },
            "MembershipExists": find(instance, group, &user).is_some(),
        })
    };
    let results: Vec<Value> = groups.iter().map(result).collect();
    Ok(json!({ "Results": results }))
}

fn shown(store: &str, id: &str, membership: &Membership) -> Value {
    json!({
        "IdentityStoreId": store,
        "MembershipId": id,
        "MembershipArn": arn(id),
        "GroupId": membership.group,
        "MemberId": { "UserId": membership.user },
    })
}
