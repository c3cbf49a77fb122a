//! What is no longer wanted.

use super::toys::*;
use crate::report::{Act, Judgement, Outcome};

fn stage(toys: &mut Toys) {
    let account = toys.add(Toy { keep: true, ..toy("account") });
    let role = toys.add(toy("role").within(account));
    toys.add(toy("service").within(account).needs(&[role]).goes(60));
}

async fn with_stage() -> World {
    let (world, mut toys) = (World::default(), Toys::default());
    stage(&mut toys);
    reconcile(&toys, &world).await;
    world.forget_calls();
    world
}

fn retired() -> Toys {
    let mut toys = Toys::default();
    toys.retire(stage);
    toys
}

#[tokio::test(start_paused = true)]
async fn a_retired_stage_goes_but_for_what_is_kept() {
    let world = with_stage().await;
    let plan = look(&retired(), &world).await;
    assert_eq!(told(&plan), ["account Kept(\"toys are kept\")", "role Delete", "service Delete"]);
    assert!(world.writes().is_empty());
    let done = reconcile(&retired(), &world).await;
    assert_eq!(told(&done), ["account Kept(\"toys are kept\")", "role Did(Delete)", "service Did(Delete)"]);
    assert_eq!(
        (world.writes(), done.exit_status()),
        (vec!["delete service".into(), "delete role".into()], 0)
    );
    let again = reconcile(&retired(), &world).await;
    assert_eq!(told(&again), ["account Kept(\"toys are kept\")", "role Absent", "service Absent"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_both_wanted_and_retired_is_wanted() {
    let world = with_stage().await;
    let (mut before, mut after) = (Toys::default(), Toys::default());
    before.retire(stage);
    stage(&mut before);
    stage(&mut after);
    after.retire(stage);
    for toys in [before, after] {
        assert_eq!(told(&reconcile(&toys, &world).await), ["account Same", "role Same", "service Same"]);
    }
    assert!(world.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_wants_is_spared_and_the_rest_goes() {
    let world = with_stage().await;
    let (mut wanted, mut toys) = (Toys::default(), Toys::default());
    let account = wanted.add(Toy { keep: true, ..toy("account") });
    wanted.add(toy("role").within(account));
    toys.spare(&wanted);
    toys.retire(stage);
    let done = reconcile(&toys, &world).await;
    assert_eq!(told(&done), ["account Same", "role Same", "service Did(Delete)"]);
    assert_eq!(world.writes(), ["delete service"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_when_something_wanted_does_not_stand() {
    let world = with_stage().await;
    let mut toys = retired();
    toys.add(toy("new"));
    world.fail("create", "new", Fault::Error, 1);
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "service"), Outcome::Skipped(cause) if cause.name == "new"));
    assert_eq!(world.writes(), ["create new"]);
    world.forget_calls();
    let done = reconcile(&toys, &world).await;
    assert_eq!(world.writes(), ["create new", "delete service", "delete role"]);
    assert_eq!(done.exit_status(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_retired_inside_what_is_wanted_goes() {
    let world = with_stage().await;
    let mut toys = Toys::default();
    let account = toys.add(Toy { keep: true, ..toy("account") });
    toys.retire(|toys| toys.add(toy("service").within(account)));
    let done = reconcile(&toys, &world).await;
    assert_eq!(told(&done), ["account Same", "service Did(Delete)"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_retired_inside_what_is_not_there_is_not_there() {
    let (world, mut toys) = (World::default(), Toys::default());
    toys.retire(stage);
    assert_eq!(told(&look(&toys, &world).await), ["account Absent", "role Absent", "service Absent"]);
    assert_eq!(told(&reconcile(&toys, &world).await), ["account Absent", "role Absent", "service Absent"]);
    assert!(world.calls.borrow().iter().all(|call| call.name == "account"));
}

#[tokio::test(start_paused = true)]
async fn what_lost_its_need_by_hand_can_still_be_removed() {
    let world = with_stage().await;
    world.lose("role");
    let done = reconcile(&retired(), &world).await;
    assert!(matches!(outcome(&done, "service"), Outcome::Did(Act::Delete)));
    assert!(matches!(outcome(&done, "role"), Outcome::Absent));
}

#[tokio::test(start_paused = true)]
async fn what_is_foreign_survives_a_teardown_and_is_no_failure() {
    let (world, mut toys) = (World::default(), Toys::default());
    world.someone_makes("role");
    toys.retire(|toys| {
        let role = toys.add(toy("role"));
        toys.add(toy("service").needs(&[role]));
    });
    let done = reconcile(&toys, &world).await;
    assert_eq!((told(&done), done.exit_status()), (vec!["role Foreign".into(), "service Absent".into()], 0));
    assert!(world.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_holds_something_that_stays_is_kept_and_says_so() {
    let (world, mut toys) = (World::default(), Toys::default());
    let declare = |toys: &mut Toys| {
        let unit = toys.add(toy("unit"));
        toys.add(Toy { keep: true, ..toy("account").within(unit) })
    };
    declare(&mut toys);
    reconcile(&toys, &world).await;
    let mut none = Toys::default();
    none.retire(declare);
    let expected = "unit Kept(\"toy `account` in toy `unit` is kept\")";
    assert_eq!(told(&look(&none, &world).await)[0], expected);
    assert_eq!(told(&reconcile(&none, &world).await)[0], expected);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_keeps_what_it_needs_and_nothing_else() {
    let world = with_stage().await;
    world.fail("delete", "service", Fault::Error, 1);
    let mut toys = retired();
    toys.retire(|toys| toys.add(toy("other")));
    world.someone_makes("other");
    world.drift("other", |thing| thing.ours = true);
    let done = reconcile(&toys, &world).await;
    assert!(matches!(outcome(&done, "service"), Outcome::Failed(_)));
    assert!(matches!(outcome(&done, "role"), Outcome::Skipped(cause) if cause.name == "service"));
    assert!(matches!(outcome(&done, "other"), Outcome::Did(Act::Delete)));
    assert_eq!(done.exit_status(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_already_going_is_awaited_and_not_deleted_again() {
    let world = with_stage().await;
    let now = tokio::time::Instant::now();
    world.drift("service", |thing| thing.gone = Some(now + seconds(40)));
    assert!(matches!(judgement(&look(&retired(), &world).await, "service"), Judgement::Going(_)));
    let done = reconcile(&retired(), &world).await;
    assert!(matches!(outcome(&done, "service"), Outcome::Absent));
    assert_eq!(world.writes(), ["delete role"]);
}

#[tokio::test(start_paused = true)]
async fn to_need_what_is_retired_is_a_fault() {
    let mut toys = Toys::default();
    let role = toys.retire(|toys| toys.add(toy("role")));
    toys.add(toy("service").needs(&[role]));
    let error = toys.check(&[]).unwrap_err().to_string();
    assert!(error.contains("toy `service` is wanted and needs toy `role`, which is retired"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_used_is_never_changed_and_what_is_retired_in_it_goes() {
    let world = with_stage().await;
    world.drift("account", |thing| thing.owned.colour = "blue".to_owned());
    let mut toys = Toys::default();
    toys.using(|toys| toys.add(toy("account")));
    toys.using(|toys| toys.add(toy("never made")));
    toys.retire(stage);
    let done = reconcile(&toys, &world).await;
    assert_eq!(told(&done), ["account Same", "never made Absent", "role Did(Delete)", "service Did(Delete)"]);
    assert_eq!(
        (world.writes(), done.exit_status()),
        (vec!["delete service".into(), "delete role".into()], 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_used_inside_what_is_wanted_is_looked_at_when_that_stands() {
    let world = with_stage().await;
    let mut toys = Toys::default();
    let account = toys.add(Toy { keep: true, ..toy("account") });
    let role = toys.using(|toys| toys.add(toy("role").within(account)));
    toys.retire(|toys| toys.add(toy("service").within(account).needs(&[role]).goes(60)));
    let done = reconcile(&toys, &world).await;
    assert_eq!(told(&done), ["account Same", "role Same", "service Did(Delete)"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_used_and_not_there_or_not_ours_holds_nothing_of_ours() {
    let (world, mut toys) = (World::default(), Toys::default());
    world.someone_makes("theirs");
    for name in ["theirs", "nowhere"] {
        let place = toys.using(|toys| toys.add(toy(name)));
        toys.retire(|toys| toys.add(toy(&format!("in {name}")).within(place)));
    }
    let expected = ["theirs Foreign", "in theirs Foreign", "nowhere Absent", "in nowhere Absent"];
    assert_eq!(told(&look(&toys, &world).await), expected);
    assert_eq!(told(&reconcile(&toys, &world).await), expected);
    assert!(world.writes().is_empty());
}
