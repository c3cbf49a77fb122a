//! What looking tells, and what reconciling makes of it.

use super::toys::*;
use crate::engine::{self, Options};
use crate::graph::Input;
use crate::report::{Act, Judgement, Outcome};

fn pair(toys: &mut Toys) {
    let base = toys.add(toy("base"));
    toys.add(toy("top").needs(&[base]));
}

async fn settled() -> (World, Toys) {
    let (world, mut toys) = (World::default(), Toys::default());
    pair(&mut toys);
    reconcile(&toys, &world).await;
    world.forget_calls();
    (world, toys)
}

#[tokio::test(start_paused = true)]
async fn in_an_empty_world_everything_is_to_be_created_and_nothing_is_written() {
    let (world, mut toys) = (World::default(), Toys::default());
    let base = toys.add(toy("base"));
    toys.add(toy("top").needs(&[base]));
    toys.add(toy("inside").within(base));
    let plan = look(&toys, &world).await;
    assert!(matches!(judgement(&plan, "base"), Judgement::Create));
    assert!(matches!(judgement(&plan, "top"), Judgement::Create));
    assert!(matches!(judgement(&plan, "inside"), Judgement::After(label) if label.name == "base"));
    assert!(world.writes().is_empty());
    assert_eq!((plan.exit_status(false), plan.exit_status(true)), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_second_run_writes_nothing() {
    let (world, toys) = settled().await;
    let plan = look(&toys, &world).await;
    assert!(plan.is_settled() && plan.exit_status(true) == 0);
    let done = reconcile(&toys, &world).await;
    assert_eq!(told(&done), ["base Same", "top Same"]);
    assert!(world.writes().is_empty());
    assert_eq!(world.calls.borrow().len(), 4, "one read for each look");
}

#[tokio::test(start_paused = true)]
async fn only_the_drift_is_repaired() {
    let (world, toys) = settled().await;
    world.drift("top", |thing| thing.owned.colour = "blue".to_owned());
    let plan = look(&toys, &world).await;
    let Judgement::Change(found) = judgement(&plan, "top") else { panic!("{:?}", told(&plan)) };
    assert_eq!(found[0].to_string(), "colour: \"blue\" → \"red\"");
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "base"), Outcome::Same));
    assert!(matches!(outcome(&done, "top"), Outcome::Did(Act::Change(_))));
    assert_eq!(world.writes(), ["change top"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_by_hand_is_made_again_and_its_new_id_passed_on() {
    let (world, toys) = settled().await;
    world.lose("base");
    let plan = look(&toys, &world).await;
    assert!(matches!(judgement(&plan, "base"), Judgement::Create));
    assert!(matches!(judgement(&plan, "top"), Judgement::After(label) if label.name == "base"));
    reconcile(&toys, &world).await;
    assert_eq!(world.writes(), ["create base", "change top"]);
    assert_eq!(world.now("top").unwrap().owned.ids, [world.now("base").unwrap().id]);
}

#[tokio::test(start_paused = true)]
async fn what_is_foreign_is_shown_never_touched_and_stops_who_needs_it() {
    let (world, mut toys) = (World::default(), Toys::default());
    world.someone_makes("base");
    pair(&mut toys);
    toys.add(toy("sibling"));
    let plan = look(&toys, &world).await;
    assert!(matches!(judgement(&plan, "base"), Judgement::Foreign));
    assert_eq!(plan.exit_status(true), 1);
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "base"), Outcome::Foreign));
    assert!(matches!(outcome(&done, "top"), Outcome::Skipped(cause) if cause.name == "base"));
    assert_eq!((world.writes(), done.exit_status()), (vec!["create sibling".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn adoption_takes_one_over_and_makes_it_as_declared() {
    let (world, mut toys) = (World::default(), Toys::default());
    world.someone_makes("base");
    pair(&mut toys);
    let options = Options { adopt: vec!["toy/base".to_owned()], ..Options::default() };
    let plan = engine::look(&toys, &world, &options).await.unwrap();
    assert!(matches!(judgement(&plan, "base"), Judgement::Adopt(found) if found.len() == 1));
    let done = engine::reconcile(&toys, &world, &options).await.unwrap();
    assert!(matches!(outcome(&done, "base"), Outcome::Did(Act::Adopt)));
    let base = world.now("base").unwrap();
    assert!(base.ours && base.owned.colour == "red");
    assert_eq!(world.writes(), ["change base", "create top"]);
}

#[tokio::test(start_paused = true)]
async fn to_adopt_what_nobody_declares_is_refused() {
    let (world, mut toys) = (World::default(), Toys::default());
    pair(&mut toys);
    let options = Options { adopt: vec!["toy/bas".to_owned()], ..Options::default() };
    let error = engine::reconcile(&toys, &world, &options).await.err().unwrap();
    assert!(error.to_string().contains("nothing wanted is called `toy/bas`"), "{error}");
    assert!(world.calls.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_shared_is_used_as_found() {
    let (world, mut toys) = (World::default(), Toys::default());
    world.someone_makes("base");
    let base = toys.add(Toy { shared: true, ..toy("base") });
    toys.add(toy("inside").within(base).needs(&[base]));
    assert_eq!(told(&reconcile(&toys, &world).await), ["base Same", "inside Did(Create)"]);
    assert_eq!(world.writes(), ["create inside"]);
}

#[tokio::test(start_paused = true)]
async fn what_only_a_new_one_could_have_is_shown_and_refused() {
    let (world, toys) = settled().await;
    world.drift("base", |thing| thing.owned.size = 2);
    assert!(matches!(judgement(&look(&toys, &world).await, "base"), Judgement::Replace(_)));
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "base"), Outcome::Replace(_)));
    assert!(matches!(outcome(&done, "top"), Outcome::Skipped(_)));
    assert!(world.writes().is_empty() && done.exit_status() == 1);
}

#[tokio::test(start_paused = true)]
async fn one_failure_stops_what_needs_it_and_not_its_siblings() {
    let (world, mut toys) = (World::default(), Toys::default());
    pair(&mut toys);
    let other = toys.add(toy("other"));
    toys.add(toy("side").needs(&[other]));
    world.fail("create", "base", Fault::Error, 1);
    let done = reconcile(&toys, &world).await;
    let Outcome::Failed(failure) = outcome(&done, "base") else { panic!("{:?}", told(&done)) };
    assert_eq!(failure.to_string(), "create toy `base`: no more base");
    assert!(matches!(outcome(&done, "top"), Outcome::Skipped(cause) if cause.name == "base"));
    assert!(matches!(outcome(&done, "side"), Outcome::Did(Act::Create)));
    assert_eq!(done.exit_status(), 1);
    assert_eq!(reconcile(&toys, &world).await.exit_status(), 0, "running again is the recovery");
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_seen_is_never_taken_for_absent() {
    let (world, mut toys) = (World::default(), Toys::default());
    let account = toys.add(toy("account"));
    toys.add(toy("inside").within(account));
    world.fail("read", "account", Fault::NotVisible, 2);
    let plan = look(&toys, &world).await;
    assert!(matches!(judgement(&plan, "account"), Judgement::NotVisible(_)));
    assert!(matches!(judgement(&plan, "inside"), Judgement::NotVisible(_)));
    assert_eq!(plan.exit_status(false), 1);
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "account"), Outcome::NotVisible(_)));
    assert!(matches!(outcome(&done, "inside"), Outcome::Skipped(_)));
    assert!(world.writes().is_empty() && done.exit_status() == 1);
}

