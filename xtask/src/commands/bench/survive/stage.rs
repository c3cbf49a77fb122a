//! Where trials are made: a sandbox and a workspace that can be put back to where a story starts.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::harm::{CLIENT, Kind};
use super::picture::{settle, without_ids};
use super::start::Kept;
use super::stories::{FOOTHOLD, Story};
use super::{Trial, another};
use crate::commands::bench::world::World;
use crate::diff::differences;
use crate::probe::Method;

pub(super) struct Stage {
    pub(super) world: World,
    program: PathBuf,
    another: PathBuf,
    pub(super) kept: Vec<Kept>,
    /// What an undisturbed run of each story comes to, here or in another sandbox.
    pub(super) expected: Rc<Vec<Expected>>,
}

/// How a trial ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The run was over before the call that was to be harmed.
    Unreached,
    /// It got there although a call failed.
    Unharmed,
    /// It got there when it was run again.
    Resumed,
}

pub(super) struct Expected {
    name: &'static str,
    writes: usize,
    reads: usize,
    picture: Value,
}

/// Relative paths and contents.
pub(super) type Files = Vec<(String, String)>;

/// How long a run may take, in real time.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);

impl Stage {
    /// Starts a sandbox, and makes in it what these stories start from.
    pub(super) async fn set(sandbox: &Path, program: &Path, stories: &[&'static Story]) -> Result<Self> {
        let world = World::start(sandbox, &["--scale", "3000"]).await?;
        let another = another(program, &world.file(""))?;
        let program = program.to_owned();
        write(&world.file("foothold.toml"), FOOTHOLD)?;
        let (kept, expected) = Default::default();
        let mut stage = Self { world, program, another, kept, expected };
        stage.keep(stories).await?;
        Ok(stage)
    }

    /// Runs every story undisturbed.
    pub(super) async fn knowing(mut self, stories: &[&'static Story]) -> Result<Self> {
        let mut expected = Vec::new();
        for story in stories {
            expected.push(self.undisturbed(story).await?);
        }
        self.expected = Rc::new(expected);
        Ok(self)
    }

    /// How many calls that write, and that read, an undisturbed run makes.
    pub(super) fn calls(&self, story: &Story) -> (usize, usize) {
        let expected = self.expected.iter().find(|expected| expected.name == story.name);
        expected.map_or((0, 0), |expected| (expected.writes, expected.reads))
    }

    async fn undisturbed(&self, story: &Story) -> Result<Expected> {
        self.start(story.from).await?;
        self.world.control(Method::DELETE, "requests", None).await?;
        // A rule that never strikes counts what is ours.
        let count = |writes| json!({"client": CLIENT, "writes": writes, "times": 0, "kind": "error"});
        self.world.control(Method::POST, "faults", Some(json!([count(true), count(false)]))).await?;
        self.good(story.arguments, story.another).await?;
        let counted = self.world.control(Method::GET, "faults", None).await?;
        self.world.control(Method::DELETE, "faults", None).await?;
        let of = |index: usize| counted[index]["seen"].as_u64().unwrap_or_default() as usize;
        Ok(Expected { name: story.name, writes: of(0), reads: of(1), picture: self.picture().await? })
    }

    /// Harms a run, runs it again where it was stopped, and compares what has become of the world.
    pub(super) async fn try_out(&self, trial: &Trial) -> Result<Ended> {
        let story = trial.story;
        self.start(story.from).await?;
        self.world.control(Method::POST, "faults", Some(trial.harm.rules())).await?;
        let ended = match trial.harm.kind {
            Kind::Kill => self.kill(story).await,
            _ => self.suffer(story).await,
        };
        self.world.control(Method::DELETE, "faults", None).await?;
        let (ended, told) = ended?;
        if ended == Ended::Resumed {
            self.good(story.arguments, story.another).await.context(told.clone())?;
        }
        self.compare(story, &self.picture().await?)
            .with_context(|| format!("compare the worlds ({told})"))?;
        Ok(ended)
    }

    /// Kills a run when the sandbox holds one of its calls.
    async fn kill(&self, story: &Story) -> Result<(Ended, String)> {
        let mut run = self.command(story.arguments, story.another);
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("run xtask")?;
        tokio::select! {
            ended = child.wait() => {
                let ended = ended?;
                ensure!(ended.success(), "it was not killed, and ended with {ended}");
                Ok((Ended::Unreached, "not reached".to_owned()))
            }
            held = self.held() => {
                child.kill().await.context("kill xtask")?;
                let text = |member: &str| held[member].as_str().unwrap_or_default().to_owned();
                Ok((Ended::Resumed, format!("killed at {} {}", text("service"), text("operation"))))
            }
        }
    }

    async fn held(&self) -> Value {
        loop {
            // Asked again when the one who asks has no more patience.
            if let Ok(held) = self.world.control(Method::GET, "held", None).await {
                return held;
            }
        }
    }

    /// Runs it with calls that fail: it ends well, or with an error that says something.
    async fn suffer(&self, story: &Story) -> Result<(Ended, String)> {
        let (code, said) = self.run(story.arguments, story.another).await?;
        let rules = self.world.control(Method::GET, "faults", None).await?;
        let hit = rules.as_array().is_some_and(|rules| rules.iter().any(|rule| rule["hit"] != 0));
        match code {
            0 if !hit => Ok((Ended::Unreached, "not reached".to_owned())),
            0 => Ok((Ended::Unharmed, "good at once".to_owned())),
            1 if said.contains("failed") || said.contains("error: ") => Ok((Ended::Resumed, said)),
            code => bail!("it ended with {code}, and said\n{said}"),
        }
    }

    fn command(&self, arguments: &[&str], another: bool) -> tokio::process::Command {
        let mut command = self.world.xtask(arguments);
        let program = if another { &self.another } else { &self.program };
        command.env("FOOTHOLD_BINARY", program).env("FOOTHOLD_PACE", "0.02");
        command
    }

    /// The exit status, and what it said.
    async fn run(&self, arguments: &[&str], another: bool) -> Result<(i32, String)> {
        let output = self.command(arguments, another).output();
        let ended = tokio::time::timeout(PATIENCE, output).await.context("wait for xtask to end")?;
        let ended = ended.context("run xtask")?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        Ok((ended.status.code().unwrap_or(-1), said))
    }

    pub(super) async fn good(&self, arguments: &[&str], another: bool) -> Result<()> {
        let (code, said) = self.run(arguments, another).await?;
        ensure!(code == 0, "`cargo xtask {}` ended with {code}:\n{said}", arguments.join(" "));
        Ok(())
    }

    /// The world and the workspace, without ids and times.
    async fn picture(&self) -> Result<Value> {
        let mut world = self.world.control(Method::GET, "alike", None).await?;
        settle(&mut world);
        let files = self.files()?.into_iter().map(|(name, text)| (name, without_ids(&text)));
        Ok(json!({"world": world, "files": serde_json::Map::from_iter(files)}))
    }

    fn compare(&self, story: &Story, picture: &Value) -> Result<()> {
        let expected = self.expected.iter().find(|expected| expected.name == story.name);
        let found = differences(&expected.context("bug: a story that was not run")?.picture, picture);
        let lines: Vec<String> = found.iter().map(|difference| format!("  {difference}")).collect();
        ensure!(lines.is_empty(), "not as after an undisturbed run:\n{}", lines.join("\n"));
        Ok(())
    }

    pub(super) fn files(&self) -> Result<Files> {
        let mut files = Vec::new();
        for directory in ["", "app/config"] {
            let path = self.world.file(directory);
            for entry in std::fs::read_dir(&path).with_context(|| format!("list {}", path.display()))? {
                let entry = entry?;
                let name = Path::new(directory).join(entry.file_name()).display().to_string();
                if entry.file_type()?.is_file() && name != "another" {
                    files.push((name, std::fs::read_to_string(entry.path())?));
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
