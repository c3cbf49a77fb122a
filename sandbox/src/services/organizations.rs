//! Organizations, Account Management and Service Quotas.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {}

pub fn handle(call: &mut Call) -> Answer {
    Err(Fault::not_implemented(call.service, call.operation))
}

/// Lets everything happen that is due.
pub fn tick(_world: &mut crate::world::World) {}

/// What a new AWS starts with.
pub fn found(_world: &mut crate::world::World) {}

/// The organization (`o-…`) that an account is in.
pub fn organization_id(_world: &crate::world::World, _account: &str) -> Option<String> {
    None
}

/// Whether an account may create App Runner services: the management account and old customers may.
pub fn app_runner_customer(_world: &crate::world::World, _account: &str) -> bool {
    false
}
