//! Services: created, described, changed by operations.

use super::{Declared, Operation, Service, found, invalid, show, state, tags};
use crate::auth;
use crate::call::{Answer, Call, HEX};
use crate::fault::Fault;
use crate::runtime::ingress;
use crate::services::organizations;
use serde_json::{Value, json};

/// The service principals that the roles are passed to.
const BUILD: &str = "build.apprunner.amazonaws.com";
pub(super) const TASKS: &str = "tasks.apprunner.amazonaws.com";

/// How many services an account may have in a Region, failed ones included.
const QUOTA: usize = 30;

pub(super) fn create(call: &mut Call) -> Answer {
    let name = call.text("ServiceName").to_owned();
    let id = call.world.id(HEX, 32);
    let arn = format!("arn:aws:apprunner:{}:{}:service/{name}/{id}", call.region, call.account());
    let tags = tags::read(&call.list("Tags"))?;
    let context = tags::context(&tags);
    let context: Vec<_> = context.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    call.allow_with("apprunner:CreateService", &arn, &context, None)?;
    if !tags.is_empty() {
        call.allow_with("apprunner:TagResource", &arn, &context, None)?;
    }
    open(call)?;
    let declared = declared(call, &Declared::default());
    check(call, &declared)?;
    roles(call, &declared)?;
    let others: Vec<&Service> = state(call).services.values().filter(|s| s.deleted.is_none()).collect();
    if others.iter().any(|s| s.name == name) {
        return Err(invalid(format!("Service with the provided name already exists: {name}.")));
    }
    if others.len() >= QUOTA {
        let text = "You have reached the maximum number of services allowed in this account and Region.";
        return Err(Fault::new("ServiceQuotaExceededException", text));
    }
    let url = ingress::expose(call.world, &arn).trim_end_matches('/').to_owned();
    let now = call.now();
    let service = Service {
        arn: arn.clone(),
        name,
        id,
        url,
        created: now,
        updated: now,
        deleted: None,
        status: "CREATE_FAILED".to_owned(),
        declared: declared.clone(),
        tags,
        task: None,
        operations: Vec::new(),
    };
    state(call).services.insert(arn.clone(), service);
    begin(call, &arn, "CREATE_SERVICE", Some(declared))
}

/// New customers are not let in any more. What AWS says to them is not known; that it is no is.
fn open(call: &Call) -> Result<(), Fault> {
    if organizations::app_runner_customer(call.world, &call.account()) {
        return Ok(());
    }
    let text = "AWS App Runner is no longer open to new customers. Existing customers can continue to use the service as normal.";
    Err(Fault::new("AccessDeniedException", text))
}

/// What is declared: what was asked for, over what was there, over the defaults.
fn declared(call: &Call, before: &Declared) -> Declared {
    let over = |member: &str, before: &Value, defaults: Value| {
        let mut value = if before.is_null() { defaults } else { before.clone() };
        for (k, v) in call
            .input
            .get(member)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, v)| !v.is_null())
        {
            value[k] = v.clone();
        }
        value
    };
    let health = json!({"Protocol": "TCP", "Path": "/", "Interval": 5, "Timeout": 2, "HealthyThreshold": 1, "UnhealthyThreshold": 5});
    let network = json!({"EgressConfiguration": {"EgressType": "DEFAULT"}, "IngressConfiguration": {"IsPubliclyAccessible": true}, "IpAddressType": "IPV4"});
    let mut declared = Declared {
        source: over("SourceConfiguration", &before.source, json!({"AutoDeploymentsEnabled": false})),
        instance: over("InstanceConfiguration", &before.instance, json!({"Cpu": "1024", "Memory": "2048"})),
        health: over("HealthCheckConfiguration", &before.health, health),
        network: over("NetworkConfiguration", &before.network, network),
    };
    let image = &mut declared.source["ImageRepository"];
    if image.is_object() && image["ImageConfiguration"]["Port"].is_null() {
        image["ImageConfiguration"]["Port"] = json!("8080");
    }
    for (member, units) in [("Cpu", 1024.0), ("Memory", 1024.0)] {
        let text = declared.instance[member].as_str().unwrap_or_default();
        if let Some(number) = text.split_once(' ').and_then(|(n, _)| n.parse::<f64>().ok()) {
            declared.instance[member] = json!(format!("{}", number * units));
        }
    }
    declared
}

fn check(call: &Call, declared: &Declared) -> Result<(), Fault> {
    if declared.source["CodeRepository"].is_object() {
        return Err(Fault::not_implemented("apprunner", "CreateService from a code repository"));
    }
    let image = &declared.source["ImageRepository"];
    if !image.is_object() {
        return Err(invalid("Exactly one of CodeRepository and ImageRepository is required."));
    }
    if image["ImageRepositoryType"] != "ECR" {
        return Err(Fault::not_implemented("apprunner", "CreateService from ECR Public"));
    }
    let access = &declared.source["AuthenticationConfiguration"]["AccessRoleArn"];
    if access.as_str().is_none() {
        return Err(invalid("AccessRoleArn is required for ECR images."));
    }
    if port(declared).is_none() {
        return Err(invalid("Port must be a number from 1 to 65535."));
    }
    let identifier = image["ImageIdentifier"].as_str().unwrap_or_default();
    if declared.source["AutoDeploymentsEnabled"] == true && !identifier.contains(&call.account()) {
        return Err(invalid("Automatic deployments are not supported for images of another account."));
    }
    if image["ImageConfiguration"]["RuntimeEnvironmentSecrets"].as_object().is_some_and(|s| !s.is_empty()) {
        return Err(Fault::not_implemented("apprunner", "CreateService with secrets"));
    }
    let variables = image["ImageConfiguration"]["RuntimeEnvironmentVariables"].as_object();
    match variables.and_then(|v| v.keys().find(|k| *k == "PORT" || k.starts_with("AWSAPPRUNNER"))) {
        Some(name) => Err(invalid(format!("{name} is a reserved environment variable."))),
        None => Ok(()),
    }
}

