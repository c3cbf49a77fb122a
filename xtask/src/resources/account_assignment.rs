//! An account assignment: a group has a permission set in an account. It is ours through its permission set.
//!
//! AWS makes and removes it later than it is asked to, and tells only by the request's id why it did not.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_ssoadmin::types::{
    AccountAssignment as Found, AccountAssignmentOperationStatus as Status, PrincipalType, StatusValues,
    TargetType,
};
use futures::future::try_join_all;
use serde::Serialize;

use super::identity_center::{ABSENT, AGAIN, Learned as Center, instance};
use super::{Account, Group, PermissionSet, group, permission_set};
use crate::aws::{Aws, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Busy, Cx, Lane, Resource, Seen, SeenBy, State};

/// A group's permission set in an account.
#[derive(Serialize)]
pub(crate) struct AccountAssignment {
    pub(crate) account: Key<Account>,
    pub(crate) group: Key<Group>,
    pub(crate) permission_set: Key<PermissionSet>,
    /// The names of both: it is looked for without them, too.
    pub(crate) group_name: String,
    pub(crate) permission_set_name: String,
    /// What this run has asked for.
    #[serde(skip)]
    pub(crate) asked: RefCell<Option<Asked>>,
}

/// A request, by its id.
#[derive(Clone)]
pub(crate) enum Asked {
    Creation(String),
    Deletion(String),
}

#[derive(Serialize)]
pub(crate) struct Owned {}

pub(crate) struct Learned {
    center: Center,
    account: String,
    permission_set: String,
    group: String,
}

impl Resource for AccountAssignment {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "account assignment";

    fn name(&self) -> String {
        format!("{} as {}", self.group_name, self.permission_set_name)
    }

    fn place(&self) -> Option<Node> {
        Some(self.account.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned {})
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let Some(learned) = self.ends(cx).await? else { return Ok(None) };
        self.check_asked(cx.world, &learned.center).await?;
        let found = list(cx.world, &learned.center, &learned.account, &learned.permission_set).await?;
        let ours = |it: &Found| it.principal_id() == Some(&learned.group);
        match found.iter().any(ours) {
            true => Ok(Some(Seen { owned: Owned {}, learned, ours: true, state: State::Ready })),
            false => Ok(None),
        }
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let ends = self
            .ends(cx)
            .await?
            .with_context(|| format!("find group and permission set of {}", self.name()))?;
        let request = ends.center.admin(cx.world).create_account_assignment().instance_arn(&ends.center.arn);
        let request = request.target_type(TargetType::AwsAccount).target_id(&ends.account);
        let request = request.principal_type(PrincipalType::Group).principal_id(&ends.group);
        let answer = wrote(request.permission_set_arn(&ends.permission_set).send().await, AGAIN)?;
        *self.asked.borrow_mut() = id(answer.account_assignment_creation_status).map(Asked::Creation);
        Ok(())
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let ends = &current.learned;
        let request = ends.center.admin(cx.world).delete_account_assignment().instance_arn(&ends.center.arn);
        let request = request.target_type(TargetType::AwsAccount).target_id(&ends.account);
        let request = request.principal_type(PrincipalType::Group).principal_id(&ends.group);
        let mut begun = None;
        let answer = request.permission_set_arn(&ends.permission_set).send().await;
        let answer = answer.map(|answer| begun = id(answer.account_assignment_deletion_status));
        gone(answer, &[ABSENT], AGAIN)?;
        *self.asked.borrow_mut() = begun.map(Asked::Deletion);
        Ok(())
    }

    /// AWS has ten under way at most, of all who ask.
    fn lane(&self) -> Option<Lane> {
        Some(Lane::new("account assignments", 8))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(15 * 60)
    }
}

impl AccountAssignment {
    /// What it is between, as far as that is there.
    async fn ends(&self, cx: &Cx<'_, Aws>) -> Result<Option<Learned>> {
        let account = cx.known.of(&self.account)?.id.clone();
        let Some(center) = instance(cx.world, cx.since).await? else { return Ok(None) };
        let set = permission_set::arn_of(cx.world, &center, &self.permission_set_name, cx.since).await?;
        let Some(permission_set) = set else { return Ok(None) };
        let group = group::id_of(cx.world, &center, &self.group_name).await?;
        Ok(group.map(|group| Learned { center, account, permission_set, group }))
    }

    /// Fails while what this run asked for is under way, and for good when AWS gave up.
    async fn check_asked(&self, aws: &Aws, center: &Center) -> Result<()> {
        let asked = self.asked.borrow().clone();
        let status = match asked {
            None => return Ok(()),
            Some(Asked::Creation(id)) => {
                let request = center.admin(aws).describe_account_assignment_creation_status();
                let request = request.instance_arn(&center.arn).account_assignment_creation_request_id(id);
                read(request.send().await, &[ABSENT])?.and_then(|it| it.account_assignment_creation_status)
            }
            Some(Asked::Deletion(id)) => {
                let request = center.admin(aws).describe_account_assignment_deletion_status();
                let request = request.instance_arn(&center.arn).account_assignment_deletion_request_id(id);
                read(request.send().await, &[ABSENT])?.and_then(|it| it.account_assignment_deletion_status)
            }
        };
        match status.as_ref().and_then(|status| status.status()) {
            Some(StatusValues::InProgress) => Err(Busy("AWS is at it".to_owned()).into()),
            Some(StatusValues::Failed) => {
                let reason = status.as_ref().and_then(Status::failure_reason);
                bail!("AWS gave up: {}", reason.unwrap_or("it does not say why"))
            }
            _ => Ok(()),
        }
    }
}

