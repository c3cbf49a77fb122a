//! Security Token Service.

use crate::auth::Caller;
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Temporary credentials by access key id.
    pub sessions: BTreeMap<String, Session>,
}

/// Temporary credentials that were handed out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    pub secret: String,
    pub token: String,
    /// In the sandbox's time.
    pub expires: Time,
    pub caller: Caller,
    /// Session tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of the session tags that stay along a chain of roles.
    pub transitive: Vec<String>,
    /// Whether it was made by GetSessionToken, which gives no access to IAM.
    pub token_only: bool,
}

pub fn handle(call: &mut Call) -> Answer {
    Err(Fault::not_implemented(call.service, call.operation))
}
