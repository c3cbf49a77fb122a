//! Who calls, and whether they may: signatures, sessions, and policies.

use crate::fault::Fault;
use crate::services::{iam, sts};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod condition;
mod credentials;
mod decision;
pub mod document;
mod policy;
mod scope;
mod sigv4;

pub use credentials::{Authenticated, authenticate};
pub use decision::{allow, context, decide, may_assume};
pub use policy::{Says, Who};
pub(crate) use sigv4::encode;
pub use sigv4::signer::{Keys, add as sign};
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

/// Credentials of a role's session, as STS and the container endpoint hand them out.
#[derive(Clone, Debug)]
pub struct Session {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    /// In the client's time, which is not advanced.
    pub expiration: crate::clock::Time,
}

/// Makes a session of a role for `seconds` (unscaled), with no question asked. `None`: there is no such role.
pub fn session(world: &mut World, role_arn: &str, session_name: &str, seconds: f64) -> Option<Session> {
    let caller = role_caller(world, role_arn, session_name)?;
    Some(sts::issue(world, sts::Grant::new(caller, seconds)))
}

/// The caller that a session of this role would be. `None`: there is no such role, or it has not propagated yet.
pub fn role_caller(world: &World, role_arn: &str, session_name: &str) -> Option<Caller> {
    let (account, role) = iam::role_by_arn(world, role_arn)?;
    role.entity.access.seen(world.clock.now())?;
    let (name, session) = (role.entity.name.clone(), session_name.to_owned());
    Some(Caller {
        account: account.to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
        user_id: format!("{}:{session}", role.entity.id),
        access_key: String::new(),
        principal: Principal::Session { role: name, session, policy: None },
    })
}

/// Whether a role exists, has propagated, and lets `service` (`ecs-tasks.amazonaws.com`) assume it.
pub fn trusts_service(world: &World, role_arn: &str, service: &str, account: &str) -> bool {
    let Some((_, role)) = iam::role_by_arn(world, role_arn) else {
        return false;
    };
    let Some(access) = role.entity.access.seen(world.clock.now()) else {
        return false;
    };
    let family = if service.contains("apprunner") { "apprunner" } else { "ecs" };
    let source = format!("arn:aws:{family}:{}:{account}:service", world.settings.region);
    let mut known = condition::Context::default();
    known.set("aws:SourceAccount", account);
    known.set("aws:SourceArn", source);
    known.set("aws:PrincipalIsAWSService", "true");
    let who = Who { service: Some(service.to_owned()), ..Who::default() };
    let request =
        policy::Request { action: "sts:AssumeRole", resource: role_arn, context: &known, who: Some(&who) };
    let trust = document::read(&access.trust, document::Kind::Trust);
    trust.is_ok_and(|trust| trust.says_to(&request) == Says::Allow)
}

/// Refuses unless the caller may pass this role to `service`, as CreateService and the like ask.
pub fn pass_role(call: &mut crate::call::Call, role_arn: &str, service: &str) -> Result<(), Fault> {
    call.allow_with("iam:PassRole", role_arn, &[("iam:PassedToService", service)], None)
}

/// Words of a refusal: who may not do what to what.
pub fn refusal(caller: Option<&Caller>, action: &str, resource: &str) -> String {
    let user = caller.map_or("anonymous", |c| c.arn.as_str());
    format!("User: {user} is not authorized to perform: {action} on resource: {resource}")
}
