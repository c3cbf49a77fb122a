//! The session of Identity Center in the shared config file: where this machine's profiles sign in.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;

use super::cli_profile::reads_back;
use crate::aws::Aws;
use crate::graph::{Input, Node};
use crate::profiles::{self, SESSION_KEYS, Settings, Text};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// An `[sso-session]`. It is ours if its section carries our comment; somebody's own that leads there is used.
#[derive(Serialize)]
pub(crate) struct SsoSession {
    pub(crate) file: PathBuf,
    pub(crate) project: String,
    pub(crate) name: String,
    /// The address of the access portal, and the Region of the instance.
    pub(crate) portal: Input<(String, String)>,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    settings: Settings,
}

pub(crate) struct Learned;

impl Resource for SsoSession {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "sso session";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        None
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        let (start_url, region) = known.value(&self.portal)?;
        Ok(Owned { settings: profiles::of_session(&start_url, &region) })
    }

    async fn observe(&self, _: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let text = profiles::read(&self.file)?;
        let text = Text::parse(&text).with_context(|| format!("read {}", self.file.display()))?;
        let Some(section) = text.section(&self.section()) else { return Ok(None) };
        let owned = Owned { settings: section.settings(SESSION_KEYS) };
        let ours = section.is_of(&self.project);
        Ok(Some(Seen { owned, learned: Learned, ours, state: State::Ready }))
    }

    async fn apply(&self, _: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let (section, settings) = (self.section(), &desired.settings);
        let change = |text: &mut Text| text.put(&section, &self.project, SESSION_KEYS, settings);
        profiles::edit(&self.file, &self.project, change, |text| {
            reads_back(text, &[(section.clone(), settings)])
        })
    }

    async fn delete(&self, _: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        profiles::edit(
            &self.file,
            &self.project,
            |text| text.take(&self.section(), &self.project),
            |_| Ok(()),
        )
    }

    fn shared(&self) -> bool {
        true
    }
}

impl SsoSession {
    fn section(&self) -> String {
        profiles::sso_session(&self.name)
    }
}
