//! A configuration that is changed centrally, watched until the app has it, and taken back.

use crate::world::{self, Ended, FOOTHOLD, World, get, writes_of};
use serde_json::Value;
use std::time::Duration;

/// Two stages that run, the second protected.
async fn two_stages() -> World {
    with_production(world::start().await, "quick").await.0
}

/// A protected stage besides, and where it answers.
async fn with_production(world: World, strategy: &str) -> (World, String) {
    let production = format!(
        "[[stage]]\nname = \"production\"\naccount = \"prod\"\nprotected = true\nstrategy = \"{strategy}\"\n"
    );
    world.write("foothold.toml", &format!("{FOOTHOLD}\n{production}"));
    let told = world.xtask(&["bootstrap", "--yes"]).await.good().stderr;
    let line =
        told.lines().find(|line| line.trim_start().starts_with("production ")).expect("production runs");
    (world, line.split_whitespace().last().expect("a URL").to_owned())
}

async fn one_stage() -> (World, String) {
    bootstrapped(world::start().await).await
}

/// Time enough to do something while a deployment runs, which then takes 18 seconds and bakes as long.
async fn one_gradual_stage() -> (World, String) {
    let (world, url) = bootstrapped(world::start_with(|options| options.scale = 100.0).await).await;
    let (account, gradual) = ("account = \"dev\"", "strategy = \"AppConfig.Linear20PercentEvery6Minutes\"");
    world.write(
        "foothold.toml",
        &world.read("foothold.toml").replacen(account, &format!("{account}\n{gradual}"), 1),
    );
    (world, url)
}

async fn bootstrapped(world: World) -> (World, String) {
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    (world, url)
}

fn set(value: &str) -> Vec<&str> {
    vec!["config", "set", value, "--stage", "development", "--yes"]
}

