//! What somebody changed by hand is named, and it alone is repaired; what is somebody else's is left alone.

use crate::hand::Hand;
use crate::world::{self, World, get, writes_of};
use sandbox::snapshot;

#[tokio::test(flavor = "multi_thread")]
async fn exactly_what_drifted_is_named_and_repaired() {
    let world = world::start().await;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let before = world.snapshot();
    drift(&world).await;

    let (plan, requests) = world.requests_of(world.xtask(&["plan", "--check"])).await;
    assert_eq!(writes_of(&requests), [] as [&str; 0]);
    assert_eq!(plan.status, 3, "{plan:?}");
    let changes: Vec<&str> = plan.stdout.lines().filter(|line| line.starts_with("  ")).collect();
    let expected = [
        ("~ repository listservices", "tag_mutability"),
        ("~ role AppConfigListServicesAccessRole-development", "inline."),
        ("image tag live-development", "after service"),
        ("+ role EcsListServicesExecutionRole", "create"),
        ("+ service ListServices", "create"),
    ];
    assert_eq!(changes.len(), expected.len(), "{}", plan.stdout);
    for (label, note) in expected {
        let line = changes.iter().find(|line| line.contains(label));
        assert!(line.is_some_and(|line| line.contains(note)), "{label}, {note}: {}", plan.stdout);
    }
    let status = world.xtask(&["status", "--check"]).await;
    assert_eq!(status.status, 3, "{status:?}");
    status.says("Not as declared").says("~ repository listservices");

    let (repaired, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    let url = repaired.good().url();
    let mut writes = writes_of(&requests);
    writes.sort_unstable();
    writes.dedup();
    let expected = [
        "AttachRolePolicy",
        "CreateExpressGatewayService",
        "CreateRole",
        "PutImageTagMutability",
        "PutRolePolicy",
    ];
    assert_eq!(writes, expected);
    world.xtask(&["plan", "--check"]).await.good();
    assert_eq!(get(&url).await.0, 200);
    let kept = ["/organizations", "/appconfig", "/ecr"];
    let differs = snapshot::diff(&before, &world.snapshot());
    let differs: Vec<_> =
        differs.iter().filter(|line| kept.iter().any(|kind| line.starts_with(kind))).collect();
    assert!(differs.is_empty(), "{differs:#?}");
}

/// A repository that lets tags move, a policy that allows more, a role that is gone, and a service that is, too.
async fn drift(world: &World) {
    let hand = Hand::of(world).await;
    let (config, dev) = (hand.within("listservices-config").await, hand.within("listservices-dev").await);
    let mutable = aws_sdk_ecr::types::ImageTagMutability::Mutable;
    let request =
        aws_sdk_ecr::Client::new(&config).put_image_tag_mutability().repository_name("listservices");
    request.image_tag_mutability(mutable).send().await.expect("a drift");

    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "appconfig:*", "Resource": "*"}]}"#;
    let request = aws_sdk_iam::Client::new(&config).put_role_policy();
    let request = request.role_name("AppConfigListServicesAccessRole-development");
    let request = request.policy_name("AppConfigListServicesAccessPolicy").policy_document(all);
    request.send().await.expect("a drift");

    let ecs = aws_sdk_ecs::Client::new(&dev);
    let service = delete_the_service(&ecs).await;
    let iam = aws_sdk_iam::Client::new(&dev);
    let role = "EcsListServicesExecutionRole";
    let policy = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    iam.detach_role_policy().role_name(role).policy_arn(policy).send().await.expect("a drift");
    iam.delete_role().role_name(role).send().await.expect("a drift");
    service_ends(world, &ecs, &service).await;
}

/// Asks for the deletion of the only service there is.
pub(crate) async fn delete_the_service(ecs: &aws_sdk_ecs::Client) -> String {
    let services = ecs.list_services().send().await.expect("a list").service_arns.expect("services");
    let [arn] = &services[..] else { panic!("{services:?}") };
    ecs.delete_express_gateway_service().service_arn(arn).send().await.expect("a deletion");
    arn.clone()
}

