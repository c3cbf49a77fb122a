//! The world as a value to compare: "exactly as before".

use crate::services::{appconfig, apprunner, ecr, ecs, logs};
use crate::world::World;
use fancy_regex::Regex;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// What passes by itself, and says nothing about what exists.
const FLEETING: &[&str] = &["clock", "ids", "sts", "appconfigdata", "settings"];

/// Everything that exists, without time, sessions and tokens.
pub fn take(world: &World) -> Value {
    let mut value = serde_json::to_value(world).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !FLEETING.contains(&name.as_str()));
        if let Some(identity) = members.get_mut("identity").and_then(Value::as_object_mut) {
            identity.remove("signin");
        }
        for (name, untouched) in untouched() {
            if let Some(places) = members.get_mut(name).and_then(Value::as_object_mut) {
                places.retain(|_, held| *held != untouched);
            }
        }
    }
    value
}

/// What a service keeps of a place that was only looked at: as good as nothing.
fn untouched() -> [(&'static str, Value); 5] {
    [
        ("ecr", json!(ecr::State::default())),
        ("appconfig", json!(appconfig::State::default())),
        ("ecs", json!(ecs::State::default())),
        ("apprunner", json!(apprunner::State::default())),
        ("logs", json!(logs::State::default())),
    ]
}

/// A snapshot without what differs between two worlds that came about in the same way: ids are told by the names of
/// what they belong to, times by the word, and what only tells of the past is left out. Twins are numbered.
pub fn alike(snapshot: &Value) -> Value {
    let mut names = Vec::new();
    gather_names(snapshot, &mut names);
    gather_people(&snapshot["identity"]["instance"], &mut names);
    let mut alike = alike_value(snapshot, &names);
    // A public address is whatever port was free.
    let ingress = alike.pointer_mut("/runtime/ingress").and_then(Value::as_object_mut);
    for address in ingress.into_iter().flatten() {
        address.1["port"] = Value::Null;
    }
    alike
}

/// What only tells of the past, or of how the sandbox got there. An upload that was begun cannot be seen by anybody.
const PAST: &[&str] = &[
    "uploads",
    "history",
    "last_used",
    "events",
    "tail",
    "alarm",
    "token",
    "backoff",
    "next",
    "counted",
    "balancer",
    "coming",
];

/// Ids that nothing with a name has, addresses, and the long numbers of revisions and tasks; digests stay.
fn anonymous() -> &'static Regex {
    static IDS: OnceLock<Regex> = OnceLock::new();
    let ids = r"\b(?:AROA|AIDA|AKIA|ASIA)[A-Z0-9]{12,}|\b(?:car|o|ou|r|subnet|sg)-[a-z0-9]{4,}(?:-[a-z0-9]{6,})?|(?<=127\.0\.0\.1:)\d+|\b[0-9a-f]{20,40}\b|\b\d{15,}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\bssoins-[0-9a-f]{16}|\bd-[0-9a-f]{10}\b|(?<=_)[0-9a-f]{16}(?=_|\b)";
    IDS.get_or_init(|| Regex::new(ids).unwrap_or_else(|e| unreachable!("{e}")))
}

fn gather_names(value: &Value, names: &mut Vec<(String, String)>) {
    if let (Some(id), Some(name)) = (value["id"].as_str(), value["name"].as_str()) {
        names.push((id.to_owned(), format!("<{name}>")));
    }
    match value {
        Value::Object(members) => members.values().for_each(|member| gather_names(member, names)),
        Value::Array(items) => items.iter().for_each(|item| gather_names(item, names)),
        _ => {}
    }
}

/// Of Identity Center, which keeps things by ids that are no members of theirs.
fn gather_people(instance: &Value, names: &mut Vec<(String, String)>) {
    let all = |of: &str| instance[of].as_object().into_iter().flatten();
    let attribute =
        |entry: &Value, name: &str| entry["attributes"][name].as_str().map(|it| format!("<{it}>"));
    let users = all("users").map(|(id, user)| (id, attribute(user, "UserName")));
    let groups = all("groups").map(|(id, group)| (id, attribute(group, "DisplayName")));
    let sets = all("sets").map(|(arn, set)| (arn, set["name"].as_str().map(|it| format!("<{it}>"))));
    names.extend(users.chain(groups).chain(sets).filter_map(|(id, name)| Some((id.clone(), name?))));
}

fn alike_value(value: &Value, names: &[(String, String)]) -> Value {
    match value {
        Value::String(text) => match document(text) {
            Some(document) => alike_value(&document, names),
            None => Value::String(alike_text(text, names)),
        },
        Value::Number(number) if number.as_f64().is_some_and(|n| n > A_TIME) => "a time".into(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| alike_value(item, names)).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => alike_members(members, names),
        other => other.clone(),
    }
}

/// A policy, and whatever else is kept as the text of a document: its lists may be in the order of ids.
fn document(text: &str) -> Option<Value> {
    if text.starts_with(['{', '[']) { serde_json::from_str(text).ok() } else { None }
}

