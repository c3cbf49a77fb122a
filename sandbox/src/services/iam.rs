//! Identity and Access Management.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {}

pub fn handle(call: &mut Call) -> Answer {
    Err(Fault::not_implemented(call.service, call.operation))
}

/// What a new AWS starts with.
pub fn found(_world: &mut crate::world::World) {}

/// A role that the sandbox itself makes: an account's `OrganizationAccountAccessRole`, a reserved SSO role.
pub struct NewRole<'a> {
    pub account: &'a str,
    pub path: &'a str,
    pub name: &'a str,
    pub trust: serde_json::Value,
    /// ARNs of AWS-managed policies.
    pub attached: Vec<String>,
    /// Inline policies by name.
    pub inline: Vec<(String, serde_json::Value)>,
}

/// Makes a role as if its account had; it is seen by other services after the propagation delay. Returns its ARN.
pub fn make_role(_world: &mut crate::world::World, role: NewRole) -> String {
    format!("arn:aws:iam::{}:role{}{}", role.account, role.path, role.name)
}
pub struct Keys {
    pub access_key_id: String,
    pub secret_access_key: String,
}
pub fn admin_keys(_: &crate::world::World) -> Keys {
    Keys { access_key_id: String::new(), secret_access_key: String::new() }
}
pub fn root_keys(_: &crate::world::World) -> Keys {
    Keys { access_key_id: String::new(), secret_access_key: String::new() }
}
