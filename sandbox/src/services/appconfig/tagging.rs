//! Tags of AppConfig's resources, found by ARN.

use super::{State, arn, refused, state};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::tags::{self, Form, Tags};
use serde_json::json;

/// AppConfig writes tags as a map, so the members of a list are never used.
pub(super) const FORM: Form =
    Form { key: "Key", value: "Value", invalid: "BadRequestException", too_many: "BadRequestException" };

pub(super) fn tag(call: &mut Call) -> Answer {
    let path = allow(call)?;
    let given = call.input.get("Tags").cloned();
    FORM.merge_map(found(call, &path)?, given.as_ref())?;
    Ok(json!({}))
}

pub(super) fn untag(call: &mut Call) -> Answer {
    let path = allow(call)?;
    let keys = call.texts("TagKeys");
    tags::remove(found(call, &path)?, &keys);
    Ok(json!({}))
}

pub(super) fn list(call: &mut Call) -> Answer {
    let path = allow(call)?;
    Ok(json!({"Tags": tags::map(found(call, &path)?)}))
}

/// The tags of what is at a path such as `application/ID/environment/ID`.
pub(super) fn find<'a>(state: &'a mut State, path: &str) -> Option<&'a mut Tags> {
    let parts: Vec<&str> = path.split('/').collect();
    if let ["deploymentstrategy", id] = parts[..] {
        return state.strategies.get_mut(id).map(|strategy| &mut strategy.tags);
    }
    let ["application", id, rest @ ..] = &parts[..] else { return None };
    let application = state.applications.get_mut(*id)?;
    match rest {
        [] => Some(&mut application.tags),
        ["environment", id] => application.environments.get_mut(*id).map(|it| &mut it.tags),
        ["configurationprofile", id] => application.profiles.get_mut(*id).map(|it| &mut it.tags),
        ["environment", id, "deployment", number] => {
            let number: i64 = number.parse().ok()?;
            let deployments = &mut application.environments.get_mut(*id)?.deployments;
            deployments.iter_mut().find(|it| it.number == number).map(|it| &mut it.tags)
        }
        _ => None,
    }
}

fn found<'a>(call: &'a mut Call, path: &str) -> Result<&'a mut Tags, Fault> {
    let arn = arn(call, path);
    find(state(call), path).ok_or_else(|| {
        Fault::new("ResourceNotFoundException", format!("Could not find resource with ARN {arn}"))
    })
}

/// Asks for the action on the ARN that the request names, and returns its path.
fn allow(call: &mut Call) -> Result<String, Fault> {
    let named = call.text("ResourceArn").to_owned();
    let path = named.strip_prefix(&arn(call, "")).map(str::to_owned);
    let path = path.ok_or_else(|| refused(format!("Invalid resource ARN: {named}")))?;
    super::allow(call, std::slice::from_ref(&path))?;
    Ok(path)
}
