//! Stories of Express services with a runtime that does what the test says.

use super::*;
use crate::auth::{Caller, Principal};
use crate::runtime::Status as Running;
use crate::world::Settings;
use serde_json::json;

const ACCOUNT: &str = "111111111111";

fn world() -> World {
    World::new(Settings::default(), 1.0)
}

fn call(world: &mut World, operation: &str, input: Value) -> Answer {
    let caller = Caller {
        account: ACCOUNT.to_owned(),
        arn: format!("arn:aws:iam::{ACCOUNT}:root"),
        user_id: ACCOUNT.to_owned(),
        access_key: "AKIA".to_owned(),
        principal: Principal::Root,
    };
    let input = input.as_object().cloned().unwrap_or_default();
    let mut call = Call {
        world,
        service: "ecs",
        operation,
        region: "eu-west-1",
        input,
        caller: Some(caller),
        authorized: false,
    };
    let answer = handle(&mut call);
    assert!(call.authorized || answer.is_err(), "{operation} answered without asking");
    answer
}

#[test]
fn a_size_that_fargate_does_not_have_is_refused() {
    let mut world = world();
    let input = json!({
        "infrastructureRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/infrastructure"),
        "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/execution"),
        "primaryContainer": {"image": "x"}, "cpu": "256", "memory": "4096",
    });
    let fault = call(&mut world, "CreateExpressGatewayService", input).unwrap_err();
    assert_eq!(fault.code, "InvalidParameterException");
    assert!(fault.message.starts_with("No Fargate configuration exists"), "{}", fault.message);
}

#[test]
fn an_unknown_service_is_missing_and_not_an_error_where_several_are_described() {
    let mut world = world();
    // A fresh account cannot use ECS at once.
    let fault = call(&mut world, "CreateCluster", json!({})).unwrap_err();
    assert!(fault.message.starts_with("Unable to assume the service linked role"), "{}", fault.message);
    world.clock.advance(20.0);
    call(&mut world, "CreateCluster", json!({})).unwrap();
    let answer = call(&mut world, "DescribeServices", json!({"services": ["nope"]})).unwrap();
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    let fault = call(
        &mut world,
        "DeleteExpressGatewayService",
        json!({"serviceArn": "arn:aws:ecs:eu-west-1:1:service/default/nope"}),
    )
    .unwrap_err();
    assert_eq!(
        (fault.code.as_str(), fault.message.as_str()),
        ("InvalidParameterException", "Resource not found")
    );
}

const HERE: &str = "111111111111/eu-west-1";
const ARN: &str = "arn:aws:ecs:eu-west-1:111111111111:service/default/web";

/// A world with the service `web`, its load balancer, and a first deployment that has just begun.
fn creating() -> World {
    let mut world = world();
    let now = world.clock.now();
    let state = world.ecs.entry(HERE.to_owned()).or_default();
    state.balancer = Some(now);
    let service = Service {
        arn: ARN.to_owned(),
        name: "web".to_owned(),
        cluster: "default".to_owned(),
        infrastructure_role: String::new(),
        status: Status::Active,
        created: now,
        updated: now,
        tags: BTreeMap::new(),
        serving: None,
        deployment: None,
        events: Vec::new(),
        backoff: now,
        next: now,
    };
    state.services.insert(ARN.to_owned(), service);
    deploy(&mut world, "r1");
    world
}

fn deploy(world: &mut World, revision: &str) {
    let now = world.clock.now();
    let state = world.ecs.get_mut(HERE).unwrap();
    let configuration = json!({"primaryContainer": {"image": "x"}, "scalingTarget": {"minTaskCount": 2}});
    let made = Revision {
        arn: revision.to_owned(),
        service: ARN.to_owned(),
        created: now,
        task_definition: String::new(),
        configuration: configuration.as_object().cloned().unwrap(),
        endpoint: String::new(),
        managed: managed::Managed::new(now, None),
    };
    state.revisions.insert(revision.to_owned(), made);
    let service = state.services.get_mut(ARN).unwrap();
    let deployment = Deployment {
        arn: format!("d-{revision}"),
        service: ARN.to_owned(),
        source: service.serving.clone(),
        target: revision.to_owned(),
        status: "PENDING".to_owned(),
        next: now,
        ..Deployment::default()
    };
    service.deployment = Some(deployment.arn.clone());
    state.deployments.insert(deployment.arn.clone(), deployment);
}

