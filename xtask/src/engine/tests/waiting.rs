//! What is not ready yet, lags, is busy, or never comes.

use tokio::time::Instant;

use super::toys::*;
use crate::engine::{self, Options};
use crate::report::{Act, Judgement, Outcome};

fn one(takes: u64) -> Toys {
    let mut toys = Toys::default();
    toys.add(toy("toy").takes(takes));
    toys
}

fn made(world: &World) -> Vec<usize> {
    world.made.borrow().values().copied().collect()
}

fn reads(world: &World) -> usize {
    world.calls.borrow().iter().filter(|call| call.verb == "read").count()
}

#[tokio::test(start_paused = true)]
async fn busy_on_read_is_awaited_where_one_can_see_it() {
    let (world, toys) = (World::default(), one(0));
    world.fail("read", "toy", Fault::Busy, 3);
    let (done, waits) = waits(&toys, &world).await;
    assert!(matches!(outcome(&done, "toy"), Outcome::Did(Act::Create)));
    assert_eq!(waits, ["toy: World(\"not now\")"], "told once");
    world.fail("read", "toy", Fault::Busy, 1);
    assert!(matches!(judgement(&look(&toys, &world).await, "toy"), Judgement::Coming(_)));
}

#[tokio::test(start_paused = true)]
async fn busy_on_write_means_look_again_and_ask_again() {
    let (world, toys) = (World::default(), one(0));
    world.fail("create", "toy", Fault::Busy, 2);
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "toy"), Outcome::Did(Act::Create)));
    assert_eq!(world.writes(), ["create toy"; 3]);
    assert_eq!(made(&world), [1]);
    let mut none = Toys::default();
    none.retire(|toys| toys.add(toy("toy")));
    world.fail("delete", "toy", Fault::Busy, 2);
    assert!(matches!(outcome(&reconcile(&none, &world).await, "toy"), Outcome::Did(Act::Delete)));
}

#[tokio::test(start_paused = true)]
async fn already_exists_after_a_lagging_read_is_looked_at_again() {
    let (world, toys) = (World::default(), one(0));
    reconcile(&toys, &world).await;
    world.lag.set(seconds(60));
    let done = reconcile(&toys, &world).await;
    assert_eq!((done.exit_status(), made(&world)), (0, vec![1]));
}

#[tokio::test(start_paused = true)]
async fn a_lagging_world_whose_names_are_not_unique_gets_no_second_one() {
    let (world, mut toys) = (World::default(), Toys::default());
    world.lag.set(seconds(60));
    world.doubles.set(true);
    let base = toys.add(toy("base").takes(30));
    toys.add(toy("top").within(base));
    let done = reconcile(&toys, &world).await;
    assert_eq!(told(&done), ["base Did(Create)", "top Did(Create)"]);
    assert_eq!(world.writes(), ["create base", "create top"]);
}

#[tokio::test(start_paused = true)]
async fn a_lagging_world_is_changed_and_deleted_once() {
    let (world, toys) = (World::default(), one(0));
    reconcile(&toys, &world).await;
    tokio::time::advance(seconds(100)).await;
    world.drift("toy", |thing| thing.owned.colour = "blue".to_owned());
    tokio::time::advance(seconds(100)).await;
    world.forget_calls();
    world.lag.set(seconds(45));
    reconcile(&toys, &world).await;
    let mut none = Toys::default();
    none.retire(|toys| toys.add(toy("toy")));
    let done = reconcile(&none, &world).await;
    assert!(matches!(outcome(&done, "toy"), Outcome::Did(Act::Delete)));
    assert_eq!(world.writes(), ["change toy", "delete toy"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_asked_for_is_awaited_and_not_asked_again() {
    let (world, toys) = (World::default(), one(300));
    let killed = tokio::time::timeout(seconds(20), reconcile(&toys, &world)).await;
    assert!(killed.is_err());
    assert!(matches!(judgement(&look(&toys, &world).await, "toy"), Judgement::Coming(_)));
    assert!(matches!(outcome(&reconcile(&toys, &world).await, "toy"), Outcome::Same));
    assert_eq!(world.writes(), ["create toy"]);
}

#[tokio::test(start_paused = true)]
async fn what_fails_while_it_is_made_ends_with_its_reason_and_is_repaired_by_the_next_run() {
    let (world, toys) = (World::default(), one(20));
    world.fail("birth", "toy", Fault::Stillborn, 1);
    let done = reconcile(&toys, &world).await;
    let Outcome::Failed(failure) = outcome(&done, "toy") else { panic!("{:?}", told(&done)) };
    assert_eq!(failure.to_string(), "create toy `toy`: stillborn");
    let plan = look(&toys, &world).await;
    assert!(matches!(judgement(&plan, "toy"), Judgement::Repair(why) if why == "stillborn"));
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "toy"), Outcome::Did(Act::Repair)));
    assert_eq!(world.writes(), ["create toy", "change toy", "create toy"]);
}

