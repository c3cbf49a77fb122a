//! The organization itself, and its root.

use super::units::Unit;
use super::{invalid, manage, not_in_use, organization, organization_of, page};
use crate::call::{Answer, Call, LOWER};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::iam::{self, NewRole};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An organization: its one root with a tree of units. Accounts know their parent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organization {
    /// `o-…`
    pub id: String,
    /// The management account's id.
    pub management: String,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    pub features: String,
    /// `r-…`
    pub root: String,
    pub(super) root_tags: BTreeMap<String, String>,
    pub(super) units: BTreeMap<String, Unit>,
    /// Services with trusted access, and since when.
    pub services: BTreeMap<String, Time>,
    /// When CreateOrganization made it; long ago for one that was there from the start.
    #[serde(default)]
    pub(super) created: Time,
    /// Until then CreateAccount answers FinalizingOrganizationException.
    pub(super) finalized: Time,
    /// Until then a change of the tree meets the account that is being made.
    pub(super) changing: Time,
    /// The handshake of an EnableAllFeatures that has not been accepted.
    migration: Option<Value>,
}

pub(super) fn create(call: &mut Call) -> Answer {
    call.allow("organizations:CreateOrganization", "*")?;
    let account = call.account();
    if organization_of(call.world, &account).is_some() {
        return Err(already());
    }
    if call.world.organizations.organization.is_some() {
        return Err(Fault::not_implemented(call.service, "CreateOrganization of a second organization"));
    }
    allow_service_linked_role(call)?;
    let features = call.opt_text("FeatureSet").unwrap_or("ALL").to_owned();
    let seconds = call.world.settings.organization_finalizing;
    make(call.world, &account, &features, seconds);
    super::organization_mut(call)?.created = call.world.clock.now();
    Ok(json!({ "Organization": shown(call.world, organization(call)?) }))
}

/// CreateOrganization makes a service-linked role, and wants the permission for that too.
fn allow_service_linked_role(call: &mut Call) -> Result<(), Fault> {
    let arn = format!(
        "arn:aws:iam::{}:role/aws-service-role/organizations.amazonaws.com/AWSServiceRoleForOrganizations",
        call.account()
    );
    call.allow_with(
        "iam:CreateServiceLinkedRole",
        &arn,
        &[("iam:AWSServiceName", "organizations.amazonaws.com")],
        None,
    )
    .map_err(|fault| {
        Fault::new("AccessDeniedForDependencyException", fault.message)
            .with("Reason", "ACCESS_DENIED_DURING_CREATE_SERVICE_LINKED_ROLE")
    })
}

/// Makes the organization of `account`. For `finalizing` seconds it makes no accounts.
pub(super) fn make(world: &mut World, account: &str, features: &str, finalizing: f64) {
    let root = format!("r-{}", world.id(LOWER, 4));
    let organization = Organization {
        id: format!("o-{}", world.id(LOWER, 10)),
        management: account.to_owned(),
        features: features.to_owned(),
        root: root.clone(),
        root_tags: BTreeMap::new(),
        units: BTreeMap::new(),
        services: BTreeMap::new(),
        created: 0.0,
        finalized: world.clock.due(finalizing),
        changing: 0.0,
        migration: None,
    };
    let now = world.clock.now();
    if let Some(management) = world.organizations.accounts.get_mut(account) {
        // AWS's word for an organization's founder too.
        management.join("INVITED", &root, now);
    }
    world.organizations.organization = Some(organization);
    make_service_linked_role(world, account);
}

/// `AWSServiceRoleForOrganizations`, which every account of an organization gets.
pub(super) fn make_service_linked_role(world: &mut World, account: &str) {
    let policy = "arn:aws:iam::aws:policy/aws-service-role/AWSOrganizationsServiceTrustPolicy";
    iam::make_role(
        world,
        NewRole {
            account,
            path: "/aws-service-role/organizations.amazonaws.com/",
            name: "AWSServiceRoleForOrganizations",
            trust: json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "organizations.amazonaws.com" },
                "Action": "sts:AssumeRole"
            }]}),
            attached: vec![policy.to_owned()],
            inline: Vec::new(),
        },
    );
}

/// The one operation that any account of the organization may call.
pub(super) fn describe(call: &mut Call) -> Answer {
    call.allow("organizations:DescribeOrganization", "*")?;
    let account = call.account();
    let organization = organization_of(call.world, &account).ok_or_else(not_in_use)?;
    Ok(json!({ "Organization": shown(call.world, organization) }))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    manage(call, "*")?;
    let management = organization(call)?.management.clone();
    let state = &mut call.world.organizations;
    if state.accounts.values().any(|a| a.parent.is_some() && a.id != management) {
        return Err(Fault::new(
            "OrganizationNotEmptyException",
            "To delete an organization you must first remove all member accounts (except the master).",
        ));
    }
    state.organization = None;
    state.creations.clear();
    if let Some(account) = state.accounts.get_mut(&management) {
        account.leave();
    }
    Ok(json!({}))
}

