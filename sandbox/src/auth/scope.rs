//! What a signature is for: one service, in one Region, where the caller's account has that Region.

use super::sigv4::{Refusal, Signature};
use crate::model::Model;
use crate::services::organizations;
use crate::wire::Target;
use crate::world::World;
use http::request::Parts;

/// The Region that requests of global services are signed for.
const GLOBAL: &str = "us-east-1";

/// The Region that a request is for, or why its scope is refused: another service, or for a global service another
/// Region than its own.
///
/// AWS says all that is wrong, one sentence after the other, each with a space behind it.
pub(super) fn region(model: &Model, signature: &Signature, parts: &Parts) -> Result<String, Refusal> {
    let mut words = String::new();
    if model.is_global() && signature.region != GLOBAL && !overridden(&signature.region, parts) {
        words += &format!("Credential should be scoped to a valid region, not '{}'. ", signature.region);
    }
    let service = model.signing_name();
    if signature.service != service {
        words += &format!("Credential should be scoped to correct service: '{service}'. ");
    }
    match words.is_empty() {
        true if model.is_global() => Ok(GLOBAL.to_owned()),
        true => Ok(signature.region.clone()),
        false => Err(Refusal::Mismatch(words)),
    }
}

/// Whether an SDK signed for its client's Region because it was told an endpoint, as everybody is who comes here.
///
/// The Region to sign for is part of AWS's endpoint rules, and an endpoint that is given replaces what they say: at AWS
/// the same client signs for us-east-1. It tells that it was given one, as `N` among the features in its user agent.
fn overridden(region: &str, parts: &Parts) -> bool {
    let agents = ["user-agent", "x-amz-user-agent"].into_iter().filter_map(|name| parts.headers.get(name));
    let mut words = agents.filter_map(|agent| agent.to_str().ok()).flat_map(str::split_whitespace);
    let said =
        words.any(|word| word.strip_prefix("m/").is_some_and(|used| used.split(',').any(|f| f == "N")));
    said && organizations::region_exists(region)
}

/// Whether an account is known in a Region: where it has not opted in, its credentials are nobody's.
///
/// AWS's endpoints are each in a Region, so that a Region that does not exist is a name that does not resolve. Here it
/// is refused like one that nobody has.
pub(super) fn usable(world: &World, target: &Target, account: &str, region: &str) -> bool {
    // AssumeRole has its own word for a Region that is disabled: RegionDisabledException.
    let says_so_itself = target.model.name == "sts" && target.name == "AssumeRole";
    organizations::region_enabled(world, account, region)
        || says_so_itself && organizations::region_exists(region)
}
