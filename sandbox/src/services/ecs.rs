//! Elastic Container Service: Express services.

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
