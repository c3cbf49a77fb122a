//! What is refused, and what a refusal says to do; and a service that does not come up.

use crate::hand::Hand;
use crate::world::{self, FOOTHOLD, get, writes_of};

#[tokio::test(flavor = "multi_thread")]
async fn another_region_or_name_is_refused_with_what_to_do() {
    let world = world::start().await;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    for (changed, said) in [
        (FOOTHOLD.replace("eu-west-1", "eu-central-1"), "set `region = \"eu-west-1\"` again"),
        (FOOTHOLD.replace("ListServices", "Shop"), "set `name = \"ListServices\"` again"),
    ] {
        world.write("foothold.toml", &changed);
        let (refused, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
        assert_eq!(refused.status, 1, "{refused:?}");
        refused.says(said);
        assert_eq!(writes_of(&requests), [] as [&str; 0]);
    }
    // A second project beside the first is no renaming.
    world.xtask(&["bootstrap", "--yes", "--beside", "ListServices"]).await.good().says("Shop runs.");
    world.write("foothold.toml", FOOTHOLD);
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn app_runner_serves_old_customers_and_refuses_new_ones_clearly() {
    let on_app_runner = FOOTHOLD.replace("[config]", "platform = \"app-runner\"\n\n[config]");
    let world = world::start_with(|options| {
        options.settings.app_runner_customers = vec!["aws+listservices-dev@example.com".to_owned()];
    })
    .await;
    world.write("foothold.toml", &on_app_runner);
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    assert!(get(&url).await.1.contains("\"stage\":\"development\""));
    world.xtask(&["bootstrap", "--yes"]).await.good().says("unchanged");
    let torn = world.xtask(&["teardown", "--yes"]).await.good();
    torn.says("log group `/aws/apprunner/ListServices/");
    assert_ne!(get(&url).await.0, 200);

    let world = world::start().await;
    world.write("foothold.toml", &on_app_runner);
    let refused = world.xtask(&["bootstrap", "--yes"]).await;
    assert_eq!(refused.status, 1);
    refused.says("App Runner").says("ecs-express");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_come_up_shows_its_last_words_and_comes_up_when_mended() {
    let world = world::start().await;
    // A program that runs and ends with a word, instead of one that serves.
    let broken =
        world.program("broken.rs", "fn main() { println!(\"no cheese today\"); std::process::exit(7) }");
    let broken = broken.display().to_string();
    let failed = world.xtask(&["bootstrap", "--yes", "--binary", &broken]).await;
    assert_eq!(failed.status, 1, "{failed:?}");
    failed
        .says("service `ListServices` in account `dev`")
        .says("no cheese today")
        .says("cargo xtask bootstrap");
    world.xtask(&["logs", "--stage", "development"]).await.says("no cheese today");
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    assert_eq!(get(&url).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn root_a_member_account_and_nobody_at_all_are_refused_before_anything_is_written() {
    let world = world::start().await;
    let root = sandbox::services::iam::root_keys(&world.sandbox.world());
    let (refused, requests) = world
        .requests_of(world.xtask_as(&["bootstrap", "--yes"], &root.access_key_id, &root.secret_access_key))
        .await;
    assert_eq!(refused.status, 1);
    refused.says("root cannot assume roles").says("Create user");
    assert_eq!(writes_of(&requests), [] as [&str; 0]);

    let refused = world.xtask_as(&["bootstrap", "--yes"], "AKIAIOSFODNN7EXAMPLE", "nonsense").await;
    assert_eq!(refused.status, 1);
    refused.says("InvalidClientTokenId").says("choose with `--profile`");

    world.write("foothold.toml", &format!("{FOOTHOLD}\n[management]\naccount_id = \"123456789012\"\n"));
    let refused = world.xtask(&["bootstrap", "--yes"]).await;
    assert_eq!(refused.status, 1);
    refused.says("the management account is 123456789012, and these credentials are of account 999999999999");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_is_none_is_refused_and_so_is_one_that_would_be_passed_over() {
    let world = world::start().await;
    for command in [
        &["status"][..],
        &["config", "check"],
        &["config", "history"],
        &["deploy"],
        &["logs"],
        &["exec", "--", "true"],
        &["env"],
        &["console"],
        &["teardown", "--yes"],
    ] {
        let refused = world.xtask(&[&["--stage", "developmen"], command].concat()).await;
        assert_eq!(refused.status, 1, "{command:?} {refused:?}");
        let has = "foothold.toml has `development`, `testing`";
        refused.says(&format!("there is no stage `developmen` (`development`?); {has}"));
    }
    for command in [
        &["plan"][..],
        &["bootstrap", "--yes"],
        &["image"],
        &["access"],
        &["graph"],
        &["doctor"],
        &["login"],
        &["logout"],
        &["config", "promote", "development", "testing"],
        &["sandbox", "status"],
    ] {
        let refused = world.xtask(&[command, &["--stage", "development"]].concat()).await;
        assert_eq!(refused.status, 2, "{command:?} {refused:?}");
        refused.says("this is not about one stage: leave `--stage development` out");
    }
    assert_eq!(world.sandbox.requests().len(), 0);
}

/// A faulty `foothold.toml`, and what is said of each fault, with its line.
const FAULTY: &str = "name = \"List Services\"
region = \"eu-west-7\"
email = \"aws+{name}-{account}\"
plattform = \"ecs-express\"

[config]
account_id = \"11111111111\"

[[stage]]
name = \"development\"
account = \"dev\"
protected = \"yes\"

[[stage]]
name = \"development\"
account = \"dev\"
";

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_files_is_told_in_one_run_before_any_call() {
    let world = world::start().await;
    let refused = async |said: &[&str]| {
        let (refused, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
        assert_eq!(refused.status, 1, "{refused:?}");
        said.iter().fold(refused, |refused, words| refused.says(words));
        assert_eq!(requests.len(), 0, "{requests:?}");
    };
    world.write("foothold.toml", FAULTY);
    refused(&[
        "foothold.toml:1",
        "foothold.toml:2",
        "eu-west-",
        "foothold.toml:4",
        "platform",
        "foothold.toml:7",
    ])
    .await;
    refused(&["12 digits", "foothold.toml:12", "protected", "foothold.toml:15", "development"]).await;
    world.write("foothold.toml", "");
    refused(&["foothold.toml:1:1", "the file is empty"]).await;
    std::fs::write(world.file("foothold.toml"), b"name = \"\xff\xfe\"\n").expect("a file that is no text");
    refused(&["foothold.toml", "UTF-8"]).await;

    world.write("foothold.toml", FOOTHOLD);
    let (role, configuration) = ("policies/read-role.json", "app/config/development.json");
    let (good_role, good_configuration) = (world.read(role), world.read(configuration));
    world.write(role, &good_role.replace("{{region}}", "{{planet}}"));
    world.write("policies/nobody.json", "{}");
    refused(&["read-role.json", "planet", "nobody.json"]).await;
    world.write(role, "{");
    refused(&["read-role.json"]).await;
    world.write(role, &good_role);
    std::fs::remove_file(world.file("policies/nobody.json")).expect("a file to remove");
    world.write(configuration, "{\"boolEnableLimitResults\": \"yes\"}");
    refused(&["development.json", "boolEnableLimitResults"]).await;
    world.write(configuration, &good_configuration);
    let nowhere = world.xtask(&["deploy", "--stage", "testing", "--yes"]).await;
    assert_eq!(nowhere.status, 1, "{nowhere:?}");
    nowhere.says("testing").says("account");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_around_before_there_is_anything_and_writes_nothing() {
    let world = world::start().await;
    std::fs::remove_file(world.file("foothold.toml")).expect("a file to remove");
    let (well, requests) = world.requests_of(world.xtask(&["doctor"])).await;
    let well = well.good().says("none yet: bootstrap asks, and writes it").says("ok  credentials");
    well.says("organization         none yet").says("Identity Center      off");
    assert_eq!(writes_of(&requests), [] as [&str; 0]);
    assert!(!world.file("foothold.toml").exists());
    let root = sandbox::services::iam::root_keys(&world.sandbox.world());
    let ill = world.xtask_as(&["doctor"], &root.access_key_id, &root.secret_access_key).await;
    assert_eq!(ill.status, 1);
    ill.says("NO  credentials").says("Create user");

    let elsewhere = FOOTHOLD.to_owned() + "\n[management]\naccount_id = \"222222222222\"\n";
    world.write("foothold.toml", &elsewhere);
    let (wrong, requests) = world.requests_of(world.xtask(&["doctor"])).await;
    wrong.says("NO  credentials").says("foothold.toml says that the management account is 222222222222");
    assert_eq!(requests.len(), 1, "nothing else is asked of an account that is not meant");
    assert_eq!(world.read("foothold.toml"), elsewhere);
}

/// Whoever cannot bootstrap learns why, and nothing has been written.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_stop_it_is_told_before_anything_is_written() {
    let world = world::start().await;
    let hand = Hand::of(&world).await;
    let refused = async |run: &mut dyn FnMut() -> std::process::Command, said: &[&str]| {
        let mut command = run();
        let run = async {
            let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
            world::Ended::of(output.expect("run xtask"))
        };
        let (refused, requests) = world.requests_of(run).await;
        assert_eq!(refused.status, 1, "{refused:?}");
        said.iter().fold(refused, |refused, words| refused.says(words));
        assert_eq!(writes_of(&requests), [] as [&str; 0]);
    };
    let admin = sandbox::services::iam::admin_keys(&world.sandbox.world());
    let bootstrap = || world.command(&["bootstrap", "--yes"], &admin.access_key_id, &admin.secret_access_key);

    let mut nowhere = || {
        let mut command = bootstrap();
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        command
    };
    refused(&mut nowhere, &["127.0.0.1:1"]).await;
    // The SDK would ask AWS instead.
    let mut schemeless = || {
        let mut command = bootstrap();
        command.env("AWS_ENDPOINT_URL", "127.0.0.1:4566");
        command
    };
    refused(&mut schemeless, &["AWS_ENDPOINT_URL is `127.0.0.1:4566`, which is no URL"]).await;

    let iam = aws_sdk_iam::Client::new(&hand.admin);
    iam.create_user().user_name("newcomer").send().await.expect("a user");
    let key = iam.create_access_key().user_name("newcomer").send().await.expect("a key");
    let key = key.access_key.expect("a key");
    world.sandbox.advance(60.0);
    let mut newcomer = || world.command(&["bootstrap", "--yes"], &key.access_key_id, &key.secret_access_key);
    refused(
        &mut newcomer,
        &["user/newcomer is not authorized to perform: organizations:DescribeOrganization"],
    )
    .await;

    world.write("foothold.toml", &FOOTHOLD.replace("eu-west-1", "me-south-1"));
    refused(&mut || bootstrap(), &["me-south-1"]).await;

    world.write("foothold.toml", FOOTHOLD);
    let organizations = aws_sdk_organizations::Client::new(&hand.admin);
    let billing = aws_sdk_organizations::types::OrganizationFeatureSet::ConsolidatedBilling;
    organizations.create_organization().feature_set(billing).send().await.expect("an organization");
    world.sandbox.advance(3600.0);
    refused(&mut || bootstrap(), &["has not all features", "enable-all-features"]).await;
}
