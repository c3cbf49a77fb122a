//! Log groups and how long they keep what they have.

use super::{Group, allow, allow_with, arn, find_mut, invalid, no_group, now, page, state, tags};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::tags::{borrowed, requested};
use serde_json::{Value, json};

/// The numbers of days that AWS takes.
const RETENTION: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

pub(super) fn create(call: &mut Call) -> Answer {
    let name = call.text("logGroupName").to_owned();
    let tags = tags::given(call, "tags")?;
    let context = requested(&tags);
    allow_with(call, &name, "", &borrowed(&context))?;
    if !tags.is_empty() {
        call.allow_with("logs:TagResource", &arn(call, &name), &borrowed(&context), None)?;
    }
    let group = Group {
        name: name.clone(),
        created: now(call),
        retention: None,
        class: call.opt_text("logGroupClass").unwrap_or("STANDARD").to_owned(),
        key: call.opt_text("kmsKeyId").map(str::to_owned),
        protected: call.flag("deletionProtectionEnabled"),
        tags,
        streams: Default::default(),
        next: 0,
    };
    if state(call).groups.contains_key(&name) {
        return Err(Fault::new("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    state(call).groups.insert(name, group);
    Ok(json!({}))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let name = named(call)?;
    if find_mut(call, &name)?.protected {
        let message = "Log group is protected from deletion. Disable deletion protection before deleting the log group.";
        return Err(Fault::new("ValidationException", message));
    }
    state(call).groups.remove(&name).ok_or_else(no_group)?;
    Ok(json!({}))
}

pub(super) fn put_retention(call: &mut Call) -> Answer {
    let name = named(call)?;
    let days = call.int("retentionInDays").unwrap_or_default();
    if !RETENTION.contains(&days) {
        let allowed: Vec<String> = RETENTION.iter().map(i64::to_string).collect();
        return Err(invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member \
             must satisfy enum value set: [{}]",
            allowed.join(", ")
        )));
    }
    find_mut(call, &name)?.retention = Some(days);
    Ok(json!({}))
}

pub(super) fn delete_retention(call: &mut Call) -> Answer {
    let name = named(call)?;
    find_mut(call, &name)?.retention = None;
    Ok(json!({}))
}

fn named(call: &mut Call) -> Result<String, Fault> {
    let name = call.text("logGroupName").to_owned();
    allow(call, &name, "")?;
    Ok(name)
}

pub(super) fn describe(call: &mut Call) -> Answer {
    allow(call, "", "")?;
    if call.flag("includeLinkedAccounts") {
        return Err(Fault::not_implemented("logs", "DescribeLogGroups of linked accounts"));
    }
    let (prefix, pattern) = (call.opt_text("logGroupNamePrefix"), call.opt_text("logGroupNamePattern"));
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let all: Vec<Value> = chosen(call).into_iter().map(|g| shown(call, g, pattern.is_some())).collect();
    let (groups, next) = page(call, all)?;
    Ok(json!({ "logGroups": groups, "nextToken": next }))
}

/// The groups that an input asks for, in the order of their names.
fn chosen<'a>(call: &'a Call) -> Vec<&'a Group> {
    let (prefix, pattern) = (call.text("logGroupNamePrefix"), call.text("logGroupNamePattern"));
    let class = call.opt_text("logGroupClass");
    let ids = call.texts("logGroupIdentifiers");
    let wanted = |g: &&Group| {
        g.name.starts_with(prefix)
            && g.name.contains(pattern)
            && class.is_none_or(|c| c == g.class)
            && (ids.is_empty() || ids.contains(&g.name) || ids.contains(&arn(call, &g.name)))
    };
    let groups = call.world.logs.get(&call.here()).map(|s| s.groups.values());
    groups.into_iter().flatten().filter(wanted).collect()
}

/// A search by pattern is answered with less.
fn shown(call: &Call, group: &Group, little: bool) -> Value {
    let arn = arn(call, &group.name);
    let mut shown =
        json!({ "logGroupName": group.name, "creationTime": group.created, "arn": format!("{arn}:*") });
    if !little {
        shown["logGroupArn"] = json!(arn);
        shown["retentionInDays"] = json!(group.retention);
        shown["metricFilterCount"] = json!(0);
        shown["storedBytes"] = json!(stored(group));
        shown["logGroupClass"] = json!(group.class);
        shown["kmsKeyId"] = json!(group.key);
        shown["deletionProtectionEnabled"] = json!(group.protected);
    }
    shown
}

/// Bytes of all messages, as AWS counts them: 26 more for each event.
fn stored(group: &Group) -> usize {
    let events = group.streams.values().flat_map(|s| &s.events);
    events.map(|e| e.message.len() + 26).sum()
}
