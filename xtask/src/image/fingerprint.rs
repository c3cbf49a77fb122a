//! What the image is made of, as one number: known without building, in well under a second.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::{Builder, Source, assemble, build, cargo, commit, lock};

/// Files of a package that cannot change its binary. What the build reads in spite of that is refused by
/// [`build::build`], so that this list cannot be wrong unnoticed.
pub(crate) const LEFT_OUT: [&str; 6] = ["benches", "config", "examples", "target", "tests", "Dockerfile"];

/// What decides an image: equal fingerprints, equal images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    /// The tag under which the registry keeps the image.
    pub(crate) fn tag(&self) -> String {
        format!("src-{}", &self.0[..16])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes the fingerprint of the image that `builder` would make of `source` now, untracked files included.
pub(crate) async fn fingerprint(source: &Source, builder: &Builder) -> Result<Fingerprint> {
    let (settings, ingredients) = futures::try_join!(settings(source, builder), ingredients(source))?;
    let mut sum = Sum::default();
    sum.add("builder", builder.id(source.platform));
    sum.add("image", assemble::settings(source));
    for (name, content) in settings.into_iter().chain(ingredients) {
        sum.add(&name, content);
    }
    Ok(Fingerprint(hex::encode(sum.0.finalize())))
}

/// What a container engine goes by.
pub(super) fn recipe(source: &Source) -> [String; 2] {
    [format!("{}/Dockerfile", source.package), ".dockerignore".into()]
}

/// How the builder goes about it.
async fn settings(source: &Source, builder: &Builder) -> Result<BTreeMap<String, Vec<u8>>> {
    let Builder::Native(linkage) = builder else {
        return Ok(recipe(source)
            .map(|it| (it.clone(), std::fs::read(source.root.join(it)).unwrap_or_default()))
            .into());
    };
    let compiler = cargo::rustc_version(&source.root).await?;
    let parts = [
        ("compiler", format!("{} {}", compiler.release, compiler.commit)),
        ("flags", build::settings(*linkage)),
    ];
    Ok(parts.map(|(name, content)| (name.to_owned(), content.into_bytes())).into())
}

/// Everything in the workspace that the binary is made of, by name.
async fn ingredients(source: &Source) -> Result<BTreeMap<String, Vec<u8>>> {
    let packages = cargo::used_packages(&source.root, &source.package).await?;
    let lock = read(&source.root.join("Cargo.lock"))?;
    let mut all = BTreeMap::new();
    for locked in lock::locked(&String::from_utf8(lock)?, &packages)? {
        all.insert(format!("locked {} {}", locked.name, locked.version), format!("{locked:?}").into_bytes());
    }
    for (file, tables) in [("Cargo.toml", &["profile", "patch"][..]), (".cargo/config.toml", &CARGO_TABLES)] {
        all.insert(file.into(), tables_of(&source.root.join(file), tables)?);
    }
    for package in packages {
        all.insert(format!("package {}", package.name), serde_json::to_vec(&package)?);
        for (name, path) in files(package.directory()).await? {
            all.insert(format!("file {}/{name}", package.name), read(&path)?);
        }
    }
    Ok(all)
}

/// What of `.cargo/config.toml` reaches the compiler: an alias does not.
const CARGO_TABLES: [&str; 6] = ["build", "env", "patch", "profile", "target", "unstable"];

fn tables_of(path: &Path, tables: &[&str]) -> Result<Vec<u8>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut all: toml::Table = toml::from_str(&text).with_context(|| format!("read `{}`", path.display()))?;
    all.retain(|name, _| tables.contains(&name));
    Ok(toml::to_string(&all)?.into_bytes())
}

/// The files of a package that may reach its binary, by their name within it: what git knows, and what it would add.
pub(crate) async fn files(package: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let names = match commit::listed(package).await {
        Some(names) => names,
        None => walk(package, Path::new(""))?,
    };
    let others: Vec<String> =
        names.iter().filter_map(|it| it.strip_suffix("Cargo.toml")).map(str::to_owned).collect();
    let inside =
        |name: &str| !others.iter().any(|other| !other.is_empty() && name.starts_with(other.as_str()));
    let covered = names.into_iter().filter(|it| covers(it) && inside(it));
    let present = covered.map(|it| (package.join(&it), it)).filter(|(path, _)| path.is_file());
    Ok(present.map(|(path, name)| (name, path)).collect())
}

fn covers(name: &str) -> bool {
    !LEFT_OUT.contains(&name.split('/').next().unwrap_or(name))
}

/// The files below a directory that git does not look after.
fn walk(package: &Path, below: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let directory = package.join(below);
    for entry in std::fs::read_dir(&directory).with_context(|| format!("list `{}`", directory.display()))? {
        let entry = entry?;
        let name = below.join(entry.file_name());
        if entry.file_type()?.is_dir() && covers(&name.to_string_lossy()) {
            names.extend(walk(package, &name)?);
        } else {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("read `{}`", path.display()))
}

/// A checksum of named parts; lengths keep the parts apart.
#[derive(Default)]
struct Sum(Sha256);

impl Sum {
    fn add(&mut self, name: &str, content: impl AsRef<[u8]>) {
        let content = content.as_ref();
        self.0.update(format!("{name}\n{}\n", content.len()));
        self.0.update(content);
    }
}
