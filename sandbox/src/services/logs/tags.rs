//! Tags of log groups, by the group's ARN or, as AWS still allows, by its name.

use super::{arn, find, find_mut, invalid, no_group};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many tags a group may have.
const LIMIT: usize = 50;

type Tags = BTreeMap<String, String>;

pub(super) fn tag(call: &mut Call, member: &str) -> Answer {
    let new = given(call, member)?;
    let context = request_context(&new);
    let name = asked(call, &borrowed(&context))?;
    let mut all = find(call, &name)?.tags.clone();
    all.extend(new);
    if all.len() > LIMIT {
        return Err(Fault::new("TooManyTagsException", "A resource can have no more than 50 tags."));
    }
    find_mut(call, &name)?.tags = all;
    Ok(json!({}))
}

pub(super) fn untag(call: &mut Call, member: &str) -> Answer {
    let name = asked(call, &[])?;
    let keys = call.texts(member);
    find_mut(call, &name)?.tags.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}

pub(super) fn list(call: &mut Call) -> Answer {
    let name = asked(call, &[])?;
    Ok(json!({ "tags": find(call, &name)?.tags }))
}

/// The group, once the caller may do this to it. Unlike all else here these ask about the ARN without `:*`.
fn asked(call: &mut Call, context: &[(&str, &str)]) -> Result<String, Fault> {
    let name = match call.opt_text("resourceArn") {
        None => call.text("logGroupName").to_owned(),
        Some(given) => own(call, given)?,
    };
    let tags = resource_context(call, &name);
    let all: Vec<_> =
        context.iter().copied().chain(tags.iter().map(|(k, v)| (k.as_str(), v.as_str()))).collect();
    let resource = arn(call, &name);
    call.allow_with(&format!("logs:{}", call.operation), &resource, &all, None)?;
    Ok(name)
}

fn own(call: &Call, given: &str) -> Result<String, Fault> {
    let (_, name) = given.split_once(":log-group:").ok_or_else(|| invalid("Invalid resourceArn."))?;
    if given != arn(call, name) {
        return Err(no_group());
    }
    Ok(name.to_owned())
}

/// The tags of a request.
pub(super) fn given(call: &Call, member: &str) -> Result<Tags, Fault> {
    let map = call.input.get(member).and_then(Value::as_object);
    let tags: Tags = map
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
        .collect();
    if tags.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
    }
    Ok(tags)
}

/// `aws:RequestTag/…` and `aws:TagKeys`.
pub(super) fn request_context(tags: &Tags) -> Vec<(String, String)> {
    let each = tags.iter().map(|(k, v)| (format!("aws:RequestTag/{k}"), v.clone()));
    each.chain(tags.keys().map(|k| ("aws:TagKeys".to_owned(), k.clone()))).collect()
}

/// `aws:ResourceTag/…` of a group.
pub(super) fn resource_context(call: &Call, name: &str) -> Vec<(String, String)> {
    let tags = find(call, name).map(|g| &g.tags).into_iter().flatten();
    tags.map(|(k, v)| (format!("aws:ResourceTag/{k}"), v.clone())).collect()
}

pub(super) fn borrowed(context: &[(String, String)]) -> Vec<(&str, &str)> {
    context.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()
}
