//! Where the files are: the repository's own, or in a sandbox its copies under `target/sandbox/`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::config::{Config, FILE, Stage, write};
use crate::content::Schema;
use crate::{policy, profiles};

/// The directories and files that a command reads and writes.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// The directory of the workspace's `Cargo.toml`: what the image is built from.
    pub(crate) root: PathBuf,
    pub(crate) foothold: PathBuf,
    /// One JSON file per stage, and `schema.json`.
    pub(crate) configurations: PathBuf,
    pub(crate) policies: PathBuf,
    /// The shared AWS config file.
    pub(crate) profiles: PathBuf,
    /// The directory below which the SDKs keep who has signed in.
    pub(crate) home: PathBuf,
}

/// Where neither the environment nor the system's list of users names a home directory.
pub(crate) const NO_HOME: &str = "find your home directory: set HOME, below which the AWS CLI and the SDKs keep who has \
                                  signed in";

/// The documents that a declaration is made from.
#[derive(Default)]
pub(crate) struct Documents {
    /// Which images expire.
    pub(crate) lifecycle: Value,
    /// The JSON Schema of the application's configuration.
    pub(crate) schema: Value,
    /// The configuration of every stage that has an account, by the stage's name.
    pub(crate) contents: Vec<(String, Value)>,
}

impl Workspace {
    /// The workspace that the current directory is in.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::current_dir().context("find the current directory")?;
        let Some(root) = here.ancestors().find(|d| d.join("policies").is_dir() && d.join("app").is_dir())
        else {
            bail!(
                "{} is not in a Foothold workspace: go to a directory with `app` and `policies`",
                here.display()
            )
        };
        Ok(Self {
            root: root.to_owned(),
            foothold: root.join(FILE),
            configurations: root.join("app/config"),
            policies: root.join("policies"),
            profiles: profiles::config_file()?,
            home: std::env::home_dir().context(NO_HOME)?,
        })
    }

    /// Where everything of a sandbox is kept.
    pub(crate) fn sandbox(&self) -> PathBuf {
        self.root.join("target/sandbox")
    }

    /// The same workspace with the sandbox's copies of what a run may change; made at the first start. What real
    /// runs have written down of their accounts is not in them.
    pub(crate) fn sandboxed(&self) -> Result<Self> {
        let directory = self.sandbox();
        let configurations = directory.join("config");
        if !configurations.exists() {
            copy_directory(&self.configurations, &configurations)?;
        }
        let foothold = directory.join(FILE);
        if !foothold.exists() && self.foothold.exists() {
            copy_for_another_aws(&self.foothold, &foothold)?;
        }
        let (profiles, home) = (directory.join("aws-config"), directory.join("home"));
        Ok(Self { foothold, configurations, profiles, home, ..self.clone() })
    }

    /// Whether the caller's shared files give credentials without a profile's name. A file that cannot be read gives none.
    pub(crate) fn has_default_profile(&self) -> bool {
        let files = [Ok(self.profiles.clone()), profiles::credentials_file()];
        let texts = files.into_iter().filter_map(|file| profiles::read(&file.ok()?).ok());
        texts.into_iter().any(|text| profiles::has_default(&text))
    }

    /// Everything that a declaration is made from besides `foothold.toml`. Fails when one of it is missing or broken,
    /// naming every stage whose configuration is.
    pub(crate) fn documents(&self, config: &Config) -> Result<Documents> {
        match self.documents_that_are_whole(config)? {
            (documents, faults) if faults.is_empty() => Ok(documents),
            (_, faults) => bail!("{}", faults.join("\n")),
        }
    }

    /// The same without the configuration of stages whose file is missing or broken, and what is wrong with those.
    pub(crate) fn documents_that_are_whole(&self, config: &Config) -> Result<(Documents, Vec<String>)> {
        let lifecycle = policy::ECR_LIFECYCLE.render(&self.policies, &[])?;
        let file = self.configurations.join("schema.json");
        let (schema, enforced) = (read_json(&file)?, Schema::read(&file)?);
        let running = config.stages.iter().filter(|stage| stage.account.is_some());
        let (mut contents, mut faults) = (Vec::new(), Vec::new());
        for Stage { name, .. } in running {
            match self.content(name, &enforced) {
                Ok(content) => contents.push((name.clone(), content)),
                Err(error) => faults.push(format!("{error:#}")),
            }
        }
        Ok((Documents { lifecycle, schema, contents }, faults))
    }

    /// Makes the configuration of every stage that runs and has none, like one that there is. Gives what was made
    /// from what.
    pub(crate) fn complete(&self, config: &Config) -> Result<Vec<(PathBuf, PathBuf)>> {
        let files = std::fs::read_dir(&self.configurations).into_iter().flatten();
        let files = files.filter_map(|entry| Some(entry.ok()?.path()));
        let is_content = |path: &PathBuf| {
            path.extension().is_some_and(|it| it == "json") && !path.ends_with("schema.json")
        };
        let Some(pattern) = files.filter(is_content).min() else { return Ok(Vec::new()) };
        let running = config.stages.iter().filter(|stage| stage.account.is_some());
        let missing = running.map(|stage| self.content_file(&stage.name)).filter(|path| !path.exists());
        let made = |path: PathBuf| {
            copy(&pattern, &path)?;
            Ok((path, pattern.clone()))
        };
        missing.map(made).collect()
    }

    /// One stage's configuration, checked against the schema and the app's own type.
    fn content(&self, stage: &str, schema: &Schema) -> Result<Value> {
        let path = self.content_file(stage);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "read {}: a stage that runs needs its configuration; copy another stage's file",
                path.display()
            )
        })?;
        schema.check(&text).with_context(|| format!("read {}", path.display()))
    }

    pub(crate) fn content_file(&self, stage: &str) -> PathBuf {
        self.configurations.join(format!("{stage}.json"))
    }
}

fn read_json(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))
}

/// Copies a file, at once.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("read {}", from.display()))?;
    write::save(to, bytes)
}

/// Copies `foothold.toml`. What cannot be read in it is copied, too: whoever loads it says so.
fn copy_for_another_aws(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("read {}", from.display()))?;
    let changed = str::from_utf8(&bytes).ok().and_then(|text| write::for_another_aws(text).ok());
    write::save(to, changed.map_or(bytes, String::into_bytes))
}

/// Copies the files of a directory, and not the directories in it: where there is none yet, all at once.
pub(crate) fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    let new = to.with_extension("foothold-new");
    let copy = || -> std::io::Result<()> {
        std::fs::create_dir_all(&new)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), new.join(entry.file_name()))?;
            }
        }
        std::fs::rename(&new, to)
    };
    copy().with_context(|| format!("copy {} to {}", from.display(), to.display()))
}
