//! Two at once, from two checkouts of one person's, who has one home, or of two people's: one environment, nothing
//! twice, and both end with the truth.

use std::time::Duration;

use crate::deploy::{deploy, program, runs};
use crate::world::{self, Ended, World};
use sandbox::snapshot;
use serde_json::Value;

const BOOTSTRAP: [&str; 2] = ["bootstrap", "--yes"];

/// Nothing of AppConfig, whose names are not unique, is there twice; and nothing is left to do.
pub(crate) async fn one_environment(world: &World) {
    world.xtask(&["plan", "--check"]).await.good();
    let alike = snapshot::alike(&world.snapshot());
    let place = alike["appconfig"].as_object().expect("AppConfig").values().next().expect("a place");
    let names = |things: &Value| things.as_object().expect("things").keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&place["applications"]), ["<ListServices>"]);
    let application = &place["applications"]["<ListServices>"];
    assert_eq!(names(&application["environments"]), ["<development>", "<testing>"]);
    assert_eq!(names(&application["profiles"]), ["<ListServicesAppConfigConfigProfile>"]);
    assert_eq!(names(&place["strategies"]), ["<ListServicesQuick>"]);
    let versions = &application["profiles"]["<ListServicesAppConfigConfigProfile>"]["versions"];
    assert_eq!(versions.as_array().map(Vec::len), Some(1), "{versions}");
    assert!(!alike.to_string().contains("foothold:new"), "{alike:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bootstraps_make_one_environment() {
    let world = world::start().await;
    let another = world.another();
    let (first, second) = tokio::join!(world.xtask(&BOOTSTRAP), another.xtask(&BOOTSTRAP));
    first.good().says("ListServices runs.");
    second.good().says("ListServices runs.");
    one_environment(&world).await;
    one_environment(&another).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_deploys_end_with_one_image_and_both_say_which() {
    let world = world::start().await;
    let another = world.elsewhere();
    let url = world.xtask(&BOOTSTRAP).await.good().url();
    let before = runs(&url).await;
    let one = program(&world, "one", |bytes| bytes.push(1));
    let two = program(&another, "two", |bytes| bytes.push(2));
    let (first, second) = tokio::join!(deploy(&world, &one, &[]), deploy(&another, &two, &[]));
    let after = runs(&url).await;
    assert_ne!(before, after, "{first:#?}\n{second:#?}");
    // Whoever got there says so, and whoever did not says why.
    let live = |ended: &Ended| ended.status == 0 && ended.stderr.contains("Live in ");
    assert!(live(&first) || live(&second), "{first:#?}\n{second:#?}");
    for ended in [first, second].into_iter().filter(|ended| !live(ended)) {
        assert_eq!(ended.status, 1, "{ended:#?}");
        ended.says("cargo xtask status");
    }
    world.xtask(&["plan", "--check"]).await.good();
}

/// Each did it all, or says what it did not.
fn ended_well(all: &[Ended]) {
    for ended in all {
        assert!([0, 1].contains(&ended.status), "{ended:#?}");
        assert!(ended.status == 0 || ended.stderr.contains("failed to "), "{ended:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_and_a_teardown_end_and_either_can_be_run_again() {
    let world = world::start().await;
    let another = world.elsewhere();
    world.xtask(&BOOTSTRAP).await.good();
    let (made, gone) = tokio::join!(world.xtask(&BOOTSTRAP), another.xtask(&["teardown", "--yes"]));
    ended_well(&[made, gone]);
    world.xtask(&BOOTSTRAP).await.good();
    one_environment(&world).await;
    another.xtask(&["teardown", "--yes"]).await.good().says("is left in 2 accounts but");
}

/// The teardown begins when there is something: before that it would only see that there is nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_from_nothing_and_a_teardown_end_and_a_rerun_makes_one_environment() {
    let world = world::start().await;
    let another = world.elsewhere();
    let accounts = || world.sandbox.world().organizations.accounts.len();
    let teardown = async {
        while accounts() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        another.xtask(&["teardown", "--yes"]).await
    };
    let (made, gone) = tokio::join!(world.xtask(&BOOTSTRAP), teardown);
    ended_well(&[made, gone]);
    world.xtask(&BOOTSTRAP).await.good();
    one_environment(&world).await;
    another.xtask(&BOOTSTRAP).await.good();
    one_environment(&another).await;
}
