use crate::auth::{Caller, Principal};
use crate::call::{Answer, Call};
use crate::services::logs::{self, Stream};
use crate::world::{Settings, World};
use serde_json::{Value, json};

const ACCOUNT: &str = "999999999999";

fn world() -> World {
    World::new(Settings::default(), 1.0)
}

fn ask(world: &mut World, operation: &str, input: Value) -> Answer {
    let mut call = Call {
        world,
        service: "logs",
        operation,
        region: "eu-west-1",
        input: input.as_object().unwrap().clone(),
        caller: Some(Caller {
            account: ACCOUNT.to_owned(),
            arn: format!("arn:aws:iam::{ACCOUNT}:root"),
            user_id: ACCOUNT.to_owned(),
            access_key: String::new(),
            principal: Principal::Root,
        }),
        authorized: false,
    };
    let answer = logs::handle(&mut call);
    assert!(call.authorized || answer.is_err(), "{operation} asked for no permission");
    answer
}

fn refused(answer: Answer) -> String {
    answer.unwrap_err().code
}

fn group(world: &mut World) {
    ask(world, "CreateLogGroup", json!({ "logGroupName": "/app" })).unwrap();
}

/// A group with a stream of these lines, a second apart, the last one a second old.
fn with(lines: &[&str]) -> World {
    let mut world = world();
    group(&mut world);
    write(&mut world, "one", lines);
    world
}

fn write(world: &mut World, stream: &str, lines: &[&str]) {
    let start = world.clock.now() - lines.len() as f64;
    let lines: Vec<(f64, String)> =
        lines.iter().enumerate().map(|(n, l)| (start + n as f64, (*l).to_owned())).collect();
    let to = Stream { account: ACCOUNT, region: "eu-west-1", group: "/app", stream };
    assert!(logs::append(world, &to, &lines));
}

fn messages(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().unwrap();
    events.iter().map(|e| e["message"].as_str().unwrap().to_owned()).collect()
}

fn get(world: &mut World, more: Value) -> Value {
    let mut input = json!({ "logGroupName": "/app", "logStreamName": "one" });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ask(world, "GetLogEvents", input).unwrap()
}

fn filter(world: &mut World, more: Value) -> Answer {
    let mut input = json!({ "logGroupName": "/app" });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ask(world, "FilterLogEvents", input)
}

#[test]
fn a_group_is_there_once() {
    let world = &mut world();
    group(world);
    let again = ask(world, "CreateLogGroup", json!({ "logGroupName": "/app" }));
    assert_eq!(refused(again), "ResourceAlreadyExistsException");
    ask(world, "DeleteLogGroup", json!({ "logGroupName": "/app" })).unwrap();
    let gone = ask(world, "DeleteLogGroup", json!({ "logGroupName": "/app" }));
    assert_eq!(refused(gone), "ResourceNotFoundException");
}

#[test]
fn retention_takes_only_the_days_that_aws_has() {
    let world = &mut world();
    group(world);
    let put = |days: i64| json!({ "logGroupName": "/app", "retentionInDays": days });
    assert_eq!(refused(ask(world, "PutRetentionPolicy", put(8))), "InvalidParameterException");
    ask(world, "PutRetentionPolicy", put(7)).unwrap();
    let described = ask(world, "DescribeLogGroups", json!({ "logGroupNamePrefix": "/a" })).unwrap();
    assert_eq!(described["logGroups"][0]["retentionInDays"], 7);
    ask(world, "DeleteRetentionPolicy", json!({ "logGroupName": "/app" })).unwrap();
    let described = ask(world, "DescribeLogGroups", json!({})).unwrap();
    assert_eq!(described["logGroups"][0]["retentionInDays"], Value::Null);
}

#[test]
fn what_is_older_than_the_retention_is_gone() {
    let world = &mut with(&["old"]);
    ask(world, "PutRetentionPolicy", json!({ "logGroupName": "/app", "retentionInDays": 1 })).unwrap();
    world.clock.advance(2.0 * 86_400.0);
    write(world, "one", &["new"]);
    assert_eq!(messages(&get(world, json!({}))), ["new"]);
}

