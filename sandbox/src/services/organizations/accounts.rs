//! The accounts: what is known of them, and where they are.

use super::{manage, organization, page, units};
use crate::call::{Answer, Call, DIGITS};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An AWS account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    pub name: String,
    /// As it was given; compared without regard to case, all over AWS.
    pub email: String,
    pub state: AccountState,
    /// The root or unit that it is in; `None` outside an organization.
    pub parent: Option<String>,
    /// `INVITED` or `CREATED`, and when.
    joined: Option<(String, Time)>,
    pub created: Time,
    pub tags: BTreeMap<String, String>,
    /// Whether its Regions have the VPC that services use when nobody names subnets.
    #[serde(default = "yes")]
    pub(super) default_vpc: bool,
    /// When the next state comes: SUSPENDED after PENDING_CLOSURE, CLOSED after SUSPENDED.
    pub(super) next: Option<Time>,
}

/// The phase of an account's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountState {
    Active,
    PendingClosure,
    Suspended,
    Closed,
}

fn yes() -> bool {
    true
}

impl Account {
    pub(super) fn new(id: String, name: &str, email: &str, created: Time) -> Self {
        Self {
            id,
            name: name.to_owned(),
            email: email.to_owned(),
            state: AccountState::Active,
            parent: None,
            joined: None,
            created,
            tags: BTreeMap::new(),
            default_vpc: true,
            next: None,
        }
    }

    pub(super) fn join(&mut self, how: &str, parent: &str, now: Time) {
        self.parent = Some(parent.to_owned());
        self.joined = Some((how.to_owned(), now));
    }

    /// Lets it have joined so many seconds earlier.
    pub fn age(&mut self, seconds: f64) {
        if let Some((_, joined)) = &mut self.joined {
            *joined -= seconds;
        }
    }

    pub(super) fn leave(&mut self) {
        self.parent = None;
        self.joined = None;
        self.tags.clear();
    }
}

/// Makes an account outside any organization, as if somebody had signed up: its id.
pub fn new_account(world: &mut World, name: &str, email: &str) -> String {
    let mut id = world.id(DIGITS, 12);
    while world.organizations.accounts.contains_key(&id) {
        id = world.id(DIGITS, 12);
    }
    let mut account = Account::new(id.clone(), name, email, world.clock.now());
    account.default_vpc = world.settings.default_vpc;
    world.organizations.accounts.insert(id.clone(), account);
    id
}

/// While an account is being made, the first page is empty and yet has a token: AWS's lists "can occasionally
/// return an empty set of results even when more results are available".
pub(super) fn list(call: &mut Call) -> Answer {
    manage(call, "*")?;
    if call.opt_text("NextToken").is_none() && super::creation::in_progress(call.world) > 0 {
        return Ok(json!({ "Accounts": [], "NextToken": "page-00000000" }));
    }
    listed(call, |_| true)
}

pub(super) fn list_for_parent(call: &mut Call) -> Answer {
    let parent = units::parent(call)?;
    listed(call, |a| a.parent.as_ref() == Some(&parent))
}

fn listed(call: &Call, wanted: impl Fn(&Account) -> bool) -> Answer {
    let members = call.world.organizations.accounts.values().filter(|a| a.parent.is_some() && wanted(a));
    let (accounts, next) = page(call, members.collect())?;
    let accounts: Vec<Value> = accounts.into_iter().map(|a| shown(call.world, a)).collect();
    Ok(json!({ "Accounts": accounts, "NextToken": next }))
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let id = call.text("AccountId").to_owned();
    manage(call, &id)?;
    let account = shown(call.world, member(call, &id)?);
    Ok(json!({ "Account": account }))
}

pub(super) fn move_account(call: &mut Call) -> Answer {
    let [id, source, destination] =
        ["AccountId", "SourceParentId", "DestinationParentId"].map(|m| call.text(m).to_owned());
    manage(call, &id)?;
    for end in [&source, &destination] {
        manage(call, end)?;
    }
    let parent = member(call, &id)?.parent.clone().unwrap_or_default();
    let exists = |end: &str| organization(call).is_ok_and(|o| o.has_parent(end));
    if !exists(&destination) {
        return Err(lost("DestinationParentNotFoundException", "destination container (a root or OU)"));
    }
    if parent == destination {
        let message = "That account is already present in the specified destination.";
        return Err(Fault::new("DuplicateAccountException", message));
    }
    if parent != source {
        return Err(lost("SourceParentNotFoundException", "source root or parent OU"));
    }
    member_mut(call, &id)?.parent = Some(destination);
    Ok(json!({}))
}

fn lost(code: &str, what: &str) -> Fault {
    Fault::new(code, format!("You specified a {what} that doesn't exist."))
}

/// An account of the caller's organization.
pub(super) fn member<'a>(call: &'a Call, id: &str) -> Result<&'a Account, Fault> {
    let account = call.world.organizations.accounts.get(id);
    account.filter(|a| a.parent.is_some()).ok_or_else(not_found)
}

pub(super) fn member_mut<'a>(call: &'a mut Call, id: &str) -> Result<&'a mut Account, Fault> {
    let account = call.world.organizations.accounts.get_mut(id);
    account.filter(|a| a.parent.is_some()).ok_or_else(not_found)
}

fn not_found() -> Fault {
    Fault::new("AccountNotFoundException", "You specified an account that doesn't exist.")
}

fn shown(world: &World, account: &Account) -> Value {
    let organization = world.organizations.organization.as_ref();
    let path =
        organization.zip(account.parent.as_deref()).map(|(o, p)| [format!("{}{}/", o.path(p), account.id)]);
    json!({
        "Id": account.id,
        "Arn": super::arn(world, &account.id),
        "Email": account.email,
        "Name": account.name,
        "State": account.state,
        "Paths": path,
        "JoinedMethod": account.joined.as_ref().map(|(how, _)| how),
        "JoinedTimestamp": account.joined.as_ref().map(|(_, at)| at),
    })
}
