//! Accounts found by what they are tagged and called, and not because they are declared.

use anyhow::Result;
use aws_sdk_organizations::types::AccountState;
use tokio::time::Instant;

use super::{Found, accounts, has};
use crate::aws::{Aws, Mark};
use crate::config::{self, Config};
use crate::resources::organization::tags_of;

/// An account of a project's stage that nothing declares.
pub(crate) struct Stray {
    pub(crate) id: String,
    /// As `foothold.toml` called it.
    pub(crate) label: String,
    pub(crate) email: String,
    pub(crate) stage: String,
}

/// The open accounts that were made for a stage of this project, and are not among those it declares.
pub(crate) async fn strays(aws: &Aws, config: &Config, since: Instant) -> Result<Vec<Stray>> {
    let mark = Mark { project: config.name.clone(), stage: None };
    let mut strays = Vec::new();
    for account in accounts(aws, since).await?.iter() {
        let Some(label) = account.name().and_then(|name| name.strip_prefix(&config.names().account("")))
        else {
            continue;
        };
        let (id, email) = (account.id().unwrap_or_default(), account.email().unwrap_or_default());
        let declared = |it: &config::Account| {
            it.id.as_deref() == Some(id) || it.email.as_ref().is_some_and(|email| has(account, email))
        };
        if account.state() != Some(&AccountState::Active) || config.accounts().any(declared) {
            continue;
        }
        let tags = tags_of(aws, id).await?;
        let stage = tags.iter().find(|tag| tag.key() == Mark::STAGE).map(|tag| tag.value().to_owned());
        let ours = mark.is_on(tags.iter().map(|tag| (tag.key(), tag.value())));
        let (label, email) = (label.to_owned(), email.to_owned());
        strays.extend(stage.filter(|_| ours).map(|stage| Stray { id: id.to_owned(), label, email, stage }));
    }
    Ok(strays)
}

/// The id of a declared account, if it is there.
pub(crate) async fn id_of(
    aws: &Aws,
    config: &Config,
    declared: &config::Account,
    since: Instant,
) -> Result<Option<String>> {
    let Some(email) = declared.email.as_ref().filter(|_| declared.id.is_none() && config.organization) else {
        return Ok(declared.id.clone());
    };
    let found = accounts(aws, since).await?;
    let active = |account: &&Found| account.state() == Some(&AccountState::Active) && has(account, email);
    Ok(found.iter().find(active).and_then(|account| account.id().map(str::to_owned)))
}

/// Another project that has an account for what this one calls `label`, where this one has none.
pub(crate) async fn namesake(aws: &Aws, project: &str, label: &str) -> Result<Option<String>> {
    let ending = format!("-{label}");
    for account in accounts(aws, Instant::now()).await?.iter() {
        if account.name().is_some_and(|name| name.ends_with(&ending)) {
            let tags = tags_of(aws, account.id().unwrap_or_default()).await?;
            let other = tags.iter().find(|tag| tag.key() == Mark::PROJECT && tag.value() != project);
            if let Some(other) = other {
                return Ok(Some(other.value().to_owned()));
            }
        }
    }
    Ok(None)
}
