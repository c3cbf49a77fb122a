//! Several sections at once, and how the file changes by them.

use std::path::Path;

use anyhow::Result;

use super::{KEYS, SESSION_KEYS, Settings, Text};
use crate::diff::unified;

/// What is to become of a project's sections.
pub(crate) struct Rewrite<'p> {
    project: &'p str,
    /// Each with what it is to say.
    pub(crate) sections: Vec<(String, Settings)>,
    gone: Vec<String>,
}

impl<'p> Rewrite<'p> {
    /// Leaves out what is somebody else's in `before`: that is used as it is, and stays.
    pub(crate) fn of(
        before: &Text,
        project: &'p str,
        sections: impl IntoIterator<Item = (String, Settings)>,
        gone: Vec<String>,
    ) -> Self {
        let theirs = |name: &str| before.section(name).is_some_and(|found| !found.is_of(project));
        let sections = sections.into_iter().filter(|(name, _)| !theirs(name)).collect();
        Self { project, sections, gone }
    }

    pub(crate) fn apply(&self, text: &mut Text) {
        for (name, settings) in &self.sections {
            text.put(name, self.project, keys_of(name), settings);
        }
        self.gone.iter().for_each(|name| text.take(name, self.project));
    }

    /// How a file that says `before` changes, line by line and without secrets; empty where it does not.
    pub(crate) fn difference(&self, file: &Path, before: &str) -> Result<String> {
        let mut text = Text::parse(before)?;
        let before = text.shown(self.project);
        self.apply(&mut text);
        Ok(unified(&file.display().to_string(), &before, &text.shown(self.project)))
    }
}

/// What we set in a section of that name.
pub(crate) fn keys_of(section: &str) -> &'static [&'static str] {
    if section.starts_with("sso-session ") { SESSION_KEYS } else { KEYS }
}
