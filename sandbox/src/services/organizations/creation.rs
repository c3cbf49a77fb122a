//! Accounts in the making: CreateAccount has no idempotency, and most of what it refuses it refuses later.

use super::accounts::{AccountState, new_account};
use super::{manage, manage_with, organization, organization_mut, page, tags, violation};
use crate::call::{Answer, Call, LOWER};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::iam::{self, NewRole};
use crate::services::tags::{borrowed, requested};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many creations may be in progress.
const AT_ONCE: usize = 5;
/// Seconds after CreateAccount in which the tree of units cannot be changed.
const CHANGING: f64 = 2.0;
/// Seconds after SUCCEEDED until the account's access role is made.
pub(crate) const ROLE_DELAY: f64 = 5.0;
/// A creation that fails takes this part of one that succeeds.
const FAILING: f64 = 0.25;

/// A request to create an account. AWS does not tell its e-mail address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Creation {
    id: String,
    name: String,
    email: String,
    role: String,
    tags: BTreeMap<String, String>,
    state: Progress,
    requested: Time,
    due: Time,
    account: Option<String>,
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Progress {
    #[serde(rename = "IN_PROGRESS")]
    Pending,
    Succeeded,
    Failed,
}

/// A role that a new account will have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AccessRole {
    account: String,
    name: String,
    due: Time,
}

pub(super) fn create(call: &mut Call) -> Answer {
    let tags = tags::given(call)?;
    let context = requested(&tags);
    manage_with(call, "*", &borrowed(&context))?;
    if !tags.is_empty() {
        call.allow_with("organizations:TagResource", "*", &borrowed(&context), None)?;
    }
    admitted(call)?;
    let creation = begun(call, tags);
    let answer = shown(&creation);
    organization_mut(call)?.changing = call.world.clock.due(CHANGING);
    call.world.organizations.creations.push(creation);
    Ok(json!({ "CreateAccountStatus": answer }))
}

/// What CreateAccount refuses at once.
fn admitted(call: &Call) -> Result<(), Fault> {
    if call.now() < organization(call)?.finalized {
        return Err(Fault::new(
            "FinalizingOrganizationException",
            "AWS Organizations couldn't perform the operation because your organization is still initializing. This \
             can take up to an hour. Try again later. If after one hour you continue to receive this error, contact \
             AWS Support.",
        ));
    }
    // The model's documentation: right after the organization was made this does not mean the quota; wait an hour.
    let limited = call.world.clock.scaled(call.world.settings.organization_limited);
    if call.now() < organization(call)?.created + limited {
        return Err(violation(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of AWS accounts.",
        ));
    }
    if in_progress(call.world) >= AT_ONCE {
        return Err(violation(
            "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED",
            "You have exceeded the number of accounts that can be in progress at a time.",
        ));
    }
    Ok(())
}

fn begun(call: &mut Call, tags: BTreeMap<String, String>) -> Creation {
    let email = call.text("Email").to_owned();
    let reason = refusal(call.world, &email);
    let seconds = call.world.settings.account_creation;
    let part = if reason.is_some() { FAILING } else { 1.0 };
    Creation {
        id: format!("car-{}", call.world.id(LOWER, 32)),
        name: call.text("AccountName").to_owned(),
        role: call.opt_text("RoleName").unwrap_or("OrganizationAccountAccessRole").to_owned(),
        email,
        tags,
        state: Progress::Pending,
        requested: call.now(),
        due: call.due(seconds * part),
        account: None,
        reason: reason.map(str::to_owned),
    }
}

/// The reason for which an account with this address will not come to be.
fn refusal(world: &World, email: &str) -> Option<&'static str> {
    let same = |other: &str| other.eq_ignore_ascii_case(email);
    let state = &world.organizations;
    let pending = |c: &&Creation| c.state == Progress::Pending && c.reason.is_none();
    if !valid_email(email) {
        Some("INVALID_EMAIL")
    } else if state.accounts.values().any(|a| same(&a.email))
        || world.settings.used_emails.iter().any(|e| same(e))
    {
        Some("EMAIL_ALREADY_EXISTS")
    } else if state.creations.iter().filter(pending).any(|c| same(&c.email)) {
        Some("CONCURRENT_ACCOUNT_MODIFICATION")
    } else {
        counted(world).checked_sub(world.settings.account_quota).map(|_| "ACCOUNT_LIMIT_EXCEEDED")
    }
}

/// How many accounts count against the quota: those that are closed too, for 90 days, and those in the making.
fn counted(world: &World) -> usize {
    let state = &world.organizations;
    let members = state.accounts.values().filter(|a| a.parent.is_some() && a.state != AccountState::Closed);
    let pending = state.creations.iter().filter(|c| c.state == Progress::Pending && c.reason.is_none());
    members.count() + pending.count()
}

