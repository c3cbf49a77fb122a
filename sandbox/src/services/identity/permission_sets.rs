//! Permission sets. A change reaches the accounts only when it is provisioned.

use super::instances::{ask, given_tags};
use super::{Instance, conflict, invalid, not_found, page};
use crate::call::{Answer, Call, HEX};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::tags::Tags;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A permission set: what a role in an account may do, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PermissionSet {
    pub(super) arn: String,
    pub(super) name: String,
    description: Option<String>,
    /// ISO 8601.
    pub(super) duration: String,
    relay: Option<String>,
    /// ARNs of AWS-managed policies.
    pub(super) managed: Vec<String>,
    pub(super) inline: Option<String>,
    pub(super) tags: Tags,
    created: Time,
    /// Goes up with each change.
    pub(super) version: u64,
    /// Until then the last write has not propagated.
    busy: Time,
}

/// Seconds that a write takes to propagate: until then another one is a conflict.
const PROPAGATION: f64 = 1.0;
/// How many managed policies a set may have.
const MANAGED: usize = 20;

pub(super) fn create(call: &mut Call) -> Answer {
    let tags = given_tags(call)?;
    let name = call.text("Name").to_owned();
    let duration = call.opt_text("SessionDuration").unwrap_or("PT1H").to_owned();
    let id = call.world.id(HEX, 16);
    let (now, busy) = (call.now(), call.due(PROPAGATION));
    let [description, relay] = ["Description", "RelayState"].map(|m| call.opt_text(m).map(str::to_owned));
    let instance = ask(call, &[])?;
    checked_duration(&duration)?;
    if instance.sets.values().any(|s| s.name == name) {
        return Err(conflict(format!("PermissionSet with name {name} already exists.")));
    }
    let arn = format!("arn:aws:sso:::permissionSet/{}/ps-{id}", instance.id);
    let set = PermissionSet {
        arn: arn.clone(),
        name,
        description,
        duration,
        relay,
        managed: Vec::new(),
        inline: None,
        tags,
        created: now,
        version: 1,
        busy,
    };
    let answer = shown(&set);
    instance.sets.insert(arn, set);
    Ok(json!({ "PermissionSet": answer }))
}

/// From one hour to twelve.
fn checked_duration(text: &str) -> Result<(), Fault> {
    match seconds(text) {
        Some(3600..=43_200) => Ok(()),
        _ => Err(invalid("Session duration must be between 1 hour and 12 hours.")),
    }
}

/// The seconds of `PT…H…M…S`.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix("PT")?;
    let mut total = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = match rest.as_bytes()[end] {
            b'H' => 3600,
            b'M' => 60,
            b'S' => 1,
            _ => return None,
        };
        total = number.checked_mul(unit)?.checked_add(total)?;
        rest = &rest[end + 1..];
    }
    Some(total)
}

/// The instance and the set that the input names, once the caller may do this to both.
pub(super) fn named<'a>(call: &'a mut Call) -> Result<(&'a mut Instance, String), Fault> {
    let arn = call.text("PermissionSetArn").to_owned();
    let instance = ask(call, &[&arn])?;
    if !instance.sets.contains_key(&arn) {
        return Err(not_found("PermissionSet"));
    }
    Ok((instance, arn))
}

fn read<'a>(call: &'a mut Call) -> Result<&'a PermissionSet, Fault> {
    let (instance, arn) = named(call)?;
    instance.sets.get(&arn).ok_or_else(|| not_found("PermissionSet"))
}

/// Changes the set, unless the write before has not propagated.
fn write(call: &mut Call, change: impl FnOnce(&mut PermissionSet) -> Result<(), Fault>) -> Answer {
    let (now, busy) = (call.now(), call.due(PROPAGATION));
    let (instance, arn) = named(call)?;
    let set = instance.sets.get_mut(&arn).ok_or_else(|| not_found("PermissionSet"))?;
    if now < set.busy {
        return Err(conflict(
            "Could not complete the request due to a conflict with a previous successful write.",
        ));
    }
    change(set)?;
    set.version += 1;
    set.busy = busy;
    Ok(json!({}))
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let set = read(call)?;
    Ok(json!({ "PermissionSet": shown(set) }))
}

fn shown(set: &PermissionSet) -> Value {
    json!({
        "Name": set.name,
        "PermissionSetArn": set.arn,
        "Description": set.description,
        "CreatedDate": set.created,
        "SessionDuration": set.duration,
        "RelayState": set.relay,
    })
}

pub(super) fn list(call: &mut Call) -> Answer {
    let arns: Vec<String> = ask(call, &[])?.sets.keys().cloned().collect();
    let (arns, next) = page(call, arns)?;
    Ok(json!({ "PermissionSets": arns, "NextToken": next }))
}

pub(super) fn update(call: &mut Call) -> Answer {
    let [description, duration, relay] =
        ["Description", "SessionDuration", "RelayState"].map(|m| call.opt_text(m).map(str::to_owned));
    write(call, |set| {
        if let Some(duration) = duration {
            checked_duration(&duration)?;
            set.duration = duration;
        }
        set.description = description.or(set.description.take());
        set.relay = relay.or(set.relay.take());
        Ok(())
    })
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let (instance, arn) = named(call)?;
    let used = instance.assignments.iter().any(|a| a.set == arn);
    if used || instance.provisioned.keys().any(|key| key.ends_with(&arn)) {
        return Err(conflict("PermissionSet is assigned to accounts: remove its assignments first."));
    }
    instance.sets.remove(&arn);
    Ok(json!({}))
}

pub(super) fn attach(call: &mut Call) -> Answer {
    let policy = call.text("ManagedPolicyArn").to_owned();
    write(call, |set| {
        if set.managed.contains(&policy) {
            return Err(conflict("Managed policy is already attached to the PermissionSet."));
        }
        if set.managed.len() >= MANAGED {
            let message = "You have exceeded the number of managed policies of a PermissionSet.";
            return Err(Fault::new("ServiceQuotaExceededException", message));
        }
        set.managed.push(policy);
        Ok(())
    })
}

pub(super) fn detach(call: &mut Call) -> Answer {
    let policy = call.text("ManagedPolicyArn").to_owned();
    write(call, |set| {
        let place = set.managed.iter().position(|p| *p == policy);
        set.managed.remove(place.ok_or_else(|| not_found("Managed policy"))?);
        Ok(())
    })
}

pub(super) fn list_managed(call: &mut Call) -> Answer {
    let shown = |arn: &String| json!({ "Arn": arn, "Name": arn.rsplit('/').next() });
    let all: Vec<Value> = read(call)?.managed.iter().map(shown).collect();
    let (policies, next) = page(call, all)?;
    Ok(json!({ "AttachedManagedPolicies": policies, "NextToken": next }))
}

pub(super) fn put_inline(call: &mut Call) -> Answer {
    let policy = call.text("InlinePolicy").to_owned();
    let statements = serde_json::from_str::<Value>(&policy).is_ok_and(|p| !p["Statement"].is_null());
    write(call, |set| {
        if !statements {
            return Err(invalid("The inline policy is not a valid policy document."));
        }
        set.inline = Some(policy);
        Ok(())
    })
}

/// A set without an inline policy has an empty one.
pub(super) fn get_inline(call: &mut Call) -> Answer {
    let policy = read(call)?.inline.clone().unwrap_or_default();
    Ok(json!({ "InlinePolicy": policy }))
}

pub(super) fn delete_inline(call: &mut Call) -> Answer {
    write(call, |set| set.inline.take().map(drop).ok_or_else(|| not_found("Inline policy")))
}