#[test]
fn groups_come_in_pages_by_prefix() {
    let world = &mut world();
    for name in ["/a/1", "/a/2", "/a/3", "/b"] {
        ask(world, "CreateLogGroup", json!({ "logGroupName": name })).unwrap();
    }
    let first = ask(world, "DescribeLogGroups", json!({ "logGroupNamePrefix": "/a", "limit": 2 })).unwrap();
    assert_eq!(first["logGroups"].as_array().unwrap().len(), 2);
    let more = json!({ "logGroupNamePrefix": "/a", "limit": 2, "nextToken": first["nextToken"] });
    let second = ask(world, "DescribeLogGroups", more).unwrap();
    assert_eq!(
        (&second["logGroups"][0]["logGroupName"], &second["nextToken"]),
        (&json!("/a/3"), &Value::Null)
    );
}

#[test]
fn the_arn_of_a_group_ends_with_a_star_and_that_for_tags_does_not() {
    let world = &mut world();
    group(world);
    let group = ask(world, "DescribeLogGroups", json!({})).unwrap()["logGroups"][0].clone();
    let plain = "arn:aws:logs:eu-west-1:999999999999:log-group:/app";
    assert_eq!((&group["logGroupArn"], &group["arn"]), (&json!(plain), &json!(format!("{plain}:*"))));
    let tag = |arn: &str| json!({ "resourceArn": arn, "tags": { "stage": "dev" } });
    assert_eq!(refused(ask(world, "TagResource", tag(&format!("{plain}:*")))), "ResourceNotFoundException");
    ask(world, "TagResource", tag(plain)).unwrap();
    let tags = ask(world, "ListTagsLogGroup", json!({ "logGroupName": "/app" })).unwrap();
    assert_eq!(tags["tags"], json!({ "stage": "dev" }));
    ask(world, "UntagResource", json!({ "resourceArn": plain, "tagKeys": ["stage"] })).unwrap();
    let tags = ask(world, "ListTagsForResource", json!({ "resourceArn": plain })).unwrap();
    assert_eq!(tags["tags"], json!({}));
}

#[test]
fn without_a_token_the_latest_come_and_the_forward_token_stays_at_the_end() {
    let world = &mut with(&["1", "2", "3", "4"]);
    let latest = get(world, json!({ "limit": 2 }));
    assert_eq!(messages(&latest), ["3", "4"]);
    let earlier = get(world, json!({ "limit": 2, "nextToken": latest["nextBackwardToken"] }));
    assert_eq!(messages(&earlier), ["1", "2"]);
    let end = get(world, json!({ "nextToken": latest["nextForwardToken"], "startFromHead": true }));
    assert_eq!((messages(&end).len(), &end["nextForwardToken"]), (0, &latest["nextForwardToken"]));
    write(world, "one", &["5"]);
    let more = get(world, json!({ "nextToken": end["nextForwardToken"], "startFromHead": true }));
    assert_eq!(messages(&more), ["5"]);
}

#[test]
fn an_empty_stream_has_tokens_too_and_its_first_line_comes_with_them() {
    let world = &mut with(&[]);
    let empty = get(world, json!({}));
    write(world, "one", &["1"]);
    let more = get(world, json!({ "nextToken": empty["nextForwardToken"], "startFromHead": true }));
    assert_eq!(messages(&more), ["1"]);
}

#[test]
fn a_token_of_nobody_is_refused() {
    let world = &mut with(&["1"]);
    let input = json!({ "logGroupName": "/app", "logStreamName": "one", "nextToken": "f/é/s" });
    assert_eq!(refused(ask(world, "GetLogEvents", input)), "InvalidParameterException");
}

