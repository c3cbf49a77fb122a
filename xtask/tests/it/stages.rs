//! Stages come and go: an account added later, one that exists already, a stage that is no longer in the file.

use crate::hand::Hand;
use crate::world::{self, FOOTHOLD, get, writes_of};
use sandbox::services::identity;

const TESTING: &str = "[[stage]]\nname = \"testing\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_stages_own_variables_reach_the_app_and_go_again() {
    let world = world::start().await;
    let dev = "account = \"dev\"\n";
    world.write(
        "foothold.toml",
        &FOOTHOLD.replace(dev, &format!("{dev}environment = [\"EXPOSE=metrics\"]\n")),
    );
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    assert!(get(&format!("{url}/metrics")).await.1.contains("# TYPE "));
    world.xtask(&["plan", "--check"]).await.good();

    world.write("foothold.toml", FOOTHOLD);
    let plan = world.xtask(&["plan", "--check"]).await;
    assert_eq!(plan.status, 3, "{plan:?}");
    plan.says("EXPOSE");
    world.xtask(&["bootstrap", "--yes"]).await.good();
    assert_eq!(get(&format!("{url}/metrics")).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_looked_for_is_not_said_to_be_gone() {
    let world = world::start().await;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.write("foothold.toml", &FOOTHOLD.replace(TESTING, ""));
    let orphans = ["teardown", "--orphans", "--confirm", "ListServices"];
    world.sandbox.add_fault(sandbox::faults::Rule {
        service: Some("appconfig".to_owned()),
        operation: Some("ListApplications".to_owned()),
        kind: sandbox::faults::Kind::Error,
        ..world::denied()
    });
    let ended = world.xtask(&orphans).await;
    assert_eq!(ended.status, 1, "{ended:?}");
    ended.says("look for what foothold.toml no longer declares");
    let plan = world.xtask(&["plan"]).await;
    plan.says("What is no longer in foothold.toml and still there cannot be seen");
    world.sandbox.clear_faults();
    world.xtask(&orphans).await.good().says("environment `testing` in application `ListServices`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_gets_its_account_later_and_leaves_again_when_it_is_told_to() {
    let world = world::start().await;
    let dev = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let with_account = FOOTHOLD.replace(TESTING, &format!("{TESTING}account = \"test\"\n"));
    world.write("foothold.toml", &with_account);
    let refused = world.xtask(&["plan"]).await;
    assert_eq!(refused.status, 0, "{refused:?}");
    refused.says("Account test").says("after account `test`");
    let (added, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    let test = added.good().stderr.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("testing")).then(|| words.next().map(str::to_owned))?
    });
    let test = test.expect("the URL of testing");
    assert!(!writes_of(&requests).iter().any(|it| it.starts_with("Update") || it.starts_with("Delete")));
    assert!(get(&test).await.1.contains("\"stage\":\"testing\""));

    // Removed from the file, it is shown and goes on running, until its removal is asked for.
    world.write("foothold.toml", &FOOTHOLD.replace(TESTING, ""));
    let plan = world.xtask(&["plan", "--check"]).await.good();
    plan.says("No longer in foothold.toml").says("- service ListServices").says("Account test");
    world.xtask(&["status"]).await.good().says("No longer in foothold.toml");
    let (second, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    let second =
        second.good().says("No longer in foothold.toml; `cargo xtask teardown --orphans` deletes it");
    second.says("- service ListServices").says("until then it costs about 34 USD a month:");
    assert_eq!(writes_of(&requests), [] as [&str; 0]);
    assert_eq!(get(&test).await.0, 200);

    let unsure = world.xtask(&["teardown", "--orphans", "--yes"]).await;
    assert_eq!(unsure.status, 1);
    unsure.says("pass --confirm ListServices");
    let gone = world.xtask(&["teardown", "--orphans", "--confirm", "ListServices"]).await.good();
    let gone = gone.says("Nothing that foothold.toml no longer declares is left but\n  account `test`: ");
    assert!(!gone.stderr.contains("accounts but"), "{}", gone.stderr);
    assert_ne!(get(&test).await.0, 200);
    assert_eq!(get(&dev).await.0, 200);
    let plan = world.xtask(&["plan", "--check"]).await.good();
    assert!(!plan.stdout.contains("No longer in foothold.toml"), "{}", plan.stdout);
    let left = aws_sdk_iam::Client::new(&Hand::of(&world).await.within("listservices-test").await);
    let left = left.list_roles().path_prefix("/foothold/").send().await.expect("a list");
    assert!(left.roles().is_empty(), "{left:?}");
    // What left the file has left an account, in which something could be left, too.
    world
        .xtask(&["teardown", "--yes"])
        .await
        .good()
        .says("Nothing of ListServices is left in 3 accounts but");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_gives_its_account_back_keeps_its_configuration() {
    let world = world::start().await;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    identity::switch(&mut world.sandbox.world(), true);
    let with_account = FOOTHOLD.replace(TESTING, &format!("{TESTING}account = \"test\"\n"));
    for end in [&["teardown", "--orphans"][..], &["bootstrap", "--prune", "--yes"]] {
        world.write("foothold.toml", &with_account);
        world.xtask(&["bootstrap", "--yes"]).await.good();
        world.write("foothold.toml", FOOTHOLD);
        let before = world.snapshot()["appconfig"].clone();

        let plan = world.xtask(&["plan"]).await.good().stdout;
        let (_, orphans) = plan.split_once("No longer in foothold.toml").expect("orphans");
        for gone in ["- service ListServices", "- role AppConfigListServicesAccessRole-testing"] {
            assert!(orphans.contains(gone), "{orphans}");
        }
        for kept in ["environment testing", "configuration first", "config-testing", "config-development"] {
            assert!(!orphans.contains(kept), "{orphans}");
        }

        world.xtask(&[end, &["--confirm", "ListServices"]].concat()).await.good();
        assert_eq!(world.snapshot()["appconfig"], before);
        world.xtask(&["config", "history", "--stage", "testing"]).await.good().says("complete");
        world.xtask(&["plan", "--check"]).await.good();
    }
    // With everything else it goes, too.
    world.write("foothold.toml", &with_account);
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.write("foothold.toml", FOOTHOLD);
    world.xtask(&["teardown", "--yes"]).await.good().says("Nothing of ListServices is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_the_file_is_pruned_by_the_bootstrap_that_is_told_to() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    world.write(
        "foothold.toml",
        &FOOTHOLD.replace("development", "integration").replace("\"dev\"", "\"int\""),
    );
    world.write("app/config/integration.json", &world.read("app/config/development.json"));
    let pruned = world.xtask(&["bootstrap", "--prune", "--yes", "--confirm", "ListServices"]).await.good();
    pruned.says("service `ListServices` in account `dev`: deleted");
    assert_ne!(get(&url).await.0, 200);
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stage_is_torn_down_and_the_rest_is_not_touched() {
    let world = world::start().await;
    let with_account = FOOTHOLD.replace(TESTING, &format!("{TESTING}account = \"test\"\n"));
    world.write("foothold.toml", &with_account);
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    // A drift elsewhere is not the business of a teardown.
    let logs = aws_sdk_cloudwatchlogs::Client::new(&Hand::of(&world).await.within("listservices-dev").await);
    let request = logs.put_retention_policy().log_group_name("/foothold/ListServices/development");
    request.retention_in_days(1).send().await.expect("a drift");
    let (gone, requests) = world.requests_of(world.xtask(&["teardown", "--stage", "testing", "--yes"])).await;
    gone.good().says("Nothing of stage testing of ListServices is left but\n");
    let other: Vec<&str> = writes_of(&requests)
        .into_iter()
        .filter(|it| !["Delete", "Detach", "BatchDelete"].iter().any(|verb| it.starts_with(verb)))
        // Its environment's deployments stay in AppConfig's memory: that they are past is told by a tag.
        .filter(|it| *it != "TagResource")
        .collect();
    assert_eq!(other, [] as [&str; 0]);
    assert_eq!(get(&url).await.0, 200);
    world.xtask(&["plan"]).await.good().says("~ log group /foothold/ListServices/development");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_stage_without_an_account_goes_by_its_name_or_with_the_whole() {
    let world = world::start().await;
    let production = "[[stage]]\nname = \"production\"\nprotected = true\n";
    world.write("foothold.toml", &FOOTHOLD.replace("account = \"dev\"\n", production));
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let teardown = ["teardown", "--stage", "production", "--yes"];
    let (refused, requests) = world.requests_of(world.xtask(&teardown)).await;
    assert_eq!(refused.status, 1, "{refused:?}");
    refused.says("pass --confirm production");
    assert_eq!(writes_of(&requests), [] as [&str; 0]);
    world.xtask(&[&teardown[..], &["--confirm", "production"]].concat()).await.good();
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.xtask(&["teardown", "--yes"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_exist_are_used_and_stay_as_they_are() {
    let world = world::start().await;
    let hand = Hand::of(&world).await;
    let organizations = aws_sdk_organizations::Client::new(&hand.admin);
    organizations.create_organization().send().await.expect("an organization");
    world.sandbox.advance(7200.0);
    for name in ["central", "one"] {
        let request = organizations.create_account().account_name(name).email(format!("{name}@example.org"));
        request.send().await.expect("an account");
        world.sandbox.advance(3600.0);
    }
    let (central, one) = (hand.account("central").await, hand.account("one").await);
    let before = world.snapshot()["organizations"].clone();
    world.write(
        "foothold.toml",
        &format!(
            "name = \"ListServices\"\nregion = \"eu-west-1\"\norganization = false\n\n[config]\naccount_id = \
             \"{central}\"\n\n[[stage]]\nname = \"development\"\naccount_id = \"{one}\"\n"
        ),
    );
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    assert_eq!(get(&url).await.0, 200);
    world.xtask(&["teardown", "--yes", "--close-accounts"]).await.good();
    assert_eq!(world.snapshot()["organizations"], before);
    world.xtask(&["plan"]).await.good().says("to create");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_changes_its_platform_goes_on_running_on_the_old_one_until_told_otherwise() {
    let world = world::start_with(|options| {
        options.settings.app_runner_customers = vec!["aws+listservices-dev@example.com".to_owned()];
    })
    .await;
    world.write("foothold.toml", &FOOTHOLD.replace("[config]", "platform = \"app-runner\"\n\n[config]"));
    let old = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    world.write("foothold.toml", FOOTHOLD);
    let new = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    assert_ne!(old, new);
    assert_eq!((get(&old).await.0, get(&new).await.0), (200, 200));
    let plan = world.xtask(&["plan", "--check"]).await.good();
    let plan = plan.says("No longer in foothold.toml").says("- App Runner service ListServices");
    assert!(!plan.stdout.contains("- configuration"), "{}", plan.stdout);

    world.xtask(&["teardown", "--orphans", "--confirm", "ListServices"]).await.good();
    assert_ne!(get(&old).await.0, 200);
    assert_eq!(get(&new).await.0, 200);
    let plan = world.xtask(&["plan", "--check"]).await.good();
    assert!(!plan.stdout.contains("No longer in foothold.toml"), "{}", plan.stdout);
    world.xtask(&["teardown", "--yes"]).await.good();
    world.xtask(&["plan"]).await.good().says("to create");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_organization_and_without_stages_that_run_the_center_stands() {
    let world = world::start().await;
    world.write(
        "foothold.toml",
        "name = \"ListServices\"\nregion = \"eu-west-1\"\norganization = false\n\n[config]\naccount_id = \
         \"999999999999\"\n\n[[stage]]\nname = \"development\"\n",
    );
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.xtask(&["bootstrap", "--yes"]).await.good().says("unchanged");
    world.xtask(&["teardown", "--yes"]).await.good();
}
