//! Reading the file, replacing it at once, and keeping what it was.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Text;

/// Where the CLI and the SDKs look: `AWS_CONFIG_FILE`, or `~/.aws/config`.
pub(crate) fn config_file() -> Result<PathBuf> {
    let home = || std::env::home_dir().context("find the home directory");
    match std::env::var_os("AWS_CONFIG_FILE").filter(|set| !set.is_empty()).map(PathBuf::from) {
        Some(file) => match file.strip_prefix("~") {
            Ok(rest) => Ok(home()?.join(rest)),
            Err(_) => Ok(file),
        },
        None => Ok(home()?.join(".aws").join("config")),
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
    change: impl FnOnce(&mut Text),
    check: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let before = read(file)?;
    let mut text = Text::parse(&before).with_context(|| format!("read {}", file.display()))?;
    change(&mut text);
    let after = text.to_string();
    if after == before {
        return Ok(());
    }
    check(&after).with_context(|| format!("change {}, which stays as it is", file.display()))?;
    replace(file, project, &before, &after)
        .with_context(|| format!("write {}, which stays as it was", file.display()))
}

fn replace(file: &Path, project: &str, before: &str, after: &str) -> Result<()> {
    // The file that a link leads to is replaced, and the link stays.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    }
    let backup = backup_of(&file);
    if file.exists() && !keeps(&backup, project, before) {
        put(&backup, before, &file)?;
    }
    if read(&file)? != before {
        bail!("it changed in the meantime: run the command again");
    }
    put(&file, after, &file)
}

/// Writes beside `file`, to the disk, then renames: there is never half a file. Has the mode of `like`.
fn put(file: &Path, text: &str, like: &Path) -> Result<()> {
    let directory = file.parent().context("find the directory of the config file")?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text.as_bytes())?;
    if let Ok(like) = fs::metadata(like) {
        new.as_file().set_permissions(like.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
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
    read(backup).is_ok_and(|kept| !kept.is_empty() && others(&kept) == others(text))
}
