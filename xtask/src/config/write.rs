//! Writing `foothold.toml`: changes that keep comments and layout, and never half a file.

use std::path::Path;

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::beside::{Beside, USUAL};

/// The text with the id of the management account in it.
pub(crate) fn set_management_account(text: &str, id: &str) -> Result<String> {
    edit(text, |document| {
        let section = document.entry("management").or_insert_with(|| Item::Table(Table::new()));
        set(section.as_table_like_mut().context("`management` is no section")?, "account_id", id);
        Ok(())
    })
}

/// The text with the place where people sign in.
pub(crate) fn set_identity_center(text: &str, start_url: &str, region: &str) -> Result<String> {
    edit(text, |document| {
        let section = document.entry("identity_center").or_insert_with(|| Item::Table(Table::new()));
        let section = section.as_table_like_mut().context("`identity_center` is no section")?;
        set(section, "start_url", start_url);
        set(section, "region", region);
        Ok(())
    })
}

/// The text with what the profile of an account is called: of a stage's by the stage's name, of the config account
/// without one.
pub(crate) fn set_profile_name(text: &str, stage: Option<&str>, name: &str) -> Result<String> {
    edit(text, |document| {
        let section = match stage {
            None => document.entry("config").or_insert_with(|| Item::Table(Table::new())).as_table_like_mut(),
            Some(stage) => document.get_mut("stage").and_then(|stages| named(stages, stage)),
        };
        set(section.context("find the section of the account")?, "profile_name", name);
        Ok(())
    })
}

/// The text for another AWS, where the accounts of this one are not: those that are given by their ids are made there.
pub(crate) fn for_another_aws(text: &str) -> Result<String> {
    edit(text, |document| {
        document.remove("management");
        document.remove("identity_center");
        let config = document.get_mut("config").and_then(Item::as_table_like_mut);
        let mut given = config.is_some_and(|config| make(config, None));
        for stage in document.get_mut("stage").map(tables).unwrap_or_default() {
            let name = stage.get("name").and_then(Item::as_str).map(str::to_owned);
            given |= make(stage, name);
        }
        if given {
            document.remove("organization");
            document.entry("email").or_insert(toml_edit::value("aws+{name}-{account}@example.com"));
        }
        Ok(())
    })
}

/// Has an account made, called this where it has no name, if it is given by its id.
fn make(section: &mut dyn TableLike, otherwise: Option<String>) -> bool {
    for of_the_account in ["role", "profile", "subnets", "security_groups"] {
        section.remove(of_the_account);
    }
    let given = section.remove("account_id").is_some();
    if let (true, false, Some(label)) = (given, section.contains_key("account"), otherwise) {
        set(section, "account", &label);
    }
    given
}

/// The stage of that name.
fn named<'d>(stages: &'d mut Item, name: &str) -> Option<&'d mut dyn TableLike> {
    let is = |stage: &dyn TableLike| stage.get("name").and_then(Item::as_str) == Some(name);
    tables(stages).into_iter().find(|stage| is(*stage))
}

fn tables(stages: &mut Item) -> Vec<&mut dyn TableLike> {
    match stages {
        Item::ArrayOfTables(stages) => stages.iter_mut().map(|stage| stage as &mut dyn TableLike).collect(),
        Item::Value(Value::Array(stages)) => {
            let stages = stages.iter_mut().filter_map(Value::as_inline_table_mut);
            stages.map(|stage| stage as &mut dyn TableLike).collect()
        }
        _ => Vec::new(),
    }
}

/// Puts the text in the file's place at once, through symbolic links, keeping the file's mode.
pub(crate) fn save(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    ready(path, text)?.put().with_context(|| format!("write {}", path.display()))
}

/// The same up to the last step, before which everything that a disk can refuse was asked.
pub(crate) fn ready(path: &Path, text: impl AsRef<[u8]>) -> Result<Beside> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let permissions = std::fs::metadata(&path).ok().map(|old| old.permissions());
    let filled = Beside::of(&path, USUAL).and_then(|new| new.filled(text.as_ref(), permissions));
    filled.with_context(|| format!("write {}", path.display()))
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
    fn where_people_sign_in_and_what_profiles_are_called_is_written_and_all_else_stays() {
        let url = "https://d-1.awsapps.com/start";
        let text = set_identity_center(TEXT, url, "eu-west-1").unwrap();
        let section = format!("\n[identity_center]\nstart_url = \"{url}\"\nregion = \"eu-west-1\"\n");
        assert_eq!(text, format!("{TEXT}{section}"));
        assert_eq!(set_identity_center(&text, url, "eu-west-1").unwrap(), text);
        let of_stage = set_profile_name(TEXT, Some("two"), "a-two").unwrap();
        assert_eq!(of_stage, format!("{TEXT}profile_name = \"a-two\"\n"));
        let of_config = set_profile_name(TEXT, None, "a-c").unwrap();
        assert_eq!(of_config, TEXT.replace("account = 'c'\n", "account = 'c'\nprofile_name = \"a-c\"\n"));
        let inline = set_profile_name("stage = [{ name = \"one\" }]\n", Some("one"), "x").unwrap();
        assert_eq!(inline, "stage = [{ name = \"one\" , profile_name = \"x\" }]\n");
        assert!(set_profile_name(TEXT, Some("three"), "x").is_err());
    }

    #[test]
    fn other_ways_to_write_the_same_are_understood() {
        let text = "management.account_id = \"1\" # m\nstage = [{ name = \"one\" }]\n";
        assert_eq!(set_management_account(text, "2").unwrap(), text.replace("\"1\"", "\"2\""));
        assert!(set_management_account("management = 1", "2").is_err());
    }

    #[test]
    fn for_another_aws_accounts_that_exist_here_are_made_there() {
        let here = "name = \"ab\"\nregion = \"eu-west-1\"\norganization = false\n\n[management]\n\
                    account_id = \"111111111111\"\n\n[identity_center]\nstart_url = \"https://a.example\"\n\n\
                    [config]\naccount_id = \"222222222222\"\nprofile = \"p\"\n\n[[stage]]\nname = \"one\"\n\
                    account_id = \"333333333333\"\nrole = \"r\"\nsubnets = [\"s\"]\n\n[[stage]]\nname = \"two\"\n";
        let there = "name = \"ab\"\nregion = \"eu-west-1\"\nemail = \"aws+{name}-{account}@example.com\"\n\n\
                     [config]\n\n[[stage]]\nname = \"one\"\naccount = \"one\"\n\n[[stage]]\nname = \"two\"\n";
        assert_eq!(for_another_aws(here).unwrap(), there);
        let config = crate::config::Config::parse("foothold.toml", there).unwrap();
        assert_eq!(config.accounts().map(|it| it.label.as_str()).collect::<Vec<_>>(), ["config", "one"]);
        assert_eq!(for_another_aws(there).unwrap(), there);
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
