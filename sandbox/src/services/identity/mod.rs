//! Identity Center: its admin API, identity store, portal and OIDC.
//!
//! There is at most one instance, the organization's. No API makes it: a person does in the console, and here
//! [`switch`] or the setting `identity_center` does. It is in the Region of the settings.

use crate::call::{Answer, Call, HEX};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod assignments;
mod instances;
mod memberships;
mod oidc;
pub mod pages;
mod permission_sets;
mod portal;
mod requests;
mod roles;
mod signin;
mod store;
#[cfg(test)]
mod tests;

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub instance: Option<Instance>,
    /// Passes, and is no part of a snapshot.
    signin: signin::SignIn,
}

/// The organization's instance, and its identity store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// `ssoins-…`
    id: String,
    /// `d-…`
    pub store: String,
    owner: String,
    region: String,
    created: Time,
    tags: BTreeMap<String, String>,
    /// By ARN.
    sets: BTreeMap<String, permission_sets::PermissionSet>,
    assignments: Vec<assignments::Assignment>,
    /// What was asked for, oldest first.
    requests: Vec<requests::Request>,
    /// The roles that were made, by `<account>/<permission set's ARN>`.
    provisioned: BTreeMap<String, roles::Provisioned>,
    users: BTreeMap<String, store::Entry>,
    groups: BTreeMap<String, store::Entry>,
    memberships: BTreeMap<String, memberships::Membership>,
}

impl Instance {
    pub fn arn(&self) -> String {
        format!("arn:aws:sso:::instance/{}", self.id)
    }

    /// The portal's address, which people sign in at.
    pub fn start_url(&self) -> String {
        format!("https://{}.awsapps.com/start", self.store)
    }

    /// What tokens are issued by.
    fn issuer_url(&self) -> String {
        format!("https://identitycenter.amazonaws.com/{}", self.id)
    }
}

pub fn handle(call: &mut Call) -> Answer {
    match call.service {
        "sso-admin" => administer(call),
        "identitystore" => keep(call),
        "sso-oidc" => oidc::handle(call),
        _ => portal::handle(call),
    }
}

