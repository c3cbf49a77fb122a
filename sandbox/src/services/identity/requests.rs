//! What takes time: making and deleting assignments, provisioning permission sets.

use super::assignments::{Assignment, place};
use super::instances::ask;
use super::permission_sets::named;
use super::{Instance, conflict, invalid, not_found, page, roles, uuid};
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::organizations::{active, organization_id};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    id: String,
    kind: Kind,
    /// What it is about; a provisioning has no principal.
    assignment: Assignment,
    /// The accounts that it reaches.
    accounts: Vec<String>,
    status: Status,
    reason: Option<String>,
    created: Time,
    due: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Creation,
    Deletion,
    Provisioning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    #[serde(rename = "IN_PROGRESS")]
    Pending,
    Failed,
    Succeeded,
}

/// Seconds that a request takes.
const TAKES: f64 = 15.0;
/// How many assignments may be in the making or the deleting.
const AT_ONCE: usize = 10;

pub(super) fn create(call: &mut Call) -> Answer {
    let assignment = asked(call)?;
    let unknown = unknown_target(call.world, &assignment.account);
    let instance = current(call)?;
    if !principal_exists(instance, &assignment) {
        return Err(not_found(&assignment.kind));
    }
    begin(call, Kind::Creation, assignment, unknown)
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let assignment = asked(call)?;
    if !current(call)?.assignments.contains(&assignment) {
        return Err(not_found("Account assignment"));
    }
    begin(call, Kind::Deletion, assignment, None)
}

pub(super) fn provision(call: &mut Call) -> Answer {
    let (kind, account) = (call.text("TargetType").to_owned(), call.text("TargetId").to_owned());
    let (instance, set) = named(call)?;
    let there = |account: &str| instance.provisioned.contains_key(&place(account, &set));
    if kind == "AWS_ACCOUNT" && account.is_empty() {
        return Err(invalid("TargetId is required when TargetType is AWS_ACCOUNT."));
    }
    if kind == "AWS_ACCOUNT" && !there(&account) {
        return Err(not_found("Provisioned account"));
    }
    let assignment = Assignment { account, set, kind: String::new(), principal: String::new() };
    begin(call, Kind::Provisioning, assignment, None)
}

/// What the input asks for, once the caller may.
fn asked(call: &mut Call) -> Result<Assignment, Fault> {
    let [account, set, kind, principal] =
        ["TargetId", "PermissionSetArn", "PrincipalType", "PrincipalId"].map(|m| call.text(m).to_owned());
    let instance = ask(call, &[&format!("arn:aws:sso:::account/{account}"), &set])?;
    if !instance.sets.contains_key(&set) {
        return Err(not_found("PermissionSet"));
    }
    Ok(Assignment { account, set, kind, principal })
}

/// The instance of a caller that was let through.
fn current<'a>(call: &'a mut Call) -> Result<&'a mut Instance, Fault> {
    call.world.identity.instance.as_mut().ok_or_else(|| not_found("Instance"))
}

fn unknown_target(world: &World, account: &str) -> Option<String> {
    let usable = organization_id(world, account).is_some() && active(world, account);
    (!usable).then(|| format!("Target account {account} is not an active account of the organization"))
}

fn principal_exists(instance: &Instance, assignment: &Assignment) -> bool {
    match assignment.kind.as_str() {
        "USER" => instance.users.contains_key(&assignment.principal),
        _ => instance.groups.contains_key(&assignment.principal),
    }
}

/// Starts a request, unless one on the same set in the same account is under way.
fn begin(call: &mut Call, kind: Kind, assignment: Assignment, reason: Option<String>) -> Answer {
    let (id, created, due) = (uuid(call.world), call.now(), call.due(TAKES));
    let instance = current(call)?;
    let accounts = reached(instance, kind, &assignment);
    admitted(instance, kind, &assignment.set, &accounts)?;
    let request = Request { id, kind, assignment, accounts, status: Status::Pending, reason, created, due };
    let answer = shown(&request);
    instance.requests.push(request);
    let index = instance.requests.len() - 1;
    if kind == Kind::Creation {
        // Made at once, so that it has propagated when the request succeeds.
        prepare(call.world, index);
    }
    Ok(json!({ member(kind): answer }))
}

fn reached(instance: &Instance, kind: Kind, assignment: &Assignment) -> Vec<String> {
    if kind != Kind::Provisioning || !assignment.account.is_empty() {
        return vec![assignment.account.clone()];
    }
    let all = instance.provisioned.keys().filter_map(|key| key.split_once('/'));
    all.filter(|(_, set)| *set == assignment.set).map(|(account, _)| account.to_owned()).collect()
}

fn admitted(instance: &Instance, kind: Kind, set: &str, accounts: &[String]) -> Result<(), Fault> {
    let pending: Vec<&Request> = instance.requests.iter().filter(|r| r.status == Status::Pending).collect();
    let same = |r: &&&Request| r.assignment.set == set && r.accounts.iter().any(|a| accounts.contains(a));
    if pending.iter().any(|r| same(&r)) {
        return Err(conflict(
            "Could not complete the request due to a conflict with another request in progress.",
        ));
    }
    let outstanding = pending.iter().filter(|r| r.kind == kind).count();
    if kind != Kind::Provisioning && outstanding >= AT_ONCE {
        return Err(Fault::new("ThrottlingException", "Too many outstanding account assignment requests."));
    }
    Ok(())
}

