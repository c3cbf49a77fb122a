//! Closing accounts and removing them: neither is done at once, and neither frees the e-mail address.

use super::accounts::{AccountState, member, member_mut};
use super::organization::all_features;
use super::{manage, organization, violation};
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
use serde_json::json;

/// Seconds that a closure takes.
const CLOSING: f64 = 60.0;
/// How many closures may be in progress.
const AT_ONCE: usize = 3;
const DAY: f64 = 86_400.0;
/// Days in which a closed account still counts, and could be opened again by AWS Support.
const REOPEN: f64 = 90.0;
/// Days in which closures are counted.
const WINDOW: f64 = 30.0;
/// Days that an account made by CreateAccount has to be in the organization before it may leave.
const LEAVE: f64 = 4.0;

pub(super) fn close(call: &mut Call) -> Answer {
    let id = call.text("AccountId").to_owned();
    manage(call, &id)?;
    if id == organization(call)?.management {
        return Err(violation(
            "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            "You cannot close the management account of an organization.",
        ));
    }
    all_features(call)?;
    closable(member(call, &id)?.state)?;
    admitted(call)?;
    let (now, due) = (call.now(), call.due(CLOSING));
    let account = member_mut(call, &id)?;
    account.state = AccountState::PendingClosure;
    account.next = Some(due);
    call.world.organizations.closures.push(now);
    Ok(json!({}))
}

fn closable(state: AccountState) -> Result<(), Fault> {
    match state {
        AccountState::Active => Ok(()),
        AccountState::PendingClosure => Err(Fault::new(
            "ConflictException",
            "The request failed because it conflicts with the current state of the specified resource.",
        )),
        AccountState::Suspended | AccountState::Closed => Err(Fault::new(
            "AccountAlreadyClosedException",
            "You attempted to close an account that is already closed.",
        )),
    }
}

fn admitted(call: &Call) -> Result<(), Fault> {
    let state = &call.world.organizations;
    let pending = state.accounts.values().filter(|a| a.state == AccountState::PendingClosure);
    if pending.count() >= AT_ONCE {
        return Err(violation(
            "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED",
            "You have exceeded the number of accounts that you can close at a time.",
        ));
    }
    let since = call.now() - call.world.clock.scaled(WINDOW * DAY);
    let members = state.accounts.values().filter(|a| a.parent.is_some()).count();
    if recent(&state.closures, since) >= quota(members) {
        return Err(violation(
            "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
            "You have exceeded close account quota for the past 30 days.",
        ));
    }
    Ok(())
}

fn recent(closures: &[Time], since: Time) -> usize {
    closures.iter().filter(|at| **at > since).count()
}

/// How many accounts may be closed in 30 days.
pub(super) fn quota(members: usize) -> usize {
    (members / 5).clamp(250, 1000)
}

pub(super) fn tick(world: &mut World) {
    let now = world.clock.now();
    let reopen = world.clock.scaled(REOPEN * DAY);
    for account in world.organizations.accounts.values_mut() {
        while let Some(due) = account.next.filter(|due| *due <= now) {
            (account.state, account.next) = match account.state {
                AccountState::PendingClosure => (AccountState::Suspended, Some(due + reopen)),
                _ => (AccountState::Closed, None),
            };
        }
    }
}

/// An account that CreateAccount made never has what it needs to stand alone: a payment method and a phone number.
pub(super) fn remove(call: &mut Call) -> Answer {
    let id = call.text("AccountId").to_owned();
    manage(call, &id)?;
    if id == organization(call)?.management {
        return Err(Fault::new(
            "MasterCannotLeaveOrganizationException",
            "You can't remove a management account from an organization.",
        ));
    }
    let age = call.now() - member(call, &id)?.created;
    if age < call.world.clock.scaled(LEAVE * DAY) {
        return Err(violation(
            "WAIT_PERIOD_ACTIVE",
            "The member account must wait until its waiting period has ended before it can leave the organization.",
        ));
    }
    Err(violation(
        "MEMBER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED",
        "The member account must have a valid payment method before it can leave the organization.",
    ))
}
