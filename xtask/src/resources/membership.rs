//! A person's place in a group. It is ours where the person or the group is.

use anyhow::Result;
use aws_sdk_identitystore::types::MemberId;
use serde::Serialize;

use super::identity_center::{ABSENT, AGAIN};
use super::{Group, IdentityCenter, User, user};
use crate::aws::{Aws, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// A user in a group.
#[derive(Serialize)]
pub(crate) struct Membership {
    pub(crate) center: Key<IdentityCenter>,
    pub(crate) group: Key<Group>,
    pub(crate) user: Key<User>,
    pub(crate) project: String,
    /// Of the user.
    pub(crate) email: String,
}

#[derive(Serialize)]
pub(crate) struct Owned {}

pub(crate) struct Learned {
    id: String,
}

impl Resource for Membership {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "membership";

    fn name(&self) -> String {
        self.email.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.group.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned {})
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let (center, group) = (cx.known.of(&self.center)?, cx.known.of(&self.group)?);
        let Some(user) = user::find(cx.world, center, &self.project, &self.email).await? else {
            return Ok(None);
        };
        let request = center.identity_store(cx.world).get_group_membership_id().group_id(&group.id);
        let request = request.identity_store_id(&center.store).member_id(MemberId::UserId(user.id));
        let found = read(request.send().await, &[ABSENT])?;
        Ok(found.map(|found| {
            let learned = Learned { id: found.membership_id };
            Seen { owned: Owned {}, learned, ours: group.ours || user.ours, state: State::Ready }
        }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let center = cx.known.of(&self.center)?;
        let (group, user) = (cx.known.of(&self.group)?, cx.known.of(&self.user)?);
        let request = center.identity_store(cx.world).create_group_membership().group_id(&group.id);
        let request = request.identity_store_id(&center.store).member_id(MemberId::UserId(user.id.clone()));
        wrote(request.send().await, AGAIN).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let center = cx.known.of(&self.center)?;
        let request = center.identity_store(cx.world).delete_group_membership();
        let request = request.identity_store_id(&center.store).membership_id(&current.learned.id);
        gone(request.send().await, &[ABSENT], AGAIN)
    }

    fn shared(&self) -> bool {
        true
    }
}
