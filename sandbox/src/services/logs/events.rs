//! Events, put and read. Readers hold tokens that say where they are, and which do not end.

use super::{
    Event, Group, LogStream, allow, find, find_mut, invalid, named, no_stream, now, pattern::Pattern,
};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};

/// AWS ignores sequence tokens, and still gives them.
pub(super) const SEQUENCE_TOKEN: &str = "49590302372542972356425900000000000000000000000000000000";
/// Bytes that one request or one page may have.
const BYTES: usize = 1_048_576;
/// Bytes that each event counts for, besides its message.
const OVERHEAD: usize = 26;
const HOUR: i64 = 3_600_000;

pub(super) fn put(call: &mut Call) -> Answer {
    let [group, stream] = ["logGroupName", "logStreamName"].map(|m| call.text(m).to_owned());
    allow(call, &group, &stream)?;
    let now = now(call);
    let events: Vec<(i64, String)> = call.list("logEvents").iter().map(read).collect();
    orderly(&events, now)?;
    let group = find_mut(call, &group)?;
    if !group.streams.contains_key(&stream) {
        return Err(no_stream());
    }
    let (oldest, newest) = ((now - 14 * 24 * HOUR).max(group.horizon(now)), now + 2 * HOUR);
    let rejected = rejected(&events, oldest, newest);
    for (time, message) in events.iter().filter(|(time, _)| (oldest..=newest).contains(time)) {
        group.add(&stream, *time, now, message);
    }
    Ok(json!({ "nextSequenceToken": SEQUENCE_TOKEN, "rejectedLogEventsInfo": rejected }))
}

fn read(event: &Value) -> (i64, String) {
    (
        event["timestamp"].as_i64().unwrap_or_default(),
        event["message"].as_str().unwrap_or_default().to_owned(),
    )
}

/// What makes a whole batch fail.
fn orderly(events: &[(i64, String)], now: i64) -> Result<(), Fault> {
    let bytes: usize = events.iter().map(|(_, m)| m.len() + OVERHEAD).sum();
    if bytes > BYTES {
        return Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BYTES}")));
    }
    if !events.is_sorted_by_key(|(time, _)| time) {
        let message = "Log events in a single PutLogEvents request must be in chronological order.";
        return Err(invalid(message));
    }
    let valid: Vec<i64> = events
        .iter()
        .map(|(time, _)| *time)
        .filter(|time| (now - 14 * 24 * HOUR..=now + 2 * HOUR).contains(time))
        .collect();
    match (valid.first(), valid.last()) {
        (Some(first), Some(last)) if last - first > 24 * HOUR => Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        )),
        _ => Ok(()),
    }
}

/// Which events were left out: too new from an index on, too old up to one.
fn rejected(events: &[(i64, String)], oldest: i64, newest: i64) -> Option<Value> {
    let new = events.iter().position(|(time, _)| *time > newest);
    let old = events.iter().rposition(|(time, _)| *time < oldest).map(|last| last + 1);
    (new.is_some() || old.is_some())
        .then(|| json!({ "tooNewLogEventStartIndex": new, "tooOldLogEventEndIndex": old }))
}

/// A place between events: before the one of this time and number.
type Place = (i64, u64);

fn place(event: &Event) -> Place {
    (event.time, event.number)
}

fn after(event: &Event) -> Place {
    (event.time, event.number + 1)
}

/// `f/…/s` reads on from a place, `b/…/s` back from it.
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Forward,
    Backward,
}

fn token(direction: Direction, (time, number): Place) -> String {
    let letter = if direction == Direction::Forward { 'f' } else { 'b' };
    format!("{letter}/{time:036}{number:020}/s")
}

fn place_of(token: &str) -> Option<(Direction, Place)> {
    let (letter, rest) = token.split_once('/')?;
    let digits = rest.strip_suffix("/s").filter(|d| d.len() == 56)?;
    let direction = match letter {
        "f" => Direction::Forward,
        "b" => Direction::Backward,
        _ => return None,
    };
    Some((direction, (digits.get(..36)?.parse().ok()?, digits.get(36..)?.parse().ok()?)))
}

fn given(call: &Call) -> Result<Option<(Direction, Place)>, Fault> {
    let known = |t| place_of(t).ok_or_else(|| invalid("The specified nextToken is invalid."));
    call.opt_text("nextToken").map(known).transpose()
}

pub(super) fn get(call: &mut Call) -> Answer {
    let (group, stream) = (named(call)?, call.text("logStreamName").to_owned());
    allow(call, &group, &stream)?;
    let group = find(call, &group)?;
    let stream = group.streams.get(&stream).ok_or_else(no_stream)?;
    let (direction, from) = given(call)?.unwrap_or(match call.flag("startFromHead") {
        true => (Direction::Forward, (0, 0)),
        false => (Direction::Backward, (i64::MAX, u64::MAX)),
    });
    let events = page(call, within(call, group, stream), direction, from);
    let end = stream.events.last().map_or((0, 0), after);
    let from = from.min(end);
    Ok(json!({
        "events": events.iter().map(|e| shown(e)).collect::<Vec<_>>(),
        "nextForwardToken": token(Direction::Forward, events.last().map_or(from, |e| after(e))),
        "nextBackwardToken": token(Direction::Backward, events.first().map_or(from, |e| place(e))),
    }))
}

