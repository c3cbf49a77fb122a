//! What cargo and rustc say about the workspace and themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// A package of the workspace as its manifest declares it, inheritance resolved. What is not serialized differs
/// between two checkouts of one source.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    edition: String,
    features: BTreeMap<String, Vec<String>>,
    dependencies: Vec<Dependency>,
    #[serde(skip_serializing)]
    manifest_path: PathBuf,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Dependency {
    name: String,
    req: String,
    kind: Option<String>,
    rename: Option<String>,
    optional: bool,
    uses_default_features: bool,
    features: Vec<String>,
    target: Option<String>,
    #[serde(skip_serializing)]
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

/// Directories of this machine that a build reads from or writes to.
pub(crate) struct Places {
    pub(crate) target_directory: PathBuf,
    pub(crate) cargo_home: PathBuf,
}

/// A compiler, as `rustc -vV` describes it. Release and commit decide which machine code comes out.
#[derive(Clone, Debug)]
pub(crate) struct Rustc {
    pub(crate) host: String,
    pub(crate) release: String,
    pub(crate) commit: String,
}

impl Package {
    pub(crate) fn directory(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("."))
    }

    /// The names of what it needs to be built, not of what only its tests need.
    pub(crate) fn needs(&self) -> BTreeSet<&str> {
        self.built_with().map(|it| it.name.as_str()).collect()
    }

    fn built_with(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().filter(|it| it.kind.as_deref() != Some("dev"))
    }
}

/// The targets whose standard library is installed.
pub(crate) async fn targets(directory: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(sysroot(directory).await?.join("lib/rustlib"))?;
    let installed = entries.flatten().filter(|it| it.path().join("lib").is_dir());
    Ok(installed.filter_map(|it| it.file_name().into_string().ok()).collect())
}

/// `package` and every package in a directory (not from a registry) that it is built with, sorted by name.
pub(crate) async fn used_packages(root: &Path, package: &str) -> Result<Vec<Package>> {
    let mut known = metadata(root).await?.packages;
    let first = known.iter().find(|it| it.name == package).cloned();
    let mut todo = vec![first.with_context(|| format!("find package `{package}` in `{}`", root.display()))?];
    let mut used = BTreeMap::new();
    while let Some(package) = todo.pop() {
        for path in package.built_with().filter_map(|it| it.path.clone()) {
            if !known.iter().any(|it| it.directory() == path) {
                known.extend(metadata(&path).await?.packages);
            }
            todo.extend(
                known.iter().find(|it| it.directory() == path && !used.contains_key(&it.name)).cloned(),
            );
        }
        used.insert(package.name.clone(), package);
    }
    Ok(used.into_values().collect())
}

/// Where cargo keeps what it builds and what it downloads.
pub(crate) async fn places(root: &Path) -> Result<Places> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home =
        home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).context("find cargo's home")?;
    Ok(Places { target_directory: metadata(root).await?.target_directory, cargo_home })
}

async fn metadata(directory: &Path) -> Result<Metadata> {
    let mut command = cargo(directory);
    command.args(["metadata", "--format-version", "1", "--no-deps"]);
    Ok(serde_json::from_slice(&stdout(command).await?)?)
}

/// The compiler that builds in `directory`, which its `rust-toolchain.toml` may decide.
pub(crate) async fn rustc_version(directory: &Path) -> Result<Rustc> {
    let said = rustc(directory, &["-vV"]).await?;
    let field =
        |name: &str| said.lines().find_map(|it| it.strip_prefix(name)).map(str::to_owned).unwrap_or_default();
    Ok(Rustc { host: field("host: "), release: field("release: "), commit: field("commit-hash: ") })
}

/// Where that compiler is installed.
pub(crate) async fn sysroot(directory: &Path) -> Result<PathBuf> {
    Ok(rustc(directory, &["--print", "sysroot"]).await?.trim().into())
}

async fn rustc(directory: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(directory).args(arguments);
    Ok(String::from_utf8(stdout(command).await?)?)
}

/// cargo in `directory`, the one that runs us when there is one.
pub(crate) fn cargo(directory: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(directory).kill_on_drop(true).stdin(std::process::Stdio::null());
    // Build scripts that look at them would run again whenever we are started another way.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(from_cargo)) {
        command.env_remove(name);
    }
    command
}

/// What `cargo run` has told us about this package, which is nothing for another program.
pub(crate) fn from_cargo(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|family| variable.starts_with(family))
}

/// What a command answers on stdout.
pub(crate) async fn output(command: &str, arguments: &[&str]) -> Result<String> {
    let mut it = Command::new(command);
    it.args(arguments);
    Ok(String::from_utf8(stdout(it).await?)?)
}

/// What a command answers on stdout; its stderr is the error when it fails.
pub(crate) async fn stdout(mut command: Command) -> Result<Vec<u8>> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.kill_on_drop(true).output().await.with_context(|| format!("run `{name}`"))?;
    if !output.status.success() {
        bail!("`{name}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
