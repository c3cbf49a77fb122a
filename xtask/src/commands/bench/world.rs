//! What a measurement runs in: a sandbox process of its own, and a workspace in a temporary directory.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Common;
use crate::aws::Reach;
use crate::config::Config;
use crate::engine::Stop;
use crate::probe::{self, Method};
use crate::project::Project;
use crate::ui::Ui;
use crate::workspace::{Workspace, copy_directory};

/// A sandbox that ends with this, and files that a run may change.
pub(crate) struct World {
    directory: TempDir,
    /// What the sandbox printed: how to connect.
    pub(crate) found: Value,
    /// Its standard input keeps it alive.
    _sandbox: Child,
}

impl World {
    /// Starts the sandbox `program` with these arguments, and copies the policies and the app's configuration.
    pub(crate) async fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let workspace = Workspace::find()?;
        let directory = TempDir::new().context("make a directory")?;
        let root = directory.path().join("workspace");
        copy_directory(&workspace.policies, &root.join("policies"))?;
        copy_directory(&workspace.configurations, &root.join("app/config"))?;
        let this = std::env::current_exe().context("find this program")?;
        // A build that goes on meanwhile replaces the one that everybody knows.
        let own = directory.path().join("xtask");
        std::fs::hard_link(&this, &own)
            .or_else(|_| std::fs::copy(&this, &own).map(drop))
            .with_context(|| format!("copy {}", this.display()))?;
        let mut sandbox = Command::new(program)
            .args(["--until-stdin-ends", "--directory"])
            .arg(directory.path().join("aws"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start the sandbox")?;
        let stdout = sandbox.stdout.take().context("read what the sandbox prints")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let line = line.context("start the sandbox: it ended without a word")?;
        let found = serde_json::from_str(&line).context("read what the sandbox prints")?;
        Ok(Self { directory, found, _sandbox: sandbox })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("workspace").join(name)
    }

    /// This very program, run in the workspace as the management account's admin would run it against any AWS.
    pub(crate) fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.directory.path().join("xtask"));
        command
            .args(arguments)
            .current_dir(self.file(""))
            .env("HOME", self.directory.path())
            .env("AWS_CONFIG_FILE", self.file("aws-config"))
            .env("AWS_ENDPOINT_URL", self.text("endpoint"))
            .env("AWS_ACCESS_KEY_ID", self.text("access_key_id"))
            .env("AWS_SECRET_ACCESS_KEY", self.text("secret_access_key"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end, which must be a good one.
    pub(crate) async fn good(&self, arguments: &[&str]) -> Result<String> {
        let ended = self.xtask(arguments).output().await.context("run xtask")?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "`cargo xtask {}` failed:\n{said}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    /// Asks the sandbox's control.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        probe::send(method, &format!("{}/{path}", self.text("control")), body).await
    }

    /// The workspace as the same admin sees it, for what is asked from within this process.
    pub(crate) fn project<'u>(&self, ui: &'u Ui, common: &Common) -> Result<Project<'u>> {
        let workspace = Workspace {
            foothold: self.file("foothold.toml"),
            configurations: self.file("app/config"),
            policies: self.file("policies"),
            profiles: self.file("aws-config"),
            home: self.directory.path().to_owned(),
            ..Workspace::find()?
        };
        let config = Config::load(&workspace.foothold)?;
        let keys = (self.text("access_key_id").to_owned(), self.text("secret_access_key").to_owned());
        let only = Some(self.text("endpoint").to_owned());
        let reach = Reach { only, keys: Some(keys), ..Reach::new(None, &config.region) };
        let (common, stop, pace) = (common.clone(), Stop::default(), 0.02);
        Ok(Project { ui, common, workspace, config, new: false, reach, pace, stop })
    }

    /// What the sandbox printed of itself.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.found[member].as_str().unwrap_or_default()
    }
}
