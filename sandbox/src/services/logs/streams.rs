//! Log streams.

use super::{LogStream, allow, arn, find, find_mut, invalid, named, no_stream, now, page};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};

pub(super) fn create(call: &mut Call) -> Answer {
    let (group, name) = both(call)?;
    let stream = LogStream::new(now(call));
    let streams = &mut find_mut(call, &group)?.streams;
    if streams.contains_key(&name) {
        return Err(Fault::new("ResourceAlreadyExistsException", "The specified log stream already exists"));
    }
    streams.insert(name, stream);
    Ok(json!({}))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let (group, name) = both(call)?;
    find_mut(call, &group)?.streams.remove(&name).ok_or_else(no_stream)?;
    Ok(json!({}))
}

fn both(call: &mut Call) -> Result<(String, String), Fault> {
    let (group, stream) = (call.text("logGroupName").to_owned(), call.text("logStreamName").to_owned());
    allow(call, &group, &stream)?;
    Ok((group, stream))
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let group = named(call)?;
    allow(call, &group, "")?;
    let by_time = call.text("orderBy") == "LastEventTime";
    if by_time && call.opt_text("logStreamNamePrefix").is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let prefix = call.text("logStreamNamePrefix");
    let mut all: Vec<(&String, &LogStream)> =
        find(call, &group)?.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    if by_time {
        all.sort_by_key(|(_, s)| s.events.last().map(|e| e.time));
    }
    if call.flag("descending") {
        all.reverse();
    }
    let (streams, next) = page(call, all)?;
    let streams: Vec<Value> = streams.into_iter().map(|(n, s)| shown(call, &group, n, s)).collect();
    Ok(json!({ "logStreams": streams, "nextToken": next }))
}

fn shown(call: &Call, group: &str, name: &str, stream: &LogStream) -> Value {
    json!({
        "logStreamName": name,
        "creationTime": stream.created,
        "firstEventTimestamp": stream.events.first().map(|e| e.time),
        "lastEventTimestamp": stream.events.last().map(|e| e.time),
        "lastIngestionTime": stream.events.iter().map(|e| e.ingested).max(),
        "uploadSequenceToken": super::events::SEQUENCE_TOKEN,
        "arn": format!("{}:log-stream:{name}", arn(call, group)),
        "storedBytes": 0,
    })
}
