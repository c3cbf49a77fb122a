//! Another image for a stage, and back to the one before.

use crate::drift::{delete_the_service, service_ends};
use crate::hand::Hand;
use crate::world::{self, Ended, FOOTHOLD, World, get};
use serde_json::Value;
use std::path::{Path, PathBuf};

const DEPLOY: [&str; 4] = ["deploy", "--stage", "development", "--yes"];

/// The app's program, changed by `change`: another image.
pub(crate) fn program(world: &World, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = std::fs::read(world::program()).expect("read the program");
    change(&mut bytes);
    let path = world.file(name);
    std::fs::write(&path, bytes).expect("write a program");
    path
}

pub(crate) async fn deploy(world: &World, program: &Path, more: &[&str]) -> Ended {
    let mut command = world.admins(&[&DEPLOY[..], more].concat());
    command.env("FOOTHOLD_BINARY", program);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
    Ended::of(output.expect("run xtask"))
}

pub(crate) async fn runs(url: &str) -> String {
    let version: Value = serde_json::from_str(&get(&format!("{url}/version")).await.1).expect("JSON");
    version["image"].as_str().expect("an image").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_image_comes_and_goes_and_one_that_does_not_come_up_changes_nothing() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let first = runs(&url).await;
    world.xtask(&DEPLOY).await.good().says("runs this image already");

    let other = program(&world, "other", |bytes| bytes.push(0));
    deploy(&world, &other, &[]).await.good().says("Live in ");
    let second = runs(&url).await;
    assert_ne!(first, second);

    // What is left of the program cannot be run.
    let broken = program(&world, "broken", |bytes| bytes.truncate(64 * 1024));
    let failed = deploy(&world, &broken, &[]).await;
    assert_eq!(failed.status, 1, "{failed:?}");
    failed.says("the image did not come up").says("circuit breaker").says(&second);
    assert_eq!(runs(&url).await, second);

    deploy(&world, &other, &["--rollback"]).await.good().says("Live in ");
    assert_eq!(runs(&url).await, first);
    deploy(&world, &other, &["--image", &second]).await.good();
    assert_eq!(runs(&url).await, second);
    let missing = deploy(&world, &other, &["--image", "src-of-nothing"]).await;
    assert_eq!(missing.status, 1);
    missing.says("there is no image `src-of-nothing`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_made_again_runs_what_its_stage_ran_and_not_what_was_built_since() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let first = runs(&url).await;
    world.xtask(&["plan"]).await.good().says_nothing_of("No image was made of the app's source");

    let other = program(&world, "other", |bytes| bytes.push(0)).display().to_string();
    let other = ["--binary", &other];
    world.xtask(&[&["plan"][..], &other].concat()).await.good().says("No image was made of the app's source");
    world.xtask(&[&["image"][..], &other].concat()).await.good();
    world.xtask(&[&["plan"][..], &other].concat()).await.good().says_nothing_of("No image was made");

    let dev = Hand::of(&world).await.within("listservices-dev").await;
    let ecs = aws_sdk_ecs::Client::new(&dev);
    let service = delete_the_service(&ecs).await;
    service_ends(&world, &ecs, &service).await;
    let again = world.xtask(&[&["bootstrap", "--yes"][..], &other].concat()).await.good();
    assert_eq!(runs(&again.url()).await, first);
}

/// What was asked of AWS by that name, in order.
fn asked(world: &World, operation: &str) -> Vec<Value> {
    let requests = world.sandbox.requests().into_iter().filter(|request| request.operation == operation);
    requests.map(|request| Value::Object(request.input)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn app_runner_does_not_tell_what_ran_before_and_a_tag_does() {
    let world = world::start_with(|options| {
        options.settings.app_runner_customers = vec!["aws+listservices-dev@example.com".to_owned()];
    })
    .await;
    world.write("foothold.toml", &FOOTHOLD.replace("[config]", "platform = \"app-runner\"\n\n[config]"));
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let (first, other) = (runs(&url).await, program(&world, "other", |bytes| bytes.push(0)));
    let early = deploy(&world, &other, &["--rollback"]).await;
    assert_eq!(early.status, 1, "{early:?}");
    early.says("stage development has never run another image");

    deploy(&world, &other, &[]).await.good().says("Live in ");
    let second = runs(&url).await;
    assert_ne!(first, second);
    // One that never came up is none to go back to.
    let broken = program(&world, "broken", |bytes| bytes.truncate(64 * 1024));
    let failed = deploy(&world, &broken, &[]).await;
    assert_eq!(failed.status, 1, "{failed:?}");
    failed.says("the image did not come up").says(&second);
    for expected in [&first, &second] {
        deploy(&world, &other, &["--rollback"]).await.good().says("Live in ");
        assert_eq!(runs(&url).await, *expected);
    }
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_runs_on_what_its_image_was_made_for() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let created = asked(&world, "CreateExpressGatewayService");
    assert_eq!(created.last().expect("a service")["cpuArchitecture"], "X86_64");
    let first = runs(&url).await;

    world.write("foothold.toml", &FOOTHOLD.replace("[config]", "architecture = \"arm64\"\n\n[config]"));
    let other = program(&world, "other", |bytes| bytes.push(0));
    let refused = deploy(&world, &other, &[]).await;
    assert_eq!(refused.status, 1, "{refused:?}");
    refused.says("it is for x86_64, the image is for arm64");
    const ARM64: u8 = 183;
    let foreign = program(&world, "foreign", |bytes| bytes[18] = ARM64);
    world.sandbox.forget_requests();
    let failed = deploy(&world, &foreign, &[]).await;
    // It is deployed as what it says it is; that no machine here runs it is another matter.
    assert_eq!(failed.status, 1, "{failed:?}");
    failed.says("the image did not come up");
    assert_eq!(asked(&world, "UpdateExpressGatewayService")[0]["cpuArchitecture"], "ARM64");
    assert_eq!(runs(&url).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_only_the_error_rate_stopped_is_tried_once_more() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let (first, other) = (runs(&url).await, program(&world, "other", |bytes| bytes.push(0)));
    world.sandbox.forget_requests();
    let missing = format!("{url}/of/a/scanner");
    let scan = async {
        // Until the second attempt: what scanners ask for is not there, and that counts as errors.
        while asked(&world, "UpdateExpressGatewayService").len() < 2 {
            assert_eq!(get(&missing).await.0, 404);
        }
    };
    let (ended, ()) = tokio::join!(deploy(&world, &other, &[]), scan);
    ended.good().says("alarms in ALARM state").says("No task failed: trying once more.").says("Live in ");
    assert_ne!(runs(&url).await, first);
    assert_eq!(asked(&world, "UpdateExpressGatewayService").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_its_line_to_the_registry_is_cut_a_deployment_is_whole_or_was_none() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let mut refused = 0;
    for seed in 1..=6_u8 {
        let (before, next) = (runs(&url).await, program(&world, "next", |bytes| bytes.push(seed)));
        let kind = if seed % 2 == 0 { "cut_before" } else { "cut_after" };
        let rule = serde_json::json!({"service": "registry", "client": "app/foothold", "kind": kind,
            "chance": {"of": 0.35, "seed": seed}});
        world.sandbox.add_fault(serde_json::from_value(rule).expect("a rule"));
        let ended = deploy(&world, &next, &[]).await;
        world.sandbox.clear_faults();
        let whole = pushed(&world, &next).await;
        let now = runs(&url).await;
        match ended.status {
            0 => assert_eq!(now, whole, "seed {seed}"),
            _ => {
                refused += 1;
                assert!(now == before || now == whole, "seed {seed}: {now}");
                ended.says("the connection to the registry was cut; run the command again");
            }
        }
        deploy(&world, &next, &[]).await.good();
        assert_eq!(runs(&url).await, whole, "seed {seed}");
    }
    assert!((1..6).contains(&refused), "{refused} of 6 were refused");
}

/// The digest of a program's image, which the repository has from then on.
async fn pushed(world: &World, program: &Path) -> String {
    let program = program.display().to_string();
    let ended = world.xtask(&["image", "--binary", &program]).await.good();
    ended.stdout.trim().split_once('@').expect("a reference by digest").1.to_owned()
}