/// How many services the app lists, and the version by which it does.
async fn listed(url: &str) -> (usize, String) {
    let (status, body) = get(url).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let version: Value = serde_json::from_str(&get(&format!("{url}/version")).await.1).expect("JSON");
    (body["services"].as_array().expect("services").len(), version["configuration"].to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_seen_and_taken_back() {
    let (world, url) = one_stage().await;
    let (all, first) = listed(&url).await;
    let file = world.read("app/config/development.json");

    let arguments = ["config", "set", "boolEnableLimitResults=true", "intResultLimit=3"];
    world
        .xtask(&[&arguments[..], &["--stage", "development", "--yes"]].concat())
        .await
        .good()
        .says("Live in ");
    let (few, second) = listed(&url).await;
    assert!(few == 3 && few < all && first != second, "{few} of {all}, {first} {second}");
    let changed = file.replace("false", "true").replace("10", "3");
    assert_eq!(world.read("app/config/development.json"), changed, "only the values change");
    world
        .xtask(&["config", "diff", "--check", "--stage", "development"])
        .await
        .good()
        .says("says what is deployed");

    let history = world.xtask(&["config", "history", "--stage", "development"]).await.good();
    let lines: Vec<&str> = history.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].contains("revision ") && lines[0].contains(", by arn:aws:iam::999999999999:user/admin"),
        "{lines:#?}"
    );

    world.xtask(&["config", "rollback", "--stage", "development", "--yes"]).await.good().says("Live in ");
    assert_eq!(listed(&url).await, (all, first));
    assert_eq!(world.read("app/config/development.json"), file);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_again_makes_nothing_new() {
    let (world, _) = one_stage().await;
    let (same, requests) = world.requests_of(world.xtask(&set("intResultLimit=10"))).await;
    same.good().says("already");
    assert_eq!(writes_of(&requests), [""; 0]);
    world.xtask(&set("intResultLimit=4")).await.good();
    let (back, requests) = world.requests_of(world.xtask(&set("intResultLimit=10"))).await;
    back.good();
    assert_eq!(writes_of(&requests), ["StartDeployment"], "the version is there already");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_uploads_nothing_and_leaves_the_file() {
    let (world, _) = one_stage().await;
    let file = world.read("app/config/development.json");
    let cases: &[(&[&str], &str)] = &[
        (&["config", "set", "intResultLimits=1", "--stage", "development"], "`intResultLimit`?"),
        (&["config", "set", "intResultLimit=many", "--stage", "development"], "is not of type \"integer\""),
        (&["config", "set", "intResultLimit=-1", "--stage", "development"], "minimum"),
        (&["config", "set", "intResultLimit", "--stage", "development"], "key=value"),
        (&["config", "set", "intResultLimit=1", "--stage", "developmend"], "`development`?"),
        (&["config", "rollback", "--stage", "development"], "no configuration to return to"),
        (&["config", "promote", "testing", "development"], "nothing is deployed to stage `testing`"),
        (&["config", "show", "--stage", "testing"], "nothing is deployed to stage `testing`"),
        (&["config", "deploy", "--stage", "staging"], "stage `staging` has no environment in AppConfig yet"),
    ];
    world.write("foothold.toml", &(world.read("foothold.toml") + "\n[[stage]]\nname = \"staging\"\n"));
    world.write("app/config/staging.json", &file);
    for (arguments, said) in cases {
        let arguments = [*arguments, &["--yes"]].concat();
        let (refused, requests) = world.requests_of(world.xtask(&arguments)).await;
        assert_eq!(refused.status, 1, "{arguments:?}: {refused:?}");
        refused.says(said);
        assert_eq!(writes_of(&requests), [""; 0], "{arguments:?}");
        assert_eq!(world.read("app/config/development.json"), file);
    }
    world.write("app/config/development.json", "{\n  \"intResultLimit\": 1,,\n}");
    for arguments in [set("intResultLimit=1"), vec!["config", "check"]] {
        refused_before_any_call(&world, &arguments, "line 2").await;
    }
    // The schema has nothing against it.
    world.write("app/config/schema.json", "{}");
    let large = format!("{{\"text\": \"{}\"}}", "x".repeat(2 << 20));
    world.write("app/config/development.json", &large);
    let deploy = ["config", "deploy", "--stage", "development", "--yes"];
    refused_before_any_call(&world, &deploy, "AppConfig takes 2097152").await;
    assert_eq!(world.read("app/config/development.json"), large);
}

async fn refused_before_any_call(world: &World, arguments: &[&str], why: &str) {
    let (refused, requests) = world.requests_of(world.xtask(arguments)).await;
    failed(refused, why);
    assert!(requests.is_empty(), "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_somebody_deleted_cannot_be_returned_to() {
    let (world, _) = one_stage().await;
    world.xtask(&set("intResultLimit=4")).await.good();
    let file = world.read("app/config/development.json");
    for state in world.sandbox.world().appconfig.values_mut() {
        let profiles =
            state.applications.values_mut().flat_map(|application| application.profiles.values_mut());
        profiles.for_each(|profile| profile.versions.retain(|version| version.number > 1));
    }
    let back = ["config", "rollback", "--stage", "development", "--yes"];
    let (refused, requests) = world.requests_of(world.xtask(&back)).await;
    failed(refused, "version 1 is there no more: somebody deleted it");
    assert_eq!(writes_of(&requests), [""; 0]);
    assert_eq!(world.read("app/config/development.json"), file);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_deployment_is_quick_and_the_next_is_the_stages_own() {
    let world = world::start().await;
    let stage = "name = \"testing\"";
    let gradual = format!("{stage}\nstrategy = \"AppConfig.Linear50PercentEvery30Seconds\"");
    world.write("foothold.toml", &FOOTHOLD.replace(stage, &gradual));
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let mut strategies = Vec::new();
    for limit in ["intResultLimit=1", "intResultLimit=2"] {
        let set = ["config", "set", limit, "--stage", "testing", "--yes"];
        let (done, requests) = world.requests_of(world.xtask(&set)).await;
        done.good().says("nothing runs in stage testing yet");
        let started =
            requests.into_iter().find(|it| it.operation == "StartDeployment").expect("a deployment");
        strategies.push(started.input["DeploymentStrategyId"].as_str().expect("a strategy").to_owned());
    }
    assert!(!strategies[0].starts_with("AppConfig."), "our own, without a bake time: {strategies:?}");
    assert_eq!(strategies[1], "AppConfig.Linear50PercentEvery30Seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_checked_without_credentials() {
    let world = world::start().await;
    let (checked, requests) = world.requests_of(world.xtask_as(&["config", "check"], "", "")).await;
    checked.good().says("development, production, testing");
    assert!(requests.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_validator_refuses_what_a_changed_local_schema_lets_through() {
    let (world, _) = one_stage().await;
    let file = world.read("app/config/development.json");
    let schema = world.read("app/config/schema.json");
    // The one in AppConfig, changed by somebody else, allows less than the one here.
    world.write("app/config/schema.json", &schema.replace("\"minimum\": 0", "\"minimum\": 5"));
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.write("app/config/schema.json", &schema);
    let refused = world.xtask(&set("intResultLimit=2")).await;
    assert_eq!(refused.status, 1);
    refused.says("BadRequestException");
    assert_eq!(world.read("app/config/development.json"), file);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_stage_asks_for_its_name() {
    let world = two_stages().await;
    world.xtask(&set("intResultLimit=7")).await.good();
    let file = world.read("app/config/production.json");
    let promote = ["config", "promote", "development", "production"];
    let refused = world.xtask(&[&promote[..], &["--yes"]].concat()).await;
    assert_eq!(refused.status, 1);
    refused.says("intResultLimit: 10 → 7").says("--confirm production");
    assert_eq!(world.read("app/config/production.json"), file);
    world.xtask(&[&promote[..], &["--confirm", "production"]].concat()).await.good().says("Live in ");
    assert_eq!(world.read("app/config/production.json"), file.replace("10", "7"));
    let shown = world.xtask(&["config", "show", "--stage", "production"]).await.good();
    assert!(shown.stdout.contains("\"intResultLimit\": 7"), "{}", shown.stdout);
    shown.says("promoted from development");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_is_told_who_deployed_what_and_an_emergency_stops_it() {
    let (world, url) = one_gradual_stage().await;
    let before = listed(&url).await;
    let file = world.read("app/config/development.json");
    let first = {
        let world = &world;
        async move { world.xtask(&set("intResultLimit=2")).await }
    };
    let second = async {
        until(|| sent(&world, "StartDeployment")).await;
        let second = world.xtask(&set("intResultLimit=3")).await;
        let changed = world.read("app/config/development.json");
        let back = world.xtask(&["config", "rollback", "--stage", "development", "--yes"]).await;
        (second, changed, back)
    };
    world.sandbox.forget_requests();
    let (first, (second, changed, back)) = tokio::join!(first, second);
    assert_eq!(second.status, 1, "{second:?}");
    second
        .says("stage development is busy: deployment 2")
        .says("by arn:aws:iam::999999999999:user/admin")
        .says("--wait");
    let made = world.sandbox.requests();
    let made = made.iter().filter(|request| request.operation == "CreateHostedConfigurationVersion");
    assert_eq!(made.count(), 1, "the first one's");
    assert_eq!(changed, file.replace("10", "2"), "the first one's");
    back.good().says("Live in ");
    failed(first, "was taken back");
    assert_eq!(listed(&url).await, before);
    assert_eq!(world.read("app/config/development.json"), file);
}

#[tokio::test(flavor = "multi_thread")]
async fn promoting_what_the_schema_forbids_is_refused() {
    let world = two_stages().await;
    world.xtask(&set("intResultLimit=2")).await.good();
    let file = world.read("app/config/production.json");
    let schema = world.read("app/config/schema.json").replace("\"minimum\": 0", "\"minimum\": 5");
    world.write("app/config/schema.json", &schema);
    let promote = ["config", "promote", "development", "production", "--confirm", "production"];
    let (refused, requests) = world.requests_of(world.xtask(&promote)).await;
    failed(refused, "intResultLimit: 2 is less than the minimum of 5");
    assert_eq!(writes_of(&requests), [""; 0]);
    assert_eq!(world.read("app/config/production.json"), file);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_works_while_a_deployment_runs_and_every_file_is_broken() {
    let world = world::start_with(|options| options.scale = 100.0).await;
    let (world, url) = with_production(world, "AppConfig.Linear20PercentEvery6Minutes").await;
    let before = listed(&url).await;
    let set = ["config", "set", "intResultLimit=2", "--stage", "production", "--confirm", "production"];
    let first = world.xtask(&set);
    let emergency = async {
        until(|| world.read("app/config/production.json").contains(": 2")).await;
        let broken =
            ["development.json", "production.json", "schema.json"].map(|it| format!("app/config/{it}"));
        let policies = ["policies/app-role.json", "policies/ecr-lifecycle.json"].map(str::to_owned);
        for name in broken.iter().chain(&policies) {
            world.write(name, "<<<<<<< HEAD\n");
        }
        world.xtask(&["config", "rollback", "--stage", "production", "--confirm", "production"]).await
    };
    let (first, back) = tokio::join!(first, emergency);
    back.good().says("Live in ").says("is kept in").says("production.json.before");
    failed(first, "was taken back");
    assert_eq!(listed(&url).await, before);
    assert_eq!(world.read("app/config/production.json.before"), "<<<<<<< HEAD\n");
    let file: Value = serde_json::from_str(&world.read("app/config/production.json")).expect("JSON again");
    assert_eq!(file["intResultLimit"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_deployed_is_kept_when_the_file_is_rewritten() {
    let (world, _) = one_stage().await;
    world.xtask(&set("intResultLimit=4")).await.good();
    let file = world.read("app/config/development.json");
    let edited = file.replace(": 4", ": 40");
    world.write("app/config/development.json", &edited);
    let back = world.xtask(&["config", "rollback", "--stage", "development", "--yes"]).await.good();
    back.says("development.json.before");
    assert_eq!(world.read("app/config/development.json.before"), edited);
    assert_eq!(world.read("app/config/development.json"), file.replace(": 4", ": 10"));

    // Once more: what is kept stays.
    let edited_again = file.replace(": 4", ": 41");
    world.write("app/config/development.json", &edited_again);
    let forth = world.xtask(&["config", "rollback", "--stage", "development", "--yes"]).await.good();
    forth.says("development.json.before-2");
    assert_eq!(world.read("app/config/development.json.before-2"), edited_again);
    assert_eq!(world.read("app/config/development.json.before"), edited);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_keeps_nobody_from_looking_and_tearing_down() {
    let (world, _) = one_stage().await;
    world.write("app/config/development.json", "<<<<<<< HEAD\n");
    let status = world.xtask(&["status", "--check"]).await.good();
    status.says("development.json: ").says("configuration sha-").says("As declared");
    for arguments in [&["plan"][..], &["bootstrap", "--yes"]] {
        refused_before_any_call(&world, arguments, "development.json: ").await;
    }
    for name in ["app/config/schema.json", "policies/app-role.json", "policies/ecr-lifecycle.json"] {
        world.write(name, "<<<<<<< HEAD\n");
    }
    world.xtask(&["teardown", "--yes"]).await.good().says("Nothing of ListServices is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_lose_no_version_when_the_second_waits() {
    let (world, url) = one_gradual_stage().await;
    world.sandbox.forget_requests();
    let first = {
        let world = &world;
        async move { world.xtask(&set("intResultLimit=2")).await }
    };
    let second = async {
        until(|| sent(&world, "StartDeployment")).await;
        world.xtask(&[&set("intResultLimit=3")[..], &["--wait"]].concat()).await
    };
    let (first, second) = tokio::join!(first, second);
    first.good();
    second.good().says("Waiting: deployment 2");
    let history = world.xtask(&["config", "history", "--stage", "development"]).await.good();
    assert_eq!(history.stdout.matches("complete").count(), 3, "{}", history.stdout);
    assert!(get(&format!("{url}/version")).await.1.contains("sha-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_take_a_colleagues_change_back_is_told_whose() {
    let (world, _) = one_stage().await;
    let colleague = world.another();
    colleague.xtask(&set("intResultLimit=3")).await.good().says_nothing_of("is not what runs");
    let ended = world.xtask(&set("boolEnableLimitResults=true")).await.good();
    ended.says("development.json is not what runs: deployment 2 (sha-").says("intResultLimit: 3 → ");
}

#[track_caller]
fn failed(ended: Ended, said: &str) {
    assert_eq!(ended.status, 1, "{ended:?}");
    ended.says(said);
}

fn sent(world: &World, operation: &str) -> bool {
    world.sandbox.requests().iter().any(|request| request.operation == operation)
}

pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it to happen in a minute");
}
