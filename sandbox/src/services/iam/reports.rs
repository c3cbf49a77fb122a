//! IAM's answers about the whole: simulated decisions, and everything that an account has.

use super::lookup::{principal_id, role_by_arn};
use super::pages::{cut, page};
use super::policies::name;
use super::roles::detailed;
use super::state::Access;
use super::{managed, tags};
use crate::auth::{self, Caller, Principal, Question, encode};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::world::World;
use serde_json::{Value, json};

pub(super) fn simulate_principal_policy(call: &mut Call) -> Answer {
    let source = call.text("PolicySourceArn").to_owned();
    call.allow("iam:SimulatePrincipalPolicy", &source)?;
    if ["PolicyInputList", "PermissionsBoundaryPolicyInputList", "PolicyExclusionList"]
        .iter()
        .any(|m| call.input.contains_key(*m))
    {
        return Err(Fault::not_implemented(call.service, "SimulatePrincipalPolicy with further policies"));
    }
    let missing = || Fault::new("NoSuchEntity", format!("Unable to find entity with ARN {source}"));
    let caller = simulated(call.world, &source).ok_or_else(missing)?;
    let resources = Some(call.texts("ResourceArns")).filter(|r| !r.is_empty());
    let resources = resources.unwrap_or_else(|| vec!["*".to_owned()]);
    let policy = call.opt_text("ResourcePolicy").map(serde_json::from_str::<Value>).transpose();
    let policy = policy.map_err(|_| Fault::new("InvalidInput", "Invalid resource policy"))?;
    let entries = call.list("ContextEntries");
    let context: Vec<(&str, &str)> = entries.iter().flat_map(entry).collect();
    let mut results = Vec::new();
    for action in &call.texts("ActionNames") {
        for resource in &resources {
            let question = Question { action, resource, context: &context, policy: policy.as_ref() };
            let refused = auth::decide(call.world, Some(&caller), call.region, &question);
            results.push(json!({
                "EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision(refused.as_deref()),
                "MatchedStatements": [], "MissingContextValues": [],
            }));
        }
    }
    page(call, "EvaluationResults", results)
}

fn entry(entry: &Value) -> Vec<(&str, &str)> {
    let key = entry["ContextKeyName"].as_str().unwrap_or_default();
    let values = entry["ContextKeyValues"].as_array().into_iter().flatten();
    values.filter_map(|value| Some((key, value.as_str()?))).collect()
}

fn decision(refused: Option<&str>) -> &'static str {
    match refused {
        None => "allowed",
        Some(why) if why.starts_with("with an explicit deny") => "explicitDeny",
        Some(_) => "implicitDeny",
    }
}

/// The caller that a role's session or a user would be.
fn simulated(world: &World, arn: &str) -> Option<Caller> {
    if role_by_arn(world, arn).is_some() {
        return auth::role_caller(world, arn, "simulated");
    }
    let account = arn.strip_prefix("arn:aws:iam::")?.split(':').next()?;
    Some(Caller {
        account: account.to_owned(),
        user_id: principal_id(world, arn)?,
        access_key: String::new(),
        principal: Principal::User { name: name(arn).to_owned() },
        arn: arn.to_owned(),
    })
}

pub(super) fn get_account_authorization_details(call: &mut Call) -> Answer {
    call.allow("iam:GetAccountAuthorizationDetails", "*")?;
    let filter = call.texts("Filter");
    let wanted = |kind: &str| filter.is_empty() || filter.iter().any(|f| f == kind);
    let mut all: Vec<Value> = Vec::new();
    if let Some(iam) = call.world.iam.get(&call.account()) {
        if wanted("Role") {
            all.extend(iam.roles.values().map(|role| {
                let mut shown = detailed(call.world, role);
                add_policies(&mut shown, "RolePolicyList", role.entity.access.latest());
                shown["InstanceProfileList"] = json!([]);
                without(shown, &["Description", "MaxSessionDuration"])
            }));
        }
        if wanted("User") {
            all.extend(iam.users.values().map(|user| {
                let mut shown = super::users::shown(user);
                add_policies(&mut shown, "UserPolicyList", user.access.latest());
                shown
            }));
        }
        for (arn, policy) in iam.policies.iter().filter(|_| wanted("LocalManagedPolicy")) {
            let mut shown = managed::described(call, arn)?;
            let document = encode(policy.document.as_bytes());
            shown["PolicyVersionList"] = json!([{"Document": document, "VersionId": "v1", "IsDefaultVersion": true, "CreateDate": policy.created}]);
            all.push(without(shown, &["Tags"]));
        }
    }
    let (all, marker) = cut(call, all)?;
    let of = |key: &str| all.iter().filter(|v| v.get(key).is_some()).cloned().collect::<Vec<_>>();
    Ok(json!({
        "RoleDetailList": of("RoleName"), "UserDetailList": of("UserName"), "Policies": of("PolicyName"),
        "GroupDetailList": [], "IsTruncated": marker.is_some(), "Marker": marker,
    }))
}

fn add_policies(shown: &mut Value, member: &str, access: &Access) {
    let inline = access.inline.iter();
    shown[member] = inline
        .map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": encode(text.as_bytes())}))
        .collect();
    let attached = access.attached.iter();
    shown["AttachedManagedPolicies"] =
        attached.map(|arn| json!({"PolicyName": name(arn), "PolicyArn": arn})).collect();
    shown["Tags"] = tags::list(&access.tags);
}

fn without(mut shown: Value, members: &[&str]) -> Value {
    if let Some(shown) = shown.as_object_mut() {
        shown.retain(|name, _| !members.contains(&name.as_str()));
    }
    shown
}
