//! Who has which permission set in which account.

use super::instances::ask;
use super::permission_sets::named;
use super::{Instance, page};
use crate::call::{Answer, Call};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An account assignment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Assignment {
    pub(super) account: String,
    /// The permission set's ARN.
    pub(super) set: String,
    /// `USER` or `GROUP`.
    pub(super) kind: String,
    /// The user's or group's id.
    pub(super) principal: String,
}

impl Assignment {
    pub(super) fn place(&self) -> String {
        place(&self.account, &self.set)
    }
}

/// The key of a permission set in an account.
pub(super) fn place(account: &str, set: &str) -> String {
    format!("{account}/{set}")
}

fn shown(a: &Assignment) -> Value {
    json!({
        "AccountId": a.account,
        "PermissionSetArn": a.set,
        "PrincipalType": a.kind,
        "PrincipalId": a.principal,
    })
}

pub(super) fn list(call: &mut Call) -> Answer {
    let account = call.text("AccountId").to_owned();
    let (instance, set) = named(call)?;
    let wanted = instance.assignments.iter().filter(|a| a.account == account && a.set == set);
    let all: Vec<Value> = wanted.map(shown).collect();
    let (assignments, next) = page(call, all)?;
    Ok(json!({ "AccountAssignments": assignments, "NextToken": next }))
}

/// A user's are those of its groups too.
pub(super) fn list_for_principal(call: &mut Call) -> Answer {
    let [id, kind] = ["PrincipalId", "PrincipalType"].map(|m| call.text(m).to_owned());
    let account = call.input.get("Filter").and_then(|f| f["AccountId"].as_str()).map(str::to_owned);
    let instance = ask(call, &[])?;
    let all = match kind.as_str() {
        "USER" => of_user(instance, &id),
        _ => instance.assignments.iter().filter(|a| a.kind == kind && a.principal == id).collect(),
    };
    let wanted = all.into_iter().filter(|a| account.as_ref().is_none_or(|wanted| *wanted == a.account));
    let all: Vec<Value> = wanted.map(shown).collect();
    let (assignments, next) = page(call, all)?;
    Ok(json!({ "AccountAssignments": assignments, "NextToken": next }))
}

/// What a user has, by itself and by its groups.
pub(super) fn of_user<'a>(instance: &'a Instance, user: &str) -> Vec<&'a Assignment> {
    let groups: Vec<&String> =
        instance.memberships.values().filter(|m| m.user == user).map(|m| &m.group).collect();
    let has = |a: &&Assignment| match a.kind.as_str() {
        "USER" => a.principal == user,
        _ => groups.contains(&&a.principal),
    };
    instance.assignments.iter().filter(has).collect()
}

pub(super) fn list_accounts(call: &mut Call) -> Answer {
    let status = call.text("ProvisioningStatus").to_owned();
    let (instance, set) = named(call)?;
    let all = provisioned(instance, &status).filter(|(_, s)| *s == set).map(|(a, _)| a).collect();
    let (accounts, next) = page(call, all)?;
    Ok(json!({ "AccountIds": accounts, "NextToken": next }))
}

pub(super) fn list_sets(call: &mut Call) -> Answer {
    let [status, account] = ["ProvisioningStatus", "AccountId"].map(|m| call.text(m).to_owned());
    let instance = ask(call, &[&format!("arn:aws:sso:::account/{account}")])?;
    let all = provisioned(instance, &status).filter(|(a, _)| *a == account).map(|(_, s)| s).collect();
    let (sets, next) = page(call, all)?;
    Ok(json!({ "PermissionSets": sets, "NextToken": next }))
}

/// Accounts and the sets that were provisioned to them, those with this status where one is given.
fn provisioned<'a>(instance: &'a Instance, status: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
    let split = |key: &String| key.split_once('/').map(|(a, s)| (a.to_owned(), s.to_owned()));
    instance.provisioned.iter().filter_map(move |(key, made)| {
        let (account, set) = split(key)?;
        let latest = instance.sets.get(&set).is_some_and(|s| s.version == made.version);
        let wanted = match status {
            "LATEST_PERMISSION_SET_PROVISIONED" => latest,
            "LATEST_PERMISSION_SET_NOT_PROVISIONED" => !latest,
            _ => true,
        };
        wanted.then_some((account, set))
    })
}
