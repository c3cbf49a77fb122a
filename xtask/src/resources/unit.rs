//! An organizational unit, right below the organization's root. It is used as found.

use anyhow::{Context, Result};
use aws_sdk_organizations::types::OrganizationalUnit;
use serde::Serialize;

use super::Organization;
use super::organization::{AGAIN, is_ours, tags};
use crate::aws::{Aws, Mark, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// An organizational unit, found by its name.
#[derive(Serialize)]
pub(crate) struct Unit {
    pub(crate) organization: Key<Organization>,
    pub(crate) name: String,
    pub(crate) mark: Mark,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    name: String,
}

pub(crate) struct Learned {
    pub(crate) id: String,
}

impl Resource for Unit {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "organizational unit";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.organization.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned { name: self.name.clone() })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let root = &cx.known.of(&self.organization)?.root;
        let units = units(cx.world, root).await?;
        let Some(unit) = units.into_iter().find(|unit| unit.name() == Some(&self.name)) else {
            return Ok(None);
        };
        let id = unit.id.context("the unit has no id")?;
        let ours = is_ours(cx.world, &self.mark, &id).await?;
        let owned = Owned { name: self.name.clone() };
        Ok(Some(Seen { owned, learned: Learned { id }, ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let (client, tags) = (cx.world.organizations(), tags(&self.mark)?);
        if let Some(unit) = current {
            let request = client.tag_resource().resource_id(&unit.learned.id).set_tags(Some(tags));
            return wrote(request.send().await, AGAIN).map(drop);
        }
        let root = &cx.known.of(&self.organization)?.root;
        let request = client.create_organizational_unit().parent_id(root).name(&self.name);
        let answer = request.set_tags(Some(tags)).send().await;
        let again = [AGAIN, &["DuplicateOrganizationalUnitException"]].concat();
        wrote(answer, &again).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let request = cx.world.organizations().delete_organizational_unit();
        let answer = request.organizational_unit_id(&current.learned.id).send().await;
        gone(answer, &["OrganizationalUnitNotFoundException"], AGAIN)
    }

    fn shared(&self) -> bool {
        true
    }
}

pub(super) async fn units(aws: &Aws, root: &str) -> Result<Vec<OrganizationalUnit>> {
    let request = aws.organizations().list_organizational_units_for_parent().parent_id(root);
    let answer = request.into_paginator().send().collect::<Result<Vec<_>, _>>().await;
    let pages = read(answer, &["ParentNotFoundException"])?.unwrap_or_default();
    Ok(pages.into_iter().filter_map(|page| page.organizational_units).flatten().collect())
}