/// The events of a stream in the time that an input asks for, expired ones left out.
fn within<'a>(call: &Call, group: &Group, stream: &'a LogStream) -> Vec<&'a Event> {
    let from = call.int("startTime").unwrap_or(0).max(group.horizon(now(call)));
    let until = call.int("endTime").unwrap_or(i64::MAX);
    stream.events.iter().filter(|e| e.time >= from && e.time < until).collect()
}

/// What fits on a page in a direction from a place, oldest first.
fn page<'a>(call: &Call, mut events: Vec<&'a Event>, direction: Direction, from: Place) -> Vec<&'a Event> {
    if direction == Direction::Backward {
        events.retain(|e| place(e) < from);
        events.reverse();
        events.truncate(fitting(call, &events));
        events.reverse();
    } else {
        events.retain(|e| place(e) >= from);
        events.truncate(fitting(call, &events));
    }
    events
}

/// How many of these fit on a page, by number and by bytes.
fn fitting(call: &Call, events: &[&Event]) -> usize {
    let limit = call.int("limit").and_then(|l| usize::try_from(l).ok()).unwrap_or(10_000);
    let mut bytes = 0;
    let fits = |e: &&&Event| {
        bytes += e.message.len() + OVERHEAD;
        bytes <= BYTES
    };
    events.iter().take(limit).take_while(fits).count()
}

fn shown(event: &Event) -> Value {
    json!({ "timestamp": event.time, "ingestionTime": event.ingested, "message": event.message })
}

/// Events of many streams in the order of their times, those that match a pattern.
pub(super) fn filter(call: &mut Call) -> Answer {
    let name = named(call)?;
    allow(call, &name, "")?;
    let pattern = Pattern::parse(call.text("filterPattern"))?;
    let group = find(call, &name)?;
    let mut all = Vec::new();
    for (stream, log) in streams(call, group)? {
        all.extend(within(call, group, log).into_iter().map(|e| (stream, e)));
    }
    all.retain(|(_, e)| pattern.matches(&e.message));
    all.sort_by_key(|(_, e)| place(e));
    let (events, next) = turned(call, all)?;
    let shown: Vec<Value> = events.into_iter().map(|(stream, e)| found(stream, e)).collect();
    // AWS has answered with an empty list of searched streams since 2019.
    Ok(json!({ "events": shown, "searchedLogStreams": [], "nextToken": next }))
}

/// The streams that an input names.
fn streams<'a>(call: &Call, group: &'a Group) -> Result<Vec<(&'a String, &'a LogStream)>, Fault> {
    let (names, prefix) = (call.texts("logStreamNames"), call.opt_text("logStreamNamePrefix"));
    if !names.is_empty() && prefix.is_some() {
        return Err(invalid("LogStream names and LogStream name prefix are mutually exclusive parameters."));
    }
    if names.iter().any(|name| !group.streams.contains_key(name)) {
        return Err(no_stream());
    }
    let wanted = |name: &String| {
        prefix.is_none_or(|p| name.starts_with(p)) && (names.is_empty() || names.contains(name))
    };
    Ok(group.streams.iter().filter(|(name, _)| wanted(name)).collect())
}

type Found<'a> = (&'a String, &'a Event);

/// A page of what was found, and the token of the next: its direction is that of the first request.
fn turned<'a>(call: &Call, mut all: Vec<Found<'a>>) -> Result<(Vec<Found<'a>>, Option<String>), Fault> {
    let head = call.input.get("startFromHead").and_then(Value::as_bool).unwrap_or(true);
    let (direction, from) = given(call)?.unwrap_or(match head {
        true => (Direction::Forward, (0, 0)),
        false => (Direction::Backward, (i64::MAX, u64::MAX)),
    });
    if direction == Direction::Forward {
        all.retain(|(_, e)| place(e) >= from);
    } else {
        all.retain(|(_, e)| place(e) < from);
        all.reverse();
    }
    let size = fitting(call, &all.iter().map(|(_, e)| *e).collect::<Vec<_>>());
    let more = size < all.len();
    all.truncate(size);
    let last = all.last().filter(|_| more);
    let next = last.map(|(_, e)| match direction {
        Direction::Forward => token(direction, after(e)),
        Direction::Backward => token(direction, place(e)),
    });
    Ok((all, next))
}

fn found(stream: &str, event: &Event) -> Value {
    let mut shown = shown(event);
    shown["logStreamName"] = json!(stream);
    shown["eventId"] = json!(format!("{:036}{:020}", event.time, event.number));
    shown
}