fn administer(call: &mut Call) -> Answer {
    match call.operation {
        "ListInstances" => instances::list(call),
        "DescribeInstance" => instances::describe(call),
        "CreateInstance" => instances::create(call),
        "TagResource" => instances::tag(call),
        "UntagResource" => instances::untag(call),
        "ListTagsForResource" => instances::list_tags(call),
        "CreatePermissionSet" => permission_sets::create(call),
        "DescribePermissionSet" => permission_sets::describe(call),
        "ListPermissionSets" => permission_sets::list(call),
        "UpdatePermissionSet" => permission_sets::update(call),
        "DeletePermissionSet" => permission_sets::delete(call),
        "AttachManagedPolicyToPermissionSet" => permission_sets::attach(call),
        "DetachManagedPolicyFromPermissionSet" => permission_sets::detach(call),
        "ListManagedPoliciesInPermissionSet" => permission_sets::list_managed(call),
        "PutInlinePolicyToPermissionSet" => permission_sets::put_inline(call),
        "GetInlinePolicyForPermissionSet" => permission_sets::get_inline(call),
        "DeleteInlinePolicyFromPermissionSet" => permission_sets::delete_inline(call),
        "ProvisionPermissionSet" => requests::provision(call),
        "CreateAccountAssignment" => requests::create(call),
        "DeleteAccountAssignment" => requests::delete(call),
        "DescribeAccountAssignmentCreationStatus"
        | "DescribeAccountAssignmentDeletionStatus"
        | "DescribePermissionSetProvisioningStatus" => requests::describe(call),
        "ListAccountAssignmentCreationStatus"
        | "ListAccountAssignmentDeletionStatus"
        | "ListPermissionSetProvisioningStatus" => requests::list(call),
        "ListAccountAssignments" => assignments::list(call),
        "ListAccountAssignmentsForPrincipal" => assignments::list_for_principal(call),
        "ListAccountsForProvisionedPermissionSet" => assignments::list_accounts(call),
        "ListPermissionSetsProvisionedToAccount" => assignments::list_sets(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

fn keep(call: &mut Call) -> Answer {
    match call.operation {
        "CreateUser" | "CreateGroup" => store::create(call),
        "DescribeUser" | "DescribeGroup" => store::describe(call),
        "ListUsers" | "ListGroups" => store::list(call),
        "UpdateUser" | "UpdateGroup" => store::update(call),
        "DeleteUser" | "DeleteGroup" => store::delete(call),
        "GetUserId" | "GetGroupId" => store::get_id(call),
        "CreateGroupMembership" => memberships::create(call),
        "DescribeGroupMembership" => memberships::describe(call),
        "DeleteGroupMembership" => memberships::delete(call),
        "GetGroupMembershipId" => memberships::get_id(call),
        "ListGroupMemberships" => memberships::list(call),
        "ListGroupMembershipsForMember" => memberships::list_for_member(call),
        "IsMemberInGroups" => memberships::is_member(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// Switches the organization's instance on or off, as a person does in the console. Switched off, everything in it
/// goes, and the roles that it made in the accounts.
pub fn switch(world: &mut World, on: bool) {
    world.settings.identity_center = on;
    follow_settings(world);
}

/// Makes a user, and the groups that it is in where they are missing, as a synchronization from an external identity
/// source does. Nothing without an instance.
pub fn synchronize(world: &mut World, user_name: &str, groups: &[&str]) {
    store::synchronize(world, user_name, groups);
}

/// Lets everything happen that is due.
pub fn tick(world: &mut World) {
    follow_settings(world);
    requests::tick(world);
}

/// What a new AWS starts with.
pub fn found(world: &mut World) {
    follow_settings(world);
}

/// An instance needs an organization with all features.
fn follow_settings(world: &mut World) {
    let organization = world.organizations.organization.as_ref().filter(|o| o.features == "ALL");
    let owner = organization.map(|o| o.management.clone()).filter(|_| world.settings.identity_center);
    match (owner, world.identity.instance.is_some()) {
        (Some(owner), false) => enable(world, owner),
        (None, true) => disable(world),
        _ => {}
    }
}

fn enable(world: &mut World, owner: String) {
    let now = world.clock.now();
    if let Some(organization) = &mut world.organizations.organization {
        organization.services.entry("sso.amazonaws.com".to_owned()).or_insert(now);
    }
    world.identity.instance = Some(Instance {
        id: format!("ssoins-{}", world.id(HEX, 16)),
        store: format!("d-{}", world.id(HEX, 10)),
        owner,
        region: world.settings.region.clone(),
        created: now,
        tags: BTreeMap::new(),
        sets: BTreeMap::new(),
        assignments: Vec::new(),
        requests: Vec::new(),
        provisioned: BTreeMap::new(),
        users: BTreeMap::new(),
        groups: BTreeMap::new(),
        memberships: BTreeMap::new(),
    });
}

fn disable(world: &mut World) {
    let instance = world.identity.instance.take();
    for key in instance.into_iter().flat_map(|i| i.provisioned) {
        roles::remove(world, &key.0, &key.1);
    }
    world.identity.signin = signin::SignIn::default();
}

/// A random UUID, as far as anything here is random.
fn uuid(world: &mut World) -> String {
    let hex = world.id(HEX, 32);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

/// One page: 100 at most.
fn page<T>(call: &Call, items: Vec<T>) -> Result<(Vec<T>, Option<String>), Fault> {
    call.page(items, ("MaxResults", 100), "NextToken", "ValidationException")
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message)
}

fn conflict(message: impl Into<String>) -> Fault {
    Fault::new("ConflictException", message)
}

fn not_found(what: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("{what} not found"))
}
