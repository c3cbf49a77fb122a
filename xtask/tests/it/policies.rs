//! What is in `policies/`: everything is needed by somebody, and who else asks gets nothing.

use std::path::Path;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use sandbox::auth::{self, Question};
use sandbox::services::iam;
use serde_json::json;

use crate::config::until;
use crate::deploy::program;
use crate::hand::{self, Hand};
use crate::people::with_an_organization_where;
use crate::work::signed_in;
use crate::world::{self, FOOTHOLD, World, get};

const BOOTSTRAP: [&str; 2] = ["bootstrap", "--yes"];
const STAGE: [&str; 3] = ["--stage", "development", "--yes"];

const PEOPLE: &str = r#"
[[people]]
email = "ada@example.com"
name = "Ada Lovelace"
groups = ["developers"]

[[people]]
email = "grace@example.com"
name = "Grace Hopper"
groups = ["operators"]
"#;

/// The ARN of the only role of an account that has this in its name.
fn role(world: &World, account: &str, part: &str) -> String {
    let world = world.sandbox.world();
    let roles = world.iam[account].roles.values().map(|role| role.entity.arn.clone());
    let found: Vec<String> = roles.filter(|arn| arn.contains(part)).collect();
    let [arn] = &found[..] else { panic!("{part}: {found:#?}") };
    arn.clone()
}

/// As a session of this role.
async fn as_role(world: &World, arn: &str) -> SdkConfig {
    let session = auth::session(&mut world.sandbox.world(), arn, "story", 3600.0).expect("a role");
    let (id, secret) = (session.access_key_id, session.secret_access_key);
    let keys = Credentials::new(id, secret, Some(session.session_token), None, "story");
    hand::config(&world.sandbox.endpoint(), keys).await
}

/// A role of that account which may do everything, as far as that account decides.
fn mighty(world: &World, account: &str, path: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    ]});
    let attached = vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()];
    let role = iam::NewRole { account, path, name: "mighty", trust, attached, inline: Vec::new() };
    let arn = iam::make_role(&mut world.sandbox.world(), role);
    world.sandbox.advance(60.0);
    arn
}

/// Whether a session of this role gets images of the repository in that account.
async fn pulls(world: &World, arn: &str, center: &str) -> bool {
    let ecr = aws_sdk_ecr::Client::new(&as_role(world, arn).await);
    let any = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("any").build();
    let request = ecr.batch_get_image().registry_id(center).repository_name("listservices").image_ids(any);
    allowed(request.send().await)
}

/// Whether a session of this role may become the role by which a stage's configuration is read.
async fn reads(world: &World, arn: &str, reader: &str) -> bool {
    let sts = aws_sdk_sts::Client::new(&as_role(world, arn).await);
    allowed(sts.assume_role().role_arn(reader).role_session_name("story").send().await)
}

