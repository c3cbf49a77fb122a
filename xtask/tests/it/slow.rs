//! An AWS that takes its time: it is waited for visibly and not for ever, and the next run goes on from there.

use crate::deploy::{deploy, program, runs};
use crate::together::one_environment;
use crate::world::{self, Ended, World, denied};
use sandbox::faults::{Kind, Rule};
use std::process::Command;

/// Waits a moment for what AWS may take half an hour for.
const IMPATIENT: &str = "0.0005";

async fn ended(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
    Ended::of(output.expect("run xtask"))
}

async fn impatient(world: &World, arguments: &[&str]) -> Ended {
    let mut command = world.admins(arguments);
    command.env("FOOTHOLD_PATIENCE", IMPATIENT);
    ended(command).await
}

/// Nothing of AWS's goes on by itself.
fn stand_still(world: &World) {
    world.sandbox.world().clock.scale = 1e-6;
}

/// Everything goes on, and what was begun while nothing did is over.
fn go_on(world: &World) {
    world.sandbox.world().clock.scale = 600.0;
    world.sandbox.advance(1e10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lists_and_roles_show_a_minute_late_is_made_once_and_gone_at_the_end() {
    let world = world::start_with(|options| {
        options.scale = 200.0;
        (options.settings.consistency, options.settings.iam_propagation) = (60.0, 60.0);
    })
    .await;
    let made = world.xtask(&["bootstrap", "--yes"]).await.good();
    made.says("repository `listservices` in account `config`: not seen yet").says("ListServices runs.");
    world.sandbox.advance(60.0);
    one_environment(&world).await;
    let set = ["config", "set", "intResultLimit=7", "--stage", "development", "--yes"];
    world.xtask(&set).await.good().says("Live in ");
    let other = program(&world, "other", |bytes| bytes.push(0));
    deploy(&world, &other, &[]).await.good().says("Live in ");
    world.sandbox.advance(60.0);
    world.xtask(&["plan", "--check"]).await.good();
    world.xtask(&["teardown", "--yes"]).await.good();
    world.sandbox.advance(60.0);
    world.xtask(&["teardown", "--yes"]).await.good().says("is left in 2 accounts but");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_takes_hours_is_awaited_visibly_and_found_by_the_next_run() {
    let world = world::start_with(|options| options.settings.account_creation = 7e9).await;
    let mut command = world.admins(&["bootstrap", "--yes"]);
    command.env("FOOTHOLD_PATIENCE", "0.002");
    let late = ended(command).await;
    assert_eq!(late.status, 1, "{late:?}");
    let late = late
        .says("account `dev`: AWS is creating it\n")
        .says("account `dev`: AWS is creating it (for 1 s)")
        .says("failed to await account `dev`: gave up after 3 s: AWS is creating it");
    late.says("run the same command again, and it goes on waiting").says("Run `cargo xtask bootstrap` again");
    let told = impatient(&world, &["bootstrap", "--yes", "--json"]).await;
    assert_eq!(told.status, 1, "{told:?}");
    assert!(told.stdout.contains(r#""on":{"world":"AWS is creating it"},"seconds":0"#), "{}", told.stdout);
    told.says(r#"{"remedies":["what was waited for may still come"#);
    world.sandbox.advance(1.2e7);
    world.xtask(&["bootstrap", "--yes"]).await.good().says("ListServices runs.");
    assert_eq!(world.sandbox.requests().iter().filter(|it| it.operation == "CreateAccount").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_out_and_a_configuration_that_hang_are_told_with_what_to_do_and_end_later() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let before = runs(&url).await;
    let other = program(&world, "other", |bytes| bytes.push(0));
    let deploy = ["deploy", "--stage", "development", "--yes", "--binary", other.to_str().expect("a path")];
    stand_still(&world);
    // The second time it is an earlier roll-out that hangs.
    for _ in 0..2 {
        let late = impatient(&world, &deploy).await;
        assert_eq!(late.status, 1, "{late:?}");
        late.says("the roll-out in stage development has not ended after 0 s: deployment")
            .says("`cargo xtask status` shows how far it is, and the same command again waits for it");
    }
    go_on(&world);
    world.xtask(&deploy).await.good();
    assert_ne!(runs(&url).await, before);

    let set = ["config", "set", "intResultLimit=7", "--stage", "development", "--yes"];
    stand_still(&world);
    let late = impatient(&world, &set).await;
    assert_eq!(late.status, 1, "{late:?}");
    let late = late.says("deployment 2 has been at 1 %, deploying, for ");
    late.says("`cargo xtask config rollback --stage development` takes it back");
    impatient(&world, &set).await.says("stage development is busy: deployment 2").says("Pass --wait");
    go_on(&world);
    world.xtask(&set).await.good();
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_listed_before_its_unit_is_told_is_moved_all_the_same() {
    let world = world::start().await;
    let operation = Some("ListParents".to_owned());
    world.sandbox.add_fault(Rule { operation, times: Some(1), kind: Kind::Stale, ..denied() });
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let requests = world.sandbox.requests();
    let refused = |it: &&sandbox::record::Record| it.error.as_deref() == Some("ChildNotFoundException");
    assert_eq!(requests.iter().filter(refused).count(), 1);
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_organization_says_of_too_many_accounts_passes_and_what_a_full_one_says_does_not() {
    let world = world::start_with(|options| {
        options.scale = 600.0;
        options.settings.organization_limited = 1200.0;
    })
    .await;
    let made = world.xtask(&["bootstrap", "--yes"]).await.good();
    made.says("the organization is new, and may take no accounts for up to an hour")
        .says("ListServices runs.");
    one_environment(&world).await;

    let world = world::start_with(|options| options.settings.account_quota = 2).await;
    let failed = world.xtask(&["bootstrap", "--yes"]).await;
    assert_eq!(failed.status, 1, "{failed:?}");
    failed.says("ask for a higher quota of accounts");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_a_new_account_has_not_yet_are_awaited() {
    let world = world::start_with(|options| {
        options.scale = 600.0;
        options.settings.activation = 1800.0;
    })
    .await;
    let made = world.xtask(&["bootstrap", "--yes"]).await.good();
    made.says("SubscriptionRequiredException").says("ListServices runs.");
    one_environment(&world).await;
}

/// Of 12 seconds each: the SDK takes those that end within 10 for ended.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_run_out_in_the_middle_are_renewed() {
    let world = world::start_with(|options| {
        options.scale = 20.0;
        options.settings.longest_session = 12.0;
    })
    .await;
    let begun = std::time::Instant::now();
    let (made, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    made.good();
    let asked = |account: &str| {
        let role = format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole");
        let is_it = |it: &&sandbox::record::Record| {
            it.operation == "AssumeRole" && it.status == 200 && it.input["RoleArn"] == role
        };
        requests.iter().filter(is_it).count()
    };
    let accounts: Vec<String> = world.sandbox.world().organizations.accounts.keys().cloned().collect();
    let renewed = accounts.iter().map(|account| asked(account)).max().unwrap_or_default();
    assert!(renewed > 1, "{renewed} sessions in {:?}", begun.elapsed());
    one_environment(&world).await;
}
