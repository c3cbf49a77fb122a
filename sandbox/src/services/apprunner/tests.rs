//! Stories of operations with a runtime that does what the test says.

use super::*;
use crate::runtime::{Status, Stop};
use crate::world::Settings;

const HERE: &str = "111111111111/eu-west-1";
const ARN: &str = "arn:aws:apprunner:eu-west-1:111111111111:service/web/0123";

/// A world with a service whose creation has just begun.
fn creating() -> World {
    let mut world = World::new(Settings::default(), 1.0);
    let now = world.clock.now();
    let declared = Declared {
        source: json!({"ImageRepository": {"ImageIdentifier": "x", "ImageConfiguration": {"Port": "5000"}}}),
        ..Declared::default()
    };
    let operation = Operation {
        id: "1".to_owned(),
        kind: "CREATE_SERVICE".to_owned(),
        status: "PENDING".to_owned(),
        started: now,
        ended: None,
        updated: now,
        next: now,
        declared: Some(declared.clone()),
        task: None,
    };
    let service = Service {
        arn: ARN.to_owned(),
        name: "web".to_owned(),
        id: "0123".to_owned(),
        url: String::new(),
        created: now,
        updated: now,
        deleted: None,
        status: "CREATE_FAILED".to_owned(),
        declared,
        tags: BTreeMap::new(),
        task: None,
        operations: vec![operation],
    };
    world.apprunner.entry(HERE.to_owned()).or_default().services.insert(ARN.to_owned(), service);
    world
}

fn service(world: &World) -> &Service {
    &world.apprunner[HERE].services[ARN]
}

fn begin(world: &mut World, kind: &str) {
    let now = world.clock.now();
    let service = world.apprunner.get_mut(HERE).unwrap().services.get_mut(ARN).unwrap();
    let mut next = service.operations[0].clone();
    (next.kind, next.status, next.ended, next.next, next.task) =
        (kind.to_owned(), "PENDING".to_owned(), None, now, None);
    service.operations.push(next);
}

/// The runtime brings up the newest task.
fn come_up(world: &mut World) -> String {
    let id = service(world).operations.last().unwrap().task.clone().unwrap();
    let task = world.runtime.tasks.get_mut(&id).unwrap();
    (task.status, task.healthy) = (Status::Running, Some(true));
    id
}

fn running() -> World {
    let mut world = creating();
    tick(&mut world);
    come_up(&mut world);
    world.clock.advance(121.0);
    tick(&mut world);
    assert_eq!(service(&world).shown_status(), "RUNNING");
    world
}

#[test]
fn a_service_runs_when_its_task_is_healthy_and_not_before() {
    let mut world = creating();
    tick(&mut world);
    world.clock.advance(500.0);
    tick(&mut world);
    assert_eq!(service(&world).shown_status(), "OPERATION_IN_PROGRESS");
    come_up(&mut world);
    tick(&mut world);
    assert_eq!(service(&world).shown_status(), "RUNNING");
    assert_eq!(service(&world).operations[0].status, "SUCCEEDED");
}

#[test]
fn a_creation_that_fails_stays_create_failed() {
    let mut world = creating();
    tick(&mut world);
    let id = service(&world).operations[0].task.clone().unwrap();
    let task = world.runtime.tasks.get_mut(&id).unwrap();
    (task.status, task.outcome) =
        (Status::Stopped, Some(Stop::new("TaskFailedToStart", "CannotPullContainerError")));
    tick(&mut world);
    world.clock.advance(10_000.0);
    tick(&mut world);
    assert_eq!(service(&world).shown_status(), "CREATE_FAILED");
    assert_eq!(service(&world).operations[0].status, "FAILED");
}

#[test]
fn an_update_that_does_not_come_up_leaves_the_old_one_running() {
    let mut world = running();
    let old = service(&world).task.clone();
    begin(&mut world, "UPDATE_SERVICE");
    tick(&mut world);
    let id = service(&world).operations[1].task.clone().unwrap();
    world.runtime.tasks.get_mut(&id).unwrap().status = Status::Stopped;
    tick(&mut world);
    assert_eq!((service(&world).shown_status(), &service(&world).task), ("RUNNING", &old));
    assert_eq!(service(&world).operations[1].status, "ROLLBACK_SUCCEEDED");
}

#[test]
fn a_deleted_service_waits_for_its_task_and_is_remembered() {
    let mut world = running();
    let id = service(&world).task.clone().unwrap();
    begin(&mut world, "DELETE_SERVICE");
    tick(&mut world);
    assert!(world.runtime.tasks[&id].unwanted.is_some());
    world.clock.advance(100.0);
    tick(&mut world);
    assert_eq!(service(&world).shown_status(), "OPERATION_IN_PROGRESS");
    world.runtime.tasks.get_mut(&id).unwrap().status = Status::Stopped;
    tick(&mut world);
    assert_eq!(service(&world).shown_status(), "DELETED");
    world.clock.advance(3601.0);
    tick(&mut world);
    assert!(world.apprunner[HERE].services.is_empty());
}

#[test]
fn a_running_service_whose_task_ends_gets_another() {
    let mut world = running();
    let old = service(&world).task.clone().unwrap();
    world.runtime.tasks.get_mut(&old).unwrap().status = Status::Stopped;
    tick(&mut world);
    assert_ne!(service(&world).task, Some(old));
}
