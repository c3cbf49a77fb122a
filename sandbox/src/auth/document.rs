//! Policy documents: their grammar, and what IAM says about those that break it.

use serde_json::{Map, Value};

/// Where a document is to be used: that decides which elements it must and must not have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Identity,
    Trust,
    Resource,
}

/// A document that was read.
#[derive(Clone, Debug)]
pub struct Document {
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
pub struct Statement {
    pub deny: bool,
    pub actions: Patterns,
    /// `None` in trust policies and in resource policies that mean the resource they are on.
    pub resources: Option<Patterns>,
    pub principals: Option<Principals>,
    /// Operator, key, values.
    pub conditions: Vec<(String, String, Vec<String>)>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug)]
pub struct Patterns {
    pub not: bool,
    pub patterns: Vec<String>,
}

/// `Principal` or `NotPrincipal`, as pairs of type and name: `("AWS", "*")`.
#[derive(Clone, Debug)]
pub struct Principals {
    pub not: bool,
    pub names: Vec<(String, String)>,
}

const ELEMENTS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// Reads a document. The error is what IAM says in `MalformedPolicyDocument`.
pub fn parse(text: &str, kind: Kind) -> Result<Document, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|_| "This policy contains invalid Json".to_owned())?;
    read(&value, kind)
}

/// Reads a document that is JSON already.
pub fn read(value: &Value, kind: Kind) -> Result<Document, String> {
    let document = value.as_object().ok_or("Syntax errors in policy.")?;
    check_top(document)?;
    let statements = match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().map(|s| statement(s, kind)).collect::<Result<Vec<_>, _>>()?,
        Some(one @ Value::Object(_)) => vec![statement(one, kind)?],
        _ => return Err("Syntax errors in policy.".to_owned()),
    };
    if statements.is_empty() {
        return Err("Syntax errors in policy.".to_owned());
    }
    check_sids(document)?;
    Ok(Document { statements })
}

fn check_top(document: &Map<String, Value>) -> Result<(), String> {
    if document.keys().any(|k| !["Version", "Id", "Statement"].contains(&k.as_str())) {
        return Err("Syntax errors in policy.".to_owned());
    }
    match document.get("Version").map(Value::as_str) {
        None | Some(Some("2012-10-17" | "2008-10-17")) => Ok(()),
        _ => Err("Syntax errors in policy.".to_owned()),
    }
}

fn check_sids(document: &Map<String, Value>) -> Result<(), String> {
    let statements = document.get("Statement").and_then(Value::as_array).into_iter().flatten();
    let mut sids: Vec<&str> = statements.filter_map(|s| s.get("Sid")?.as_str()).collect();
    let total = sids.len();
    sids.sort_unstable();
    sids.dedup();
    match sids.len() == total {
        true => Ok(()),
        false => Err("Statement IDs (SID) in a single policy must be unique.".to_owned()),
    }
}

fn statement(value: &Value, kind: Kind) -> Result<Statement, String> {
    let fields = value.as_object().ok_or("Syntax errors in policy.")?;
    if let Some(odd) = fields.keys().find(|k| !ELEMENTS.contains(&k.as_str())) {
        return Err(format!("Syntax error at position (1,1): unexpected element {odd}"));
    }
    check_sid(fields, kind)?;
    let deny = match fields.get("Effect").and_then(Value::as_str) {
        Some("Allow") => false,
        Some("Deny") => true,
        _ => return Err("Syntax errors in policy.".to_owned()),
    };
    let actions = patterns(fields, "Action", "NotAction")?.ok_or("Policy statement must contain actions.")?;
    check_actions(&actions, kind)?;
    let resources = patterns(fields, "Resource", "NotResource")?;
    check_resources(resources.as_ref(), kind)?;
    let principals = principals(fields)?;
    check_principals(principals.as_ref(), kind)?;
    Ok(Statement { deny, actions, resources, principals, conditions: conditions(fields)? })
}

fn check_sid(fields: &Map<String, Value>, kind: Kind) -> Result<(), String> {
    let simple = |sid: &str| sid.chars().all(|c| c.is_ascii_alphanumeric());
    match fields.get("Sid") {
        None => Ok(()),
        Some(Value::String(sid)) if kind == Kind::Resource || simple(sid) => Ok(()),
        Some(_) => Err("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*".to_owned()),
    }
}

