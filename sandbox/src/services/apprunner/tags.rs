//! Tags of services, in App Runner's upper case.

use super::{found, invalid, state};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) type Tags = BTreeMap<String, String>;

/// Reads `[{Key, Value}]`; the model has refused `aws:` already.
pub(super) fn read(list: &[Value]) -> Result<Tags, Fault> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    limit(list.iter().map(|t| (text(&t["Key"]), text(&t["Value"]))).collect())
}

fn limit(tags: Tags) -> Result<Tags, Fault> {
    if tags.len() > 50 {
        return Err(invalid("A resource can have at most 50 tags."));
    }
    Ok(tags)
}

pub(super) fn context(tags: &Tags) -> Vec<(String, String)> {
    tags.iter().map(|(k, v)| (format!("aws:RequestTag/{k}"), v.clone())).collect()
}

pub(super) fn add(call: &mut Call) -> Answer {
    let arn = call.text("ResourceArn").to_owned();
    let new = read(&call.list("Tags"))?;
    let context = context(&new);
    let context: Vec<_> = context.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    call.allow_with("apprunner:TagResource", &arn, &context, None)?;
    let mut tags = found(call, &arn)?.tags;
    tags.extend(new);
    set(call, &arn, limit(tags)?)
}

pub(super) fn remove(call: &mut Call) -> Answer {
    let arn = call.text("ResourceArn").to_owned();
    call.allow("apprunner:UntagResource", &arn)?;
    let keys = call.texts("TagKeys");
    let mut tags = found(call, &arn)?.tags;
    tags.retain(|k, _| !keys.contains(k));
    set(call, &arn, tags)
}

fn set(call: &mut Call, arn: &str, tags: Tags) -> Answer {
    if let Some(service) = state(call).services.get_mut(arn) {
        service.tags = tags;
    }
    Ok(json!({}))
}

pub(super) fn list(call: &mut Call) -> Answer {
    let arn = call.text("ResourceArn").to_owned();
    call.allow("apprunner:ListTagsForResource", &arn)?;
    let tags = found(call, &arn)?.tags;
    Ok(json!({"Tags": tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect::<Vec<_>>()}))
}
