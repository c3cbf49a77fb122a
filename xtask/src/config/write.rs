//! Writing `foothold.toml`: changes that keep comments and layout, and never half a file.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

/// The text with the id of the management account in it.
pub(crate) fn set_management_account(text: &str, id: &str) -> Result<String> {
    edit(text, |document| {
        let section = document.entry("management").or_insert_with(|| Item::Table(Table::new()));
        set(section.as_table_like_mut().context("`management` is no section")?, "account_id", id);
        Ok(())
    })
}

/// Puts the text in the file's place at once, through symbolic links, keeping the file's mode.
pub(crate) fn save(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let write = || -> std::io::Result<()> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        let mut file = match std::fs::metadata(&path) {
            Ok(old) => builder.permissions(old.permissions()).tempfile_in(dir)?,
            Err(_) => with_default_mode(&mut builder).tempfile_in(dir)?,
        };
        file.write_all(text.as_ref())?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    write().with_context(|| format!("write {}", path.display()))
}

/// As other programs make files, not as private as a temporary one.
#[cfg(unix)]
fn with_default_mode<'a, 'b, 'c>(
    builder: &'c mut tempfile::Builder<'a, 'b>,
) -> &'c mut tempfile::Builder<'a, 'b> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn with_default_mode<'a, 'b, 'c>(
    builder: &'c mut tempfile::Builder<'a, 'b>,
) -> &'c mut tempfile::Builder<'a, 'b> {
    builder
}

fn edit(text: &str, change: impl FnOnce(&mut DocumentMut) -> Result<()>) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("parse foothold.toml")?;
    change(&mut document)?;
    Ok(document.to_string())
}

/// The comment behind an old value stays.
fn set(section: &mut dyn TableLike, key: &str, text: &str) {
    let Some(old) = section.get_mut(key).and_then(Item::as_value_mut) else {
        section.insert(key, toml_edit::value(text));
        return;
    };
    let mut new = Value::from(text);
    *new.decor_mut() = old.decor().clone();
    *old = new;
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ours\nname = \"a\" # fixed\n\n[config] # here\naccount = 'c'\n\n\
                        [[stage]]\n  name = \"one\"\n  # none yet\n\n[[stage]]\nname = \"two\"\n\
                        account_id = \"1\" # old\n";

    #[test]
    fn ids_are_written_and_all_else_stays() {
        let text = set_management_account(TEXT, "5").unwrap();
        assert_eq!(text, format!("{TEXT}\n[management]\naccount_id = \"5\"\n"));
        assert_eq!(set_management_account(&text, "6").unwrap(), text.replace("\"5\"", "\"6\""));
    }

    #[test]
    fn other_ways_to_write_the_same_are_understood() {
        let text = "management.account_id = \"1\" # m\nstage = [{ name = \"one\" }]\n";
        assert_eq!(set_management_account(text, "2").unwrap(), text.replace("\"1\"", "\"2\""));
        assert!(set_management_account("management = 1", "2").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_replaced_at_once_through_a_link_keeping_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        save(&real, "one").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        save(&link, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "two");
        assert!(link.is_symlink());
        assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        let gone = save(&dir.path().join("none/at/all"), "x").unwrap_err();
        assert!(format!("{gone:#}").contains("No such file"), "{gone:#}");
    }
}
