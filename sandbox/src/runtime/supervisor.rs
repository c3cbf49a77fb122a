//! The loop that makes the declared tasks and addresses true.

use super::task::live;
use super::{Status, Stop, directory, ingress, process};
use crate::clock::Time;
use crate::server::Shared;
use crate::world::World;
use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often the world is looked at.
const PAUSE: Duration = Duration::from_millis(25);

/// Whoever holds the world: the server.
pub trait Holds: Send + Sync + 'static {
    /// The world, after everything due has happened.
    fn world(&self) -> MutexGuard<'_, World>;
}

impl Holds for Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        Shared::world(self)
    }
}

/// Runs what is declared until `shutdown`; when it returns, no container is left.
pub async fn run(host: Arc<dyn Holds>, shutdown: CancellationToken) {
    begin(&host);
    let mut known = BTreeSet::new();
    let mut work = JoinSet::new();
    while !shutdown.is_cancelled() {
        let (tasks, doors) = due(&host, &mut known);
        for id in tasks {
            known.insert(id.clone());
            work.spawn(live(host.clone(), id, shutdown.child_token()));
        }
        for (key, door) in doors {
            work.spawn(ingress::serve(host.clone(), key, door, shutdown.child_token()));
        }
        while work.try_join_next().is_some() {}
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = shutdown.cancelled() => {}
        }
    }
    while work.join_next().await.is_some() {}
}

/// Ends what a sandbox before this one has left. What ran in a kept world is to be started again.
fn begin(host: &Arc<dyn Holds>) {
    let mut world = host.world();
    process::sweep(&directory(&world));
    let now = world.clock.now();
    for task in world.runtime.tasks.values_mut().filter(|t| t.status > Status::Provisioning) {
        match task.unwanted {
            Some(_) => task.end(now, Stop::new("InfrastructureHealth", "The sandbox was stopped")),
            None => task.again(),
        }
    }
}

/// Puts another world in the place of this one, whose containers end.
pub fn replace(world: &mut World, mut next: World) {
    let now = next.clock.now();
    end_all(&mut next, now, "The machine was restarted");
    ingress::hand_over(world, &mut next);
    *world = next;
}

fn end_all(world: &mut World, now: Time, why: &str) {
    for task in world.runtime.tasks.values_mut().filter(|t| t.status != Status::Stopped) {
        // For one who still looks after it.
        let why = task.unwanted.get_or_insert_with(|| Stop::new("InfrastructureHealth", why)).clone();
        task.end(now, why);
    }
}

/// Tasks and doors that nobody looks after yet.
fn due(host: &Arc<dyn Holds>, known: &mut BTreeSet<String>) -> (Vec<String>, Vec<(String, ingress::Door)>) {
    let mut world = host.world();
    let now = world.clock.now();
    // A new world gives out the same ids again.
    known.retain(|id| world.runtime.tasks.contains_key(id));
    let mut ready = Vec::new();
    for (id, task) in world
        .runtime
        .tasks
        .iter_mut()
        .filter(|(id, t)| t.status == Status::Provisioning && !known.contains(*id))
    {
        if let Some(why) = task.unwanted.clone() {
            task.end(now, why);
        } else if task.provisioned <= now {
            ready.push(id.clone());
        }
    }
    (ready, ingress::unserved(&mut world))
}
