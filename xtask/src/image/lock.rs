//! The part of `Cargo.lock` that one package uses: other members of the workspace move their versions without it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::cargo::Package;

/// A package at the version that the lock file fixes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Locked {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) source: Option<String>,
    pub(crate) checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

/// What `used` and everything they are built with are locked to, sorted. The lock file lists what tests need too:
/// for our own packages that is left out.
pub(crate) fn locked(lock: &str, used: &[Package]) -> Result<BTreeSet<Locked>> {
    let lock = all(lock)?;
    let needs: BTreeMap<_, _> = used.iter().map(|it| (it.name.as_str(), it.needs())).collect();
    let ours = |it: &&Locked| it.source.is_none() && needs.contains_key(it.name.as_str());
    let mut todo: Vec<&Locked> = lock.iter().filter(ours).collect();
    let mut found = BTreeSet::new();
    while let Some(package) = todo.pop() {
        if !found.insert(package.clone()) {
            continue;
        }
        let needs = needs.get(package.name.as_str()).filter(|_| package.source.is_none());
        for dependency in &package.dependencies {
            let next =
                find(&lock, dependency).with_context(|| format!("find `{dependency}` in `Cargo.lock`"))?;
            if needs.is_none_or(|needs| needs.contains(next.name.as_str())) {
                todo.push(next);
            }
        }
    }
    Ok(found)
}

/// Every package of a lock file.
pub(crate) fn all(lock: &str) -> Result<Vec<Locked>> {
    let lock: Lock = toml::from_str(lock).context("read `Cargo.lock`")?;
    Ok(lock.package)
}

/// A dependency is `name`, `name version` or `name version (source)`: as much as is needed to be unambiguous.
fn find<'lock>(lock: &'lock [Locked], dependency: &str) -> Option<&'lock Locked> {
    let mut parts = dependency.splitn(3, ' ');
    let name = parts.next()?;
    let version = parts.next();
    let source = parts.next().map(|it| it.trim_matches(['(', ')']));
    lock.iter().find(|it| {
        it.name == name
            && version.is_none_or(|version| it.version == version)
            && source.is_none_or(|source| it.source.as_deref() == Some(source))
    })
}
