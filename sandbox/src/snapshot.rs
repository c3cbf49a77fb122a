//! The world as a value to compare: "exactly as before".

use crate::services::{appconfig, apprunner, ecr, ecs, logs};
use crate::world::World;
use serde_json::{Value, json};

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
    fn only_what_differs_is_told() {
        let (before, after) =
            (json!({"a": {"b": 1, "c": [1, 2]}}), json!({"a": {"b": 2, "c": [1, 2]}, "d": true}));
        assert_eq!(diff(&before, &after), ["/a/b: 1 -> 2", "/d: null -> true"]);
    }
}
