//! An AWS account: made once, whatever dies when, or one that exists and is only used.
//!
//! CreateAccount has no idempotency: before it is sent, nothing may have the e-mail address and no request of the
//! name may be under way.

mod creation;
mod others;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use aws_sdk_organizations::types::{
    Account as Found, AccountState, CreateAccountState, CreateAccountStatus, Tag,
};
use serde::Serialize;
use tokio::time::Instant;

pub(crate) use others::{Stray, id_of, namesake, strays};

use super::Unit;
use super::organization::{AGAIN, NOT_IN_USE, tags_of};
use crate::aws::{Access, Aws, Mark, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Busy, Cx, Lane, NotVisible, Resource, Seen, SeenBy, State};

/// An account, usable when its door opens.
#[derive(Serialize)]
pub(crate) struct Account {
    /// As `foothold.toml` calls it: `dev`.
    pub(crate) label: String,
    pub(crate) origin: Origin,
    pub(crate) unit: Option<Key<Unit>>,
    pub(crate) access: Access,
    /// The region of the project, which the account's tags keep.
    pub(crate) region: String,
    pub(crate) mark: Mark,
    /// Whether it is closed when it is no longer wanted.
    pub(crate) close: bool,
}

/// Where an account comes from.
#[derive(Serialize)]
pub(crate) enum Origin {
    /// Made by us, and found by its e-mail address.
    Created { name: String, email: String },
    /// Somebody else's: never renamed, moved, tagged or closed.
    Given { id: String },
}

#[derive(Serialize)]
pub(crate) struct Owned {
    unit: Option<String>,
    tags: BTreeMap<String, String>,
}

pub(crate) struct Learned {
    pub(crate) id: String,
    pub(crate) access: Access,
}

impl Resource for Account {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "account";

    fn name(&self) -> String {
        self.label.clone()
    }

    fn place(&self) -> Option<Node> {
        None
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        if self.is_given() {
            return Ok(Owned { unit: None, tags: BTreeMap::new() });
        }
        let unit = self.unit.as_ref().map(|unit| known.of(unit).map(|unit| unit.id.clone())).transpose()?;
        Ok(Owned { unit, tags: self.tags() })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        match &self.origin {
            Origin::Given { id } => self.observe_given(cx, id).await.map(Some),
            Origin::Created { email, .. } if !cx.world.manages() => {
                self.observe_by_sign_in(cx, email).await.map(Some)
            }
            Origin::Created { name, email } => match find(cx, name, email).await? {
                Some(account) => self.observe_created(cx, account).await,
                None => Ok(None),
            },
        }
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        match (&self.origin, current) {
            (Origin::Given { .. }, _) => Ok(()),
            (Origin::Created { name, email }, None) => creation::ask(self, cx, name, email).await,
            (Origin::Created { .. }, Some(account)) => self.change(cx, account, desired).await,
        }
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let answer = cx.world.organizations().close_account().account_id(&current.learned.id).send().await;
        gone(answer, &["AccountAlreadyClosedException"], &[AGAIN[0], "ConflictException"])
    }

    fn keep(&self) -> Option<String> {
        let closing = self.close && !self.is_given();
        (!closing).then(|| "accounts are closed only when asked to: `--close-accounts`".to_owned())
    }

    fn shared(&self) -> bool {
        self.is_given()
    }

    /// As many as AWS creates, and closes, at once.
    fn lane(&self) -> Option<Lane> {
        match (self.is_given(), self.close) {
            (true, _) => None,
            (_, true) => Some(Lane::new("account closures", 3)),
            (_, false) => Some(Lane::new("account creations", CREATIONS)),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(if self.is_given() { 60 } else { 30 * 60 })
    }
}

/// How long AWS may take to make the role of a new account.
const YOUNG: Duration = Duration::from_secs(60 * 60);
/// How many accounts AWS creates at once.
const CREATIONS: usize = 5;
/// The tag that keeps the region of the project.
const REGION: &str = "foothold:region";

impl Account {
    fn is_given(&self) -> bool {
        matches!(self.origin, Origin::Given { .. })
    }

