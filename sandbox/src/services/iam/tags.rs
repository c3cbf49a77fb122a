//! Tags in IAM's form and within its limits.

use crate::call::Call;
use crate::fault::Fault;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) type Tags = BTreeMap<String, String>;

/// The request's tags. A key may be there once, whatever its case.
pub(super) fn of(call: &Call) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    for tag in call.list("Tags") {
        let (key, value) =
            (tag["Key"].as_str().unwrap_or_default(), tag["Value"].as_str().unwrap_or_default());
        if key.to_lowercase().starts_with("aws:") {
            let words = format!("Tag keys beginning with aws: are reserved for system use: {key}");
            return Err(Fault::new("InvalidInput", words));
        }
        if tags.keys().any(|known: &String| known.eq_ignore_ascii_case(key)) {
            let words = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(Fault::new("InvalidInput", words));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    check(&tags)?;
    Ok(tags)
}

/// At most 50.
pub(super) fn check(tags: &Tags) -> Result<(), Fault> {
    match tags.len() {
        0..=50 => Ok(()),
        _ => Err(Fault::new("LimitExceeded", "The number of tags has reached the maximum limit.")),
    }
}

/// The tags with new ones put in, a key's case being that of the last.
pub(super) fn merged(old: &Tags, new: &Tags) -> Tags {
    let mut all: Tags = old.clone();
    all.retain(|key, _| !new.keys().any(|k| k.eq_ignore_ascii_case(key)));
    all.extend(new.clone());
    all
}

pub(super) fn list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// Asks for permission with the tags that the request gives and those that the resource has.
pub(super) fn allow(
    call: &mut Call,
    action: &str,
    arn: &str,
    (given, present): (&Tags, &Tags),
    more: &[(&str, &str)],
) -> Result<(), Fault> {
    let given_keys = given.iter().map(|(k, v)| (format!("aws:RequestTag/{k}"), v.as_str()));
    let of_resource = |(k, v)| {
        let (key, value): (&String, &String) = (k, v);
        ["aws", "iam"].map(|vendor| (format!("{vendor}:ResourceTag/{key}"), value.as_str()))
    };
    let named: Vec<(String, &str)> = given_keys.chain(present.iter().flat_map(of_resource)).collect();
    let mut context: Vec<(&str, &str)> = named.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    context.extend(given.keys().map(|k| ("aws:TagKeys", k.as_str())));
    context.extend(more);
    call.allow_with(action, arn, &context, None)
}
