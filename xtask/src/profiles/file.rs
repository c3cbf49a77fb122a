//! Reading the file, replacing it at once, and keeping what it was.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Text;
use crate::beside::{Beside, PRIVATE};
use crate::workspace::NO_HOME;

/// Where the CLI and the SDKs look: `AWS_CONFIG_FILE`, or `~/.aws/config`.
pub(crate) fn config_file() -> Result<PathBuf> {
    shared("AWS_CONFIG_FILE", "config")
}

/// The one for secrets, of which we only want to know whether there are any.
pub(crate) fn credentials_file() -> Result<PathBuf> {
    shared("AWS_SHARED_CREDENTIALS_FILE", "credentials")
}

fn shared(variable: &str, name: &str) -> Result<PathBuf> {
    let home = || std::env::home_dir().context(NO_HOME);
    match std::env::var_os(variable).filter(|set| !set.is_empty()).map(PathBuf::from) {
        Some(file) => match file.strip_prefix("~") {
            Ok(rest) => Ok(home()?.join(rest)),
            Err(_) => Ok(file),
        },
        None => Ok(home()?.join(".aws").join(name)),
    }
}

/// The file's text; empty where there is no file.
pub(crate) fn read(file: &Path) -> Result<String> {
    let text = match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::read_link(file) {
            Ok(target) => bail!("{} is a link to {}, which does not exist", file.display(), target.display()),
            Err(_) => return Ok(String::new()),
        },
        Err(error) if error.kind() == ErrorKind::IsADirectory => {
            bail!("{} is a directory, and no config file", file.display())
        }
        bytes => String::from_utf8(bytes.with_context(|| format!("read {}", file.display()))?),
    };
    text.with_context(|| format!("read {} as UTF-8", file.display()))
}

/// Changes the file, if `check` accepts what it would become. On any error it stays what it was.
pub(crate) fn edit(
    file: &Path,
    project: &str,
    change: impl Fn(&mut Text),
    check: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let changed = |before: &str| -> Result<String> {
        let mut text = Text::parse(before).with_context(|| format!("read {}", file.display()))?;
        change(&mut text);
        Ok(text.to_string())
    };
    let before = read(file)?;
    if changed(&before)? == before {
        return Ok(());
    }
    let stays = || format!("write {}, which stays as it was", file.display());
    let new = next(file).with_context(stays)?;
    // Another run of ours may have changed it while we waited for our turn.
    let before = read(file)?;
    let after = changed(&before)?;
    check(&after).with_context(|| format!("change {}, which stays as it is", file.display()))?;
    replace(new, file, project, &before, &after).with_context(stays)
}

/// The turn to replace the file. The file that a link leads to is replaced, and the link stays.
fn next(file: &Path) -> Result<Beside> {
    let file = target(file);
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    }
    Ok(Beside::of(&file, PRIVATE)?)
}

fn target(file: &Path) -> PathBuf {
    fs::canonicalize(file).unwrap_or_else(|_| file.to_owned())
}

fn replace(new: Beside, file: &Path, project: &str, before: &str, after: &str) -> Result<()> {
    let file = target(file);
    let permissions = || fs::metadata(&file).ok().map(|like| like.permissions());
    let backup = backup_of(&file);
    if file.exists() && !keeps(&backup, project, before) {
        Beside::of(&backup, PRIVATE)?.replace(before.as_bytes(), permissions())?;
    }
    if read(&file)? != before {
        bail!("it changed in the meantime: run the command again");
    }
    Ok(new.replace(after.as_bytes(), permissions())?)
}

/// Beside the file, with our name at the end.
fn backup_of(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".before-foothold");
    PathBuf::from(name)
}

/// Whether the backup has everything of `text` that is not ours: then a newer one would say less.
fn keeps(backup: &Path, project: &str, text: &str) -> bool {
    let others = |text: &str| {
        let mut text = Text::parse(text).ok()?;
        text.sections_of(project).iter().for_each(|name| text.remove(name));
        Some(text.to_string())
    };
    let worth_keeping = others(text);
    worth_keeping.as_deref() == Some("") || read(backup).is_ok_and(|kept| others(&kept) == worth_keeping)
}