#[tokio::test(start_paused = true)]
async fn looking_may_know_the_place_only() {
    let (world, mut toys) = (World::default(), Toys::default());
    let base = toys.add(toy("base"));
    let top = toys.add(Toy { curious: true, ..toy("top").needs(&[base]) });
    toys.add(Toy { curious: true, ..toy("inside").within(top).needs(&[top]) });
    reconcile(&toys, &world).await;
    let plan = look(&toys, &world).await;
    let Judgement::Failed(failure) = judgement(&plan, "top") else { panic!("{:?}", told(&plan)) };
    assert_eq!(
        failure.to_string(),
        "look at toy `top`: bug: toy `top` asks here for toy `base`, which is not its place"
    );
}

#[tokio::test(start_paused = true)]
async fn a_label_is_declared_once() {
    let (world, mut toys) = (World::default(), Toys::default());
    pair(&mut toys);
    toys.add(toy("base"));
    let error = engine::look(&toys, &world, &Options::default()).await.err().unwrap();
    assert_eq!(error.to_string(), "declare the environment: toy `base` is declared twice");
}

#[tokio::test(start_paused = true)]
async fn needs_are_found_in_keys_and_in_inputs_however_deep() {
    let mut toys = Toys::default();
    let [a, b, c] = ["a", "b", "c"].map(|name| toys.add(toy(name)));
    let both = a.learns(|learned| learned.id).and(b.learns(|learned| learned.id));
    let ids = both.and_then(|(one, other)| Ok(vec![one, other]));
    let top = toys.add(Toy { ids: ids.clone(), ..toy("top").within(c) });
    let needs: Vec<_> = toys.shape.needs(top.node()).collect();
    assert_eq!(needs, [a.node(), b.node(), c.node()]);
    let plain = toys.add(Toy { ids: Input::from(vec![1]), ..toy("plain") });
    assert_eq!(toys.shape.needs(plain.node()).count(), 0);
    let world = World::default();
    reconcile(&toys, &world).await;
    let id = |name| world.now(name).unwrap().id;
    assert_eq!(world.now("top").unwrap().owned.ids, [id("a"), id("b")]);
}
