//! The services, one file each: state, operations, and what happens to it as time passes.
//!
//! **Architecture Invariant:** a service is a function of the world and its input. It does not know HTTP, and does not
//! wait: what takes time is a due time in its state, acted on by `tick` before every request.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::world::World;

pub mod appconfig;
pub mod appconfigdata;
pub mod apprunner;
pub mod ecr;
pub mod ecs;
pub mod iam;
pub mod identity;
pub mod logs;
pub mod organizations;
pub mod sts;
pub mod tags;

/// Hands a request to its service.
pub fn handle(call: &mut Call) -> Answer {
    match call.service {
        "appconfig" => appconfig::handle(call),
        "appconfigdata" => appconfigdata::handle(call),
        "apprunner" => apprunner::handle(call),
        "ecr" => ecr::handle(call),
        "ecs" => ecs::handle(call),
        "iam" => iam::handle(call),
        "identitystore" | "sso" | "sso-admin" | "sso-oidc" => identity::handle(call),
        "logs" => logs::handle(call),
        "account" | "organizations" | "service-quotas" => organizations::handle(call),
        "sts" => sts::handle(call),
        other => Err(Fault::not_implemented(other, call.operation)),
    }
}

/// Lets everything happen that is due.
pub fn tick(world: &mut World) {
    iam::tick(world);
    organizations::tick(world);
    identity::tick(world);
    appconfig::tick(world);
    ecs::tick(world);
    apprunner::tick(world);
}

/// What a new AWS starts with.
pub fn found(world: &mut World) {
    iam::found(world);
    organizations::found(world);
    identity::found(world);
}