#[tokio::test(start_paused = true)]
async fn a_repair_is_tried_once() {
    let (world, toys) = (World::default(), one(20));
    world.fail("birth", "toy", Fault::Stillborn, 2);
    reconcile(&toys, &world).await;
    world.lag.set(seconds(3));
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "toy"), Outcome::Failed(_)));
    assert_eq!(made(&world), [2]);
}

#[tokio::test(start_paused = true)]
async fn patience_has_an_end_and_says_what_it_waited_for() {
    let (world, mut toys) = (World::default(), Toys::default());
    let base = toys.add(Toy { patience: seconds(100), ..toy("base").takes(1000) });
    toys.add(toy("top").needs(&[base]));
    let begun = Instant::now();
    let done = reconcile(&toys, &world).await;
    let Outcome::Failed(failure) = outcome(&done, "base") else { panic!("{:?}", told(&done)) };
    assert_eq!(failure.to_string(), "await toy `base`: gave up after 100 s: coming");
    assert!(matches!(outcome(&done, "top"), Outcome::Skipped(_)));
    assert!((100..103).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_with_the_time_waited() {
    let (world, toys) = (World::default(), one(590));
    reconcile(&toys, &world).await;
    assert!((30..80).contains(&reads(&world)), "{} reads in ten minutes", reads(&world));
    let calls = world.calls.borrow();
    let reads: Vec<_> = calls.iter().skip(2).map(|call| (call.begun, call.ended.unwrap())).collect();
    let pauses: Vec<_> = reads.windows(2).map(|pair| (pair[1].0 - pair[0].1).as_millis()).collect();
    assert_eq!((pauses.iter().min(), pauses.iter().max()), (Some(&500), Some(&15_000)));
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_told_again_every_minute() {
    let (world, toys) = (World::default(), one(590));
    let (_, waits) = waits(&toys, &world).await;
    let told = waits.iter().filter(|wait| *wait == "toy: World(\"coming\")").count();
    assert!((8..=10).contains(&told), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn impatience_ends_waits_early() {
    let (world, mut toys) = (World::default(), Toys::default());
    toys.add(Toy { patience: seconds(100), ..toy("toy").takes(1000) });
    let options = Options { patience: 0.1, ..Options::default() };
    let done = engine::reconcile(&toys, &world, &options).await.unwrap();
    let Outcome::Failed(failure) = outcome(&done, "toy") else { panic!("{:?}", told(&done)) };
    assert_eq!(failure.to_string(), "await toy `toy`: gave up after 10 s: coming");
}

#[tokio::test(start_paused = true)]
async fn a_faster_world_is_looked_at_more_often() {
    let mut looks = Vec::new();
    for pace in [1.0, 0.01] {
        let (world, toys) = (World::default(), one(6));
        let options = Options { pace, ..Options::default() };
        engine::reconcile(&toys, &world, &options).await.unwrap();
        looks.push(reads(&world));
    }
    assert!(looks[1] > 2 * looks[0], "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_whom_is_told() {
    let (world, mut toys) = (World::default(), Toys::default());
    let base = toys.add(toy("base").takes(5));
    toys.add(toy("top").needs(&[base]));
    toys.retire(|toys| toys.add(toy("old")));
    let (_, waits) = waits(&toys, &world).await;
    let label = "Label { kind: \"toy\", name: \"base\", place: None }";
    assert!(waits.contains(&format!("top: For({label})")), "{waits:?}");
    assert!(waits.contains(&"old: Wanted".to_owned()), "{waits:?}");
    assert!(waits.contains(&"base: World(\"coming\")".to_owned()), "{waits:?}");
}
