//! A person in Identity Center. One who is there is used as found.

use anyhow::Result;
use aws_sdk_identitystore::types::{AttributeOperation, Email, MemberId, Name};
use aws_smithy_types::Document;
use serde::Serialize;

use super::IdentityCenter;
use super::group::{by, with_hint};
use super::identity_center::{ABSENT, AGAIN, Learned as Center, mark_of};
use crate::aws::{Aws, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// A person, found by the e-mail address, which is also the name to sign in with.
#[derive(Serialize)]
pub(crate) struct User {
    pub(crate) center: Key<IdentityCenter>,
    pub(crate) project: String,
    pub(crate) email: String,
    /// As the person is called.
    pub(crate) name: String,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    name: String,
}

pub(crate) struct Learned {
    pub(crate) id: String,
}

impl Resource for User {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "user";

    fn name(&self) -> String {
        self.email.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.center.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { name: self.name.clone() })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let center = cx.known.of(&self.center)?;
        let Some(found) = find(cx.world, center, &self.project, &self.email).await? else {
            return Ok(None);
        };
        let owned = Owned { name: found.name };
        Ok(Some(Seen { owned, learned: Learned { id: found.id }, ours: found.ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let center = cx.known.of(&self.center)?;
        let store = center.identity_store(cx.world);
        let (given, family) = self.parts();
        let mark = mark_of(&self.project);
        if let Some(user) = current {
            let text = |text: &str| Document::String(text.to_owned());
            let changes = [
                ("displayName", text(&self.name)),
                ("name.givenName", text(given)),
                ("name.familyName", text(family)),
                ("userType", text(&mark)),
            ];
            let changes = changes.into_iter().map(|(path, value)| set(path, value));
            let request = store.update_user().identity_store_id(&center.store).user_id(&user.learned.id);
            let request = request.set_operations(Some(changes.collect::<Result<_>>()?));
            return wrote(request.send().await, AGAIN).map(drop);
        }
        let name = Name::builder().given_name(given).family_name(family).build();
        let email = Email::builder().value(&self.email).r#type("work").primary(true).build();
        let request = store.create_user().identity_store_id(&center.store).user_name(&self.email);
        let request = request.display_name(&self.name).name(name).emails(email).user_type(mark);
        wrote(request.send().await, AGAIN).map(drop).map_err(with_hint)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let center = cx.known.of(&self.center)?;
        let request = center.identity_store(cx.world).delete_user().identity_store_id(&center.store);
        gone(request.user_id(&current.learned.id).send().await, &[ABSENT], AGAIN)
    }

    fn shared(&self) -> bool {
        true
    }
}

impl User {
    /// Identity Center wants two names: one who has one has it twice.
    fn parts(&self) -> (&str, &str) {
        self.name.trim().split_once(' ').unwrap_or((&self.name, &self.name))
    }
}

/// A person as Identity Center has them.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) ours: bool,
}

pub(super) async fn find(aws: &Aws, center: &Center, project: &str, email: &str) -> Result<Option<Found>> {
    let store = center.identity_store(aws);
    let request = store.get_user_id().identity_store_id(&center.store);
    let request = request.alternate_identifier(by("userName", email)?);
    let Some(id) = read(request.send().await, &[ABSENT])?.map(|found| found.user_id) else { return Ok(None) };
    let request = store.describe_user().identity_store_id(&center.store).user_id(&id);
    let found = read(request.send().await, &[ABSENT])?;
    Ok(found.map(|found| Found {
        id,
        ours: found.user_type() == Some(&mark_of(project)),
        name: found.display_name.unwrap_or_default(),
    }))
}

/// The addresses of those who are a project's.
pub(crate) async fn ours(aws: &Aws, center: &Center, project: &str) -> Result<Vec<String>> {
    let request = center.identity_store(aws).list_users().identity_store_id(&center.store);
    let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let all = read(found, &[ABSENT])?.unwrap_or_default().into_iter();
    let ours = all.filter(|user| user.user_type() == Some(&mark_of(project)));
    Ok(ours.filter_map(|user| user.user_name).collect())
}

/// The names of the groups that a person is in; `None` where there is no such person.
pub(crate) async fn groups_of(aws: &Aws, center: &Center, email: &str) -> Result<Option<Vec<String>>> {
    let Some(user) = find(aws, center, "", email).await? else { return Ok(None) };
    let request = center.identity_store(aws).list_group_memberships_for_member();
    let request = request.identity_store_id(&center.store).member_id(MemberId::UserId(user.id));
    let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let mut groups = Vec::new();
    for membership in read(found, &[ABSENT])?.unwrap_or_default() {
        let request = center.identity_store(aws).describe_group().identity_store_id(&center.store);
        let found = read(request.set_group_id(membership.group_id).send().await, &[ABSENT])?;
        groups.extend(found.and_then(|group| group.display_name));
    }
    Ok(Some(groups))
}

/// A change of one attribute.
pub(super) fn set(path: &str, value: Document) -> Result<AttributeOperation> {
    Ok(AttributeOperation::builder().attribute_path(path).attribute_value(value).build()?)
}