pub(crate) async fn service_ends(world: &World, ecs: &aws_sdk_ecs::Client, arn: &str) {
    let inactive = async {
        loop {
            let described = ecs.describe_express_gateway_service().service_arn(arn).send().await;
            let status = described.ok().and_then(|it| it.service?.status?.status_code);
            if status.is_none_or(|status| status.as_str() == "INACTIVE") {
                return;
            }
            world.sandbox.advance(60.0);
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), inactive).await.expect("the service ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_survives_both_ways_untouched() {
    let world = world::start().await;
    // Accounts first, and nothing in them: then decoys of every kind, and then the rest.
    world.sandbox.add_fault(sandbox::faults::Rule {
        service: Some("ecr".to_owned()),
        operation: Some("CreateRepository".to_owned()),
        ..world::denied()
    });
    world.sandbox.add_fault(sandbox::faults::Rule {
        service: Some("appconfig".to_owned()),
        writes: Some(true),
        ..world::denied()
    });
    for service in ["iam", "logs"] {
        let service = Some(service.to_owned());
        world.sandbox.add_fault(sandbox::faults::Rule { service, writes: Some(true), ..world::denied() });
    }
    assert_eq!(world.xtask(&["bootstrap", "--yes"]).await.status, 1);
    world.sandbox.clear_faults();
    decoys(&world).await;
    let before = theirs(&world);

    let refused = world.xtask(&["bootstrap", "--yes"]).await;
    assert_eq!(refused.status, 1, "{refused:?}");
    refused
        .says("repository listservices")
        .says("role EcsListServicesCrossConfigRole")
        .says("log group /foothold/ListServices/development")
        .says("not ours, left alone; `--adopt` takes it over");
    assert_eq!(changed(&before, &theirs(&world)), [] as [&str; 0]);

    let gone = world.xtask(&["teardown", "--yes"]).await.good();
    gone.says("repository `listservices` in account `config`: not ours");
    assert_eq!(changed(&before, &theirs(&world)), [] as [&str; 0]);

    // One is taken over, and only that one.
    world.xtask(&["plan", "--adopt", "repository/listservices"]).await.says("adopt");
    let taken = world.xtask(&["bootstrap", "--yes", "--adopt", "repository/listservices"]).await;
    taken.says("repository `listservices` in account `config`: adopted");
}

/// Things that are called as ours will be, and are not ours.
async fn decoys(world: &World) {
    let hand = Hand::of(world).await;
    let (config, dev) = (hand.within("listservices-config").await, hand.within("listservices-dev").await);
    let ecr = aws_sdk_ecr::Client::new(&config);
    ecr.create_repository().repository_name("listservices").send().await.expect("a decoy");
    let appconfig = aws_sdk_appconfig::Client::new(&config);
    appconfig.create_application().name("ListServices").send().await.expect("a decoy");
    let strategy = appconfig.create_deployment_strategy().name("ListServicesQuick");
    let strategy = strategy.deployment_duration_in_minutes(5).growth_factor(50.0);
    strategy.replicate_to(aws_sdk_appconfig::types::ReplicateTo::None).send().await.expect("a decoy");
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "ec2.amazonaws.com"}}]}"#;
    for (account, name) in
        [(&config, "AppConfigListServicesAccessRole-development"), (&dev, "EcsListServicesCrossConfigRole")]
    {
        let iam = aws_sdk_iam::Client::new(account);
        let request = iam.create_role().role_name(name).assume_role_policy_document(trust);
        request.send().await.expect("a decoy");
    }
    let logs = aws_sdk_cloudwatchlogs::Client::new(&dev);
    let name = "/foothold/ListServices/development";
    logs.create_log_group().log_group_name(name).send().await.expect("a decoy");
}

/// What differs in what was there before; what is new is ours, and IAM counts who takes a role.
fn changed(before: &serde_json::Value, after: &serde_json::Value) -> Vec<String> {
    let counted = |line: &String| line.contains("/last_used");
    let new = |line: &String| line.contains(": null -> ");
    snapshot::diff(before, after).into_iter().filter(|line| !counted(line) && !new(line)).collect()
}

/// Everything but what bootstrap may make beside it.
fn theirs(world: &World) -> serde_json::Value {
    let mut all = world.snapshot();
    let kinds = ["organizations", "runtime", "ecs", "sts"];
    kinds.iter().for_each(|kind| drop(all.as_object_mut().and_then(|all| all.remove(*kind))));
    all
}