pub(super) fn list_roots(call: &mut Call) -> Answer {
    manage(call, "*")?;
    let root = shown_root(call.world, organization(call)?);
    let (roots, next) = page(call, vec![root])?;
    Ok(json!({ "Roots": roots, "NextToken": next }))
}

/// Starts the change to all features. AWS wants the handshake accepted afterwards, which the sandbox does not do.
pub(super) fn enable_all_features(call: &mut Call) -> Answer {
    manage(call, "*")?;
    let organization = organization(call)?;
    let refused = |reason: &str| {
        Fault::new("HandshakeConstraintViolationException", "All features cannot be enabled.")
            .with("Reason", reason)
    };
    if organization.features == "ALL" {
        return Err(refused("ORGANIZATION_ALREADY_HAS_ALL_FEATURES"));
    }
    if organization.migration.is_some() {
        return Err(refused("ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION"));
    }
    let handshake = handshake(call)?;
    super::organization_mut(call)?.migration = Some(handshake.clone());
    Ok(json!({ "Handshake": handshake }))
}

fn handshake(call: &mut Call) -> Answer {
    let id = format!("h-{}", call.world.id(LOWER, 10));
    let (now, organization) = (call.now(), organization(call)?);
    let (management, of) = (&organization.management, &organization.id);
    Ok(json!({
        "Id": id,
        "Arn": format!("arn:aws:organizations::{management}:handshake/{of}/enable_all_features/{id}"),
        "Parties": [{ "Id": of.trim_start_matches("o-"), "Type": "ORGANIZATION" }],
        "State": "REQUESTED",
        "Action": "ENABLE_ALL_FEATURES",
        "RequestedTimestamp": now,
        "ExpirationTimestamp": now + 90.0 * 86400.0,
        "Resources": [{ "Type": "ORGANIZATION", "Value": of }],
    }))
}

fn shown(world: &World, o: &Organization) -> Value {
    let (management, id) = (&o.management, &o.id);
    json!({
        "Id": id,
        "Arn": format!("arn:aws:organizations::{management}:organization/{id}"),
        "FeatureSet": o.features,
        "MasterAccountArn": format!("arn:aws:organizations::{management}:account/{id}/{management}"),
        "MasterAccountId": management,
        "MasterAccountEmail": world.organizations.accounts.get(management).map(|a| &a.email),
        "AvailablePolicyTypes": policy_types(o),
    })
}

fn shown_root(world: &World, o: &Organization) -> Value {
    json!({ "Id": o.root, "Arn": super::arn(world, &o.root), "Name": "Root", "PolicyTypes": policy_types(o) })
}

fn policy_types(o: &Organization) -> Value {
    match o.features.as_str() {
        "ALL" => json!([{ "Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED" }]),
        _ => json!([]),
    }
}

fn already() -> Fault {
    Fault::new("AlreadyInOrganizationException", "The AWS account is already a member of an organization.")
}

/// Refuses what only an organization with all features can do.
pub(super) fn all_features(call: &Call) -> Result<(), Fault> {
    if organization(call)?.features == "ALL" {
        return Ok(());
    }
    Err(super::violation(
        "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
        "To perform this operation, all features must be enabled in the organization.",
    ))
}

impl Organization {
    /// Whether accounts and units can be in `id`.
    pub(super) fn has_parent(&self, id: &str) -> bool {
        id == self.root || self.units.contains_key(id)
    }

    /// The units from the root down to `id`, which is the last; empty for the root.
    pub(super) fn lineage(&self, id: &str) -> Vec<&Unit> {
        let mut line = Vec::new();
        let mut at = self.units.get(id);
        while let Some(unit) = at {
            line.insert(0, unit);
            at = self.units.get(&unit.parent);
        }
        line
    }

    /// `o-…/r-…/ou-…/`, the form of `aws:PrincipalOrgPaths`.
    pub fn path(&self, id: &str) -> String {
        let units: String = self.lineage(id).iter().map(|u| format!("{}/", u.id)).collect();
        format!("{}/{}/{units}", self.id, self.root)
    }

    /// A parent that an input names.
    pub(super) fn parent(&self, id: &str) -> Result<(), Fault> {
        if self.has_parent(id) {
            return Ok(());
        }
        Err(Fault::new("ParentNotFoundException", "You specified parent that doesn't exist."))
    }
}

/// Refuses a service principal that no service has.
pub(super) fn service_principal(name: &str) -> Result<(), Fault> {
    if name.ends_with(".amazonaws.com") {
        return Ok(());
    }
    Err(invalid("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal."))
}
