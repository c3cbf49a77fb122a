//! Service-linked roles: made by services or on demand, deleted later than asked.

use super::lookup::{mine, role};
use super::roles::detailed;
use super::state::{Access, Deletion, Entity, Lagging, Role};
use crate::call::{Answer, Call, HEX, UPPER};
use crate::fault::Fault;
use crate::world::World;
use serde_json::json;

/// Services that have such roles here, and what AWS calls the roles.
const SERVICES: &[(&str, &str)] = &[
    ("organizations.amazonaws.com", "AWSServiceRoleForOrganizations"),
    ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    ("ecs.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ECSService"),
    ("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"),
    ("apprunner.amazonaws.com", "AWSServiceRoleForAppRunner"),
    ("networking.apprunner.amazonaws.com", "AWSServiceRoleForAppRunnerNetworking"),
    ("sso.amazonaws.com", "AWSServiceRoleForSSO"),
];

/// Seconds that AWS takes to delete one.
const DELETION: f64 = 5.0;

/// The role of a service in an account, made if it is not there. `None`: the service has no such role.
pub fn service_linked_role(world: &mut World, account: &str, service: &str) -> Option<String> {
    let (_, name) = SERVICES.iter().find(|(principal, _)| *principal == service)?;
    let path = format!("/aws-service-role/{service}/");
    let arn = format!("arn:aws:iam::{account}:role{path}{name}");
    let there = world.iam.get(account).is_some_and(|iam| iam.roles.contains_key(&name.to_lowercase()));
    if !there {
        let role = make(world, name, path, arn.clone(), service);
        let iam = world.iam.entry(account.to_owned()).or_default();
        iam.roles.insert(name.to_lowercase(), role);
    }
    Some(arn)
}

fn make(world: &mut World, name: &str, path: String, arn: String, service: &str) -> Role {
    let statement = json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
    let trust = json!({"Version": "2012-10-17", "Statement": [statement]});
    let access = Access { trust, ..Access::default() };
    let entity = Entity {
        name: name.to_owned(),
        path,
        id: format!("AROA{}", world.id(UPPER, 17)),
        arn,
        created: world.clock.now(),
        access: Lagging::new(access, super::seen_from(world)),
    };
    let linked_to = Some(service.to_owned());
    Role { entity, description: None, max_session: 3600, linked_to, last_used: None }
}

pub(super) fn create(call: &mut Call) -> Answer {
    let (account, service) = (call.account(), call.text("AWSServiceName").to_owned());
    let asked = format!("arn:aws:iam::{account}:role/aws-service-role/{service}/*");
    let context = [("iam:AWSServiceName", service.as_str())];
    call.allow_with("iam:CreateServiceLinkedRole", &asked, &context, None)?;
    let Some((_, name)) = SERVICES.iter().find(|(principal, _)| *principal == service) else {
        let words =
            format!("Service role name can not be found for {service}: not a valid service principal");
        return Err(Fault::new("InvalidInput", words));
    };
    if call.opt_text("CustomSuffix").is_some() {
        return Err(Fault::new("InvalidInput", format!("Custom suffix is not allowed for {service}")));
    }
    if mine(call).roles.contains_key(&name.to_lowercase()) {
        let words = format!(
            "Service role name {name} has been taken in this account, please try a different suffix."
        );
        return Err(Fault::new("InvalidInput", words));
    }
    service_linked_role(call.world, &account, &service);
    let description = call.opt_text("Description").map(str::to_owned);
    let made = mine(call).roles.get_mut(&name.to_lowercase()).map(|role| {
        role.description = description;
        role.clone()
    });
    Ok(json!({"Role": made.map(|role| detailed(call.world, &role))}))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let arn = super::lookup::asked_arn(call);
    call.allow("iam:DeleteServiceLinkedRole", &arn)?;
    let role = role(call)?;
    let Some(service) = role.linked_to.clone() else {
        let words = format!("{} is not a service-linked role.", role.entity.name);
        return Err(Fault::new("InvalidInput", words));
    };
    let name = role.entity.name.clone();
    let task = format!("task/aws-service-role/{service}/{name}/{}", call.world.id(HEX, 32));
    let deletion = Deletion { role: name, due: call.due(DELETION), done: false };
    mine(call).deletions.insert(task.clone(), deletion);
    Ok(json!({"DeletionTaskId": task}))
}

pub(super) fn deletion_status(call: &mut Call) -> Answer {
    call.allow("iam:GetServiceLinkedRoleDeletionStatus", "*")?;
    let task = call.text("DeletionTaskId").to_owned();
    let missing = || Fault::new("NoSuchEntity", format!("The deletion task {task} cannot be found."));
    let done = mine(call).deletions.get(&task).ok_or_else(missing)?.done;
    Ok(json!({"Status": if done { "SUCCEEDED" } else { "IN_PROGRESS" }}))
}

/// Deletes what is due, once.
pub(super) fn tick(world: &mut World) {
    let now = world.clock.now();
    for iam in world.iam.values_mut() {
        for deletion in iam.deletions.values_mut().filter(|d| !d.done && d.due <= now) {
            deletion.done = true;
            iam.roles.remove(&deletion.role.to_lowercase());
        }
    }
}