#[test]
fn filtered_events_of_all_streams_come_in_pages() {
    let world = &mut with(&["ERROR one", "fine", "ERROR two"]);
    write(world, "two", &["ERROR three"]);
    let mut seen = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({ "filterPattern": "ERROR", "limit": 1 });
        if !token.is_null() {
            input["nextToken"] = token;
        }
        let page = filter(world, input).unwrap();
        seen.extend(messages(&page));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(seen, ["ERROR one", "ERROR two", "ERROR three"]);
    let newest = filter(world, json!({ "startFromHead": false, "limit": 1 })).unwrap();
    assert_eq!(messages(&newest), ["ERROR three"]);
}

#[test]
fn terms_must_may_or_must_not_be_there() {
    let world = &mut with(&["GET /healthz 200", "GET /x 500", "panic at start"]);
    for (pattern, found) in [
        ("GET", 2),
        ("GET 500", 1),
        ("GET -500", 1),
        ("?500 ?panic", 2),
        ("\"panic at\"", 1),
        ("get", 0),
        ("", 3),
    ] {
        let answer = filter(world, json!({ "filterPattern": pattern })).unwrap();
        assert_eq!(messages(&answer).len(), found, "{pattern}");
    }
    assert_eq!(refused(filter(world, json!({ "filterPattern": "\"open" }))), "InvalidParameterException");
    assert_eq!(refused(filter(world, json!({ "filterPattern": "{ $.a = 1 }" }))), "NotImplemented");
}

#[test]
fn a_batch_is_in_order_and_within_a_day_and_old_events_are_left_out() {
    let world = &mut with(&[]);
    let now = (world.clock.now() * 1000.0) as i64;
    let put = |times: &[i64]| {
        let events: Vec<Value> = times.iter().map(|t| json!({ "timestamp": t, "message": "m" })).collect();
        json!({ "logGroupName": "/app", "logStreamName": "one", "logEvents": events })
    };
    let hour = 3_600_000;
    for times in [[now, now - 1], [now - 25 * hour, now]] {
        assert_eq!(refused(ask(world, "PutLogEvents", put(&times))), "InvalidParameterException");
    }
    let put = put(&[now - 20 * 24 * hour, now, now + 3 * hour]);
    let rejected = ask(world, "PutLogEvents", put).unwrap()["rejectedLogEventsInfo"].clone();
    assert_eq!(rejected, json!({ "tooNewLogEventStartIndex": 2, "tooOldLogEventEndIndex": 1 }));
    assert_eq!(messages(&get(world, json!({}))), ["m"]);
}

#[test]
fn streams_are_ordered_by_name_or_by_their_last_event() {
    let world = &mut with(&["1"]);
    world.clock.advance(10.0);
    write(world, "a-later", &["2"]);
    let names = |world: &mut World, input: Value| -> Vec<String> {
        let streams = ask(world, "DescribeLogStreams", input).unwrap()["logStreams"].clone();
        let names =
            streams.as_array().unwrap().iter().map(|s| s["logStreamName"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(names(world, json!({ "logGroupName": "/app" })), ["a-later", "one"]);
    let by_time = json!({ "logGroupName": "/app", "orderBy": "LastEventTime" });
    assert_eq!(names(world, by_time.clone()), ["one", "a-later"]);
    let mut both = by_time;
    both["logStreamNamePrefix"] = json!("o");
    assert_eq!(refused(ask(world, "DescribeLogStreams", both)), "InvalidParameterException");
}

#[test]
fn a_line_for_a_group_that_is_not_there_is_lost() {
    let world = &mut world();
    let to = Stream { account: ACCOUNT, region: "eu-west-1", group: "/none", stream: "one" };
    assert!(!logs::append(world, &to, &[(0.0, "x".to_owned())]));
}

#[test]
fn a_stream_keeps_its_latest_events() {
    let world = &mut with(&[]);
    let lines: Vec<String> = (0..6000).map(|n| n.to_string()).collect();
    write(world, "one", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let kept = messages(&get(world, json!({})));
    assert_eq!((kept.len(), kept.last().map(String::as_str)), (5000, Some("5999")));
}
