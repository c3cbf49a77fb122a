//! `foothold.toml`: what we want, read, checked all at once, and written back.

mod accounts;
mod assignments;
mod check;
mod email;
mod faults;
mod file;
mod people;
mod regions;
mod shape;
mod size;
mod variables;
pub(crate) mod write;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use toml::de::DeTable;

pub(crate) use faults::{Fault, Faults};
pub(crate) use file::{IdentitySource, Platform};
pub(crate) use people::{Assignment, Document, People, PermissionSet, Person, Where};
pub(crate) use shape::nearest;
pub(crate) use size::Size;
pub(crate) use variables::OURS;

use crate::image::Platform as Architecture;
use crate::names::Names;

/// Where the file lies in the workspace.
pub(crate) const FILE: &str = "foothold.toml";

/// The environment as declared, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) region: String,
    /// The pattern of the addresses of the accounts to make.
    pub(crate) email: Option<String>,
    pub(crate) organization: bool,
    /// What the image is made for, which is what services run on.
    pub(crate) architecture: Architecture,
    pub(crate) management: Management,
    /// Where people sign in, once the organization has it.
    pub(crate) identity_center: Option<IdentityCenter>,
    pub(crate) config: Account,
    pub(crate) stages: Vec<Stage>,
    pub(crate) people: People,
}

/// The account that holds the organization.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Management {
    pub(crate) account_id: Option<String>,
}

/// The access portal of IAM Identity Center.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IdentityCenter {
    pub(crate) start_url: String,
    pub(crate) region: String,
}

/// A member account: made by us at its `email`, or one that exists, by its `id`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Account {
    /// What it is called here, and its AWS CLI profile: `config`, `dev`.
    pub(crate) label: String,
    /// Given in the file: never renamed, moved, tagged or closed.
    pub(crate) id: Option<String>,
    /// Where it is to be made; none when the id is given.
    pub(crate) email: Option<String>,
    /// The role to enter it by, instead of `OrganizationAccountAccessRole`.
    pub(crate) role: Option<String>,
    /// The AWS CLI profile to enter it by.
    pub(crate) profile: Option<String>,
    /// What the profile that we write for it is called, where that is not its label.
    pub(crate) profile_name: Option<String>,
}

/// A stage: an environment of the configuration, and with an account a running application.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) account: Option<Account>,
    pub(crate) platform: Platform,
    pub(crate) protected: bool,
    pub(crate) strategy: Strategy,
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    /// Names and values that the application is given besides ours.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) size: Size,
}

/// How a configuration spreads through a stage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Strategy {
    /// Our own: at once, without a bake time.
    Quick,
    /// One that AWS has in every account, by its id.
    Predefined(&'static str),
}

/// AWS's own deployment strategies.
pub(crate) const PREDEFINED_STRATEGIES: [&str; 4] = [
    "AppConfig.AllAtOnce",
    "AppConfig.Canary10Percent20Minutes",
    "AppConfig.Linear20PercentEvery6Minutes",
    "AppConfig.Linear50PercentEvery30Seconds",
];

impl Strategy {
    /// What `gradual` means, the default of protected stages.
    pub(crate) const GRADUAL: Strategy = Strategy::Predefined(PREDEFINED_STRATEGIES[1]);
}

impl Config {
    /// Reads and checks the file; every fault is in the error, which is a [`Faults`].
    pub(crate) fn load(path: &Path) -> Result<Config> {
        let bytes = match std::fs::read(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => bail!(
                "there is no {}: run `cargo xtask bootstrap`, which asks and writes it, \
                 or pass the answers as flags (`cargo xtask bootstrap --help`)",
                path.display()
            ),
            read => read.with_context(|| format!("read {}", path.display()))?,
        };
        let shown = path.file_name().map_or_else(|| FILE.into(), |name| name.to_string_lossy());
        match str::from_utf8(&bytes) {
            Ok(text) => Ok(Config::parse(&shown, text)?),
            Err(e) => Err(not_utf8(&shown, &bytes, e.valid_up_to()).into()),
        }
    }

