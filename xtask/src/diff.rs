//! What differs between two values, as paths with before and after, and as text.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::Value;

/// One place where two values differ. `Null` stands for "not there".
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// As one would write it in code: `policy.Statement[0].Action`.
    pub(crate) path: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

/// Everything that must change for `before` to become `after`, in the order of `after`.
///
/// Lists of equal length are compared one by one, others as a whole; a missing field equals `null`.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), before, after, &mut found);
    found
}

fn compare(path: String, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            let removed = old.keys().filter(|key| !new.contains_key(*key));
            for key in new.keys().chain(removed) {
                compare(field(&path, key), part(old, key), part(new, key), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(format!("{path}[{index}]"), old, new, found);
            }
        }
        _ => found.push(Difference { path, before: before.clone(), after: after.clone() }),
    }
}

fn field(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn part<'a>(object: &'a serde_json::Map<String, Value>, key: &str) -> &'a Value {
    object.get(key).unwrap_or(&Value::Null)
}

/// How a file of that name changes, line by line; empty where it does not. What stays may be somebody else's: nothing
/// is shown around a change.
pub(crate) fn unified(name: &str, before: &str, after: &str) -> String {
    similar::TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(0)
        .header(name, name)
        .to_string()
}

impl Difference {
    /// Whether this is at or below the field `path`.
    pub(crate) fn within(&self, path: &str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

/// `retention: 7 → 30`; nothing there is `none`.
impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "value" } else { &self.path };
        write!(f, "{path}: {} → {}", short(&self.before), short(&self.after))
    }
}

/// All differences on one line, for messages.
pub(crate) fn one_line(differences: &[Difference]) -> String {
    let parts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    parts.join(", ")
}

const LONGEST: usize = 160;

fn short(value: &Value) -> String {
    let text = if value.is_null() { "none".to_owned() } else { value.to_string() };
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(before: Value, after: Value) -> Vec<String> {
        differences(&before, &after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_differs_is_told_with_its_path() {
        let before = json!({"name": "a", "policy": {"Statement": [{"Action": "x"}]}, "old": 1});
        let after = json!({"name": "a", "policy": {"Statement": [{"Action": "y"}]}, "new": true});
        assert_eq!(
            told(before, after),
            ["policy.Statement[0].Action: \"x\" → \"y\"", "new: none → true", "old: 1 → none"]
        );
    }

    #[test]
    fn lists_of_other_length_differ_as_a_whole() {
        assert_eq!(told(json!({"a": [1, 2]}), json!({"a": [1]})), ["a: [1,2] → [1]"]);
    }

    #[test]
    fn the_order_of_keys_and_a_null_are_no_difference() {
        assert!(told(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1, "c": null})).is_empty());
        assert_eq!(told(json!(1), json!(2)), ["value: 1 → 2"]);
    }

    #[test]
    fn a_difference_knows_the_field_it_is_in() {
        let at = |path: &str| Difference { path: path.into(), before: json!(1), after: json!(2) };
        assert!(at("encryption").within("encryption") && at("encryption.key").within("encryption"));
        assert!(at("encryption[0]").within("encryption") && !at("encryptionKey").within("encryption"));
    }

    #[test]
    fn a_long_value_is_cut() {
        let line = at_length(400);
        assert!(line.ends_with("…") && line.chars().count() < 200, "{line}");
    }

    fn at_length(length: usize) -> String {
        Difference { path: "p".into(), before: json!(1), after: json!("x".repeat(length)) }.to_string()
    }
}
