//! Identity and Access Management.

use crate::call::{Answer, Call, UPPER};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
use serde_json::json;

mod linked;
mod lookup;
mod managed;
mod pages;
mod policies;
mod reports;
mod roles;
mod state;
mod tags;
mod trust;
mod users;

pub use linked::service_linked_role;
pub use lookup::{managed_document, principal_arn, principal_id, role_by_arn};
pub use state::{Access, AccessKey, Deletion, Entity, Lagging, Managed, Role, State};

const ADMIN: &str = "admin";
/// Letters of secrets and tokens.
pub const SECRET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn handle(call: &mut Call) -> Answer {
    refuse_bare_sessions(call)?;
    match call.operation {
        "CreateRole" => roles::create_role(call),
        "GetRole" => roles::get_role(call),
        "ListRoles" => roles::list_roles(call),
        "UpdateRole" => roles::update_role(call),
        "UpdateRoleDescription" => roles::update_role_description(call),
        "UpdateAssumeRolePolicy" => roles::update_assume_role_policy(call),
        "DeleteRole" => roles::delete_role(call),
        "TagRole" => roles::tag_role(call),
        "UntagRole" => roles::untag_role(call),
        "ListRoleTags" => roles::list_role_tags(call),
        "ListInstanceProfilesForRole" => roles::list_instance_profiles_for_role(call),
        "PutRolePermissionsBoundary" => roles::put_boundary(call),
        "DeleteRolePermissionsBoundary" => roles::delete_boundary(call),
        "PutRolePolicy" | "PutUserPolicy" => policies::put(call),
        "GetRolePolicy" | "GetUserPolicy" => policies::get(call),
        "ListRolePolicies" | "ListUserPolicies" => policies::list(call),
        "DeleteRolePolicy" | "DeleteUserPolicy" => policies::delete(call),
        "AttachRolePolicy" | "AttachUserPolicy" => policies::attach(call),
        "DetachRolePolicy" | "DetachUserPolicy" => policies::detach(call),
        "ListAttachedRolePolicies" | "ListAttachedUserPolicies" => policies::list_attached(call),
        "CreatePolicy" => managed::create_policy(call),
        "GetPolicy" => managed::get_policy(call),
        "GetPolicyVersion" => managed::get_policy_version(call),
        "ListPolicyVersions" => managed::list_policy_versions(call),
        "DeletePolicy" => managed::delete_policy(call),
        "ListPolicies" => managed::list_policies(call),
        "ListEntitiesForPolicy" => managed::list_entities_for_policy(call),
        "CreateServiceLinkedRole" => linked::create(call),
        "DeleteServiceLinkedRole" => linked::delete(call),
        "GetServiceLinkedRoleDeletionStatus" => linked::deletion_status(call),
        "CreateUser" => users::create_user(call),
        "GetUser" => users::get_user(call),
        "ListUsers" => users::list_users(call),
        "DeleteUser" => users::delete_user(call),
        "CreateAccessKey" => users::create_access_key(call),
        "ListAccessKeys" => users::list_access_keys(call),
        "UpdateAccessKey" => users::update_access_key(call),
        "DeleteAccessKey" => users::delete_access_key(call),
        "CreateAccountAlias" => users::create_account_alias(call),
        "ListAccountAliases" => users::list_account_aliases(call),
        "SimulatePrincipalPolicy" => reports::simulate_principal_policy(call),
        "GetAccountAuthorizationDetails" => reports::get_account_authorization_details(call),
        "GetAccountSummary" => users::get_account_summary(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// Credentials of GetSessionToken without MFA are unknown to IAM.
fn refuse_bare_sessions(call: &Call) -> Result<(), Fault> {
    let key = call.caller.as_ref().map(|c| c.access_key.as_str()).unwrap_or_default();
    if !call.world.sts.sessions.get(key).is_some_and(|session| session.token_only) {
        return Ok(());
    }
    Err(Fault::new("InvalidClientTokenId", "The security token included in the request is invalid."))
}

/// Lets everything happen that is due.
pub fn tick(world: &mut World) {
    linked::tick(world);
}

/// Changes what decides about access of the role or user that the request names; the rest of AWS sees it later.
fn change_access(call: &mut Call, change: impl FnOnce(&mut Access)) -> Answer {
    let (now, seen_from) = (call.now(), seen_from(call.world));
    let key = lookup::entity(call)?.name.to_lowercase();
    let role = call.opt_text("RoleName").is_some();
    let iam = lookup::mine(call);
    let entity = if role { iam.roles.get_mut(&key).map(|r| &mut r.entity) } else { iam.users.get_mut(&key) };
    if let Some(entity) = entity {
        entity.access.change(now, seen_from, change);
    }
    Ok(json!({}))
}

/// Notes when and where a role was last used.
pub fn used(world: &mut World, role_arn: &str, region: &str) {
    let now = world.clock.now();
    let found = role_by_arn(world, role_arn)
        .map(|(account, role)| (account.to_owned(), role.entity.name.to_lowercase()));
    let Some((account, key)) = found else {
        return;
    };
    if let Some(role) = world.iam.get_mut(&account).and_then(|iam| iam.roles.get_mut(&key)) {
        role.last_used = Some((now, region.to_owned()));
    }
}

/// A pair of long-term credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// The management account's root, and its user `admin`, each with an access key.
pub fn found(world: &mut World) {
    let account = world.settings.management.clone();
    let id = world.id(UPPER, 17);
    let now = world.clock.now();
    let access = Access {
        attached: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
        ..Access::default()
    };
    let admin = Entity {
        name: ADMIN.to_owned(),
        path: "/".to_owned(),
        id: format!("AIDA{id}"),
        arn: format!("arn:aws:iam::{account}:user/{ADMIN}"),
        created: now,
        access: Lagging::new(access, 0.0),
    };
    world.iam.entry(account.clone()).or_default().users.insert(ADMIN.to_owned(), admin);
    make_key(world, &account, None);
    make_key(world, &account, Some(ADMIN));
}

/// Makes an access key for a user, or for root. Returns its id.
fn make_key(world: &mut World, account: &str, user: Option<&str>) -> String {
    let id = format!("AKIA{}", world.id(UPPER, 16));
    let key = AccessKey {
        secret: world.id(SECRET, 40),
        user: user.map(str::to_owned),
        active: true,
        created: world.clock.now(),
    };
    world.iam.entry(account.to_owned()).or_default().keys.insert(id.clone(), key);
    id
}

/// The management account's administrator: the IAM user `admin`. Empty when its keys were deleted.
pub fn admin_keys(world: &World) -> Keys {
    keys_of(world, Some(ADMIN))
}

/// The management account's root. AWS advises against such keys; here they show what root cannot do.
pub fn root_keys(world: &World) -> Keys {
    keys_of(world, None)
}

fn keys_of(world: &World, user: Option<&str>) -> Keys {
    let keys = world.iam.get(&world.settings.management).map(|iam| &iam.keys);
    let found = keys.into_iter().flatten().find(|(_, key)| key.user.as_deref() == user);
    let (id, secret) = found.map(|(id, key)| (id.clone(), key.secret.clone())).unwrap_or_default();
    Keys { access_key_id: id, secret_access_key: secret }
}

/// When a change made now is seen by the other services.
pub fn seen_from(world: &World) -> Time {
    world.clock.due(world.settings.iam_propagation)
}

/// A role that the sandbox itself makes: an account's `OrganizationAccountAccessRole`, a reserved SSO role.
pub struct NewRole<'a> {
    pub account: &'a str,
    pub path: &'a str,
    pub name: &'a str,
    pub trust: serde_json::Value,
    /// ARNs of AWS-managed policies.
    pub attached: Vec<String>,
    /// Inline policies by name.
    pub inline: Vec<(String, serde_json::Value)>,
}

/// Makes a role as if its account had; it is seen by other services after the propagation delay. Returns its ARN.
pub fn make_role(world: &mut World, role: NewRole) -> String {
    let id = format!("AROA{}", world.id(UPPER, 17));
    let arn = format!("arn:aws:iam::{}:role{}{}", role.account, role.path, role.name);
    let access = Access {
        trust: role.trust,
        inline: role.inline.into_iter().map(|(name, policy)| (name, policy.to_string())).collect(),
        attached: role.attached,
        ..Access::default()
    };
    let entity = Entity {
        name: role.name.to_owned(),
        path: role.path.to_owned(),
        id,
        arn: arn.clone(),
        created: world.clock.now(),
        access: Lagging::new(access, seen_from(world)),
    };
    let service = role.path.strip_prefix("/aws-service-role/").map(|path| path.trim_end_matches('/'));
    let linked_to = service.map(str::to_owned);
    let made = Role { entity, description: None, max_session: 3600, linked_to, last_used: None };
    let roles = &mut world.iam.entry(role.account.to_owned()).or_default().roles;
    roles.insert(role.name.to_lowercase(), made);
    arn
}
