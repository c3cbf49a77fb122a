//! Trust policies: their principals must exist, and are kept by unique id.
//!
//! A role that is deleted and made again is another principal: what trusted the old one trusts nobody then.

use super::lookup::{principal_arn, principal_id, role_by_arn};
use crate::auth::document::{self, Kind};
use crate::fault::Fault;
use crate::world::World;
use serde_json::Value;

/// Characters that a trust policy may have without white space, unless a higher quota was granted.
const LIMIT: usize = 2048;

/// Reads a trust policy and puts unique ids in the place of IAM principals.
pub(super) fn bind(world: &World, text: &str) -> Result<Value, Fault> {
    let malformed = |words: String| Fault::new("MalformedPolicyDocument", words);
    document::parse(text, Kind::Trust).map_err(malformed)?;
    let size = text.chars().filter(|c| !c.is_whitespace()).count();
    if size > LIMIT {
        return Err(Fault::new("LimitExceeded", format!("Cannot exceed quota for ACLSizePerRole: {LIMIT}")));
    }
    let mut value: Value = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
    each_principal(&mut value, &mut |kind, name| {
        let bound = bound(world, kind, name);
        bound.ok_or_else(|| {
            let kind = if kind == "AWS" { kind.to_owned() } else { kind.to_uppercase() };
            malformed(format!("Invalid principal in policy: \"{kind}\":\"{name}\""))
        })
    })?;
    Ok(value)
}

/// The trust policy as it is shown: with the ARNs of the principals that still exist.
pub(super) fn shown(world: &World, trust: &Value) -> Value {
    let mut value = trust.clone();
    let shown = each_principal(&mut value, &mut |_, name| {
        Ok(principal_arn(world, name).unwrap_or_else(|| name.to_owned()))
    });
    debug_assert!(shown.is_ok(), "showing refuses nothing");
    value
}

fn bound(world: &World, kind: &str, name: &str) -> Option<String> {
    match kind {
        "Service" => name.ends_with(".amazonaws.com").then(|| name.to_owned()),
        "AWS" => bound_aws(world, name),
        _ => Some(name.to_owned()),
    }
}

fn bound_aws(world: &World, name: &str) -> Option<String> {
    let root = |account: &str| format!("arn:aws:iam::{account}:root");
    if name == "*" || principal_arn(world, name).is_some() {
        return Some(name.to_owned());
    }
    if world.iam.contains_key(name) {
        return Some(root(name));
    }
    if let Some(account) = name.strip_prefix("arn:aws:iam::").and_then(|n| n.strip_suffix(":root")) {
        return world.iam.contains_key(account).then(|| root(account));
    }
    if let Some(session) = name.strip_prefix("arn:aws:sts::") {
        let (account, role) = session.split_once(":assumed-role/")?;
        let role = role.split('/').next()?;
        return world.iam.get(account)?.roles.contains_key(&role.to_lowercase()).then(|| name.to_owned());
    }
    if name.contains(":role/") {
        role_by_arn(world, name)?;
    }
    principal_id(world, name)
}

fn each_principal(
    value: &mut Value,
    change: &mut dyn FnMut(&str, &str) -> Result<String, Fault>,
) -> Result<(), Fault> {
    let statements = match &mut value["Statement"] {
        Value::Array(list) => list.iter_mut().collect(),
        one => vec![one],
    };
    for statement in statements {
        let Some(types) = statement.get_mut("Principal").and_then(Value::as_object_mut) else {
            continue;
        };
        for (kind, names) in types {
            let names: Vec<&mut Value> = match names {
                Value::Array(list) => list.iter_mut().collect(),
                one => vec![one],
            };
            for name in names {
                let bound = change(kind, name.as_str().unwrap_or_default())?;
                *name = Value::String(bound);
            }
        }
    }
    Ok(())
}
