//! From a signed request to its caller, with AWS's refusals.

use super::sigv4::{self, Refusal};
use super::{Caller, Principal};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::iam;
use crate::world::World;
use http::request::Parts;

/// Whose request it is, and what it was signed for.
#[derive(Debug)]
pub struct Authenticated {
    pub caller: Caller,
    /// The signing name of the service: `sts`, `appconfig`.
    pub service_scope: String,
    pub region: String,
}

/// Finds the caller of a signed request, or refuses as the signed-for service's protocol does.
pub fn authenticate(world: &World, parts: &Parts, body: &[u8]) -> Result<Authenticated, Fault> {
    let signature = sigv4::parse(parts).map_err(|refusal| refused(&scope_of(parts), refusal))?;
    let service = &signature.service;
    let known = find(world, &signature.access_key).ok_or_else(|| invalid(service))?;
    if known.token != signature.token.as_deref() {
        return Err(invalid(service));
    }
    // The client's clock is not advanced with the sandbox's.
    let now = world.clock.of_day();
    sigv4::verify(&signature, parts, body, known.secret, now).map_err(|refusal| refused(service, refusal))?;
    if known.expires.is_some_and(|t| t <= world.clock.now()) {
        return Err(expired(service));
    }
    Ok(Authenticated { caller: known.caller, service_scope: signature.service, region: signature.region })
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

/// The service's protocol decides what its errors are called.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    Query,
    Json,
    Rest,
}

fn family(signing_name: &str) -> Family {
    match signing_name {
        "iam" | "sts" => Family::Query,
        "account" | "appconfig" | "appconfigdata" | "awsssooidc" | "awsssoportal" => Family::Rest,
        _ => Family::Json,
    }
}

/// The signing name, where only the rest of the signature is unusable.
fn scope_of(parts: &Parts) -> String {
    let header = parts.headers.get("authorization").and_then(|v| v.to_str().ok());
    header.and_then(|v| v.split("Credential=").nth(1)?.split('/').nth(3)).unwrap_or_default().to_owned()
}

fn refused(service: &str, refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Missing => fault(
            service,
            ("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
            "Request is missing Authentication Token",
        ),
        Refusal::Incomplete(words) => {
            fault(service, ("IncompleteSignature", "IncompleteSignatureException"), words).status(400)
        }
        Refusal::Mismatch(words) => {
            fault(service, ("SignatureDoesNotMatch", "InvalidSignatureException"), words)
        }
    }
}

/// No such key, an inactive one, or another session's token.
fn invalid(service: &str) -> Fault {
    fault(
        service,
        ("InvalidClientTokenId", "UnrecognizedClientException"),
        "The security token included in the request is invalid.",
    )
}

fn expired(service: &str) -> Fault {
    fault(
        service,
        ("ExpiredToken", "ExpiredTokenException"),
        "The security token included in the request is expired",
    )
}

fn fault(service: &str, (query, json): (&str, &str), words: impl Into<String>) -> Fault {
    match family(service) {
        Family::Query => Fault::new(query, words).status(403),
        Family::Json => Fault::new(json, words).status(400),
        Family::Rest => Fault::new(json, words).status(403),
    }
}
