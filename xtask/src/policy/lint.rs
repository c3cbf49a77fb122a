//! A linter for rendered documents: what IAM would accept and we would regret.

mod known;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::*;
use known::Known;

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
    faults.extend(lint_completeness(&statements));
    faults
}

/// An action that takes several resources is allowed by nothing until each of them is.
fn lint_completeness(statements: &[&Json]) -> Vec<String> {
    let mut given: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for statement in statements.iter().filter(|statement| !statement["Resource"].is_null()) {
        for action in texts(&statement["Action"]) {
            given.entry(action).or_default().extend(texts(&statement["Resource"]));
        }
    }
    let lacks = given.iter().filter_map(|(action, arns)| Some((action, Known::of(action)?, arns)));
    lacks
        .flat_map(|(action, known, arns)| {
            known.lacks(arns).into_iter().map(move |kind| format!("{action} without its {kind}"))
        })
        .collect()
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
    for action in texts(&statement["Action"]) {
        match Known::of(action).map(|known| known.level) {
            None => faults.push(format!("unknown action {action}")),
            Some("read" | "list") => {}
            Some(_) if texts(&statement["Resource"]).iter().any(|arn| is_wide(kind, arn)) => {
                faults.push(format!("{action} on a wildcard"));
            }
            Some(_) => {}
        }
    }
    let actions: Vec<(&str, Known)> = texts(&statement["Action"])
        .into_iter()
        .filter_map(|action| Some((action, Known::of(action)?)))
        .collect();
    if !resources.is_empty() {
        faults.extend(lint_resources(&actions, &texts(&statement["Resource"])));
    }
    faults.extend(lint_keys(&actions, &condition_keys(statement)));
    if !statement["Principal"]["AWS"].is_null() || statement["Principal"] == "*" {
        faults.extend(lint_principal(statement));
    }
    faults
}

/// What is of no type that an action takes gives nobody anything.
fn lint_resources(actions: &[(&str, Known)], arns: &[&str]) -> Vec<String> {
    let idle = actions.iter().filter(|(_, known)| !arns.iter().any(|arn| known.takes(arn)));
    let idle = idle.map(|(action, _)| format!("{action} takes none of these resources"));
    let odd = arns.iter().filter(|arn| !actions.iter().any(|(_, known)| known.takes(arn)));
    idle.chain(odd.map(|arn| format!("no action here takes {arn}"))).collect()
}

/// A key that a request does not have makes its condition true never, or always.
fn lint_keys(actions: &[(&str, Known)], keys: &[&str]) -> Vec<String> {
    let pairs = keys.iter().flat_map(|key| actions.iter().map(move |(action, known)| (action, known, *key)));
    let odd = pairs.filter(|(_, known, key)| !known.has(key));
    odd.map(|(action, _, key)| format!("{action} has no {key}")).collect()
}

/// Whether it stands for more than one thing. In a permission set the account is the one that the role is in, and
/// below a thing of ours is what AWS has numbered, or what is under our own path.
fn is_wide(kind: Kind, arn: &str) -> bool {
    if kind != Kind::PermissionSet {
        return arn.contains('*');
    }
    let here = arn.replacen(":*:", "::", 1);
    // All versions of one thing are one thing.
    let below =
        ["/*", ":*"].iter().find_map(|end| here.strip_suffix(end)).filter(|thing| thing.contains('/'));
    below.unwrap_or(&here).contains('*')
}

/// Another account's root stands for everybody in it, and `*` for everybody.
fn lint_principal(statement: &Json) -> Option<String> {
    let keys = condition_keys(statement);
    let everybody =
        statement["Principal"] == "*" || many(&statement["Principal"]["AWS"]).contains(&&json!("*"));
    if !keys.contains(&"aws:PrincipalArn") {
        return Some("another account without a condition on who in it".to_owned());
    }
    (everybody && !keys.contains(&"aws:PrincipalOrgID")).then(|| "everybody, of any organization".to_owned())
}

fn condition_keys(statement: &Json) -> Vec<&str> {
    let operators = statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values());
    operators.filter_map(Json::as_object).flat_map(|keys| keys.keys().map(String::as_str)).collect()
}

