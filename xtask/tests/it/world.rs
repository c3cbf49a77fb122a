//! A workspace in a temporary directory, a sandbox in this process, and `xtask` as a person would run it.
//!
//! `xtask` is told of the sandbox as of any AWS: by an endpoint and keys in its environment.

use crate::person::Person;
use sandbox::services::iam;
use sandbox::{Options, Sandbox};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// How much faster than AWS the stories' AWS is.
const SCALE: f64 = 600.0;

/// One checkout, and the AWS that it works on. Checkouts of one person share a home.
pub(crate) struct World {
    pub(crate) sandbox: Arc<Sandbox>,
    directory: Arc<TempDir>,
    workspace: &'static str,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The `foothold.toml` of most stories: one stage that runs, one that does not.
pub(crate) const FOOTHOLD: &str = include_str!("../../src/commands/bench/foothold.toml");

pub(crate) async fn start() -> World {
    start_with(|_| ()).await
}

pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> World {
    let directory = TempDir::new().expect("a temporary directory");
    let mut options = Options::new(directory.path().join("aws"));
    options.scale = SCALE;
    options.settings.throttles = false;
    change(&mut options);
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    let world = World { sandbox: Arc::new(sandbox), directory: Arc::new(directory), workspace: "workspace" };
    world.check_out();
    world
}

impl World {
    /// Another checkout of the same person's.
    pub(crate) fn another(&self) -> Self {
        let (sandbox, directory) = (self.sandbox.clone(), self.directory.clone());
        let world = Self { sandbox, directory, workspace: "another" };
        world.check_out();
        world
    }

    /// A checkout on another machine: nothing is shared but AWS.
    pub(crate) fn elsewhere(&self) -> Self {
        let directory = Arc::new(TempDir::new().expect("a temporary directory"));
        let world = Self { sandbox: self.sandbox.clone(), directory, workspace: "workspace" };
        world.check_out();
        world
    }

    fn check_out(&self) {
        let root = repository();
        copy(&policies(), &self.file("policies"));
        copy(&root.join("app/config"), &self.file("app/config"));
        self.write("foothold.toml", FOOTHOLD);
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(self.workspace).join(name)
    }

