//! In which order, and how fast.

use super::toys::*;
use crate::graph::Key;
use crate::resource::Lane;

fn chain(toys: &mut Toys) -> [Key<Toy>; 3] {
    let base = toys.add(toy("base").takes(10).goes(20));
    let middle = toys.add(toy("middle").within(base).takes(5).goes(5));
    let top = toys.add(toy("top").needs(&[middle]).takes(1).goes(30));
    [base, middle, top]
}

#[tokio::test(start_paused = true)]
async fn what_is_needed_is_ready_before_what_needs_it_is_made() {
    let (world, mut toys) = (World::default(), Toys::default());
    chain(&mut toys);
    let done = reconcile(&toys, &world).await;
    assert_eq!(told(&done), ["base Did(Create)", "middle Did(Create)", "top Did(Create)"]);
    assert_eq!(world.writes(), ["create base", "create middle", "create top"]);
    let made = |name| world.first("create", name).unwrap();
    assert!(made("middle").begun >= made("base").ended.unwrap() + seconds(9));
    assert_eq!(world.now("top").unwrap().owned.ids, [world.now("middle").unwrap().id]);
}

#[tokio::test(start_paused = true)]
async fn what_needs_it_is_gone_before_what_is_needed_is_deleted() {
    let (world, mut toys) = (World::default(), Toys::default());
    chain(&mut toys);
    reconcile(&toys, &world).await;
    world.forget_calls();
    let mut none = Toys::default();
    none.retire(chain);
    let done = reconcile(&none, &world).await;
    assert_eq!(told(&done), ["base Did(Delete)", "middle Did(Delete)", "top Did(Delete)"]);
    assert_eq!(world.writes(), ["delete top", "delete middle", "delete base"]);
    let gone = |name| world.first("delete", name).unwrap();
    assert!(gone("middle").begun >= gone("top").begun + seconds(30));
    assert!(world.picture().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bootstrap_takes_hardly_longer_than_its_critical_path() {
    let (world, mut toys) = (World::default(), Toys::default());
    let organization = toys.add(toy("organization").takes(2));
    let config = toys.add(toy("config").needs(&[organization]).takes(90));
    let repository = toys.add(toy("repository").within(config).takes(1));
    let image = toys.add(toy("image").within(repository).takes(120));
    let application = toys.add(toy("application").within(config));
    for stage in ["dev", "prod"] {
        let named = |kind: &str| toy(&format!("{kind} {stage}"));
        let account = toys.add(named("account").needs(&[organization]).takes(90));
        let environment = toys.add(named("environment").within(application));
        let first = toys.add(named("deployment").within(environment).takes(60));
        let reader = toys.add(named("reader").within(config).needs(&[environment]).takes(10));
        let role = toys.add(named("role").within(account).needs(&[reader]).takes(10));
        let service = named("service").within(account);
        toys.add(service.needs(&[role, image, first]).takes(300));
    }
    let begun = tokio::time::Instant::now();
    let done = reconcile(&toys, &world).await;
    assert_eq!(done.exit_status(), 0);
    // organization, config, repository, image, service: each a look, a call, its time, a look.
    let asked = (READ + WRITE + READ) * 5;
    let path = asked + seconds(2 + 90 + 1 + 120 + 300);
    let ratio = begun.elapsed().as_secs_f64() / path.as_secs_f64();
    assert!((1.0..=1.05).contains(&ratio), "{ratio} × the critical path");
}

#[tokio::test(start_paused = true)]
async fn siblings_are_made_at_once() {
    let (world, mut toys) = (World::default(), Toys::default());
    for index in 0..50 {
        toys.add(toy(&index.to_string()).takes(100));
    }
    let begun = tokio::time::Instant::now();
    reconcile(&toys, &world).await;
    assert!(begun.elapsed() < seconds(112), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_never_wider_than_it_is_and_never_idle() {
    let (world, mut toys) = (World::default(), Toys::default());
    for index in 0..20 {
        let lane = Some(Lane::new("accounts", 5));
        toys.add(Toy { lane, ..toy(&format!("{index}")).takes(60) });
    }
    let begun = tokio::time::Instant::now();
    let done = reconcile(&toys, &world).await;
    assert_eq!(done.count(|outcome| outcome.stands()), 20);
    assert_eq!(most_at_once(&world, seconds(60)), 5);
    assert!(begun.elapsed() < seconds(4 * 68), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn each_place_has_its_own_lane() {
    let (world, mut toys) = (World::default(), Toys::default());
    let places = [toys.add(toy("a")), toys.add(toy("b"))];
    for index in 0..6 {
        let place = places[index % 2];
        let lane = Some(Lane::new("deployment", 1).of(place.node()));
        toys.add(Toy { lane, ..toy(&format!("deployment {index}")).within(place).takes(20) });
    }
    reconcile(&toys, &world).await;
    world.calls.borrow_mut().retain(|call| call.name.starts_with("deployment"));
    assert_eq!(most_at_once(&world, seconds(20)), 2);
}

/// How many creations were under way at once, each for `takes` after its call.
fn most_at_once(world: &World, takes: std::time::Duration) -> usize {
    let calls = world.calls.borrow();
    let created: Vec<_> = calls.iter().filter(|call| call.verb == "create").collect();
    let during = |at| created.iter().filter(|call| call.begun <= at && at < call.begun + takes).count();
    created.iter().map(|call| during(call.begun)).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_entries_are_walked_in_no_time() {
    let (world, mut toys) = (World::default(), Toys::default());
    let mut keys: Vec<Key<Toy>> = Vec::new();
    for index in 0..1000 {
        let needs: Vec<_> = keys.iter().rev().step_by(7).take(3).copied().collect();
        keys.push(toys.add(toy(&index.to_string()).needs(&needs)));
    }
    reconcile(&toys, &world).await;
    world.forget_calls();
    let begun = std::time::Instant::now();
    let done = reconcile(&toys, &world).await;
    let took = begun.elapsed();
    assert_eq!(done.count(|outcome| matches!(outcome, crate::report::Outcome::Same)), 1000);
    assert!(took.as_millis() < 2000, "{took:?}");
}