fn alike_members(members: &Map<String, Value>, names: &[(String, String)]) -> Value {
    let kept = members.iter().filter(|(name, _)| !PAST.contains(&name.as_str()));
    let mut kept: Vec<(String, Value)> =
        kept.map(|(name, value)| (alike_text(name, names), alike_value(value, names))).collect();
    kept.sort_by_cached_key(|(name, value)| (name.clone(), value.to_string()));
    let mut all = Map::new();
    for (name, value) in kept {
        let twins = (2..).map(|n| format!("{name} ({n})"));
        let free = std::iter::once(name.clone()).chain(twins).find(|name| !all.contains_key(name));
        all.insert(free.unwrap_or(name), value);
    }
    Value::Object(all)
}

fn alike_text(text: &str, names: &[(String, String)]) -> String {
    let named = names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name));
    anonymous().replace_all(&named, "#").into_owned()
}

/// Seconds and milliseconds since 1970 are greater than this; nothing else is.
const A_TIME: f64 = 1.6e9;

/// Where two snapshots differ: one line a place, `path: before -> after`.
pub fn diff(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare("", before, after, &mut lines);
    lines
}

fn compare(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                compare(&format!("{path}/{name}"), value, new.get(name).unwrap_or(&Value::Null), lines);
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                compare(&format!("{path}/{name}"), &Value::Null, value, lines);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}/{index}"), old, new, lines);
            }
        }
        (old, new) if old != new => lines.push(format!("{path}: {old} -> {new}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_alike_whatever_order_ids_have_given_its_lists() {
        let world = |ids: [&str; 2], action: &str| {
            let policy = json!({"Action": action, "Resource": ids.map(|id| format!("x:strategy/{id}"))});
            json!({"strategy": {"id": ids.iter().find(|id| **id != "AppConfig.*"), "name": "quick"}, "inline": policy.to_string()})
        };
        let (one, other) =
            (world(["1ab2cd3", "AppConfig.*"], "a:b"), world(["AppConfig.*", "z9y8x7w"], "a:b"));
        assert_eq!(alike(&one), alike(&other));
        assert_ne!(alike(&one), alike(&world(["AppConfig.*", "z9y8x7w"], "a:c")));
    }

    #[test]
    fn worlds_that_came_about_alike_are_alike_and_twins_are_not_hidden() {
        let world = |id: &str, at: f64, twin: bool| {
            let thing = json!({"id": id, "name": "app", "at": at, "arn": format!("x:application/{id}")});
            let mut all = json!({ id: thing, "role": {"id": "AROAVA7WSPCUVJ6NIQ6RW", "history": [at]} });
            if twin {
                all["hic67qj"] =
                    json!({"id": "hic67qj", "name": "app", "at": at, "arn": "x:application/hic67qj"});
            }
            alike(&all)
        };
        assert_eq!(world("dosrsxc", 1.7e9, false), world("z31qr72", 1.8e9, false));
        assert_ne!(world("dosrsxc", 1.7e9, false), world("dosrsxc", 1.7e9, true));
        assert_eq!(world("dosrsxc", 1.7e9, true)["<app> (2)"]["arn"], "x:application/<app>");
    }

    #[test]
    fn people_and_what_they_may_do_are_told_by_their_names() {
        let world = |digit: &str| {
            let (user, group) = (id(digit, "01"), id(digit, "02"));
            let set = format!("arn:aws:sso:::permissionSet/ssoins-{0}/ps-{0}", digit.repeat(16));
            let place = format!("111111111111/{set}");
            alike(&json!({"identity": {"instance": {
                "store": format!("d-{}", digit.repeat(10)),
                "users": {user.clone(): {"attributes": {"UserName": "ada@example.com"}}},
                "groups": {group.clone(): {"attributes": {"DisplayName": "developers"}}},
                "sets": {set.clone(): {"arn": set, "name": "developer"}},
                "memberships": {id(digit, "03"): {"group": group, "user": user}},
                "provisioned": {place: {"role": format!("AWSReservedSSO_developer_{}", digit.repeat(16))}},
            }}}))
        };
        assert_eq!(world("a"), world("7"));
        let instance = &world("a")["identity"]["instance"];
        let membership = json!({"group": "<developers>", "user": "<ada@example.com>"});
        assert_eq!(instance["memberships"], json!({"#": membership}));
        assert_eq!(
            instance["provisioned"],
            json!({"111111111111/<developer>": {"role": "AWSReservedSSO_developer_#"}})
        );
    }

    /// As long as a UUID.
    fn id(digit: &str, last: &str) -> String {
        format!("{}-{1}-{1}-{1}-{2}{last}", digit.repeat(8), digit.repeat(4), digit.repeat(10))
    }

    #[test]
    fn only_what_differs_is_told() {
        let (before, after) =
            (json!({"a": {"b": 1, "c": [1, 2]}}), json!({"a": {"b": 2, "c": [1, 2]}, "d": true}));
        assert_eq!(diff(&before, &after), ["/a/b: 1 -> 2", "/d: null -> true"]);
    }
}
