//! Repository policies: who else may use a repository.

use super::{Name, invalid, named};
use crate::auth::{self, Question};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};

pub(super) fn set(call: &mut Call) -> Answer {
    let name = named(call)?;
    let text = call.text("policyText").to_owned();
    name.repository(call.world)?;
    let policy = checked(call, &text)?;
    if !call.flag("force") {
        keeps_the_caller_in(call, &name, &policy)?;
    }
    // ECR gives a policy back in its own layout: whoever compares must compare JSON.
    let kept = serde_json::to_string_pretty(&policy).unwrap_or(text);
    name.repository(call.world)?.policy = Some(kept.clone());
    Ok(output(&name, &kept))
}

pub(super) fn get(call: &mut Call) -> Answer {
    let name = named(call)?;
    let policy = name.repository(call.world)?.policy.clone();
    Ok(output(&name, &policy.ok_or_else(|| missing(&name))?))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let name = named(call)?;
    let policy = name.repository(call.world)?.policy.take();
    Ok(output(&name, &policy.ok_or_else(|| missing(&name))?))
}

fn output(name: &Name, policy: &str) -> Value {
    json!({"registryId": name.account, "repositoryName": name.name, "policyText": policy})
}

fn missing(name: &Name) -> Fault {
    let why = format!(
        "Repository policy does not exist for the repository with name '{}' in the registry with id '{}'",
        name.name, name.account
    );
    Fault::new("RepositoryPolicyNotFoundException", why)
}

fn checked(call: &Call, text: &str) -> Result<Value, Fault> {
    let refused = |why: &str| invalid("PolicyText", &format!("Invalid repository policy provided: {why}"));
    let policy: Value = serde_json::from_str(text).map_err(|_| refused("it is not JSON"))?;
    let statements = match &policy["Statement"] {
        Value::Array(statements) if !statements.is_empty() => statements.clone(),
        statement @ Value::Object(_) => vec![statement.clone()],
        _ => return Err(refused("it has no Statement")),
    };
    for statement in &statements {
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return Err(refused("Effect is Allow or Deny"));
        }
        if statement.get("Resource").is_some() || statement.get("NotResource").is_some() {
            return Err(refused("a repository policy has no Resource"));
        }
        let actions = list(statement.get("Action").or_else(|| statement.get("NotAction")));
        if actions.is_empty() || !actions.iter().all(|it| *it == "*" || it.starts_with("ecr:")) {
            return Err(refused("its actions are ECR's"));
        }
        principals(call, statement).map_err(|why| refused(&why))?;
    }
    Ok(policy)
}

/// Principals that are named must exist.
fn principals(call: &Call, statement: &Value) -> Result<(), String> {
    let principal = statement.get("Principal").or_else(|| statement.get("NotPrincipal"));
    let named = match principal {
        None => return Err("a statement needs a Principal".to_owned()),
        Some(Value::String(all)) if all == "*" => return Ok(()),
        Some(Value::Object(kinds)) if !kinds.is_empty() => list(kinds.get("AWS")),
        Some(_) => return Err("Principal is * or an object".to_owned()),
    };
    let unknown = named.into_iter().find(|arn| {
        arn.contains(":role/") && auth::role_caller(call.world, arn, "principal").is_none()
            || !arn.contains(":iam::") && *arn != "*" && !is_account(arn)
    });
    unknown.map_or(Ok(()), |arn| Err(format!("Invalid principal {arn}")))
}

fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|digit| digit.is_ascii_digit())
}

/// One text or a list of texts.
fn list(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Without `force`, a policy must not keep the caller from setting the next one.
fn keeps_the_caller_in(call: &Call, name: &Name, policy: &Value) -> Result<(), Fault> {
    let question = Question {
        action: "ecr:SetRepositoryPolicy",
        resource: &name.arn(),
        context: &[],
        policy: Some(policy),
    };
    auth::allow(call.world, call.caller.as_ref(), call.region, &question).map_err(|_| {
        invalid("PolicyText", "The policy would prevent you from setting another policy in the future")
    })
}
