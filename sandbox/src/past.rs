//! What the world was: some of AWS's reads answer from a while ago.

use crate::clock::Time;
use crate::world::World;
use std::collections::VecDeque;

/// The world before each write of late, with the write's time.
#[derive(Default)]
pub(crate) struct Past(VecDeque<(Time, World)>);

/// What lists and describes things from replicas. What gives credentials and tokens has only one truth, and a role is
/// seen late by others ([`crate::world::Settings::iam_propagation`]) and not by those who ask for it.
const REPLICATED: &[&str] =
    &["appconfig", "apprunner", "ecr", "ecs", "identitystore", "logs", "organizations", "sso-admin"];

impl Past {
    /// Keeps the world as it is before a write; what no read can see any more goes.
    pub(crate) fn keep(&mut self, world: &World) {
        let (now, lag) = (world.clock.now(), world.clock.scaled(world.settings.consistency));
        while self.0.len() > 1 && self.0[1].0 <= now - lag {
            self.0.pop_front();
        }
        self.0.push_back((now, world.clone()));
    }

    /// What a replica of `service` has: all writes but those of the last seconds.
    pub(crate) fn seen_of(&self, service: &str, world: &World) -> Option<World> {
        let lag = world.clock.scaled(world.settings.consistency);
        if lag <= 0.0 || !REPLICATED.contains(&service) {
            return None;
        }
        let from = world.clock.now() - lag;
        self.0.iter().find(|(at, _)| *at > from).map(|(_, old)| as_of_today(old, world))
    }

    /// The world before the last write.
    pub(crate) fn before_the_last(&self) -> Option<World> {
        self.0.back().map(|(_, old)| old.clone())
    }

    /// There is another world now, which has none yet.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Who calls, and whether they may, is not a matter of replicas.
fn as_of_today(old: &World, world: &World) -> World {
    let (clock, iam, sts) = (world.clock.clone(), world.iam.clone(), world.sts.clone());
    World { clock, iam, sts, ..old.clone() }
}
