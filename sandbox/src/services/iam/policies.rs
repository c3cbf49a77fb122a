//! Policies of roles and users: inline ones, and managed ones attached to them.

use super::lookup::{asked_arn, entity};
use super::pages::page;
use super::{change_access, managed, roles};
use crate::auth::document::{self, Kind};
use crate::auth::encode;
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};

/// Characters, white space not counted, that a role's inline policies may have together; a user's may have 2,048.
const ROLE_INLINE: usize = 10_240;
const USER_INLINE: usize = 2048;
/// Managed policies that a role or a user may have, unless a higher quota was granted.
const ATTACHED: usize = 10;

/// The action by the operation's name: `iam:PutRolePolicy`.
fn ask(call: &mut Call) -> Result<(), Fault> {
    let (action, arn) = (format!("iam:{}", call.operation), asked_arn(call));
    match call.opt_text("PolicyArn").map(str::to_owned) {
        Some(policy) => call.allow_with(&action, &arn, &[("iam:PolicyARN", policy.as_str())], None),
        None => call.allow(&action, &arn),
    }
}

/// The same, for an operation that changes: some roles only AWS changes.
fn ask_to_change(call: &mut Call) -> Result<(), Fault> {
    ask(call)?;
    entity(call)?;
    if is_role(call) { roles::check_changeable(call) } else { Ok(()) }
}

fn is_role(call: &Call) -> bool {
    call.opt_text("RoleName").is_some()
}

fn kind(call: &Call) -> &'static str {
    if is_role(call) { "role" } else { "user" }
}

pub(super) fn put(call: &mut Call) -> Answer {
    ask_to_change(call)?;
    let (name, text) = (call.text("PolicyName").to_owned(), call.text("PolicyDocument").to_owned());
    document::parse(&text, Kind::Identity).map_err(|words| Fault::new("MalformedPolicyDocument", words))?;
    let size = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let entity = entity(call)?;
    let others = entity.access.latest().inline.iter().filter(|(other, _)| **other != name);
    let limit = if is_role(call) { ROLE_INLINE } else { USER_INLINE };
    if others.map(|(_, text)| size(text)).sum::<usize>() + size(&text) > limit {
        let words =
            format!("Maximum policy size of {limit} bytes exceeded for {} {}", kind(call), entity.name);
        return Err(Fault::new("LimitExceeded", words));
    }
    change_access(call, |access| {
        access.inline.insert(name, text);
    })
}

pub(super) fn get(call: &mut Call) -> Answer {
    ask(call)?;
    let name = call.text("PolicyName");
    let entity = entity(call)?;
    let text = entity.access.latest().inline.get(name).ok_or_else(|| missing(call, name))?;
    let mut policy = json!({"PolicyName": name, "PolicyDocument": encode(text.as_bytes())});
    let member = if is_role(call) { "RoleName" } else { "UserName" };
    policy[member] = Value::String(entity.name.clone());
    Ok(policy)
}

pub(super) fn list(call: &mut Call) -> Answer {
    ask(call)?;
    let names = entity(call)?.access.latest().inline.keys().map(|name| json!(name)).collect();
    page(call, "PolicyNames", names)
}

pub(super) fn delete(call: &mut Call) -> Answer {
    ask_to_change(call)?;
    let name = call.text("PolicyName").to_owned();
    if !entity(call)?.access.latest().inline.contains_key(&name) {
        return Err(missing(call, &name));
    }
    change_access(call, |access| {
        access.inline.remove(&name);
    })
}

fn missing(call: &Call, name: &str) -> Fault {
    Fault::new("NoSuchEntity", format!("The {} policy with name {name} cannot be found.", kind(call)))
}

pub(super) fn attach(call: &mut Call) -> Answer {
    ask_to_change(call)?;
    let arn = call.text("PolicyArn").to_owned();
    if !managed::attachable(call.world, &call.account(), &arn) {
        let words = format!("Policy {arn} does not exist or is not attachable.");
        return Err(Fault::new("NoSuchEntity", words));
    }
    let attached = &entity(call)?.access.latest().attached;
    if attached.contains(&arn) {
        return Ok(json!({}));
    }
    if attached.len() >= ATTACHED {
        let quota = if is_role(call) { "PoliciesPerRole" } else { "PoliciesPerUser" };
        return Err(Fault::new("LimitExceeded", format!("Cannot exceed quota for {quota}: {ATTACHED}")));
    }
    change_access(call, |access| access.attached.push(arn))
}

pub(super) fn detach(call: &mut Call) -> Answer {
    ask_to_change(call)?;
    let arn = call.text("PolicyArn").to_owned();
    if !entity(call)?.access.latest().attached.contains(&arn) {
        return Err(managed::missing(&arn));
    }
    change_access(call, |access| access.attached.retain(|a| *a != arn))
}

pub(super) fn list_attached(call: &mut Call) -> Answer {
    ask(call)?;
    let prefix = call.opt_text("PathPrefix").unwrap_or("/").to_owned();
    let attached = &entity(call)?.access.latest().attached;
    let below = attached.iter().filter(|arn| path(arn).starts_with(&prefix));
    let listed = below.map(|arn| json!({"PolicyName": name(arn), "PolicyArn": arn})).collect();
    page(call, "AttachedPolicies", listed)
}

pub(super) fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// `/service-role/` of `arn:aws:iam::aws:policy/service-role/NAME`.
fn path(arn: &str) -> &str {
    let path = arn.split_once(":policy").map_or("/", |(_, path)| path);
    &path[..path.rfind('/').map_or(0, |at| at + 1)]
}
