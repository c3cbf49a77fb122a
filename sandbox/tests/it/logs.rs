//! CloudWatch Logs: readers follow a stream by tokens that do not end.

use crate::world;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use std::time::{SystemTime, UNIX_EPOCH};

async fn start() -> (world::Aws, Client) {
    let aws = world::start().await;
    let client = Client::new(&aws.admin().await);
    client.create_log_group().log_group_name("/app").send().await.expect("create the group");
    let stream = client.create_log_stream().log_group_name("/app").log_stream_name("one");
    stream.send().await.expect("create the stream");
    (aws, client)
}

fn event(message: &str) -> InputLogEvent {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis();
    InputLogEvent::builder().timestamp(now as i64).message(message).build().expect("an event")
}

async fn put(client: &Client, message: &str) {
    let request = client.put_log_events().log_group_name("/app").log_stream_name("one");
    request.log_events(event(message)).send().await.expect("put");
}

#[tokio::test]
async fn at_the_end_the_same_token_comes_back_and_it_finds_what_comes_later() {
    let (_aws, client) = start().await;
    put(&client, "first").await;
    let get = || client.get_log_events().log_group_name("/app").log_stream_name("one").start_from_head(true);
    let page = get().send().await.expect("get");
    assert_eq!(page.events()[0].message(), Some("first"));
    let token = page.next_forward_token().expect("a token").to_owned();
    let end = get().next_token(&token).send().await.expect("get");
    assert_eq!((end.events().len(), end.next_forward_token()), (0, Some(token.as_str())));
    put(&client, "second").await;
    let more = get().next_token(&token).send().await.expect("get");
    assert_eq!(more.events()[0].message(), Some("second"));
}

#[tokio::test]
async fn the_paginator_ends_although_the_tokens_do_not() {
    let (_aws, client) = start().await;
    for message in ["1", "2", "3"] {
        put(&client, message).await;
    }
    let request = client.get_log_events().log_group_name("/app").log_stream_name("one").start_from_head(true);
    let pages = request.limit(2).into_paginator().send().collect::<Result<Vec<_>, _>>().await.expect("get");
    assert_eq!(pages.iter().map(|p| p.events().len()).sum::<usize>(), 3);
}

#[tokio::test]
async fn only_what_matches_is_found() {
    let (_aws, client) = start().await;
    for message in ["ERROR no database", "listening"] {
        put(&client, message).await;
    }
    let request = client.filter_log_events().log_group_name("/app").filter_pattern("ERROR");
    let answer = request.send().await.expect("filter");
    let found = answer.events();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].log_stream_name(), Some("one"));
}

#[tokio::test]
async fn a_group_that_is_there_or_is_not_is_said() {
    let (_aws, client) = start().await;
    let again = client.create_log_group().log_group_name("/app").send().await;
    assert_eq!(again.expect_err("twice").code(), Some("ResourceAlreadyExistsException"));
    let none = client.put_retention_policy().log_group_name("/none").retention_in_days(7).send().await;
    assert_eq!(none.expect_err("none").code(), Some("ResourceNotFoundException"));
    let odd = client.put_retention_policy().log_group_name("/app").retention_in_days(8).send().await;
    assert_eq!(odd.expect_err("odd").code(), Some("InvalidParameterException"));
    let put = client.put_retention_policy().log_group_name("/app").retention_in_days(7).send().await;
    put.expect("seven days");
    let request = client.describe_log_groups().log_group_name_prefix("/a");
    let groups =
        request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.expect("describe");
    assert_eq!(groups[0].retention_in_days(), Some(7));
}
