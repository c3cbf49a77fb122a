//! The app's binary, built by cargo so that it runs alone and comes out the same in every directory.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use super::{Linkage, Source, cargo, elf, fingerprint};

const PROFILE: &str = "image";

/// What a builder is at, and the how many-eth step that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BuildProgress {
    pub(crate) step: u64,
    pub(crate) what: String,
}

/// The builder was ended by the Ctrl-C that ends us, or by what else asks a process to end.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Display for Stopped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("the build was stopped")
    }
}

impl std::error::Error for Stopped {}

/// SIGHUP, SIGINT and SIGTERM.
const STOPPING: [i32; 3] = [1, 2, 15];

/// Fails when the builder did not come to an end of its own.
pub(super) fn refuse_stopped(status: ExitStatus) -> Result<()> {
    match status.signal() {
        Some(signal) if STOPPING.contains(&signal) => Err(Stopped.into()),
        _ => Ok(()),
    }
}

/// What cargo did: the binary it made, and what the compiler said against the source.
#[derive(Default)]
struct Outcome {
    binary: Option<PathBuf>,
    errors: String,
}

#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-artifact")]
    Artifact { executable: Option<PathBuf> },
    #[serde(rename = "compiler-message")]
    Diagnosed { message: Diagnostic },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

/// Builds the binary and proves that it can run in an image that holds nothing else.
///
/// Fails with the compiler's own output when the source does not compile.
pub(crate) async fn build(
    source: &Source,
    linkage: Linkage,
    progress: &dyn Fn(BuildProgress),
) -> Result<PathBuf> {
    let binary = run(command(source, linkage).await?, progress).await?;
    let binary = binary.with_context(|| format!("find the binary `{0}` of package `{0}`", source.package))?;
    let bytes = std::fs::read(&binary).with_context(|| format!("read `{}`", binary.display()))?;
    elf::check(&bytes, source.platform).with_context(|| format!("use `{}` in an image", binary.display()))?;
    only_covered(source, &binary).await?;
    Ok(binary)
}

/// Everything but the compiler that decides how cargo builds, for the fingerprint.
pub(crate) fn settings(linkage: Linkage) -> String {
    format!("{PROFILE} {:?}", codegen(linkage))
}

fn codegen(_linkage: Linkage) -> [&'static str; 2] {
    ["-C", "target-feature=+crt-static"]
}