/// The port is a string in this API.
pub(super) fn port(declared: &Declared) -> Option<u16> {
    let port = declared.source["ImageRepository"]["ImageConfiguration"]["Port"].as_str()?;
    port.parse().ok().filter(|p| *p > 0)
}

/// The caller must be allowed to pass the roles, and App Runner to assume them.
fn roles(call: &mut Call, declared: &Declared) -> Result<(), Fault> {
    let access = declared.source["AuthenticationConfiguration"]["AccessRoleArn"].as_str();
    let instance = declared.instance["InstanceRoleArn"].as_str();
    let account = call.account();
    for (role, service, what) in [(access, BUILD, "access"), (instance, TASKS, "instance")] {
        let Some(role) = role else { continue };
        auth::pass_role(call, role, service)?;
        if !auth::trusts_service(call.world, role, service, &account) {
            return Err(invalid(format!("Error in assuming {what} role {role}")));
        }
    }
    Ok(())
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let arn = call.text("ServiceArn").to_owned();
    call.allow("apprunner:DescribeService", &arn)?;
    let service = found(call, &arn)?;
    Ok(json!({ "Service": show(&service, call.region, &call.account()) }))
}

pub(super) fn update(call: &mut Call) -> Answer {
    let arn = call.text("ServiceArn").to_owned();
    call.allow("apprunner:UpdateService", &arn)?;
    let service = idle(call, &arn, &["RUNNING", "CREATE_FAILED"], "InvalidStateException")?;
    let declared = declared(call, &service.declared);
    check(call, &declared)?;
    roles(call, &declared)?;
    begin(call, &arn, "UPDATE_SERVICE", Some(declared))
}

/// Delete, pause and resume.
pub(super) fn change(call: &mut Call, kind: &str) -> Answer {
    let arn = call.text("ServiceArn").to_owned();
    call.allow(&format!("apprunner:{}", call.operation), &arn)?;
    let from: &[&str] = match kind {
        "PAUSE_SERVICE" => &["RUNNING"],
        "RESUME_SERVICE" => &["PAUSED"],
        _ => &["RUNNING", "PAUSED", "CREATE_FAILED", "DELETE_FAILED"],
    };
    let service = idle(call, &arn, from, "InvalidStateException")?;
    begin(call, &arn, kind, Some(service.declared))
}

pub(super) fn deploy(call: &mut Call) -> Answer {
    let arn = call.text("ServiceArn").to_owned();
    call.allow("apprunner:StartDeployment", &arn)?;
    // The only operation that does not know InvalidStateException.
    let service = idle(call, &arn, &["RUNNING"], "InvalidRequestException")?;
    let answer = begin(call, &arn, "START_DEPLOYMENT", Some(service.declared))?;
    Ok(json!({ "OperationId": answer["OperationId"] }))
}

/// The service, if nothing is under way and it is in one of these states.
fn idle(call: &mut Call, arn: &str, states: &[&str], code: &str) -> Result<Service, Fault> {
    let service = found(call, arn)?;
    let status = service.shown_status();
    if states.contains(&status) {
        return Ok(service);
    }
    Err(Fault::new(code, format!("Service cannot be changed in the current state: {status}.")))
}

fn begin(call: &mut Call, arn: &str, kind: &str, declared: Option<Declared>) -> Answer {
    let (now, next) = (call.now(), call.due(5.0));
    let digits = call.world.id(HEX, 32);
    let id = format!(
        "{}-{}-4{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..]
    );
    let operation = Operation {
        id: id.clone(),
        kind: kind.to_owned(),
        status: "PENDING".to_owned(),
        started: now,
        ended: None,
        updated: now,
        next,
        declared,
        task: None,
    };
    if let Some(service) = state(call).services.get_mut(arn) {
        service.operations.push(operation);
        service.updated = now;
    }
    let service = found(call, arn)?;
    Ok(json!({"Service": show(&service, call.region, &call.account()), "OperationId": id}))
}

pub(super) fn list(call: &mut Call) -> Answer {
    call.allow("apprunner:ListServices", "*")?;
    let shown = |s: &Service| {
        json!({
            "ServiceName": s.name, "ServiceId": s.id, "ServiceArn": s.arn, "ServiceUrl": s.url,
            "CreatedAt": s.created, "UpdatedAt": s.updated, "Status": s.shown_status(),
        })
    };
    let services: Vec<Value> =
        state(call).services.values().filter(|s| s.deleted.is_none()).map(shown).collect();
    let (page, next) = call.page(services, ("MaxResults", 20), "NextToken", "InvalidRequestException")?;
    Ok(json!({"ServiceSummaryList": page, "NextToken": next}))
}

pub(super) fn operations(call: &mut Call) -> Answer {
    let arn = call.text("ServiceArn").to_owned();
    call.allow("apprunner:ListOperations", &arn)?;
    let service = found(call, &arn)?;
    let shown = |o: &Operation| {
        json!({
            "Id": o.id, "Type": o.kind, "Status": o.status, "TargetArn": arn,
            "StartedAt": o.started, "EndedAt": o.ended, "UpdatedAt": o.updated,
        })
    };
    let operations: Vec<Value> = service.operations.iter().rev().map(shown).collect();
    let (page, next) = call.page(operations, ("MaxResults", 20), "NextToken", "InvalidRequestException")?;
    Ok(json!({"OperationSummaryList": page, "NextToken": next}))
}
