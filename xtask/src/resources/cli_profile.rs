//! A profile in the shared config file of the AWS CLI and the SDKs, on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ini_edit::ParseOptions;
use ini_edit::editor::{EditOptions, Editor, SectionEditor};
use serde::Serialize;

use super::Account;
use crate::aws::Aws;
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// A profile that takes a role of an account. It is ours if its section carries our comment.
#[derive(Serialize)]
pub(crate) struct Profile {
    /// See [`config_file`].
    pub(crate) file: PathBuf,
    pub(crate) project: String,
    pub(crate) name: String,
    pub(crate) account: Key<Account>,
    pub(crate) source: Source,
    pub(crate) region: String,
    pub(crate) role: String,
}

/// The profile whose credentials take the role, or, without one, the environment's credentials.
#[derive(Serialize)]
pub(crate) struct Source(pub(crate) Option<String>);

type Settings = BTreeMap<String, String>;

#[derive(Serialize)]
pub(crate) struct Owned {
    settings: Settings,
}

pub(crate) struct Learned;

impl Resource for Profile {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "profile";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        None
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        let id = &known.of(&self.account)?.id;
        let source = match &self.source {
            Source(Some(profile)) => ("source_profile", profile.clone()),
            Source(None) => ("credential_source", "Environment".to_owned()),
        };
        let role = ("role_arn", format!("arn:aws:iam::{id}:role/{}", self.role));
        let settings = [role, source, ("region", self.region.clone())];
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value));
        Ok(Owned { settings: settings.collect() })
    }

    async fn observe(&self, _: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let mut editor = editor(&self.file)?;
        let Some(mut section) = self.section(&mut editor)? else { return Ok(None) };
        let value = |key: &&str| Some(((*key).to_owned(), section.entry(key)?.value()?));
        let settings = KEYS.iter().filter_map(value).collect();
        let ours = self.marked(&editor);
        Ok(Some(Seen { owned: Owned { settings }, learned: Learned, ours, state: State::Ready }))
    }

    async fn apply(&self, _: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let mut editor = editor(&self.file)?;
        if self.section(&mut editor)?.is_none() {
            editor.section_or_insert(&format!("profile {}", self.name))?;
        }
        let mut section = self.section(&mut editor)?.context("find the section that was just added")?;
        if !current.is_some_and(|profile| profile.ours) {
            section.insert_body_lines(0, &[&self.mark()])?;
        }
        for (key, value) in &desired.settings {
            section.set(key, value)?;
        }
        for key in KEYS.iter().filter(|key| !desired.settings.contains_key(**key)) {
            section.remove_entry(key)?;
        }
        write(&self.file, &editor.finish())
    }

    async fn delete(&self, _: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let mut editor = editor(&self.file)?;
        if !self.marked(&editor) {
            return Ok(());
        }
        if let Some(section) = self.section(&mut editor)? {
            section.remove();
        }
        write(&self.file, &editor.finish())
    }
}

/// What we set. Other settings of a profile are its owner's.
const KEYS: &[&str] = &["role_arn", "source_profile", "credential_source", "region"];

impl Profile {
    fn mark(&self) -> String {
        format!("# managed by cargo xtask: {}", self.project)
    }

    fn is_named(&self, section: &str) -> bool {
        section.split_whitespace().eq(["profile", self.name.as_str()])
    }

    fn section<'e>(&self, editor: &'e mut Editor) -> Result<Option<SectionEditor<'e>>> {
        let names: Vec<String> = editor.file().sections().map(|s| s.name().unwrap_or_default()).collect();
        let mut found = names.iter().enumerate().filter(|(_, name)| self.is_named(name));
        let first = found.next().map(|(index, _)| index);
        if found.next().is_some() {
            // The SDKs merge such sections, and the last one wins.
            bail!("{} has the profile `{}` more than once: keep one", self.file.display(), self.name);
        }
        Ok(first.and_then(|index| editor.section_at(index)))
    }

    fn marked(&self, editor: &Editor) -> bool {
        let file = editor.file();
        let ours = file.sections().filter(|section| section.name().is_some_and(|name| self.is_named(&name)));
        let mut comments = ours.flat_map(|section| section.comment_lines().collect::<Vec<_>>());
        comments.any(|comment| comment.text().is_some_and(|text| text.trim() == self.mark()))
    }
}

/// Where the CLI and the SDKs look: `AWS_CONFIG_FILE`, or `~/.aws/config`.
pub(crate) fn config_file() -> Result<PathBuf> {
    let home = || std::env::home_dir().context("find the home directory");
    match std::env::var_os("AWS_CONFIG_FILE").map(PathBuf::from) {
        Some(file) => match file.strip_prefix("~") {
            Ok(rest) => Ok(home()?.join(rest)),
            Err(_) => Ok(file),
        },
        None => Ok(home()?.join(".aws").join("config")),
    }
}

fn editor(file: &Path) -> Result<Editor> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("read {}", file.display()))?,
    };
    let editor = Editor::new(&text, &ParseOptions::default(), &EditOptions::default());
    editor.with_context(|| format!("read {}", file.display()))
}

/// Replaces the file at once, and keeps what it was beside it. A link stays a link.
fn write(file: &Path, text: &str) -> Result<()> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let directory = file.parent().context("find the directory of the config file")?;
    let written = || -> Result<()> {
        fs::create_dir_all(directory)?;
        let mut new = tempfile::NamedTempFile::new_in(directory)?;
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        if let Ok(before) = fs::metadata(&file) {
            fs::copy(&file, file.with_extension("foothold-backup"))?;
            new.as_file().set_permissions(before.permissions())?;
        }
        new.persist(&file)?;
        Ok(())
    };
    written().with_context(|| format!("write {}", file.display()))
}
