//! Tags of clusters and services, in ECS's lower case.

use super::{State, invalid, state};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) type Tags = BTreeMap<String, String>;

/// Reads `[{key, value}]`.
pub(super) fn read(list: &[Value]) -> Result<Tags, Fault> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let tags: Tags = list.iter().map(|t| (text(&t["key"]), text(&t["value"]))).collect();
    if tags.keys().any(|k| k.to_lowercase().starts_with("aws:")) {
        return Err(invalid("Tag keys that start with aws: are reserved for system use."));
    }
    if tags.keys().any(String::is_empty) {
        return Err(invalid("Tag keys must not be empty."));
    }
    limit(&tags)?;
    Ok(tags)
}

fn limit(tags: &Tags) -> Result<(), Fault> {
    if tags.len() <= 50 {
        return Ok(());
    }
    Err(invalid("The maximum number of tags has been reached: 50."))
}

pub(super) fn show(tags: &Tags) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// The condition context of a request that brings these tags.
pub(super) fn context(tags: &Tags) -> Vec<(String, String)> {
    tags.iter().map(|(k, v)| (format!("aws:RequestTag/{k}"), v.clone())).collect()
}

fn of<'s>(state: &'s mut State, arn: &str) -> Result<&'s mut Tags, Fault> {
    let cluster = state.clusters.values_mut().find(|c| c.arn == arn).map(|c| &mut c.tags);
    let service = state.services.get_mut(arn).map(|s| &mut s.tags);
    let missing = || invalid("The specified resource was not found. Verify the resource ARN and try again.");
    cluster.or(service).ok_or_else(missing)
}

pub(super) fn add(call: &mut Call) -> Answer {
    let arn = call.text("resourceArn").to_owned();
    let new = read(&call.list("tags"))?;
    let context = context(&new);
    let context: Vec<_> = context.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    call.allow_with("ecs:TagResource", &arn, &context, None)?;
    let tags = of(state(call), &arn)?;
    let mut merged = tags.clone();
    merged.extend(new);
    limit(&merged)?;
    *tags = merged;
    Ok(json!({}))
}

pub(super) fn remove(call: &mut Call) -> Answer {
    let arn = call.text("resourceArn").to_owned();
    call.allow("ecs:UntagResource", &arn)?;
    let keys = call.texts("tagKeys");
    of(state(call), &arn)?.retain(|k, _| !keys.contains(k));
    Ok(json!({}))
}

pub(super) fn list(call: &mut Call) -> Answer {
    let arn = call.text("resourceArn").to_owned();
    call.allow("ecs:ListTagsForResource", &arn)?;
    let tags = of(state(call), &arn)?.clone();
    Ok(json!({ "tags": show(&tags) }))
}
