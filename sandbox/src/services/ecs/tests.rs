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
    assert_eq!(Running::Running as u8, 2);
}
