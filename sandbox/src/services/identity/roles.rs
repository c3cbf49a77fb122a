//! The reserved roles that permission sets become in accounts.

use super::assignments::place;
use super::permission_sets::PermissionSet;
use crate::call::HEX;
use crate::services::iam::{self, NewRole};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A role that a permission set became.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Provisioned {
    /// `AWSReservedSSO_<name>_<16 hex digits>`
    role: String,
    pub(super) arn: String,
    /// Seconds that its sessions last.
    pub(super) seconds: u64,
    /// The permission set's version that it is made from.
    pub(super) version: u64,
}

/// Makes the role of a permission set in an account, or brings it up to date.
pub(super) fn provision(world: &mut World, account: &str, set: &str) {
    let Some(instance) = &world.identity.instance else { return };
    let Some(set) = instance.sets.get(set).cloned() else { return };
    let key = place(account, &set.arn);
    let path = path(&instance.region);
    let known = instance.provisioned.get(&key).map(|made| made.role.clone());
    let role = known.unwrap_or_else(|| format!("AWSReservedSSO_{}_{}", set.name, world.id(HEX, 16)));
    let arn = put(world, (account, &path, &role), &set);
    let seconds = super::permission_sets::seconds(&set.duration).unwrap_or(3600);
    let made = Provisioned { role, arn, seconds, version: set.version };
    if let Some(instance) = &mut world.identity.instance {
        instance.provisioned.insert(key, made);
    }
}

/// Like all of AWS's Region-named paths: us-east-1 is not named.
fn path(region: &str) -> String {
    match region {
        "us-east-1" => "/aws-reserved/sso.amazonaws.com/".to_owned(),
        _ => format!("/aws-reserved/sso.amazonaws.com/{region}/"),
    }
}

/// A role that is there keeps its id; one that somebody deleted is made again. Returns the ARN.
fn put(world: &mut World, (account, path, name): (&str, &str, &str), set: &PermissionSet) -> String {
    let inline: Vec<(String, Value)> = set
        .inline
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .map(|policy| ("AwsSSOInlinePolicy".to_owned(), policy))
        .collect();
    let (now, seen_from) = (world.clock.now(), iam::seen_from(world));
    let roles = world.iam.get_mut(account).map(|iam| &mut iam.roles);
    if let Some(role) = roles.and_then(|roles| roles.get_mut(&name.to_lowercase())) {
        role.entity.access.change(now, seen_from, |access| {
            access.attached = set.managed.clone();
            access.inline = inline.iter().map(|(name, policy)| (name.clone(), policy.to_string())).collect();
        });
        return role.entity.arn.clone();
    }
    let (trust, attached) = (trust(account, name), set.managed.clone());
    iam::make_role(world, NewRole { account, path, name, trust, attached, inline })
}

/// Only the portal's own sign-in assumes these roles.
fn trust(account: &str, role: &str) -> Value {
    let suffix = role.rsplit('_').next().unwrap_or_default();
    let provider = format!("arn:aws:iam::{account}:saml-provider/AWSSSO_{suffix}_DO_NOT_DELETE");
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": provider },
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
        "Condition": { "StringEquals": { "SAML:aud": "https://signin.aws.amazon.com/saml" } }
    }]})
}

/// Removes a role from the account of its place (`<account>/<set>`).
pub(super) fn remove(world: &mut World, place: &str, made: &Provisioned) {
    let account = place.split('/').next().unwrap_or_default();
    if let Some(iam) = world.iam.get_mut(account) {
        iam.roles.remove(&made.role.to_lowercase());
    }
}
