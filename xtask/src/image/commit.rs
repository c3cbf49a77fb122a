//! What git knows about the sources: their files, and the last commit that touched them.

use std::path::Path;

use anyhow::{Context as _, Result};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::process::Command;

use super::{Source, cargo, fingerprint};

/// The commit that an image's labels name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) revision: String,
    /// When it was committed, RFC 3339 in UTC.
    pub(crate) created: String,
}

/// The last commit that touched what the fingerprint covers, and these files besides.
///
/// None when that is not committed as it stands, outside git, and when a shallow clone hides which commit it was.
pub(crate) async fn last_commit(source: &Source, besides: &[String]) -> Result<Option<Commit>> {
    let paths = covered(source, besides).await?;
    if git(&source.root, &["status", "--porcelain", "--"], &paths).await != Some(String::new()) {
        return Ok(None);
    }
    let Some(said) = git(&source.root, &["log", "-1", "--format=%H %ct", "--"], &paths).await else {
        return Ok(None);
    };
    let Some((revision, seconds)) = said.trim().split_once(' ') else {
        return Ok(None);
    };
    if shallow(&source.root, revision).await {
        return Ok(None);
    }
    let at = OffsetDateTime::from_unix_timestamp(seconds.parse().context("read a commit's time")?)?;
    Ok(Some(Commit { revision: revision.into(), created: at.format(&Rfc3339)? }))
}

/// The commit that is checked out, in short, with a `+` when something has changed since; none outside git.
pub(crate) async fn head(root: &Path) -> Option<String> {
    let revision = git(root, &["rev-parse", "--short=12", "HEAD"], &[]).await?;
    let changed = git(root, &["status", "--porcelain"], &[]).await.is_none_or(|changes| !changes.is_empty());
    Some(format!("{}{}", revision.trim(), if changed { "+" } else { "" }))
}

/// What the fingerprint covers, as git's path specifications, so that a deleted file counts too.
async fn covered(source: &Source, besides: &[String]) -> Result<Vec<String>> {
    let packages = cargo::used_packages(&source.root, &source.package).await?;
    let mut paths: Vec<String> = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"].map(str::to_owned).into();
    paths.extend_from_slice(besides);
    for package in &packages {
        let directory = package.directory();
        let left_out = fingerprint::LEFT_OUT.iter().map(|it| directory.join(it));
        let left_out = left_out.filter(|it| besides.iter().all(|file| source.root.join(file) != *it));
        paths.push(directory.display().to_string());
        paths.extend(left_out.map(|it| format!(":(exclude){}", it.display())));
    }
    Ok(paths)
}

/// The files git tracks or would add in a directory; None when git does not look after it.
pub(crate) async fn listed(directory: &Path) -> Option<Vec<String>> {
    let said = git(directory, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"], &[]).await?;
    let names: Vec<String> = said.split_terminator('\0').map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

/// Whether the history ends at this commit only because the clone is shallow.
async fn shallow(root: &Path, revision: &str) -> bool {
    let Some(file) = git(root, &["rev-parse", "--git-path", "shallow"], &[]).await else {
        return true;
    };
    std::fs::read_to_string(root.join(file.trim())).is_ok_and(|it| it.lines().any(|it| it == revision))
}

async fn git(directory: &Path, arguments: &[&str], paths: &[String]) -> Option<String> {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "core.quotePath=false"]).args(arguments).args(paths);
    String::from_utf8(cargo::stdout(command).await.ok()?).ok()
}
