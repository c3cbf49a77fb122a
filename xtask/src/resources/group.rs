//! A group of people in Identity Center. One that exists is used as found.

use anyhow::{Result, bail};
use aws_sdk_identitystore::types::{AlternateIdentifier, UniqueAttribute};
use aws_smithy_types::Document;
use serde::Serialize;

use super::IdentityCenter;
use super::identity_center::{ABSENT, AGAIN, Learned as Center, mark_of};
use crate::aws::{Aws, Failure, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// A group, found by its name.
#[derive(Serialize)]
pub(crate) struct Group {
    pub(crate) center: Key<IdentityCenter>,
    pub(crate) project: String,
    pub(crate) name: String,
    /// It comes from an external identity source, and is never made here.
    pub(crate) external: bool,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    name: String,
}

pub(crate) struct Learned {
    pub(crate) id: String,
    pub(crate) ours: bool,
}

impl Resource for Group {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "group";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.center.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { name: self.name.clone() })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let center = cx.known.of(&self.center)?;
        let Some(id) = id_of(cx.world, center, &self.name).await? else {
            return self.absent();
        };
        let request = center.identity_store(cx.world).describe_group().identity_store_id(&center.store);
        let Some(found) = read(request.group_id(&id).send().await, &[ABSENT])? else { return self.absent() };
        let ours = found.description() == Some(&mark_of(&self.project));
        let owned = Owned { name: self.name.clone() };
        Ok(Some(Seen { owned, learned: Learned { id, ours }, ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        // Found, and to be adopted: nothing else of it is ours to change.
        let center = cx.known.of(&self.center)?;
        let store = center.identity_store(cx.world);
        let mark = mark_of(&self.project);
        if let Some(group) = current {
            let request = store.update_group().identity_store_id(&center.store).group_id(&group.learned.id);
            let request = request.operations(super::user::set("description", Document::String(mark))?);
            return wrote(request.send().await, AGAIN).map(drop);
        }
        let request = store.create_group().identity_store_id(&center.store).display_name(&self.name);
        wrote(request.description(mark).send().await, AGAIN).map(drop).map_err(with_hint)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let center = cx.known.of(&self.center)?;
        let request = center.identity_store(cx.world).delete_group().identity_store_id(&center.store);
        gone(request.group_id(&current.learned.id).send().await, &[ABSENT], AGAIN)
    }

    fn shared(&self) -> bool {
        true
    }
}

impl Group {
    fn absent<T>(&self) -> Result<Option<T>> {
        if self.external {
            bail!(
                "the external identity source has brought no group `{}`: assign it to Identity Center there, or \
                 change `groups` in foothold.toml",
                self.name
            );
        }
        Ok(None)
    }
}

/// The names of those that are a project's.
pub(crate) async fn ours(aws: &Aws, center: &Center, project: &str) -> Result<Vec<String>> {
    let request = center.identity_store(aws).list_groups().identity_store_id(&center.store);
    let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let all = read(found, &[ABSENT])?.unwrap_or_default().into_iter();
    let ours = all.filter(|group| group.description() == Some(&mark_of(project)));
    Ok(ours.filter_map(|group| group.display_name).collect())
}

/// Whoever may do everything and is denied a change of people keeps them elsewhere.
pub(super) fn with_hint(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Failure>() {
        Some(failure) if failure.is(&["AccessDeniedException"]) => error.context(
            "where people come from an external identity source, foothold.toml says `identity_source = \"external\"`",
        ),
        _ => error,
    }
}

/// The id of the group of that name.
pub(super) async fn id_of(aws: &Aws, center: &Center, name: &str) -> Result<Option<String>> {
    let request = center.identity_store(aws).get_group_id().identity_store_id(&center.store);
    let request = request.alternate_identifier(by("displayName", name)?);
    Ok(read(request.send().await, &[ABSENT])?.map(|found| found.group_id))
}

/// Something in the identity store, by an attribute that only one has.
pub(super) fn by(attribute: &str, value: &str) -> Result<AlternateIdentifier> {
    let value = Document::String(value.to_owned());
    let unique = UniqueAttribute::builder().attribute_path(attribute).attribute_value(value).build()?;
    Ok(AlternateIdentifier::UniqueAttribute(unique))
}
