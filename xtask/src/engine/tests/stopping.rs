//! Ctrl-C: calls under way finish, waits end, nothing starts.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::survival::{gone, moments, small};
use super::toys::*;
use crate::engine::Stop;
use crate::report::{Act, DONE, Done, INTERRUPTED, Outcome};
use crate::resource::Lane;

/// Reconciles, and stops after a while.
async fn stopped(toys: &Toys, world: &World, after: Duration) -> Done {
    let stop = Stop::default();
    let stopping = async {
        sleep(after).await;
        stop.stop();
    };
    tokio::join!(reconcile_until(toys, world, &stop), stopping).0
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_once_and_says_what_was_asked() {
    let (world, mut toys) = (World::default(), Toys::default());
    let base = toys.add(toy("base").takes(300));
    toys.add(toy("top").needs(&[base]));
    let begun = Instant::now();
    let done = stopped(&toys, &world, seconds(100)).await;
    assert_eq!(begun.elapsed(), seconds(100));
    assert_eq!(told(&done), ["base Interrupted(Some(Create))", "top Interrupted(None)"]);
    assert_eq!(done.exit_status(), INTERRUPTED);
}

#[tokio::test(start_paused = true)]
async fn what_was_stopped_has_not_lost_patience() {
    let (world, mut toys) = (World::default(), Toys::default());
    world.fail("create", "toy", Fault::Busy, 1);
    toys.add(Toy { patience: Duration::ZERO, ..toy("toy") });
    let done = stopped(&toys, &world, READ + WRITE / 2).await;
    assert_eq!(told(&done), ["toy Interrupted(None)"]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_ends_too() {
    let (world, mut toys) = (World::default(), Toys::default());
    for name in ["one", "two"] {
        toys.add(Toy { lane: Some(Lane::new("narrow", 1)), ..toy(name).takes(300) });
    }
    let done = stopped(&toys, &world, seconds(10)).await;
    assert_eq!(done.count(|outcome| matches!(outcome, Outcome::Interrupted(None))), 1);
    assert_eq!(done.count(|outcome| matches!(outcome, Outcome::Interrupted(Some(Act::Create)))), 1);
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_after_a_stop() {
    let (world, mut toys) = (World::default(), Toys::default());
    world.someone_makes("old");
    world.drift("old", |thing| thing.ours = true);
    toys.add(toy("new").takes(60));
    toys.retire(|toys| toys.add(toy("old")));
    let done = stopped(&toys, &world, seconds(30)).await;
    assert!(matches!(outcome(&done, "old"), Outcome::Interrupted(None)));
    assert!(world.now("old").is_some());
}

#[tokio::test(start_paused = true)]
async fn at_whatever_moment_no_call_is_cut_or_begun_and_running_again_completes_it() {
    for (up, moments) in [(true, moments(true).await), (false, moments(false).await)] {
        for moment in moments {
            let world = World::default();
            if !up {
                reconcile(&small(), &world).await;
                world.forget_calls();
            }
            let toys = if up { small() } else { gone() };
            let stop = Instant::now() + moment;
            let done = stopped(&toys, &world, moment).await;
            for call in world.calls.borrow().iter() {
                assert!(call.ended.is_some() && call.begun <= stop, "{call:?} at {moment:?}");
            }
            let interrupted = done.exit_status() == INTERRUPTED;
            assert!(interrupted || Instant::now() > stop, "{:?} at {moment:?}", told(&done));
            assert!(matches!(done.exit_status(), DONE | INTERRUPTED), "at {moment:?}");
            assert_eq!(reconcile(&toys, &world).await.exit_status(), 0, "at {moment:?}");
            assert_eq!(world.picture().len(), if up { small().shape.entries.len() } else { 0 });
            assert!(world.made.borrow().values().all(|times| *times == 1), "at {moment:?}");
        }
    }
}
