//! Who calls, and whether they may: signatures, sessions, and policies.

use crate::fault::Fault;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod credentials;
mod sigv4;

pub use credentials::{Authenticated, authenticate};
pub use sigv4::unsigned;

/// A principal that signed a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    pub account: String,
    /// `arn:aws:iam::A:root`, `arn:aws:iam::A:user/NAME` or `arn:aws:sts::A:assumed-role/NAME/SESSION`.
    pub arn: String,
    /// `A`, `AIDA…` or `AROA…:SESSION`.
    pub user_id: String,
    pub access_key: String,
    pub principal: Principal,
}

/// What kind of principal it is, with what policies are looked up by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Principal {
    Root,
    User {
        name: String,
    },
    /// A session of a role; `role` is the role's name, `policy` the session policy if one was given.
    Session {
        role: String,
        session: String,
        policy: Option<Value>,
    },
}

/// What is asked of the policies.
pub struct Question<'a> {
    pub action: &'a str,
    pub resource: &'a str,
    pub context: &'a [(&'a str, &'a str)],
    pub policy: Option<&'a Value>,
}

/// Allows, or refuses with AWS's words. `caller` is `None` for unsigned requests.
pub fn allow(
    _world: &World,
    _caller: Option<&Caller>,
    _region: &str,
    _question: &Question,
) -> Result<(), Fault> {
    Ok(())
}

/// Credentials of a role's session, as STS and the container endpoint hand them out.
#[derive(Clone, Debug)]
pub struct Session {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: crate::clock::Time,
}

/// Makes a session of a role for `seconds` (unscaled), with no question asked. `None`: there is no such role.
pub fn session(_world: &mut World, _role_arn: &str, _session_name: &str, _seconds: f64) -> Option<Session> {
    None
}

/// The caller that a session of this role would be. `None`: there is no such role, or it has not propagated yet.
pub fn role_caller(_world: &World, _role_arn: &str, _session_name: &str) -> Option<Caller> {
    None
}

/// Whether a role exists, has propagated, and lets `service` (`ecs-tasks.amazonaws.com`) assume it.
pub fn trusts_service(_world: &World, _role_arn: &str, _service: &str, _account: &str) -> bool {
    false
}

/// Refuses unless the caller may pass this role to `service`, as CreateService and the like ask.
pub fn pass_role(call: &mut crate::call::Call, role_arn: &str, service: &str) -> Result<(), Fault> {
    call.allow_with("iam:PassRole", role_arn, &[("iam:PassedToService", service)], None)
}
