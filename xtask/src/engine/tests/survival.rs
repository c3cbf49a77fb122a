//! Killed at any moment, run again: the same world, and nothing made twice.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::toys::*;
use crate::resource::Lane;

/// Two stages that share a base; small, but with everything that takes time.
fn declare(toys: &mut Toys) {
    let base = toys.add(toy("base").takes(3));
    let image = toys.add(toy("image").within(base).takes(7));
    for stage in ["dev", "prod"] {
        let named = |kind: &str| toy(&format!("{kind} {stage}"));
        let lane = Some(Lane::new("accounts", 1));
        let account = toys.add(Toy { lane, ..named("account").needs(&[base]).takes(4) });
        let role = toys.add(named("role").within(account).goes(1));
        toys.add(named("service").within(account).needs(&[role, image]).takes(9).goes(5));
    }
}

pub(super) fn small() -> Toys {
    let mut toys = Toys::default();
    declare(&mut toys);
    toys
}

pub(super) fn gone() -> Toys {
    let mut toys = Toys::default();
    toys.retire(declare);
    toys
}

/// Every moment at which something begins, takes effect or ends, and just after it.
pub(super) async fn moments(up: bool) -> BTreeSet<Duration> {
    let world = World::default();
    if !up {
        reconcile(&small(), &world).await;
        world.forget_calls();
    }
    let begun = Instant::now();
    reconcile(&if up { small() } else { gone() }, &world).await;
    let calls = world.calls.take();
    let of = |begin: Instant, end: Instant| [begin, begin + (end - begin) / 2, end];
    let all = calls.iter().flat_map(|call| of(call.begun, call.ended.unwrap()));
    let last = Instant::now() - begun;
    let all = all.flat_map(|at| [at - begun, at - begun + Duration::from_millis(3)]);
    all.filter(|moment| *moment < last).collect()
}

async fn killed(toys: &Toys, world: &World, after: Duration) {
    assert!(timeout(after, reconcile(toys, world)).await.is_err(), "was done before {after:?}");
}

async fn complete() -> World {
    let world = World::default();
    reconcile(&small(), &world).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_killed_bootstrap_is_completed_by_the_next() {
    let expected = complete().await.picture();
    let moments = moments(true).await;
    assert!(moments.len() > 200, "{}", moments.len());
    for lag in [0, 2] {
        for moment in &moments {
            let world = World::default();
            world.lag.set(seconds(lag));
            killed(&small(), &world, *moment).await;
            let done = reconcile(&small(), &world).await;
            assert_eq!(done.exit_status(), 0, "killed at {moment:?}: {:?}", told(&done));
            assert_eq!(world.picture(), expected, "killed at {moment:?}");
            let made = world.made.borrow();
            assert!(made.values().all(|times| *times == 1), "killed at {moment:?}: {made:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_teardown_is_completed_by_the_next() {
    for moment in moments(false).await {
        let world = complete().await;
        killed(&gone(), &world, moment).await;
        let done = reconcile(&gone(), &world).await;
        assert_eq!(done.exit_status(), 0, "killed at {moment:?}: {:?}", told(&done));
        assert!(world.picture().is_empty(), "killed at {moment:?}: {:?}", world.picture());
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_bootstrap_can_be_torn_down() {
    for moment in moments(true).await {
        let world = World::default();
        killed(&small(), &world, moment).await;
        let done = reconcile(&gone(), &world).await;
        assert_eq!(done.exit_status(), 0, "killed at {moment:?}: {:?}", told(&done));
        assert!(world.picture().is_empty(), "killed at {moment:?}: {:?}", world.picture());
    }
}

#[tokio::test(start_paused = true)]
async fn killed_again_and_again_it_gets_there() {
    let world = World::default();
    let mut runs = 1;
    while timeout(Duration::from_millis(1700), reconcile(&small(), &world)).await.is_err() {
        runs += 1;
        assert!(runs < 100, "{:?}", world.picture());
    }
    assert_eq!(world.picture(), complete().await.picture());
    assert!(world.made.borrow().values().all(|times| *times == 1));
}

#[tokio::test(start_paused = true)]
async fn two_at_once_make_one_world() {
    for offset in 0..40 {
        let world = World::default();
        let (one, other) = (small(), small());
        let late = async {
            tokio::time::sleep(Duration::from_millis(offset * 170)).await;
            reconcile(&other, &world).await
        };
        let (first, second) = tokio::join!(reconcile(&one, &world), late);
        assert_eq!((first.exit_status(), second.exit_status()), (0, 0), "{:?}", told(&second));
        assert!(world.made.borrow().values().all(|times| *times == 1));
    }
}
