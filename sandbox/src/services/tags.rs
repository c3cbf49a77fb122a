//! Tags, which every service has, each with its own spelling and its own errors.

use crate::fault::Fault;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a resource is tagged with.
pub type Tags = BTreeMap<String, String>;

/// How many tags a resource may have.
pub const LIMIT: usize = 50;

/// How a service writes tags, and what it answers to wrong ones.
pub struct Form {
    /// The member that holds the key: `Key` or `key`.
    pub key: &'static str,
    /// The member that holds the value: `Value` or `value`.
    pub value: &'static str,
    /// The code for a key or value that is not allowed.
    pub invalid: &'static str,
    /// The code for more than [`LIMIT`] tags.
    pub too_many: &'static str,
}

impl Form {
    /// Adds tags given as a list, replacing the values of keys that are there. Nothing changes when one is refused.
    pub fn merge(&self, tags: &mut Tags, given: &[Value]) -> Result<(), Fault> {
        let pairs = given.iter().map(|tag| {
            let text = |member: &str| tag.get(member).and_then(Value::as_str).unwrap_or_default();
            (text(self.key).to_owned(), text(self.value).to_owned())
        });
        self.insert(tags, pairs)
    }

    /// The same for services that take tags as a map.
    pub fn merge_map(&self, tags: &mut Tags, given: Option<&Value>) -> Result<(), Fault> {
        let given = given.and_then(Value::as_object);
        let pairs = given.into_iter().flatten();
        let pairs = pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
        self.insert(tags, pairs)
    }

    /// The tags as this service lists them.
    pub fn list(&self, tags: &Tags) -> Value {
        tags.iter().map(|(key, value)| json!({self.key: key, self.value: value})).collect()
    }

    fn insert(&self, tags: &mut Tags, pairs: impl Iterator<Item = (String, String)>) -> Result<(), Fault> {
        let mut merged = tags.clone();
        let mut seen = BTreeSet::new();
        for (key, value) in pairs {
            self.check(&key, &value)?;
            if !seen.insert(key.clone()) {
                return Err(Fault::new(self.invalid, format!("Duplicate tag key: {key}")));
            }
            merged.insert(key, value);
        }
        if merged.len() > LIMIT {
            return Err(Fault::new(self.too_many, format!("A resource cannot have more than {LIMIT} tags")));
        }
        *tags = merged;
        Ok(())
    }

    fn check(&self, key: &str, value: &str) -> Result<(), Fault> {
        let refuse = |why: &str| Err(Fault::new(self.invalid, format!("Invalid tag `{key}`: {why}")));
        if key.is_empty() || key.chars().count() > 128 {
            return refuse("a key has 1 to 128 characters");
        }
        if value.chars().count() > 256 {
            return refuse("a value has at most 256 characters");
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return refuse("the prefix aws: is reserved for system use");
        }
        if !key.chars().chain(value.chars()).all(is_allowed) {
            return refuse("only letters, digits, whitespace and _ . : / = + - @ are allowed");
        }
        Ok(())
    }
}

/// The tags as a map, as services list them that take them so.
pub fn map(tags: &Tags) -> Value {
    let map: Map<String, Value> = tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    Value::Object(map)
}

/// Removes tags by key; keys that are not there are ignored, as AWS ignores them.
pub fn remove(tags: &mut Tags, keys: &[String]) {
    tags.retain(|key, _| !keys.contains(key));
}

/// What conditions see of the tags that a request brings: `aws:RequestTag/…` and `aws:TagKeys`.
pub fn requested(tags: &Tags) -> Vec<(String, String)> {
    let named = tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), value.clone()));
    let keys = tags.keys().map(|key| ("aws:TagKeys".to_owned(), key.clone()));
    named.chain(keys).collect()
}

/// What conditions see of the tags that a resource has: `aws:ResourceTag/…`.
pub fn of_resource(tags: &Tags) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| (format!("aws:ResourceTag/{key}"), value.clone())).collect()
}

/// Context as [`crate::call::Call::allow_with`] takes it.
pub fn borrowed(context: &[(String, String)]) -> Vec<(&str, &str)> {
    context.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPPER: Form = Form { key: "Key", value: "Value", invalid: "Invalid", too_many: "TooMany" };
    const LOWER: Form = Form { key: "key", value: "value", ..UPPER };

    #[test]
    fn both_spellings_merge_and_replace() {
        let mut tags = Tags::new();
        UPPER
            .merge(&mut tags, &[json!({"Key": "a", "Value": "1"}), json!({"Key": "b", "Value": ""})])
            .unwrap();
        LOWER.merge(&mut tags, &[json!({"key": "a", "value": "2"})]).unwrap();
        LOWER.merge_map(&mut tags, Some(&json!({"c": "3"}))).unwrap();
        assert_eq!(map(&tags), json!({"a": "2", "b": "", "c": "3"}));
        remove(&mut tags, &["b".to_owned(), "absent".to_owned()]);
        assert_eq!(UPPER.list(&tags), json!([{"Key": "a", "Value": "2"}, {"Key": "c", "Value": "3"}]));
    }

    #[test]
    fn a_refused_tag_changes_nothing() {
        let mut tags = Tags::from([("kept".to_owned(), "1".to_owned())]);
        for wrong in [
            json!([{"Key": "new", "Value": "1"}, {"Key": "aws:made", "Value": "1"}]),
            json!([{"Key": "AWS:made", "Value": "1"}]),
            json!([{"Key": "", "Value": "1"}]),
            json!([{"Key": "twice", "Value": "1"}, {"Key": "twice", "Value": "2"}]),
            json!([{"Key": "long", "Value": "x".repeat(257)}]),
            json!([{"Key": "what?", "Value": ""}]),
        ] {
            let fault = UPPER.merge(&mut tags, wrong.as_array().unwrap()).unwrap_err();
            assert_eq!(fault.code, "Invalid", "{wrong}");
        }
        assert_eq!(map(&tags), json!({"kept": "1"}));
    }

    #[test]
    fn fifty_tags_and_no_more() {
        let many =
            |n: usize| (0..n).map(|i| json!({"key": format!("k{i}"), "value": ""})).collect::<Vec<_>>();
        let mut tags = Tags::new();
        LOWER.merge(&mut tags, &many(50)).unwrap();
        let one_more = [json!({"key": "one more", "value": ""})];
        assert_eq!(LOWER.merge(&mut tags, &one_more).unwrap_err().code, "TooMany");
        assert_eq!(tags.len(), 50);
    }
}
