//! CloudWatch Logs.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {}

pub fn handle(call: &mut Call) -> Answer {
    Err(Fault::not_implemented(call.service, call.operation))
}

/// Where a line of a container's output goes.
pub struct Stream<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub group: &'a str,
    pub stream: &'a str,
}

/// Appends lines (time in seconds, text) as the log driver would; makes the stream. False: there is no such group.
pub fn append(_world: &mut crate::world::World, _to: &Stream, _lines: &[(f64, String)]) -> bool {
    false
}