fn allowed<T, E>(answer: Result<T, E>) -> bool
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::fmt::Debug,
{
    match answer {
        Ok(_) => true,
        Err(error) if error.code().is_some_and(|code| code.starts_with("AccessDenied")) => false,
        Err(error) => panic!("neither allowed nor denied: {error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_our_roles_of_the_organization_pulls_and_nobody_but_the_app_reads() {
    let world = world::start().await;
    let url = world.xtask(&BOOTSTRAP).await.good().url();
    assert_eq!(get(&url).await.0, 200);
    let hand = Hand::of(&world).await;
    let (center, dev) = (hand.account("listservices-config").await, hand.account("listservices-dev").await);
    let [app, execution] = ["CrossConfig", "ecution"].map(|part| role(&world, &dev, part));
    let reader = role(&world, &center, "AccessRole-development");
    assert!(pulls(&world, &execution, &center).await && reads(&world, &app, &reader).await);

    // In the same account, and not ours; ours by its path, and of no organization.
    let other = mighty(&world, &dev, "/");
    assert!(!pulls(&world, &other, &center).await && !reads(&world, &other, &reader).await);
    let outside = mighty(&world, "333333333333", "/foothold/ListServices/");
    assert!(!pulls(&world, &outside, &center).await);

    // ECS, and not on behalf of this account.
    for role in [&app, &execution] {
        let by_ecs =
            |account| auth::trusts_service(&world.sandbox.world(), role, "ecs-tasks.amazonaws.com", account);
        assert!(by_ecs(&dev) && !by_ecs(&center), "{role}");
    }

    let gone = |world: &mut sandbox::world::World| {
        world.organizations.accounts.get_mut(&dev).map(|it| it.parent = None)
    };
    gone(&mut world.sandbox.world()).expect("the account leaves the organization");
    assert!(!pulls(&world, &execution, &center).await && !reads(&world, &app, &reader).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_organization_our_roles_of_the_named_accounts_pull_and_only_the_app_reads() {
    let customers = vec!["two@example.org".to_owned()];
    let world = world::start_with(|options| options.settings.app_runner_customers = customers).await;
    let hand = Hand::of(&world).await;
    let organizations = aws_sdk_organizations::Client::new(&hand.admin);
    organizations.create_organization().send().await.expect("an organization");
    world.sandbox.advance(7200.0);
    for name in ["central", "one", "two"] {
        let request = organizations.create_account().account_name(name).email(format!("{name}@example.org"));
        request.send().await.expect("an account");
        world.sandbox.advance(3600.0);
    }
    let (center, one) = (hand.account("central").await, hand.account("one").await);
    let two = hand.account("two").await;
    let stages = format!(
        "[[stage]]\nname = \"development\"\naccount_id = \"{one}\"\n\n[[stage]]\nname = \"testing\"\naccount_id = \
         \"{two}\"\nplatform = \"app-runner\"\n"
    );
    let text = format!(
        "name = \"ListServices\"\nregion = \"eu-west-1\"\norganization = false\n\n[config]\naccount_id = \
         \"{center}\"\n\n{stages}"
    );
    world.write("foothold.toml", &text);
    world.write("app/config/testing.json", &world.read("app/config/development.json"));
    let url = world.xtask(&BOOTSTRAP).await.good().url();
    assert_eq!(get(&url).await.0, 200);
    let (app, reader) = (role(&world, &one, "CrossConfig"), role(&world, &center, "AccessRole-development"));
    assert!(reads(&world, &app, &reader).await);
    let other = mighty(&world, &one, "/");
    assert!(!pulls(&world, &other, &center).await && !reads(&world, &other, &reader).await);
}

/// Made, with a developer and an operator.
async fn made(foothold: &str) -> World {
    let customers = vec!["aws+listservices-dev@example.com".to_owned()];
    let world = with_an_organization_where(|options| options.settings.app_runner_customers = customers).await;
    world.write("foothold.toml", &format!("{foothold}{PEOPLE}"));
    world.xtask(&BOOTSTRAP).await.good();
    world
}

/// Both bring another image.
async fn deployed_by_both(world: &World) {
    for (n, name) in (1..).zip(["ada", "grace"]) {
        let person = signed_in(world, name, "config, config-ListServices-config-testing, dev").await;
        let other = program(world, name, |bytes| bytes.push(n));
        let other = Path::display(&other).to_string();
        let deploy = ["deploy", "--binary", &other];
        person.xtask(&[&deploy[..], &STAGE].concat()).await.good().says("Live in ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn developers_and_operators_deploy_on_app_runner() {
    let world = made(&FOOTHOLD.replace("[config]", "platform = \"app-runner\"\n\n[config]")).await;
    deployed_by_both(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn developers_and_operators_deploy_and_give_our_roles_to_container_services_only() {
    let world = made(FOOTHOLD).await;
    deployed_by_both(&world).await;
    let dev = Hand::of(&world).await.account("listservices-dev").await;
    let (app, other) = (role(&world, &dev, "CrossConfig"), mighty(&world, &dev, "/"));
    for set in ["developer", "operator"] {
        let arn = role(&world, &dev, &format!("AWSReservedSSO_ListServices-{set}_"));
        let world = world.sandbox.world();
        let caller = auth::role_caller(&world, &arn, "story").expect("a session");
        let refused = |resource: &str, service| {
            let context = [("iam:PassedToService", service)];
            let question = Question { action: "iam:PassRole", resource, context: &context, policy: None };
            auth::decide(&world, Some(&caller), "eu-west-1", &question).is_some()
        };
        assert!(!refused(&app, "ecs-tasks.amazonaws.com"), "{set}");
        assert!(refused(&app, "lambda.amazonaws.com") && refused(&other, "ecs-tasks.amazonaws.com"), "{set}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_of_one_stage_sees_and_changes_all_of_it_and_of_no_other() {
    let gradual =
        FOOTHOLD.replace("\"dev\"\n", "\"dev\"\nstrategy = \"AppConfig.Linear20PercentEvery6Minutes\"\n");
    let world = made(&gradual).await;
    let ada = signed_in(&world, "ada", "config, config-ListServices-config-testing, dev").await;
    let status = ada.xtask(&["status", "-v"]).await.good().says("As declared: ").stdout;
    assert!(!status.contains(" is not authorized to perform: "), "{status}");

    let image = program(&world, "image", |bytes| bytes.push(0));
    ada.xtask(&["image", "--binary", &image.display().to_string()]).await.good();

    // One that is on its way is stopped.
    let set = ["config", "set", "intResultLimit=7"];
    let (set, rollback) = ([&set[..], &STAGE].concat(), [&["config", "rollback"][..], &STAGE].concat());
    world.sandbox.forget_requests();
    let asked = |operation: &str| {
        world.sandbox.requests().iter().any(|it| it.operation == operation && it.status < 300)
    };
    let stopped = async {
        until(|| asked("StartDeployment")).await;
        ada.xtask(&rollback).await
    };
    let (first, back) = tokio::join!(ada.xtask(&set), stopped);
    back.good().says("Live in ");
    assert_eq!(first.status, 1, "{first:?}");
    assert!(asked("StopDeployment"));

    let promote = ["config", "promote", "development", "testing", "--yes"];
    ada.xtask(&promote).await.good();
    let keys = identity_of(&world, "config-development").await;
    let appconfig = aws_sdk_appconfig::Client::new(&keys);
    let application = appconfig.list_applications().send().await.expect("applications").items()[0].clone();
    let id = application.id().expect("an id");
    let environments = appconfig.list_environments().application_id(id).send().await.expect("environments");
    for environment in environments.items() {
        let request = appconfig.get_deployment().application_id(id).deployment_number(1);
        let may = allowed(request.environment_id(environment.id().expect("an id")).send().await);
        assert_eq!(may, environment.name() == Some("development"), "{environment:?}");
    }
}

/// As somebody with this permission set in the configuration account.
async fn identity_of(world: &World, set: &str) -> SdkConfig {
    let center = Hand::of(world).await.account("listservices-config").await;
    let arn = role(world, &center, &format!("AWSReservedSSO_ListServices-{set}_"));
    as_role(world, &arn).await
}