    /// What all checkouts share.
    pub(crate) fn home(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).expect("write a file of the workspace");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).expect("read a file of the workspace")
    }

    /// Runs `cargo xtask` with these arguments, as the management account's admin.
    pub(crate) async fn xtask(&self, arguments: &[&str]) -> Ended {
        let keys = iam::admin_keys(&self.sandbox.world());
        self.xtask_as(arguments, &keys.access_key_id, &keys.secret_access_key).await
    }

    pub(crate) async fn xtask_as(&self, arguments: &[&str], key: &str, secret: &str) -> Ended {
        let mut command = self.command(arguments, key, secret);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
        Ended::of(output.expect("run xtask"))
    }

    /// The same, not yet begun.
    pub(crate) fn admins(&self, arguments: &[&str]) -> Command {
        let keys = iam::admin_keys(&self.sandbox.world());
        self.command(arguments, &keys.access_key_id, &keys.secret_access_key)
    }

    pub(crate) fn command(&self, arguments: &[&str], key: &str, secret: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(arguments)
            .current_dir(self.file(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("AWS_CONFIG_FILE", self.home().join("workspace/aws-config"))
            .env("AWS_ENDPOINT_URL", self.sandbox.endpoint())
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("FOOTHOLD_PACE", "0.02")
            .env("FOOTHOLD_BINARY", program())
            .stdin(Stdio::null());
        command
    }

    /// Somebody else, with the same checkout and nothing else.
    pub(crate) fn person(&self, name: &str) -> Person {
        let (workspace, home) = (self.file(""), self.directory.path().join("homes").join(name));
        Person { workspace, home, endpoint: self.sandbox.endpoint() }
    }

    /// What is asked of AWS between now and the end of `run`.
    pub(crate) async fn requests_of(
        &self,
        run: impl Future<Output = Ended>,
    ) -> (Ended, Vec<sandbox::record::Record>) {
        self.sandbox.forget_requests();
        let ended = run.await;
        // The app asks for its configuration all the time: only what is ours counts.
        let ours = |r: &sandbox::record::Record| r.user_agent.contains("app/foothold");
        (ended, self.sandbox.requests().into_iter().filter(ours).collect())
    }

    /// A static program of this one source file.
    pub(crate) fn program(&self, name: &str, source: &str) -> PathBuf {
        self.write(name, source);
        let (source, program) = (self.file(name), self.file(name).with_extension("program"));
        let mut rustc = Command::new("rustc");
        rustc.args(["-C", "target-feature=+crt-static", "-O", "-o"]).arg(&program).arg(source);
        assert!(rustc.status().expect("run rustc").success(), "compile {name}");
        program
    }

    /// What exists, with what nobody promises to take away left out.
    pub(crate) fn snapshot(&self) -> Value {
        self.sandbox.snapshot()
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.status, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let both = format!("{}\n{}", self.stdout, self.stderr);
        assert!(both.contains(text), "`{text}` is not in:\n{both}");
        self
    }

    #[track_caller]
    pub(crate) fn says_nothing_of(self, text: &str) -> Self {
        let both = format!("{}\n{}", self.stdout, self.stderr);
        assert!(!both.contains(text), "`{text}` is in:\n{both}");
        self
    }

    /// The address of what runs, as the summary shows it.
    #[track_caller]
    pub(crate) fn url(&self) -> String {
        let word = self.stderr.split_whitespace().find(|w| w.starts_with("http://127.0.0.1"));
        word.unwrap_or_else(|| panic!("no URL in:\n{}", self.stderr)).to_owned()
    }
}

/// The operations that change something, of what was asked of AWS.
pub(crate) fn writes_of(requests: &[sandbox::record::Record]) -> Vec<&str> {
    let writes = requests.iter().filter(|request| !sandbox::faults::reads(&request.operation));
    writes
        .map(|request| request.operation.as_str())
        .filter(|it| !["GetCallerIdentity", "AssumeRole"].contains(it))
        .collect()
}

/// A rule by which everybody is denied everything, to be narrowed down.
pub(crate) fn denied() -> sandbox::faults::Rule {
    let kind = sandbox::faults::Kind::Denied;
    let (service, operation, account, client, writes, times, chance) = Default::default();
    sandbox::faults::Rule {
        service,
        operation,
        account,
        client,
        writes,
        skip: 0,
        times,
        chance,
        kind,
        seen: 0,
        hit: 0,
    }
}

/// What a URL answers.
pub(crate) async fn get(url: &str) -> (u16, String) {
    let out = tokio::process::Command::new("curl")
        .args(["-s", "-w", "\n%{http_code}", url])
        .output()
        .await
        .expect("curl");
    let text = String::from_utf8(out.stdout).expect("text");
    let (body, status) = text.rsplit_once('\n').expect("a status");
    (status.parse().expect("a number"), body.to_owned())
}

/// The documents that stories are told with: the repository's own, or what a mutation has made of them.
fn policies() -> PathBuf {
    std::env::var_os("STORIES_POLICIES").map_or_else(|| repository().join("policies"), PathBuf::from)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("make a directory");
    for entry in std::fs::read_dir(from).expect("read a directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copy a file");
        }
    }
}

/// The app as a static program, built once for all stories. Without its symbols: they would be half of each image.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let directory = repository().join("target/stories");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "app", "--target", &target, "--target-dir"])
            .arg(&directory)
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .current_dir(repository())
            .status();
        assert!(built.expect("run cargo").success(), "build the app");
        let (whole, program) = (directory.join(target).join("debug/app"), directory.join("app"));
        let stripped = Command::new("strip").arg("-o").arg(&program).arg(whole).status();
        assert!(stripped.expect("run strip").success(), "strip the app");
        program
    })
}