/// Makes the role of an assignment that will succeed.
fn prepare(world: &mut World, index: usize) {
    let request = world.identity.instance.as_ref().and_then(|i| i.requests.get(index)).cloned();
    if let Some(request) = request.filter(|r| r.reason.is_none()) {
        let there =
            world.identity.instance.as_ref().map(|i| i.provisioned.contains_key(&request.assignment.place()));
        if there == Some(false) {
            roles::provision(world, &request.assignment.account, &request.assignment.set);
        }
    }
}

pub(super) fn tick(world: &mut World) {
    let now = world.clock.now();
    let requests = world.identity.instance.iter_mut().flat_map(|i| &mut i.requests);
    let mut finished = Vec::new();
    for request in requests.filter(|r| r.status == Status::Pending && r.due <= now) {
        request.status = if request.reason.is_some() { Status::Failed } else { Status::Succeeded };
        finished.push(request.clone());
    }
    for request in finished.into_iter().filter(|r| r.status == Status::Succeeded) {
        finish(world, request);
    }
}

fn finish(world: &mut World, request: Request) {
    let assignment = request.assignment;
    match request.kind {
        Kind::Creation => assign(world, assignment),
        Kind::Deletion => unassign(world, &assignment),
        Kind::Provisioning => {
            for account in &request.accounts {
                roles::provision(world, account, &assignment.set);
            }
        }
    }
}

fn assign(world: &mut World, assignment: Assignment) {
    if let Some(instance) = &mut world.identity.instance
        && !instance.assignments.contains(&assignment)
    {
        instance.assignments.push(assignment);
    }
}

/// The role goes with the last assignment.
fn unassign(world: &mut World, assignment: &Assignment) {
    let Some(instance) = &mut world.identity.instance else { return };
    instance.assignments.retain(|a| a != assignment);
    let place = assignment.place();
    if instance.assignments.iter().any(|a| a.place() == place) {
        return;
    }
    if let Some(made) = instance.provisioned.remove(&place) {
        roles::remove(world, &place, &made);
    }
}

/// The member that an answer about one request has.
fn member(kind: Kind) -> &'static str {
    match kind {
        Kind::Creation => "AccountAssignmentCreationStatus",
        Kind::Deletion => "AccountAssignmentDeletionStatus",
        Kind::Provisioning => "PermissionSetProvisioningStatus",
    }
}

fn shown(request: &Request) -> Value {
    let of = &request.assignment;
    let mut shown = json!({
        "Status": request.status,
        "RequestId": request.id,
        "FailureReason": request.reason.as_ref().filter(|_| request.status == Status::Failed),
        "PermissionSetArn": of.set,
        "CreatedDate": request.created,
    });
    if request.kind == Kind::Provisioning {
        shown["AccountId"] = json!(Some(&of.account).filter(|a| !a.is_empty()));
    } else {
        shown["TargetId"] = json!(of.account);
        shown["TargetType"] = json!("AWS_ACCOUNT");
        shown["PrincipalType"] = json!(of.kind);
        shown["PrincipalId"] = json!(of.principal);
    }
    shown
}

/// What the operation is about, by its name.
fn kind_of(operation: &str) -> (Kind, &'static str, &'static str) {
    if operation.contains("Creation") {
        (Kind::Creation, "AccountAssignmentCreationRequestId", "AccountAssignmentsCreationStatus")
    } else if operation.contains("Deletion") {
        (Kind::Deletion, "AccountAssignmentDeletionRequestId", "AccountAssignmentsDeletionStatus")
    } else {
        (Kind::Provisioning, "ProvisionPermissionSetRequestId", "PermissionSetsProvisioningStatus")
    }
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let (kind, id, _) = kind_of(call.operation);
    let id = call.text(id).to_owned();
    let instance = ask(call, &[])?;
    let found = instance.requests.iter().find(|r| r.kind == kind && r.id == id);
    let request = found.ok_or_else(|| not_found("Request"))?;
    Ok(json!({ member(kind): shown(request) }))
}

pub(super) fn list(call: &mut Call) -> Answer {
    let (kind, _, list) = kind_of(call.operation);
    let status = call.input.get("Filter").map(|f| f["Status"].clone());
    let little = |r: &Request| json!({ "Status": r.status, "RequestId": r.id, "CreatedDate": r.created });
    let instance = ask(call, &[])?;
    let all: Vec<Value> = instance
        .requests
        .iter()
        .filter(|r| r.kind == kind)
        .map(little)
        .filter(|r| status.as_ref().is_none_or(|s| *s == r["Status"]))
        .collect();
    let (statuses, next) = page(call, all)?;
    Ok(json!({ list: statuses, "NextToken": next }))
}
