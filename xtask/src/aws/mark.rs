//! How AWS tells what is ours.

use serde::Serialize;

/// The tags that say that a thing is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mark {
    pub(crate) project: String,
    pub(crate) stage: Option<String>,
}

impl Mark {
    pub(crate) const PROJECT: &str = "foothold:project";
    pub(crate) const STAGE: &str = "foothold:stage";

    /// Key and value of each tag.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let stage = self.stage.as_deref().map(|stage| (Self::STAGE, stage));
        [(Self::PROJECT, self.project.as_str())].into_iter().chain(stage)
    }

    /// Whether the tags of a thing say that it belongs to this project.
    pub(crate) fn is_on<'t>(&self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> bool {
        tags.into_iter().any(|(key, value)| key == Self::PROJECT && value == self.project)
    }
}
