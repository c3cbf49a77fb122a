//! Organizations, Account Management and Service Quotas: the accounts of this AWS and how they belong together.
//!
//! `Status` of an account was retired on 2026-09-09 and is never sent: `State` is.

use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
pub(crate) use creation::ROLE_DELAY;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod account;
mod accounts;
mod closing;
mod creation;
mod organization;
mod quotas;
mod service_access;
mod tags;
#[cfg(test)]
mod tests;
mod throttle;
mod units;

pub use accounts::{Account, AccountState, new_account};
pub use organization::Organization;

/// What these services keep.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Every account of this AWS, in an organization or not.
    pub accounts: BTreeMap<String, Account>,
    pub organization: Option<Organization>,
    /// Creations that were asked for, oldest first.
    creations: Vec<creation::Creation>,
    /// `OrganizationAccountAccessRole`s that have not appeared yet.
    access_roles: Vec<creation::AccessRole>,
    /// When accounts were closed: AWS allows so many in 30 days.
    closures: Vec<Time>,
    /// Not part of what exists: a read would change it.
    #[serde(skip)]
    buckets: BTreeMap<String, throttle::Bucket>,
    opted: account::Opted,
}

pub fn handle(call: &mut Call) -> Answer {
    match call.service {
        "account" => account::handle(call),
        "service-quotas" => quotas::handle(call),
        _ => {
            throttle::take(call)?;
            operate(call)
        }
    }
}

fn operate(call: &mut Call) -> Answer {
    match call.operation {
        "CreateOrganization" => organization::create(call),
        "DescribeOrganization" => organization::describe(call),
        "DeleteOrganization" => organization::delete(call),
        "EnableAllFeatures" => organization::enable_all_features(call),
        "ListRoots" => organization::list_roots(call),
        "CreateOrganizationalUnit" => units::create(call),
        "UpdateOrganizationalUnit" => units::update(call),
        "DescribeOrganizationalUnit" => units::describe(call),
        "DeleteOrganizationalUnit" => units::delete(call),
        "ListOrganizationalUnitsForParent" => units::list_for_parent(call),
        "ListChildren" => units::list_children(call),
        "ListParents" => units::list_parents(call),
        "CreateAccount" => creation::create(call),
        "DescribeCreateAccountStatus" => creation::describe(call),
        "ListCreateAccountStatus" => creation::list(call),
        "ListAccounts" => accounts::list(call),
        "ListAccountsForParent" => accounts::list_for_parent(call),
        "DescribeAccount" => accounts::describe(call),
        "MoveAccount" => accounts::move_account(call),
        "CloseAccount" => closing::close(call),
        "RemoveAccountFromOrganization" => closing::remove(call),
        "TagResource" => tags::tag(call),
        "UntagResource" => tags::untag(call),
        "ListTagsForResource" => tags::list(call),
        "EnableAWSServiceAccess" => service_access::enable(call),
        "DisableAWSServiceAccess" => service_access::disable(call),
        "ListAWSServiceAccessForOrganization" => service_access::list(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// Lets everything happen that is due.
pub fn tick(world: &mut World) {
    creation::tick(world);
    closing::tick(world);
    account::tick(world);
}

/// What a new AWS starts with: the management account, and the organization if the settings have one.
pub fn found(world: &mut World) {
    let id = world.settings.management.clone();
    let management = Account::new(id.clone(), "Management", "management@example.com", world.clock.now());
    world.organizations.accounts.insert(id.clone(), management);
    if world.settings.organization {
        organization::make(world, &id, "ALL", 0.0);
    }
}

/// The organization (`o-…`) that an account is in.
pub fn organization_id(world: &World, account: &str) -> Option<String> {
    organization_of(world, account).map(|o| o.id.clone())
}

/// Whether an account may create App Runner services: the management account and old customers may.
pub fn app_runner_customer(world: &World, account: &str) -> bool {
    let email = world.organizations.accounts.get(account).map(|a| a.email.as_str());
    let named =
        |customer: &String| customer == account || email.is_some_and(|e| e.eq_ignore_ascii_case(customer));
    account == world.settings.management || world.settings.app_runner_customers.iter().any(named)
}

/// Whether an account was closed: its principals are refused then.
pub fn suspended(world: &World, account: &str) -> bool {
    let state = world.organizations.accounts.get(account).map(|a| a.state);
    matches!(state, Some(AccountState::Suspended | AccountState::Closed))
}

/// Whether an account has a default VPC.
pub fn has_default_vpc(world: &World, account: &str) -> bool {
    world.organizations.accounts.get(account).is_none_or(|a| a.default_vpc)
}

/// Whether an account is so new that its services are not switched on yet. The management account is an old one.
pub fn activating(world: &World, account: &str) -> bool {
    let until = |a: &Account| a.created + world.clock.scaled(world.settings.activation);
    let known = world.organizations.accounts.get(account).filter(|a| a.id != world.settings.management);
    known.is_some_and(|a| world.clock.now() < until(a))
}

/// Whether there is such an account, and it was not closed.
pub fn active(world: &World, account: &str) -> bool {
    let state = world.organizations.accounts.get(account).map(|a| a.state);
    matches!(state, Some(AccountState::Active | AccountState::PendingClosure))
}

/// Whether an account can use a Region: opt-in Regions must have been enabled for it.
pub fn region_enabled(world: &World, account: &str, region: &str) -> bool {
    account::enabled(world, account, region)
}

/// Whether AWS has such a Region.
pub fn region_exists(region: &str) -> bool {
    account::exists(region)
}

/// The organization that an account belongs to.
fn organization_of<'w>(world: &'w World, account: &str) -> Option<&'w Organization> {
    let state = &world.organizations;
    state.accounts.get(account)?.parent.as_ref()?;
    state.organization.as_ref()
}

/// Asks the policies for the operation on `id` (an account, unit, root, or `*`), then what Organizations itself
/// asks: all but DescribeOrganization is for the management account only.
fn manage(call: &mut Call, id: &str) -> Result<(), Fault> {
    manage_with(call, id, &[])
}

/// The same with request context.
fn manage_with(call: &mut Call, id: &str, context: &[(&str, &str)]) -> Result<(), Fault> {
    let tags = tags::resource_context(call.world, id);
    let all: Vec<(&str, &str)> =
        context.iter().copied().chain(tags.iter().map(|(k, v)| (k.as_str(), v.as_str()))).collect();
    let arn = arn(call.world, id);
    call.allow_with(&format!("organizations:{}", call.operation), &arn, &all, None)?;
    management_only(call)
}

fn management_only(call: &Call) -> Result<(), Fault> {
    let account = call.account();
    match organization_of(call.world, &account) {
        None => Err(not_in_use()),
        Some(o) if o.management != account => {
            Err(Fault::new("AccessDeniedException", "You don't have permissions to access this resource."))
        }
        Some(_) => Ok(()),
    }
}

/// The organization of a caller that [`manage`] has let through.
fn organization_mut<'a>(call: &'a mut Call) -> Result<&'a mut Organization, Fault> {
    call.world.organizations.organization.as_mut().ok_or_else(not_in_use)
}

