//! CloudWatch Logs: groups, their streams, and the events in them.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod events;
mod groups;
mod pattern;
mod streams;
mod tags;
#[cfg(test)]
mod tests;

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub groups: BTreeMap<String, Group>,
}

/// A log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    /// Milliseconds since 1970, as all of this service's times.
    created: i64,
    pub retention: Option<i64>,
    class: String,
    key: Option<String>,
    protected: bool,
    pub tags: BTreeMap<String, String>,
    pub streams: BTreeMap<String, LogStream>,
    /// The number of the group's next event.
    next: u64,
}

/// A log stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogStream {
    created: i64,
    /// In order of their times, and of their numbers where those are equal. The oldest go when there are too many.
    pub events: Vec<Event>,
}

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    pub time: i64,
    ingested: i64,
    /// Unique in the group.
    number: u64,
    pub message: String,
}

/// How many events a stream keeps.
const KEPT: usize = 5000;

pub fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "CreateLogGroup" => groups::create(call),
        "DescribeLogGroups" => groups::describe(call),
        "DeleteLogGroup" => groups::delete(call),
        "PutRetentionPolicy" => groups::put_retention(call),
        "DeleteRetentionPolicy" => groups::delete_retention(call),
        "CreateLogStream" => streams::create(call),
        "DescribeLogStreams" => streams::describe(call),
        "DeleteLogStream" => streams::delete(call),
        "PutLogEvents" => events::put(call),
        "GetLogEvents" => events::get(call),
        "FilterLogEvents" => events::filter(call),
        "TagResource" => tags::tag(call, "tags"),
        "UntagResource" => tags::untag(call, "tagKeys"),
        "ListTagsForResource" => tags::list(call),
        "TagLogGroup" => tags::tag(call, "tags"),
        "UntagLogGroup" => tags::untag(call, "tags"),
        "ListTagsLogGroup" => tags::list(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// Where a line of a container's output goes.
pub struct Stream<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub group: &'a str,
    pub stream: &'a str,
}

/// Appends lines (time in seconds, text) as the log driver would; makes the stream. False: there is no such group.
pub fn append(world: &mut World, to: &Stream, lines: &[(f64, String)]) -> bool {
    let now = milliseconds(world.clock.now());
    let here = format!("{}/{}", to.account, to.region);
    let Some(group) = world.logs.get_mut(&here).and_then(|s| s.groups.get_mut(to.group)) else {
        return false;
    };
    group.streams.entry(to.stream.to_owned()).or_insert_with(|| LogStream::new(now));
    for (time, line) in lines {
        // An event of no characters is not an event.
        if !line.is_empty() {
            group.add(to.stream, milliseconds(*time), now, line);
        }
    }
    true
}

impl LogStream {
    fn new(created: i64) -> Self {
        Self { created, events: Vec::new() }
    }
}

impl Group {
    /// Adds an event in its place, and drops the oldest where there are too many.
    fn add(&mut self, stream: &str, time: i64, ingested: i64, message: &str) {
        self.next += 1;
        let event = Event { time, ingested, number: self.next, message: message.to_owned() };
        if let Some(stream) = self.streams.get_mut(stream) {
            let place = stream.events.partition_point(|e| e.time <= time);
            stream.events.insert(place, event);
            if stream.events.len() > KEPT {
                stream.events.remove(0);
            }
        }
    }

    /// Before this time events have expired. Retention is in the time of the events' own clock, unscaled.
    fn horizon(&self, now: i64) -> i64 {
        self.retention.map_or(i64::MIN, |days| now - days * 86_400_000)
    }
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

fn now(call: &Call) -> i64 {
    milliseconds(call.now())
}

fn state<'a>(call: &'a mut Call) -> &'a mut State {
    let here = call.here();
    call.world.logs.entry(here).or_default()
}

fn find<'a>(call: &'a Call, name: &str) -> Result<&'a Group, Fault> {
    call.world.logs.get(&call.here()).and_then(|s| s.groups.get(name)).ok_or_else(no_group)
}

fn find_mut<'a>(call: &'a mut Call, name: &str) -> Result<&'a mut Group, Fault> {
    state(call).groups.get_mut(name).ok_or_else(no_group)
}

fn no_group() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified log group does not exist.")
}

fn no_stream() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}

/// The ARN of a group, without the `:*` that most of AWS's own answers add.
fn arn(call: &Call, group: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{group}", call.region, call.account())
}

/// Asks for the operation on a group, or on a stream of it. AWS asks about `…:log-group:NAME:log-stream:STREAM` with
/// an empty STREAM for a group, so that a policy for `…:log-group:NAME` without `:*` does not match.
fn allow(call: &mut Call, group: &str, stream: &str) -> Result<(), Fault> {
    allow_with(call, group, stream, &[])
}

fn allow_with(call: &mut Call, group: &str, stream: &str, context: &[(&str, &str)]) -> Result<(), Fault> {
    let resource = format!("{}:log-stream:{stream}", arn(call, group));
    let tags = tags::resource_context(call, group);
    let all: Vec<_> =
        context.iter().copied().chain(tags.iter().map(|(k, v)| (k.as_str(), v.as_str()))).collect();
    call.allow_with(&format!("logs:{}", call.operation), &resource, &all, None)
}

/// The group that an input names, by `logGroupName` or by `logGroupIdentifier` (a name or an ARN).
fn named(call: &Call) -> Result<String, Fault> {
    match (call.opt_text("logGroupName"), call.opt_text("logGroupIdentifier")) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(id)) => Ok(id.rsplit_once(":log-group:").map_or(id, |(_, name)| name).to_owned()),
        (Some(_), Some(_)) => Err(invalid("LogGroup name and LogGroup identifier cannot both be set.")),
        (None, None) => Err(invalid("Either logGroupName or logGroupIdentifier must be specified.")),
    }
}

/// One page: 50 at most.
fn page<T>(call: &Call, items: Vec<T>) -> Result<(Vec<T>, Option<String>), Fault> {
    call.page(items, ("limit", 50), "nextToken", "InvalidParameterException")
}
