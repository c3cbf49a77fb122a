//! The session of Identity Center in the shared config file: where this machine's profiles sign in.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::cli_profile::{Learned, Owned, Section};
use crate::aws::Aws;
use crate::graph::{Input, Node};
use crate::profiles;
use crate::report::Known;
use crate::resource::{Cx, Resource, SeenBy};

/// An `[sso-session]`. It is ours if its section carries our comment; somebody's own that leads there is used.
#[derive(Serialize)]
pub(crate) struct SsoSession {
    pub(crate) file: PathBuf,
    pub(crate) project: String,
    pub(crate) name: String,
    /// The address of the access portal, and the Region of the instance.
    pub(crate) portal: Input<(String, String)>,
}

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
        self.section().look()
    }

    async fn apply(&self, _: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        self.section().put(desired)
    }

    async fn delete(&self, _: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        self.section().take()
    }

    fn shared(&self) -> bool {
        true
    }
}

impl SsoSession {
    fn section(&self) -> Section<'_> {
        Section { file: &self.file, project: &self.project, name: profiles::sso_session(&self.name) }
    }
}
