//! From a signed request to its caller, with AWS's refusals.

use super::sigv4::{self, Refusal};
use super::{Caller, Principal, scope};
use crate::clock::Time;
use crate::fault::Fault;
use crate::model::Model;
use crate::services::{iam, organizations};
use crate::wire::Target;
use crate::world::World;
use http::request::Parts;

/// Services that are switched on for each account. Those that make and enter an account are there with it.
const SUBSCRIBED: &[&str] = &["appconfig", "appconfigdata", "apprunner", "ecr", "ecs", "logs"];

/// Whose request it is, and what it was signed for.
#[derive(Debug)]
pub struct Authenticated {
    pub caller: Caller,
    /// `us-east-1` for global services.
    pub region: String,
}

/// Finds the caller of a signed request, or refuses as the service's protocol does.
pub fn authenticate(
    world: &World,
    target: &Target,
    parts: &Parts,
    body: &[u8],
) -> Result<Authenticated, Fault> {
    let model = target.model;
    let signature = sigv4::parse(parts).map_err(|refusal| refused(model, refusal))?;
    let known = find(world, &signature.access_key).ok_or_else(|| invalid(model))?;
    if known.token != signature.token.as_deref() {
        return Err(invalid(model));
    }
    let region = scope::region(model, &signature, parts).map_err(|refusal| refused(model, refusal))?;
    // The client's clock is not advanced with the sandbox's.
    let now = world.clock.of_day();
    sigv4::verify(&signature, parts, body, known.secret, now).map_err(|refusal| refused(model, refusal))?;
    if known.expires.is_some_and(|t| t <= world.clock.now()) {
        return Err(expired(model));
    }
    let account = &known.caller.account;
    if organizations::suspended(world, account) || !scope::usable(world, target, account, &region) {
        return Err(invalid(model));
    }
    if SUBSCRIBED.contains(&model.name) && organizations::activating(world, account) {
        return Err(unsubscribed(model));
    }
    Ok(Authenticated { caller: known.caller, region })
}

/// What is known about an access key.
struct Known<'w> {
    secret: &'w str,
    token: Option<&'w str>,
    expires: Option<Time>,
    caller: Caller,
}

fn find<'w>(world: &'w World, access_key: &str) -> Option<Known<'w>> {
    if let Some(session) = world.sts.sessions.get(access_key) {
        return Some(Known {
            secret: &session.secret,
            token: Some(&session.token),
            expires: Some(session.expires),
            caller: session.caller.clone(),
        });
    }
    let long_term = |(account, iam): (&'w String, &'w iam::State)| {
        let key = iam.keys.get(access_key).filter(|key| key.active)?;
        Some(Known {
            secret: &key.secret,
            token: None,
            expires: None,
            caller: caller(account, iam, key.user.as_deref(), access_key)?,
        })
    };
    world.iam.iter().find_map(long_term)
}

/// The caller that an access key stands for: a user, or root.
fn caller(account: &str, iam: &iam::State, user: Option<&str>, access_key: &str) -> Option<Caller> {
    let (arn, user_id, principal) = match user {
        None => (format!("arn:aws:iam::{account}:root"), account.to_owned(), Principal::Root),
        Some(name) => {
            let user = iam.users.get(&name.to_lowercase())?;
            let name = user.name.clone();
            (user.arn.clone(), user.id.clone(), Principal::User { name })
        }
    };
    Some(Caller { account: account.to_owned(), arn, user_id, access_key: access_key.to_owned(), principal })
}

fn refused(model: &Model, refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Missing => fault(
            model,
            ("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
            "Request is missing Authentication Token",
        ),
        Refusal::Incomplete(words) => {
            fault(model, ("IncompleteSignature", "IncompleteSignatureException"), words).status(400)
        }
        Refusal::Mismatch(words) => {
            fault(model, ("SignatureDoesNotMatch", "InvalidSignatureException"), words)
        }
    }
}

/// No such key, an inactive one, another session's token, or an account that cannot be used, or not there.
fn invalid(model: &Model) -> Fault {
    fault(
        model,
        ("InvalidClientTokenId", "UnrecognizedClientException"),
        "The security token included in the request is invalid.",
    )
}

/// OptInRequired is what the documentation of AWS's common errors calls it; services of the JSON protocols were seen with
/// the other name.
fn unsubscribed(model: &Model) -> Fault {
    fault(
        model,
        ("OptInRequired", "SubscriptionRequiredException"),
        "The AWS Access Key Id needs a subscription for the service",
    )
}

fn expired(model: &Model) -> Fault {
    fault(
        model,
        ("ExpiredToken", "ExpiredTokenException"),
        "The security token included in the request is expired",
    )
}

/// The service's protocol decides what its errors are called.
fn fault(model: &Model, (query, json): (&str, &str), words: impl Into<String>) -> Fault {
    match (model.is_query(), model.is_rest()) {
        (true, _) => Fault::new(query, words).status(403),
        (_, true) => Fault::new(json, words).status(403),
        _ => Fault::new(json, words).status(400),
    }
}