async fn command(source: &Source, linkage: Linkage) -> Result<Command> {
    let mut command = cargo::cargo(&source.root);
    for (name, _) in std::env::vars_os().filter(|(name, _)| changes_the_build(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    let prefixes = prefixes(source).await?;
    let maps = |option: &'static str| prefixes.iter().map(move |(from, to)| format!("{option}={from}={to}"));
    let flags: Vec<String> =
        codegen(linkage).map(str::to_owned).into_iter().chain(maps("--remap-path-prefix")).collect();
    let c_flags: Vec<String> = maps("-ffile-prefix-map").collect();
    let target = source.platform.target(linkage);
    command
        .arg(if linkage == Linkage::Zigbuild { "zigbuild" } else { "build" })
        .args(["--locked", "--message-format", "json", "--profile", PROFILE, "--target", target])
        .args(["--package", &source.package, "--bin", &source.package])
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env(format!("CFLAGS_{}", target.replace('-', "_")), c_flags.join(" "))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TERM_PROGRESS_WHEN", "never")
        .env("CARGO_TERM_COLOR", "never");
    Ok(command)
}

/// Settings of one person's shell must not decide what everybody gets.
fn changes_the_build(variable: &str) -> bool {
    variable.starts_with("CARGO_PROFILE_")
        || variable.ends_with("RUSTFLAGS")
        || variable == "CARGO_BUILD_TARGET"
}

/// The directories of this machine that would end up in the binary's messages, and what stands there instead.
/// The last that fits counts.
async fn prefixes(source: &Source) -> Result<Vec<(String, String)>> {
    let (rustc, sysroot) = (cargo::rustc_version(&source.root).await?, cargo::sysroot(&source.root).await?);
    let places = cargo::places(&source.root).await?;
    let root = source.root.canonicalize().with_context(|| format!("find `{}`", source.root.display()))?;
    let pairs = [
        (root, "/source".to_owned()),
        (places.target_directory, "/target".to_owned()),
        (places.cargo_home, "/cargo".to_owned()),
        (sysroot.join("lib/rustlib/src/rust"), format!("/rustc/{}", rustc.commit)),
    ];
    Ok(pairs.into_iter().map(|(from, to)| (from.display().to_string(), to)).collect())
}

async fn run(mut command: Command, progress: &dyn Fn(BuildProgress)) -> Result<Option<PathBuf>> {
    let mut cargo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("run cargo")?;
    let stdout = cargo.stdout.take().context("read what cargo says")?;
    let stderr = cargo.stderr.take().context("read what cargo says")?;
    let (outcome, said) = futures::try_join!(results(stdout), follow(stderr, progress))?;
    let ended = cargo.wait().await?;
    refuse_stopped(ended)?;
    refuse(ended, &outcome.errors, &said)?;
    Ok(outcome.binary)
}

/// Tells what cargo begins, and returns what else it says.
async fn follow(stderr: impl AsyncRead + Unpin, progress: &dyn Fn(BuildProgress)) -> Result<String> {
    let mut lines = BufReader::new(stderr).lines();
    let (mut step, mut said) = (0, String::new());
    while let Some(line) = lines.next_line().await? {
        match doing(&line) {
            Some(what) => {
                step += u64::from(what.starts_with("compiling"));
                progress(BuildProgress { step, what });
            }
            None => said += &format!("{line}\n"),
        }
    }
    Ok(said)
}

/// What a status line of cargo's says, `   Compiling serde v1.0.0 (…)`; messages start at the line's beginning.
fn doing(line: &str) -> Option<String> {
    let (verb, what) = line.strip_prefix(' ')?.trim_start().split_once(' ')?;
    let what = if verb == "Compiling" { what.split(' ').next()? } else { what };
    verb.starts_with(char::is_uppercase).then(|| format!("{} {what}", verb.to_lowercase()))
}

async fn results(stdout: impl AsyncRead + Unpin) -> Result<Outcome> {
    let mut lines = BufReader::new(stdout).lines();
    let mut outcome = Outcome::default();
    while let Some(line) = lines.next_line().await? {
        // A build script may print what is not cargo's.
        match serde_json::from_str(&line).unwrap_or(Message::Other) {
            Message::Artifact { executable } => outcome.binary = executable.or(outcome.binary),
            Message::Diagnosed { message } if message.level == "error" => {
                outcome.errors.push_str(&message.rendered.unwrap_or_default());
            }
            _ => {}
        }
    }
    Ok(outcome)
}

fn refuse(status: ExitStatus, errors: &str, said: &str) -> Result<()> {
    if !status.success() {
        bail!("cargo could not build it:\n{}", format!("{errors}\n{said}").trim());
    }
    Ok(())
}

/// Refuses a binary made of files that the fingerprint does not cover: changing them would go unnoticed.
async fn only_covered(source: &Source, binary: &Path) -> Result<()> {
    let notes = binary.with_extension("d");
    let text = std::fs::read_to_string(&notes).with_context(|| format!("read `{}`", notes.display()))?;
    let mut covered = BTreeSet::new();
    for package in cargo::used_packages(&source.root, &source.package).await? {
        covered.extend(fingerprint::files(package.directory()).await?.into_values());
    }
    let target = cargo::places(&source.root).await?.target_directory;
    let missed = made_of(&text).find(|it| !covered.contains(it) && !it.starts_with(&target) && it.is_file());
    let said = missed.map(|it| it.display().to_string()).unwrap_or_default();
    ensure!(
        said.is_empty(),
        "`{said}` is part of the binary, but a change of it would not be noticed: move it"
    );
    Ok(())
}

/// The files named in cargo's dep-info, `binary: file file…`, blanks in names escaped.
fn made_of(dep_info: &str) -> impl Iterator<Item = PathBuf> {
    let files = dep_info.split_once(": ").map_or("", |(_, files)| files.lines().next().unwrap_or_default());
    let marked = files.replace("\\ ", "\0");
    let names: Vec<PathBuf> = marked.split(' ').map(|it| PathBuf::from(it.replace('\0', " "))).collect();
    names.into_iter().filter(|it| !it.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_is_stopped_with_us_is_no_failure_of_the_source() {
        let stopped = refuse_stopped(ExitStatus::from_raw(2)).unwrap_err();
        assert!(stopped.is::<Stopped>());
        for other in [0, 9, 101 << 8] {
            assert!(refuse_stopped(ExitStatus::from_raw(other)).is_ok(), "{other}");
        }
    }

    #[test]
    fn dep_info_names_files_with_blanks() {
        let files: Vec<PathBuf> = made_of("/t/app: /a/main.rs /a/two\\ words.rs\n").collect();
        assert_eq!(files, [PathBuf::from("/a/main.rs"), PathBuf::from("/a/two words.rs")]);
    }

    #[test]
    fn what_cargo_is_at_is_told_apart_from_what_it_says() {
        assert_eq!(doing("   Compiling app v0.1.0 (/a/app)").unwrap(), "compiling app");
        let waits = "    Blocking waiting for file lock on build directory";
        assert_eq!(doing(waits).unwrap(), "blocking waiting for file lock on build directory");
        assert_eq!(doing("error: could not compile `app`"), None);
        assert_eq!(doing("  --> app/src/main.rs:1:1"), None);
    }
}
