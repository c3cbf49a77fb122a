//! How a service ends: DRAINING until its tasks and what ECS manages for it are gone, then INACTIVE, then forgotten.

use super::rollout::{at, supersede, tasks_of};
use super::{Status, managed, state};
use crate::call::Call;
use crate::runtime::{self, Stop, ingress};
use crate::world::World;

/// Seconds that AWS takes.
const DRAIN: f64 = 45.0;
const REMEMBERED: f64 = 3600.0;

/// Begins the deletion of a service: no new task, no new request; its resources go later.
pub(super) fn drain(call: &mut Call, arn: &str) {
    let (now, next) = (call.now(), call.due(DRAIN));
    let state = state(call);
    let tasks = tasks_of(state, arn);
    let Some(service) = state.services.get_mut(arn) else {
        return;
    };
    service.status = Status::Draining;
    service.updated = now;
    service.next = next;
    if let Some(deployment) = service.deployment.take() {
        supersede(state, &deployment, now);
        if let Some(old) = state.deployments.get_mut(&deployment) {
            old.reason = Some("Service deployment stopped because the service was deleted.".to_owned());
        }
    }
    managed::remove(state, arn, now);
    for (id, _) in tasks {
        runtime::stop(
            call.world,
            &id,
            Stop::new("ServiceSchedulerInitiated", "Scaling activity initiated by service deletion"),
        );
    }
    ingress::route(call.world, arn, Vec::new());
}

pub(super) fn drained(world: &mut World, here: &str, arn: &str) {
    let now = world.clock.now();
    let tasks = tasks_of(at(world, here), arn);
    if !tasks.iter().all(|(id, _)| runtime::ended(world, id)) || managed::remains(at(world, here), arn) {
        return;
    }
    let remembered = world.clock.due(REMEMBERED);
    let Some(service) = at(world, here).services.get_mut(arn).filter(|s| s.next <= now) else {
        return;
    };
    service.status = Status::Inactive;
    service.updated = now;
    service.next = remembered;
    ingress::close(world, arn);
}

pub(super) fn forgotten(world: &mut World, here: &str, arn: &str) {
    let now = world.clock.now();
    let state = at(world, here);
    if state.services.get(arn).is_some_and(|s| s.next <= now) {
        state.services.remove(arn);
    }
}
