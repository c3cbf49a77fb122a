//! Roles: made, shown, changed, tagged and deleted.

use super::lookup::{asked_arn, mine, missing_role, role};
use super::pages::{self, page};
use super::state::{Access, Entity, Lagging, Role};
use super::tags::{self, Tags};
use super::{change_access, managed, seen_from, trust};
use crate::auth::encode;
use crate::call::{Answer, Call, UPPER};
use crate::fault::Fault;
use crate::world::World;
use serde_json::{Value, json};

/// Roles that an account may have, unless a higher quota was granted.
const QUOTA: usize = 1000;

pub(super) fn create_role(call: &mut Call) -> Answer {
    let name = call.text("RoleName").to_owned();
    let path = call.opt_text("Path").unwrap_or("/").to_owned();
    let arn = format!("arn:aws:iam::{}:role{path}{name}", call.account());
    let given = tags::of(call)?;
    let boundary = call.opt_text("PermissionsBoundary").map(str::to_owned);
    let bounded: Vec<(&str, &str)> =
        boundary.iter().map(|b| ("iam:PermissionsBoundary", b.as_str())).collect();
    tags::allow(call, "iam:CreateRole", &arn, (&given, &Tags::new()), &bounded)?;
    check_new(call, &name, &path, boundary.as_deref())?;
    let trust = trust::bind(call.world, call.text("AssumeRolePolicyDocument"))?;
    let access = Access { trust, boundary, tags: given, ..Access::default() };
    let entity = Entity {
        id: format!("AROA{}", call.world.id(UPPER, 17)),
        arn,
        created: call.now(),
        access: Lagging::new(access, seen_from(call.world)),
        path,
        name: name.clone(),
    };
    let role = Role {
        entity,
        description: call.opt_text("Description").map(str::to_owned),
        max_session: call.int("MaxSessionDuration").unwrap_or(3600),
        linked_to: None,
        last_used: None,
    };
    let mut shown = shown(call.world, &role);
    shown["MaxSessionDuration"] = Value::Null;
    mine(call).roles.insert(name.to_lowercase(), role);
    Ok(json!({"Role": shown}))
}