    fn tags(&self) -> BTreeMap<String, String> {
        let region = (REGION, self.region.as_str());
        self.mark.tags().chain([region]).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    async fn observe_given(&self, cx: &Cx<'_, Aws>, id: &str) -> Result<SeenBy<Self>> {
        let owned = Owned { unit: None, tags: BTreeMap::new() };
        let state = self.state(cx, id, false).await?;
        Ok(Seen { owned, learned: self.learned(id), ours: false, state })
    }

    /// As the person's sign-in shows it, which tells neither unit nor tags.
    async fn observe_by_sign_in(&self, cx: &Cx<'_, Aws>, email: &str) -> Result<SeenBy<Self>> {
        let found = cx.world.signed_in_to(|account| account.email.eq_ignore_ascii_case(email));
        let none = || NotVisible(format!("your sign-in has no access to the account of {email}"));
        let id = &found.ok_or_else(none)?.id;
        let owned = Owned { unit: None, tags: BTreeMap::new() };
        let state = self.state(cx, id, false).await?;
        Ok(Seen { owned, learned: self.learned(id), ours: true, state })
    }

    async fn observe_created(&self, cx: &Cx<'_, Aws>, account: Found) -> Result<Option<SeenBy<Self>>> {
        let id = account.id().context("the account has no id")?;
        let state = match account.state() {
            Some(AccountState::PendingClosure) => State::Going("AWS is closing it".to_owned()),
            Some(AccountState::Suspended | AccountState::Closed) => State::Over(self.burnt(&account)),
            Some(AccountState::PendingActivation) => State::Coming("AWS is activating it".to_owned()),
            _ => self.state(cx, id, is_young(&account, cx.world.now())).await?,
        };
        let tags = tags_of(cx.world, id).await?;
        let ours = self.mark.is_on(tags.iter().map(|tag| (tag.key(), tag.value())));
        if ours {
            self.check_region(&tags)?;
        }
        let kept: BTreeMap<String, String> = self.tags();
        let tags = tags.into_iter().filter(|tag| kept.contains_key(tag.key()));
        let tags = tags.map(|tag| (tag.key, tag.value)).collect();
        let unit = match self.unit {
            Some(_) => Some(parent(cx.world, id).await?),
            None => None,
        };
        let learned = self.learned(id);
        Ok(Some(Seen { owned: Owned { unit, tags }, learned, ours, state }))
    }

    /// Ready when its door opens: the role of a new account is there a little later than the account.
    async fn state(&self, cx: &Cx<'_, Aws>, id: &str, young: bool) -> Result<State> {
        let error = match cx.world.door(id, &self.access).await {
            Ok(_) => return Ok(State::Ready),
            Err(error) => error,
        };
        let busy = error.chain().find_map(|cause| cause.downcast_ref::<Busy>()).map(ToString::to_string);
        let denied = error.chain().find_map(|cause| cause.downcast_ref::<NotVisible>());
        let why = busy.or_else(|| denied.filter(|_| young).map(|NotVisible(why)| why.clone()));
        why.map(|why| State::Coming(format!("{} cannot be used yet: {why}", self.access))).ok_or(error)
    }

    fn learned(&self, id: &str) -> Learned {
        Learned { id: id.to_owned(), access: self.access.clone() }
    }

    fn check_region(&self, tags: &[Tag]) -> Result<()> {
        let known = tags.iter().find(|tag| tag.key() == REGION);
        let Some(other) = known.map(Tag::value).filter(|region| *region != self.region) else {
            return Ok(());
        };
        bail!(
            "the region of {project} is {other}, and foothold.toml says {region}: a region is fixed by the first \
             bootstrap; set `region = \"{other}\"` again, or tear {project} down first and start anew in {region}",
            project = self.mark.project,
            region = self.region,
        )
    }

    fn burnt(&self, account: &Found) -> String {
        let (email, id) = (account.email().unwrap_or_default(), account.id().unwrap_or_default());
        match self.close {
            true => format!("{id} is closed; AWS removes it after 90 days, in which it can be reopened"),
            false => format!("account {id} with the e-mail address {email} is closed, and {ANOTHER}"),
        }
    }

    async fn change(&self, cx: &Cx<'_, Aws>, account: &SeenBy<Self>, desired: &Owned) -> Result<()> {
        let (client, id) = (cx.world.organizations(), &account.learned.id);
        if account.owned.tags != desired.tags {
            let tags: Result<Vec<Tag>, _> = desired
                .tags
                .iter()
                .map(|(key, value)| Tag::builder().key(key).value(value).build())
                .collect();
            wrote(client.tag_resource().resource_id(id).set_tags(Some(tags?)).send().await, AGAIN)?;
        }
        let (Some(from), Some(to)) = (&account.owned.unit, &desired.unit) else { return Ok(()) };
        if from == to {
            return Ok(());
        }
        let request = client.move_account().account_id(id).source_parent_id(from).destination_parent_id(to);
        gone(
            request.send().await,
            &["DuplicateAccountException"],
            &[AGAIN[0], "SourceParentNotFoundException"],
        )
    }
}

/// What to do about an e-mail address that cannot be used again.
const ANOTHER: &str = "AWS does not give its address to another account: choose another pattern for `email` in \
                       foothold.toml, such as one with a number in it";

/// The account of this address, or, before the list has it, the one that a request of this name has made.
async fn find(cx: &Cx<'_, Aws>, name: &str, email: &str) -> Result<Option<Found>> {
    if let Some(account) = listed(cx, cx.since, email).await? {
        return Ok(Some(account));
    }
    let requests = requests(cx, cx.since).await?;
    let mut named = requests.iter().filter(|request| request.account_name() == Some(name));
    if named.clone().any(in_progress) {
        return Err(Busy("AWS is creating it".to_owned()).into());
    }
    let asked = cx.world.asked.borrow().get(name).cloned();
    if let Some(failed) =
        named.clone().find(|request| request.id == asked && asked.is_some() && has_failed(request))
    {
        return look_again(cx, failed, email).await;
    }
    match named.find_map(|request| request.account_id().map(str::to_owned)) {
        Some(id) => described(cx.world, &id, email).await,
        // An organization lists at least its own account.
        None if asked.is_some() && accounts(cx.world, cx.since).await?.is_empty() => {
            bail!(
                "the organization that was asked for it is there no more: somebody deleted it; run this again"
            )
        }
        None => Ok(None),
    }
}

/// An address that is taken may be taken by our own account, which the list did not have yet.
async fn look_again(cx: &Cx<'_, Aws>, failed: &CreateAccountStatus, email: &str) -> Result<Option<Found>> {
    match listed(cx, Instant::now(), email).await? {
        Some(account) => Ok(Some(account)),
        None => Err(creation::refusal(failed.failure_reason(), email)),
    }
}

async fn listed(cx: &Cx<'_, Aws>, since: Instant, email: &str) -> Result<Option<Found>> {
    let accounts = accounts(cx.world, since).await?;
    Ok(accounts.iter().find(|account| has(account, email)).cloned())
}

fn has(account: &Found, email: &str) -> bool {
    account.email().is_some_and(|found| found.eq_ignore_ascii_case(email))
}

/// All accounts of the organization, in one read for everyone who looks.
pub(crate) async fn accounts(aws: &Aws, since: Instant) -> Result<Rc<Vec<Found>>> {
    let list = async || {
        let request = aws.organizations().list_accounts().into_paginator().send();
        let pages = read(request.collect::<Result<Vec<_>, _>>().await, &[NOT_IN_USE])?.unwrap_or_default();
        Ok(pages.into_iter().filter_map(|page| page.accounts).flatten().collect())
    };
    aws.accounts.since(since, list).await
}

/// All requests for accounts, in one read for everyone who waits for one.
async fn requests(cx: &Cx<'_, Aws>, since: Instant) -> Result<Rc<Vec<CreateAccountStatus>>> {
    let list = async || {
        let request = cx.world.organizations().list_create_account_status().into_paginator().send();
        let pages = read(request.collect::<Result<Vec<_>, _>>().await, &[NOT_IN_USE])?.unwrap_or_default();
        Ok(pages.into_iter().filter_map(|page| page.create_account_statuses).flatten().collect())
    };
    cx.world.requests.since(since, list).await
}

async fn described(aws: &Aws, id: &str, email: &str) -> Result<Option<Found>> {
    let answer = aws.organizations().describe_account().account_id(id).send().await;
    let account = read(answer, &["AccountNotFoundException"])?.and_then(|answer| answer.account);
    Ok(account.filter(|account| has(account, email)))
}

/// Where it is. [`Busy`] while AWS lists the account and does not know it there.
async fn parent(aws: &Aws, id: &str) -> Result<String> {
    let answer = aws.organizations().list_parents().child_id(id).send().await;
    let parents = read(answer, &["ChildNotFoundException"])?.and_then(|answer| answer.parents);
    let found = parents.unwrap_or_default().into_iter().find_map(|parent| parent.id);
    found.ok_or_else(|| Busy(format!("AWS does not tell yet which unit account {id} is in")).into())
}

/// Whether AWS may not have made its role yet. By a clock that is ahead of ours, it is of the future.
fn is_young(account: &Found, now: SystemTime) -> bool {
    let joined = account.joined_timestamp().and_then(|at| SystemTime::try_from(*at).ok());
    joined.is_none_or(|joined| now.duration_since(joined).map_or(true, |age| age < YOUNG))
}

fn in_progress(request: &CreateAccountStatus) -> bool {
    request.state() == Some(&CreateAccountState::InProgress)
}

fn has_failed(request: &CreateAccountStatus) -> bool {
    request.state() == Some(&CreateAccountState::Failed)
}
