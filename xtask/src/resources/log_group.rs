//! A log group: what the app and its service say, for as long as we keep it.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::LogGroup as Found;
use serde::Serialize;

use super::Account;
use crate::aws::{Aws, Door, Mark, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// A log group that forgets after so many days.
#[derive(Serialize)]
pub(crate) struct LogGroup {
    pub(crate) account: Key<Account>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
    /// One of the numbers that CloudWatch Logs allows.
    pub(crate) days: i32,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    retention_days: Option<i32>,
}

pub(crate) struct Learned {
    /// Without the `:*` at its end that some policies want.
    pub(crate) arn: String,
}

impl Resource for LogGroup {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "log group";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.account.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { retention_days: Some(self.days) })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let client = self.client(cx).await?;
        let Some(group) = self.find(&client).await? else { return Ok(None) };
        let arn = group.log_group_arn.context("the log group has no ARN")?;
        let tags = client.list_tags_for_resource().resource_arn(&arn).send().await;
        let tags = read(tags, &[ABSENT])?.and_then(|answer| answer.tags).unwrap_or_default();
        let ours = self.mark.is_on(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let owned = Owned { retention_days: group.retention_in_days };
        Ok(Some(Seen { owned, learned: Learned { arn }, ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let client = self.client(cx).await?;
        let tags: HashMap<String, String> =
            self.mark.tags().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let tagged = match current {
            None => {
                let request = client.create_log_group().log_group_name(&self.name).set_tags(Some(tags));
                wrote(request.send().await, &[BUSY, "ResourceAlreadyExistsException"]).map(drop)
            }
            Some(group) if group.ours => Ok(()),
            Some(group) => {
                let request = client.tag_resource().resource_arn(&group.learned.arn).set_tags(Some(tags));
                wrote(request.send().await, &[BUSY]).map(drop)
            }
        };
        tagged?;
        let request = client.put_retention_policy().log_group_name(&self.name).retention_in_days(self.days);
        // A group that was just made may not be there yet for others: the retention is then put on a second look.
        wrote(request.send().await, &[BUSY, ABSENT]).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let request = self.client(cx).await?.delete_log_group().log_group_name(&self.name);
        gone(request.send().await, &[ABSENT], &[BUSY])
    }
}

/// What CloudWatch Logs says of what is not there.
const ABSENT: &str = "ResourceNotFoundException";
/// What it says while somebody else changes the same group.
const BUSY: &str = "OperationAbortedException";

impl LogGroup {
    async fn client(&self, cx: &Cx<'_, Aws>) -> Result<Client> {
        let account = cx.known.of(&self.account)?;
        Ok(cx.world.door(&account.id, &account.access).await?.logs())
    }

    /// The names of groups can only be searched by their beginning.
    async fn find(&self, client: &Client) -> Result<Option<Found>> {
        let request = client.describe_log_groups().log_group_name_prefix(&self.name);
        let answer = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let groups = read(answer, &[])?.unwrap_or_default();
        Ok(groups.into_iter().find(|group| group.log_group_name() == Some(&self.name)))
    }
}

/// A line of a container's output.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    id: String,
    pub(crate) text: String,
}

/// How far back the first look goes, in milliseconds.
const HOUR: i64 = 3_600_000;

/// The lines of all streams in the order of their times: the last hour's, or those after one that is known.
pub(crate) async fn events(door: &Door, group: &str, after: Option<&Event>) -> Result<Vec<Event>> {
    let now = door.now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let start = after.map_or(i64::try_from(now)? - HOUR, |event| event.at);
    let mut pages =
        door.logs().filter_log_events().log_group_name(group).start_time(start).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = read(page, &[ABSENT])?;
        let page =
            page.with_context(|| format!("there is no log group {group}: run `cargo xtask bootstrap`"))?;
        found.extend(page.events.unwrap_or_default().into_iter().map(|event| Event {
            at: event.timestamp.unwrap_or_default(),
            id: event.event_id.unwrap_or_default(),
            text: event.message.unwrap_or_default().trim_end().to_owned(),
        }));
    }
    found.sort_by_key(|event| event.at);
    // The one that is known has its time in common with others that are not.
    let known = after.and_then(|after| found.iter().position(|event| event.id == after.id));
    Ok(found.split_off(known.map_or(0, |known| known + 1)))
}