fn texts(value: &Json) -> Vec<&str> {
    many(value).into_iter().filter_map(Json::as_str).collect()
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
    let here = |service: &str, what: &str| format!("arn:aws:{service}:ap-southeast-1:111111111111:{what}");
    let role = format!("arn:aws:iam::111111111111:role/foothold/{}/{}", "n".repeat(24), "r".repeat(64));
    let strategy = here("appconfig", "deploymentstrategy/AppConfig.Linear50PercentEvery30Seconds");
    match name {
        "account_roots" => json!(vec!["arn:aws:iam::111111111111:root"; 20]),
        "application_arn" => json!(here("appconfig", "application/0123456")),
        "app_role_arn" | "read_role_arn" => json!(role),
        "config_account_id" | "stage_account_id" => json!("111111111111"),
        "organization_id" => json!("o-0123456789abcdef0123456789abcdef"),
        "region" => json!("ap-southeast-1"),
        "repository_arn" => json!(here("ecr", &format!("repository/{}", "r".repeat(256)))),
        "role_path" => json!(format!("/foothold/{}/", "n".repeat(24))),
        "service" => json!("n".repeat(24)),
        "strategy_arns" => json!(vec![strategy; 5]),
        id => {
            assert!(id.ends_with("_id"), "a placeholder that the linter has no value for: {id}");
            json!("0123456")
        }
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
        assert_eq!(pass(wide)[0], "iam:PassRole on a wildcard", "{wide}");
    }
    let mut open = rendered(&ECR_REPOSITORY);
    open["Statement"][0]["Condition"] = json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}});
    assert_eq!(lint(Kind::Resource, &open), ["everybody, of any organization"]);
}

#[test]
fn what_an_action_does_not_take_and_a_request_does_not_have_is_found() {
    let with = |policy: &Policy, sid: &str, key: &str, value: Json| {
        let mut document = rendered(policy);
        let mut statements = document["Statement"].as_array_mut().unwrap().iter_mut();
        statements.find(|it| it["Sid"] == sid).unwrap()[key] = value;
        lint(kind(policy).unwrap(), &document)
    };
    let profile = "arn:aws:appconfig:eu-west-1:111111111111:application/a/configurationprofile/b";
    let takes = "appconfig:GetLatestConfiguration takes none of these resources";
    let found = with(&READ_ROLE, "ReadTheConfigurationOfOneStage", "Resource", json!(profile));
    assert!(found.contains(&takes.to_owned()) && found.contains(&format!("no action here takes {profile}")));
    assert!(found.contains(&"appconfig:GetLatestConfiguration without its configuration".to_owned()));

    // What takes no resource takes `*`; of several resources each has to be allowed somewhere.
    let repository = "arn:aws:ecr:eu-west-1:111111111111:repository/a/b";
    let found = with(&CONFIGURATION_EDITOR, "SignInToTheRegistry", "Resource", json!(repository));
    assert_eq!(
        found,
        [
            "ecr:GetAuthorizationToken takes none of these resources".to_owned(),
            format!("no action here takes {repository}"),
        ]
    );
    let found = with(&CONFIGURATION_EDITOR, "UseOurStrategyAndThoseOfAws", "Resource", json!(profile));
    assert_eq!(found, ["appconfig:StartDeployment without its deploymentstrategy"]);
    let found =
        with(&OPERATOR, "DeployToExpressMode", "Resource", json!("arn:aws:ecs:eu-west-1:*:service/s"));
    assert!(
        found.contains(&"no action here takes arn:aws:ecs:eu-west-1:*:service/s".to_owned()),
        "{found:?}"
    );

    for (policy, sid, key) in [
        (&DEVELOPER, "GiveOurRolesToWhatRunsThem", "iam:PassedToServices"),
        (&APP_ROLE_TRUST, "AssumeByTasksOfThisAccount", "aws:SourceAcount"),
    ] {
        let found = with(policy, sid, "Condition", json!({"StringEquals": {key: "x"}}));
        assert!(found[0].ends_with(&format!(" has no {key}")), "{found:?}");
    }
}