    /// Checks the text of a file of that name.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Config, Faults> {
        parse(text).map_err(|faults| Faults::new(file, text, faults))
    }

    pub(crate) fn names(&self) -> Names<'_> {
        Names::new(&self.name)
    }

    /// Every member account, the config account first.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        std::iter::once(&self.config).chain(self.stages.iter().filter_map(|stage| stage.account.as_ref()))
    }

    /// Every member account with its stage, the config account first.
    pub(crate) fn accounts_mut(&mut self) -> impl Iterator<Item = (Option<String>, &mut Account)> {
        let of_stages = self
            .stages
            .iter_mut()
            .filter_map(|stage| Some((Some(stage.name.clone()), stage.account.as_mut()?)));
        std::iter::once((None, &mut self.config)).chain(of_stages)
    }

    /// The permission sets that a run uses, from the first one that the person has: of those that may do much to
    /// those that may do little, and for configuration the one of the stage that is spoken of.
    pub(crate) fn roles_to_prefer(&self, stage: Option<&str>) -> Vec<String> {
        let stage = self.stage(stage).ok().map(|stage| stage.name.as_str());
        let others = self.stages.iter().map(|stage| stage.name.as_str()).filter(|name| Some(*name) != stage);
        let configurations = stage.into_iter().chain(others).map(|stage| format!("config-{stage}"));
        let may_much = ["administrator", "operator", "developer"].map(str::to_owned);
        let may_little = ["read-only", "dns-read-only", "billing-view"].map(str::to_owned);
        let all = may_much.into_iter().chain(configurations).chain(may_little);
        all.map(|name| self.names().permission_set(&name)).collect()
    }

    /// The stage of that name, or without a name the only one that has an account.
    pub(crate) fn stage(&self, asked: Option<&str>) -> Result<&Stage> {
        let Some(asked) = asked else { return self.only_stage() };
        let found = self.stages.iter().find(|stage| stage.name == asked);
        found.with_context(|| {
            let names = self.stages.iter().map(|stage| stage.name.as_str());
            let like = shape::nearest(asked, names.clone());
            let hint = like.map(|like| format!(" (`{like}`?)")).unwrap_or_default();
            format!("there is no stage `{asked}`{hint}; {FILE} has {}", quoted(names))
        })
    }

    /// Fails when that is no stage.
    pub(crate) fn knows(&self, asked: Option<&str>) -> Result<()> {
        asked.map_or(Ok(()), |asked| self.stage(Some(asked)).map(drop))
    }

    /// The same, for what needs a place to run in.
    pub(crate) fn running_stage(&self, asked: Option<&str>) -> Result<(&Stage, &Account)> {
        let stage = self.stage(asked)?;
        let account = stage.account.as_ref().with_context(|| {
            format!(
                "stage `{0}` has no account: add `account = \"{0}\"` (or `account_id`) to it in {FILE}, \
                 then run `cargo xtask bootstrap`",
                stage.name
            )
        })?;
        Ok((stage, account))
    }

    fn only_stage(&self) -> Result<&Stage> {
        let running: Vec<&Stage> = self.stages.iter().filter(|stage| stage.account.is_some()).collect();
        match running[..] {
            [only] => Ok(only),
            [] => bail!("no stage has an account: add `account = \"dev\"` to one in {FILE}"),
            _ => bail!("pass --stage: {}", quoted(running.iter().map(|stage| stage.name.as_str()))),
        }
    }
}

/// The JSON Schema of the file, for editors; committed as `foothold.schema.json`.
#[cfg(test)]
pub(crate) fn schema() -> String {
    format!("{:#}\n", file::schema().as_value())
}

/// Whether the Region is off in a new account until somebody switches it on.
pub(crate) fn is_opt_in(region: &str) -> bool {
    regions::is_opt_in(region)
}

fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    let (mut document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| syntax(text, error)).collect());
    }
    if document.get_ref().is_empty() {
        return Err(vec![Fault::new(
            0..0,
            "the file is empty",
            "run `cargo xtask bootstrap` after removing it: it asks and writes one",
        )]);
    }
    let pruned = shape::prune(&mut document, file::schema().as_value());
    let file = file::File::deserialize(toml::Deserializer::from(document));
    let file = file.map_err(|error| vec![syntax(text, &error)])?;
    let mut faults = pruned.faults.clone();
    let config = check::check(&file, &pruned, &mut faults);
    config.filter(|_| faults.is_empty()).ok_or(faults)
}

fn syntax(text: &str, error: &toml::de::Error) -> Fault {
    let at = error.span().unwrap_or(0..0);
    Fault::new(at.start..at.end.min(text.len()), error.message(), "this is not TOML: see https://toml.io")
}

fn not_utf8(file: &str, bytes: &[u8], at: usize) -> Faults {
    let fault = Fault::new(
        at..at + char::REPLACEMENT_CHARACTER.len_utf8(),
        "the file is not UTF-8",
        "save it as UTF-8",
    );
    Faults::new(file, &String::from_utf8_lossy(bytes), vec![fault])
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
