//! Tags of log groups, by the group's ARN or, as AWS still allows, by its name.

use super::{arn, find, find_mut, invalid, no_group};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::tags::{Form, Tags, borrowed, of_resource, remove, requested};
use serde_json::json;

const FORM: Form = Form {
    key: "key",
    value: "value",
    invalid: "InvalidParameterException",
    too_many: "TooManyTagsException",
};

pub(super) fn tag(call: &mut Call, member: &str) -> Answer {
    let new = given(call, member)?;
    let context = requested(&new);
    let name = asked(call, &borrowed(&context))?;
    let all = call.input.get(member).cloned();
    FORM.merge_map(&mut find_mut(call, &name)?.tags, all.as_ref())?;
    Ok(json!({}))
}

pub(super) fn untag(call: &mut Call, member: &str) -> Answer {
    let name = asked(call, &[])?;
    let keys = call.texts(member);
    remove(&mut find_mut(call, &name)?.tags, &keys);
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
    let mut tags = Tags::new();
    FORM.merge_map(&mut tags, call.input.get(member))?;
    Ok(tags)
}

/// `aws:ResourceTag/…` of a group.
pub(super) fn resource_context(call: &Call, name: &str) -> Vec<(String, String)> {
    find(call, name).map(|g| of_resource(&g.tags)).unwrap_or_default()
}
