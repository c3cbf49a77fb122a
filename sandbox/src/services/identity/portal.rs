//! The access portal: a signed-in person's accounts, roles and credentials.

use super::assignments::of_user;
use super::signin::{Token, reaches_accounts};
use super::store::user_name;
use crate::auth;
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::organizations::active;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn handle(call: &mut Call) -> Answer {
    // Not signed: the access token says who it is.
    call.anyone();
    match call.operation {
        "ListAccounts" => list_accounts(call),
        "ListAccountRoles" => list_roles(call),
        "GetRoleCredentials" => credentials(call),
        "Logout" => logout(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// The session that the access token stands for.
fn session(call: &Call) -> Result<Token, Fault> {
    let signin = &call.world.identity.signin;
    let token = signin.tokens.get(call.text("accessToken")).filter(|t| t.expires > call.now());
    let reaching = token.filter(|t| signin.clients.get(&t.client).is_some_and(reaches_accounts));
    let there = reaching
        .filter(|t| call.world.identity.instance.as_ref().is_some_and(|i| i.users.contains_key(&t.user)));
    there.cloned().ok_or_else(|| Fault::new("UnauthorizedException", "Session token not found or invalid"))
}

/// The accounts and permission sets (by ARN) of the person.
fn reach(call: &Call) -> Result<Vec<(String, String)>, Fault> {
    let token = session(call)?;
    let instance = call.world.identity.instance.as_ref();
    let all = instance.map(|i| of_user(i, &token.user)).unwrap_or_default();
    let pairs: BTreeSet<(String, String)> =
        all.into_iter().map(|a| (a.account.clone(), a.set.clone())).collect();
    Ok(pairs.into_iter().filter(|(account, _)| active(call.world, account)).collect())
}

fn list_accounts(call: &mut Call) -> Answer {
    let ids: BTreeSet<String> = reach(call)?.into_iter().map(|(account, _)| account).collect();
    let accounts = &call.world.organizations.accounts;
    let shown = |id: &String| {
        let account = accounts.get(id)?;
        Some(json!({ "accountId": id, "accountName": account.name, "emailAddress": account.email }))
    };
    let all: Vec<Value> = ids.iter().filter_map(shown).collect();
    let (list, next) = page(call, all)?;
    Ok(json!({ "accountList": list, "nextToken": next }))
}

fn page(call: &Call, all: Vec<Value>) -> Result<(Vec<Value>, Option<String>), Fault> {
    call.page(all, ("maxResults", 100), "nextToken", "InvalidRequestException")
}

fn list_roles(call: &mut Call) -> Answer {
    let account = call.text("accountId").to_owned();
    let sets: Vec<String> =
        reach(call)?.into_iter().filter(|(a, _)| *a == account).map(|(_, set)| set).collect();
    if sets.is_empty() {
        return Err(forbidden());
    }
    let names = sets.iter().filter_map(|set| name_of(call, set));
    let all = names.map(|name| json!({ "roleName": name, "accountId": account })).collect();
    let (list, next) = page(call, all)?;
    Ok(json!({ "roleList": list, "nextToken": next }))
}

fn name_of(call: &Call, set: &str) -> Option<String> {
    let instance = call.world.identity.instance.as_ref()?;
    instance.sets.get(set).map(|s| s.name.clone())
}

/// AWS's answer, which its model does not have.
fn forbidden() -> Fault {
    Fault::new("ForbiddenException", "No access").status(403)
}

fn credentials(call: &mut Call) -> Answer {
    let [account, role] = ["accountId", "roleName"].map(|m| call.text(m).to_owned());
    let user = session(call)?.user;
    let mut reached = reach(call)?.into_iter();
    let set = reached.find(|(a, set)| *a == account && name_of(call, set).as_deref() == Some(&role));
    let (_, set) = set.ok_or_else(forbidden)?;
    let instance = call.world.identity.instance.as_ref();
    let made = instance.and_then(|i| i.provisioned.get(&super::assignments::place(&account, &set)));
    let (arn, seconds) = made.map(|m| (m.arn.clone(), m.seconds)).ok_or_else(forbidden)?;
    let name = instance.map(|i| user_name(i, &user)).unwrap_or_default();
    let session = auth::session(call.world, &arn, &name, seconds as f64).ok_or_else(forbidden)?;
    Ok(json!({ "roleCredentials": {
        "accessKeyId": session.access_key_id,
        "secretAccessKey": session.secret_access_key,
        "sessionToken": session.session_token,
        // The only time in milliseconds.
        "expiration": (session.expiration * 1000.0) as i64,
    }}))
}

/// Ends the session: what it could refresh with is gone too. Credentials that were handed out stay good.
fn logout(call: &mut Call) -> Answer {
    let ended = session(call)?;
    let signin = &mut call.world.identity.signin;
    let same = |t: &Token| t.user == ended.user && t.client == ended.client;
    signin.tokens.retain(|_, t| !same(t));
    signin.refreshes.retain(|_, t| !same(t));
    Ok(json!({}))
}