fn check_new(call: &mut Call, name: &str, path: &str, boundary: Option<&str>) -> Result<(), Fault> {
    if path.starts_with("/aws-service-role/") || path.starts_with("/aws-reserved/") {
        let words =
            format!("Scope ARN: arn:aws:iam::{}:role{path}{name} is reserved for AWS", call.account());
        return Err(Fault::new("InvalidInput", words));
    }
    if mine(call).roles.contains_key(&name.to_lowercase()) {
        return Err(Fault::new("EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    if mine(call).roles.len() >= QUOTA {
        return Err(Fault::new("LimitExceeded", format!("Cannot exceed quota for RolesPerAccount: {QUOTA}")));
    }
    match boundary {
        Some(arn) if !managed::attachable(call.world, &call.account(), arn) => Err(managed::missing(arn)),
        _ => Ok(()),
    }
}

pub(super) fn get_role(call: &mut Call) -> Answer {
    ask(call, "iam:GetRole", &Tags::new())?;
    Ok(json!({"Role": detailed(call.world, role(call)?)}))
}

pub(super) fn list_roles(call: &mut Call) -> Answer {
    let prefix = call.opt_text("PathPrefix").unwrap_or("/").to_owned();
    let asked = format!("arn:aws:iam::{}:role{prefix}", call.account());
    call.allow("iam:ListRoles", &asked)?;
    let roles = call.world.iam.get(&call.account()).into_iter().flat_map(|iam| iam.roles.values());
    let below = roles.filter(|r| r.entity.path.starts_with(&prefix));
    let listed = below.map(|r| shown(call.world, r)).collect();
    page(call, "Roles", listed)
}

pub(super) fn update_role(call: &mut Call) -> Answer {
    ask(call, "iam:UpdateRole", &Tags::new())?;
    let description = call.opt_text("Description").map(str::to_owned);
    let seconds = call.int("MaxSessionDuration");
    let role = changeable(call)?;
    // What is not given goes back to what it is by default.
    role.description = description;
    role.max_session = seconds.unwrap_or(3600);
    Ok(json!({}))
}

pub(super) fn update_role_description(call: &mut Call) -> Answer {
    ask(call, "iam:UpdateRoleDescription", &Tags::new())?;
    let description = call.text("Description").to_owned();
    changeable(call)?.description = Some(description);
    Ok(json!({"Role": detailed(call.world, role(call)?)}))
}

pub(super) fn update_assume_role_policy(call: &mut Call) -> Answer {
    ask(call, "iam:UpdateAssumeRolePolicy", &Tags::new())?;
    changeable(call)?;
    let trust = trust::bind(call.world, call.text("PolicyDocument"))?;
    change_access(call, |access| access.trust = trust)
}

pub(super) fn delete_role(call: &mut Call) -> Answer {
    ask(call, "iam:DeleteRole", &Tags::new())?;
    changeable(call)?;
    let role = role(call)?;
    let (access, key) = (role.entity.access.latest(), role.entity.name.to_lowercase());
    if !access.inline.is_empty() {
        return Err(Fault::new("DeleteConflict", "Cannot delete entity, must delete policies first."));
    }
    if !access.attached.is_empty() {
        return Err(Fault::new("DeleteConflict", "Cannot delete entity, must detach all policies first."));
    }
    mine(call).roles.remove(&key);
    Ok(json!({}))
}

pub(super) fn tag_role(call: &mut Call) -> Answer {
    let given = tags::of(call)?;
    ask(call, "iam:TagRole", &given)?;
    changeable(call)?;
    let merged = tags::merged(&role(call)?.entity.access.latest().tags, &given);
    tags::check(&merged)?;
    change_access(call, |access| access.tags = merged)
}

pub(super) fn untag_role(call: &mut Call) -> Answer {
    ask(call, "iam:UntagRole", &Tags::new())?;
    changeable(call)?;
    let keys = call.texts("TagKeys");
    change_access(call, |access| access.tags.retain(|k, _| !keys.iter().any(|x| x.eq_ignore_ascii_case(k))))
}

pub(super) fn list_role_tags(call: &mut Call) -> Answer {
    ask(call, "iam:ListRoleTags", &Tags::new())?;
    let tags = tags::list(&role(call)?.entity.access.latest().tags);
    page(call, "Tags", tags.as_array().cloned().unwrap_or_default())
}

pub(super) fn list_instance_profiles_for_role(call: &mut Call) -> Answer {
    ask(call, "iam:ListInstanceProfilesForRole", &Tags::new())?;
    role(call)?;
    let (none, _) = pages::cut(call, Vec::new())?;
    Ok(json!({"InstanceProfiles": none, "IsTruncated": false}))
}

pub(super) fn put_boundary(call: &mut Call) -> Answer {
    let arn = call.text("PermissionsBoundary").to_owned();
    let asked = asked_arn(call);
    let context = [("iam:PermissionsBoundary", arn.as_str())];
    call.allow_with("iam:PutRolePermissionsBoundary", &asked, &context, None)?;
    changeable(call)?;
    if !managed::attachable(call.world, &call.account(), &arn) {
        return Err(managed::missing(&arn));
    }
    change_access(call, |access| access.boundary = Some(arn))
}

pub(super) fn delete_boundary(call: &mut Call) -> Answer {
    ask(call, "iam:DeleteRolePermissionsBoundary", &Tags::new())?;
    changeable(call)?;
    change_access(call, |access| access.boundary = None)
}

/// Asks for permission on the role that the request names, with its tags.
fn ask(call: &mut Call, action: &str, given: &Tags) -> Result<(), Fault> {
    let arn = asked_arn(call);
    let present = role(call).map(|r| r.entity.access.latest().tags.clone()).unwrap_or_default();
    tags::allow(call, action, &arn, (given, &present), &[])
}

/// The role that the request names, unless it is one that only AWS changes.
fn changeable<'c>(call: &'c mut Call) -> Result<&'c mut Role, Fault> {
    check_changeable(call)?;
    let name = call.text("RoleName").to_owned();
    let role = mine(call).roles.get_mut(&name.to_lowercase());
    role.ok_or_else(|| missing_role(&name))
}

/// Refuses for roles that only AWS changes: of its services, and of Identity Center.
pub(super) fn check_changeable(call: &Call) -> Result<(), Fault> {
    let role = role(call)?;
    if role.linked_to.is_none() && !role.entity.path.starts_with("/aws-reserved/") {
        return Ok(());
    }
    let words = format!(
        "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
        role.entity.name
    );
    Err(Fault::new("UnmodifiableEntity", words))
}

/// A role as ListRoles shows it.
pub(super) fn shown(world: &World, role: &Role) -> Value {
    let entity = &role.entity;
    let trust = trust::shown(world, &entity.access.latest().trust).to_string();
    json!({
        "Path": entity.path, "RoleName": entity.name, "RoleId": entity.id, "Arn": entity.arn,
        "CreateDate": entity.created, "AssumeRolePolicyDocument": encode(trust.as_bytes()),
        "Description": role.description, "MaxSessionDuration": role.max_session,
    })
}

/// A role as GetRole shows it: with what ListRoles leaves out.
pub(super) fn detailed(world: &World, role: &Role) -> Value {
    let mut shown = shown(world, role);
    let access = role.entity.access.latest();
    if !access.tags.is_empty() {
        shown["Tags"] = tags::list(&access.tags);
    }
    if let Some(arn) = &access.boundary {
        shown["PermissionsBoundary"] =
            json!({"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn});
    }
    shown["RoleLastUsed"] = match &role.last_used {
        Some((time, region)) => json!({"LastUsedDate": time, "Region": region}),
        None => json!({}),
    };
    shown
}