fn id(status: Option<Status>) -> Option<String> {
    status.and_then(|status| status.request_id)
}

/// Who has a permission set in an account.
pub(crate) async fn list(aws: &Aws, center: &Center, account: &str, set: &str) -> Result<Vec<Found>> {
    let request = center.admin(aws).list_account_assignments().instance_arn(&center.arn);
    let request = request.account_id(account).permission_set_arn(set).into_paginator().items();
    Ok(read(request.send().collect::<Result<_, _>>().await, &[ABSENT])?.unwrap_or_default())
}

/// What somebody has in an account.
pub(crate) struct Held {
    /// Its name.
    pub(crate) permission_set: String,
    /// The name of a group or a user.
    pub(crate) who: String,
    pub(crate) is_group: bool,
}

/// Everything that anybody has in an account, by whatever permission set.
pub(crate) async fn held(aws: &Aws, center: &Center, account: &str) -> Result<Vec<Held>> {
    let request = center.admin(aws).list_permission_sets_provisioned_to_account();
    let request = request.instance_arn(&center.arn).account_id(account).into_paginator().items();
    let sets = read(request.send().collect::<Result<Vec<_>, _>>().await, &[ABSENT])?.unwrap_or_default();
    let all = sets.into_iter().map(async |set| {
        let mut all = Vec::new();
        let Some(permission_set) = permission_set::name_of(aws, center, &set).await? else { return Ok(all) };
        for found in list(aws, center, account, &set).await? {
            let who = principal(aws, center, &found).await?;
            let is_group = found.principal_type() == Some(&PrincipalType::Group);
            all.push(Held { permission_set: permission_set.clone(), who, is_group });
        }
        Ok(all)
    });
    try_join_all(all).await.map(|all: Vec<_>| all.into_iter().flatten().collect())
}

/// The name of who has it. Who is there no more has only an id.
async fn principal(aws: &Aws, center: &Center, found: &Found) -> Result<String> {
    let (store, id) = (center.identity_store(aws), found.principal_id().unwrap_or_default());
    let name = match found.principal_type() {
        Some(PrincipalType::User) => {
            let request = store.describe_user().identity_store_id(&center.store).user_id(id);
            read(request.send().await, &[ABSENT])?.and_then(|user| user.user_name)
        }
        _ => {
            let request = store.describe_group().identity_store_id(&center.store).group_id(id);
            read(request.send().await, &[ABSENT])?.and_then(|group| group.display_name)
        }
    };
    Ok(name.unwrap_or_else(|| id.to_owned()))
}

/// The accounts in which anybody has a permission set.
async fn accounts_of(aws: &Aws, center: &Center, set: &str) -> Result<Vec<String>> {
    let request = center.admin(aws).list_accounts_for_provisioned_permission_set();
    let request = request.instance_arn(&center.arn).permission_set_arn(set).into_paginator().items();
    Ok(read(request.send().collect::<Result<Vec<_>, _>>().await, &[ABSENT])?.unwrap_or_default())
}

/// Account and group of every assignment of a permission set that is a group's, as all of ours are.
pub(crate) async fn of_groups(aws: &Aws, center: &Center, set: &str) -> Result<Vec<(String, String)>> {
    let accounts = accounts_of(aws, center, set).await?.into_iter();
    let all = accounts.map(async |account| {
        let found = list(aws, center, &account, set).await?.into_iter();
        let groups = found.filter(|it| it.principal_type() == Some(&PrincipalType::Group));
        let (account, named) = (&account, async |it: Found| principal(aws, center, &it).await);
        let named: Vec<String> = try_join_all(groups.map(named)).await?;
        Ok(named.into_iter().map(|name| (account.clone(), name)).collect::<Vec<_>>())
    });
    try_join_all(all).await.map(|all: Vec<_>| all.concat())
}

/// Asks for every assignment of a permission set to be removed. Whether there were any.
pub(super) async fn remove_all(aws: &Aws, center: &Center, set: &str) -> Result<bool> {
    let mut any = false;
    for account in accounts_of(aws, center, set).await? {
        for found in list(aws, center, &account, set).await? {
            let request = center.admin(aws).delete_account_assignment().instance_arn(&center.arn);
            let request = request.permission_set_arn(set).target_id(&account);
            let request = request.target_type(TargetType::AwsAccount).set_principal_id(found.principal_id);
            gone(request.set_principal_type(found.principal_type).send().await, &[ABSENT], AGAIN)?;
            any = true;
        }
    }
    Ok(any)
}