/// Lets `seconds` pass; the runtime brings up every task that is wanted, or fails those of `failing`.
fn pass(world: &mut World, seconds: f64, failing: &str) {
    world.clock.advance(seconds);
    rollout::tick(world, HERE);
    let of: BTreeMap<String, String> =
        world.ecs[HERE].tasks.iter().map(|(id, t)| (id.clone(), t.revision.clone())).collect();
    for (id, task) in world.runtime.tasks.iter_mut().filter(|(_, t)| t.status != Running::Stopped) {
        if task.unwanted.is_some() || of[id] == failing {
            task.status = Running::Stopped;
        } else {
            (task.status, task.healthy) = (Running::Running, Some(true));
        }
    }
    rollout::tick(world, HERE);
}

fn deployment<'w>(world: &'w World, revision: &str) -> &'w Deployment {
    &world.ecs[HERE].deployments[&format!("d-{revision}")]
}

fn running(world: &World, revision: &str) -> usize {
    let ours = world.ecs[HERE].tasks.iter().filter(|(_, t)| t.revision == revision);
    ours.filter(|(id, _)| world.runtime.tasks[*id].serving()).count()
}

fn deployed() -> World {
    let mut world = creating();
    for _ in 0..3 {
        pass(&mut world, 181.0, "");
    }
    assert_eq!(deployment(&world, "r1").status, "SUCCESSFUL");
    world
}

#[test]
fn the_minimum_task_count_is_kept_when_one_ends() {
    let mut world = deployed();
    assert_eq!(running(&world, "r1"), 2);
    world.runtime.tasks.values_mut().next().unwrap().status = Running::Stopped;
    rollout::tick(&mut world, HERE);
    assert_eq!(running(&world, "r1"), 1);
    pass(&mut world, 11.0, "");
    assert_eq!(running(&world, "r1"), 2);
}

#[test]
fn an_update_gets_five_per_cent_then_all_and_then_the_old_one_goes() {
    let mut world = deployed();
    deploy(&mut world, "r2");
    pass(&mut world, 6.0, "");
    assert_eq!((deployment(&world, "r2").weight, running(&world, "r1"), running(&world, "r2")), (5, 2, 2));
    pass(&mut world, 100.0, "");
    assert_eq!(deployment(&world, "r2").weight, 5, "baking");
    pass(&mut world, 81.0, "");
    let now = deployment(&world, "r2");
    assert_eq!((now.weight, now.stage.as_str(), now.status.as_str()), (100, "BAKE_TIME", "IN_PROGRESS"));
    pass(&mut world, 181.0, "");
    pass(&mut world, 1.0, "");
    assert_eq!(deployment(&world, "r2").status, "SUCCESSFUL");
    assert_eq!((running(&world, "r1"), running(&world, "r2")), (0, 2));
}

#[test]
fn three_failed_tasks_roll_back_to_what_was_there() {
    let mut world = deployed();
    deploy(&mut world, "r2");
    for _ in 0..6 {
        pass(&mut world, 11.0, "r2");
    }
    let now = deployment(&world, "r2");
    assert_eq!((now.status.as_str(), now.weight), ("ROLLBACK_SUCCESSFUL", 0));
    assert_eq!(running(&world, "r1"), 2);
    assert_eq!(world.ecs[HERE].services[ARN].serving.as_deref(), Some("r1"));
}

#[test]
fn a_first_deployment_that_fails_has_nothing_to_go_back_to() {
    let mut world = creating();
    for _ in 0..6 {
        pass(&mut world, 11.0, "r1");
    }
    let now = deployment(&world, "r1");
    assert_eq!(now.status, "ROLLBACK_FAILED");
    assert!(now.reason.as_deref().unwrap().contains("No rollback candidate was found"), "{:?}", now.reason);
    let before = world.ecs[HERE].tasks.len();
    pass(&mut world, 600.0, "");
    assert_eq!(world.ecs[HERE].tasks.len(), before, "nothing is tried again");
}