fn check_actions(actions: &Patterns, kind: Kind) -> Result<(), String> {
    for action in &actions.patterns {
        let Some((vendor, name)) = action.split_once(':') else {
            if action == "*" && kind != Kind::Trust {
                continue;
            }
            let known = if action == "*" {
                "AssumeRole policy may only specify STS AssumeRole actions."
            } else {
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            };
            return Err(known.to_owned());
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-*?_".contains(c);
        if vendor.is_empty() || !vendor.chars().all(plain) || !name.chars().all(plain) || name.is_empty() {
            return Err(format!("Vendor {vendor} is not valid"));
        }
        if kind == Kind::Trust && !vendor.eq_ignore_ascii_case("sts") {
            return Err("AssumeRole policy may only specify STS AssumeRole actions.".to_owned());
        }
    }
    Ok(())
}

fn check_resources(resources: Option<&Patterns>, kind: Kind) -> Result<(), String> {
    let refusal = match (kind, resources) {
        (Kind::Trust, Some(_)) => "Has prohibited field Resource",
        (Kind::Identity, None) => "Policy statement must contain resources.",
        (Kind::Identity, Some(r)) if !r.patterns.iter().all(|p| p == "*" || p.starts_with("arn:")) => {
            let odd = r.patterns.iter().find(|p| *p != "*" && !p.starts_with("arn:")).cloned();
            return Err(format!("Resource {} must be in ARN format or \"*\".", odd.unwrap_or_default()));
        }
        _ => return Ok(()),
    };
    Err(refusal.to_owned())
}

fn check_principals(principals: Option<&Principals>, kind: Kind) -> Result<(), String> {
    match (kind, principals) {
        (Kind::Identity, Some(_)) => Err("Policy document should not specify a principal.".to_owned()),
        (Kind::Trust | Kind::Resource, None) => Err("Missing required field Principal".to_owned()),
        (Kind::Trust, Some(p)) if p.not => Err("AssumeRole policy must contain principals.".to_owned()),
        _ => Ok(()),
    }
}

fn patterns(fields: &Map<String, Value>, yes: &str, no: &str) -> Result<Option<Patterns>, String> {
    let (not, value) = match (fields.get(yes), fields.get(no)) {
        (Some(value), None) => (false, value),
        (None, Some(value)) => (true, value),
        (None, None) => return Ok(None),
        _ => return Err("Syntax errors in policy.".to_owned()),
    };
    let patterns = strings(value).filter(|p| !p.is_empty()).ok_or("Syntax errors in policy.")?;
    Ok(Some(Patterns { not, patterns }))
}

fn principals(fields: &Map<String, Value>) -> Result<Option<Principals>, String> {
    let (not, value) = match (fields.get("Principal"), fields.get("NotPrincipal")) {
        (Some(value), None) => (false, value),
        (None, Some(value)) => (true, value),
        (None, None) => return Ok(None),
        _ => return Err("Syntax errors in policy.".to_owned()),
    };
    let mut names = Vec::new();
    match value {
        Value::String(all) if all == "*" => names.push(("AWS".to_owned(), "*".to_owned())),
        Value::Object(types) if !types.is_empty() => {
            for (kind, value) in types {
                if !["AWS", "Service", "Federated", "CanonicalUser"].contains(&kind.as_str()) {
                    return Err(format!("Invalid principal in policy: \"{kind}\""));
                }
                let list = strings(value).ok_or("Syntax errors in policy.")?;
                names.extend(list.into_iter().map(|name| (kind.clone(), name)));
            }
        }
        _ => return Err("Invalid principal in policy.".to_owned()),
    }
    Ok(Some(Principals { not, names }))
}

fn conditions(fields: &Map<String, Value>) -> Result<Vec<(String, String, Vec<String>)>, String> {
    let Some(condition) = fields.get("Condition") else {
        return Ok(Vec::new());
    };
    let operators = condition.as_object().ok_or("Syntax errors in policy.")?;
    let mut all = Vec::new();
    for (operator, keys) in operators {
        if !super::condition::known(operator) {
            return Err(format!("Invalid Condition type : {operator}."));
        }
        for (key, value) in keys.as_object().ok_or("Syntax errors in policy.")? {
            let values = strings(value).ok_or("Syntax errors in policy.")?;
            all.push((operator.clone(), key.clone(), values));
        }
    }
    Ok(all)
}

/// A string or a list of strings; numbers and booleans count by how they are written.
fn strings(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Array(list) => list.iter().map(one).collect(),
        other => one(other).map(|text| vec![text]),
    }
}