/// AWS's rules for an address, as the model's documentation has them.
fn valid_email(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else {
        return false;
    };
    let label = |l: &str| {
        let inner = l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        inner && !l.is_empty() && !l.starts_with('-') && !l.ends_with('-')
    };
    let plain = |c: char| c.is_ascii_graphic() && !r#""'()<>[]:;,\|%&"#.contains(c);
    email.len() <= 64
        && !local.is_empty()
        && !local.starts_with('.')
        && local.chars().all(plain)
        && domain.contains('.')
        && domain.split('.').all(label)
}

pub(super) fn describe(call: &mut Call) -> Answer {
    manage(call, "*")?;
    let id = call.text("CreateAccountRequestId");
    let creation = call.world.organizations.creations.iter().find(|c| c.id == id).ok_or_else(|| {
        Fault::new(
            "CreateAccountStatusNotFoundException",
            "You specified a create account request that doesn't exist.",
        )
    })?;
    Ok(json!({ "CreateAccountStatus": shown(creation) }))
}

pub(super) fn list(call: &mut Call) -> Answer {
    manage(call, "*")?;
    let states = call.list("States");
    let all = call.world.organizations.creations.iter().map(shown);
    let wanted = all.filter(|c| states.is_empty() || states.contains(&c["State"])).collect();
    let (statuses, next) = page(call, wanted)?;
    Ok(json!({ "CreateAccountStatuses": statuses, "NextToken": next }))
}

fn shown(creation: &Creation) -> Value {
    let done = creation.state != Progress::Pending;
    json!({
        "Id": creation.id,
        "AccountName": creation.name,
        "State": creation.state,
        "RequestedTimestamp": creation.requested,
        "CompletedTimestamp": done.then_some(creation.due),
        "AccountId": creation.account,
        "FailureReason": creation.reason.as_ref().filter(|_| done),
    })
}

/// How many creations are in progress.
pub(super) fn in_progress(world: &World) -> usize {
    let creations = &world.organizations.creations;
    creations.iter().filter(|c| c.state == Progress::Pending).count()
}

pub(super) fn tick(world: &mut World) {
    let now = world.clock.now();
    for index in 0..world.organizations.creations.len() {
        let creation = &world.organizations.creations[index];
        if creation.state == Progress::Pending && creation.due <= now {
            let creation = finished(world, creation.clone());
            world.organizations.creations[index] = creation;
        }
    }
    let roles = std::mem::take(&mut world.organizations.access_roles);
    let (due, later) = roles.into_iter().partition(|r| r.due <= now);
    world.organizations.access_roles = later;
    for role in due {
        make_access_role(world, &role);
    }
}

fn finished(world: &mut World, mut creation: Creation) -> Creation {
    if creation.reason.is_some() {
        creation.state = Progress::Failed;
        return creation;
    }
    let id = new_account(world, &creation.name, &creation.email);
    let root = world.organizations.organization.as_ref().map(|o| o.root.clone());
    if let (Some(account), Some(root)) = (world.organizations.accounts.get_mut(&id), root) {
        account.join("CREATED", &root, creation.due);
        account.created = creation.due;
        account.tags = creation.tags.clone();
    }
    super::organization::make_service_linked_role(world, &id);
    world.organizations.access_roles.push(AccessRole {
        account: id.clone(),
        name: creation.role.clone(),
        due: creation.due + world.clock.scaled(ROLE_DELAY),
    });
    creation.state = Progress::Succeeded;
    creation.account = Some(id);
    creation
}

fn make_access_role(world: &mut World, role: &AccessRole) {
    let management = world.organizations.organization.as_ref().map(|o| o.management.clone());
    iam::make_role(
        world,
        NewRole {
            account: &role.account,
            path: "/",
            name: &role.name,
            trust: json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{}:root", management.unwrap_or_default()) },
                "Action": "sts:AssumeRole"
            }]}),
            attached: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
            inline: Vec::new(),
        },
    );
    seen_in_time(world, role);
}

/// Propagation counts from when the role was due, also where time was advanced beyond that.
fn seen_in_time(world: &mut World, role: &AccessRole) {
    let seen_from = role.due + world.clock.scaled(world.settings.iam_propagation);
    let roles = world.iam.get_mut(&role.account).map(|iam| &mut iam.roles);
    if let Some(made) = roles.and_then(|roles| roles.get_mut(&role.name.to_lowercase())) {
        made.entity.access = iam::Lagging::new(made.entity.access.latest().clone(), seen_from);
    }
}