fn organization<'a>(call: &'a Call) -> Result<&'a Organization, Fault> {
    call.world.organizations.organization.as_ref().ok_or_else(not_in_use)
}

fn not_in_use() -> Fault {
    Fault::new("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
}

/// The ARN of an account, a unit or a root; `*` stays `*`.
fn arn(world: &World, id: &str) -> String {
    let (management, organization) = match &world.organizations.organization {
        Some(o) => (o.management.as_str(), o.id.as_str()),
        None => (world.settings.management.as_str(), "*"),
    };
    let kind = match id {
        "*" => return id.to_owned(),
        _ if id.starts_with("r-") => "root",
        _ if id.starts_with("ou-") => "ou",
        _ => "account",
    };
    format!("arn:aws:organizations::{management}:{kind}/{organization}/{id}")
}

/// One page: 20 at most, in all of this API.
fn page<T>(call: &Call, items: Vec<T>) -> Result<(Vec<T>, Option<String>), Fault> {
    call.page(items, ("MaxResults", 20), "NextToken", "InvalidInputException")
        .map_err(|fault| fault.with("Reason", "INVALID_NEXT_TOKEN"))
}

fn violation(reason: &str, message: &str) -> Fault {
    Fault::new("ConstraintViolationException", message).with("Reason", reason)
}

fn invalid(reason: &str, message: &str) -> Fault {
    Fault::new("InvalidInputException", message).with("Reason", reason)
}
