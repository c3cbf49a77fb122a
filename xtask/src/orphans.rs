//! Stages that `foothold.toml` no longer declares and AWS still has.
//!
//! They are found by the tags on their accounts, which are the last to go, and on their AppConfig environments.

use std::collections::BTreeSet;

use anyhow::Result;
use tokio::time::Instant;

use crate::aws::{Access, Aws};
use crate::config::{self, Config, Platform, Size, Stage, Strategy};
use crate::environment::{Center, MEMBER_ROLE};
use crate::report::Report;
use crate::resources::account::{self, Stray};
use crate::resources::{configuration_environment, role};

/// Looks for them, with what was learned of the center since `since`. Empty where nothing is known of it.
pub(crate) async fn find<T>(
    aws: &Aws,
    config: &Config,
    center: &Center,
    learned: &Report<T>,
    since: Instant,
) -> Result<Vec<Stage>> {
    let mut orphans = Vec::new();
    if config.organization {
        for stray in account::strays(aws, config, since).await? {
            orphans.extend(stages_of(aws, config, stray).await);
        }
    }
    if let Some(application) = learned.learned(&center.application) {
        let declared: BTreeSet<&str> = config.stages.iter().map(|stage| stage.name.as_str()).collect();
        let names = configuration_environment::strays(application, &config.name, &declared).await?;
        let homeless = names.into_iter().filter(|name| orphans.iter().all(|it: &Stage| it.name != *name));
        let homeless: Vec<Stage> = homeless.map(|name| stage(name, None, Platform::default())).collect();
        orphans.extend(homeless);
    }
    Ok(orphans)
}

/// The stage of an account, once for each platform that its roles tell of: those of a service go after it.
async fn stages_of(aws: &Aws, config: &Config, stray: Stray) -> Vec<Stage> {
    let account = config::Account {
        label: stray.label,
        id: None,
        email: Some(stray.email),
        role: None,
        profile: None,
        profile_name: None,
    };
    let roles = match aws.door(&stray.id, &Access::Role(MEMBER_ROLE.to_owned())).await {
        Ok(door) => role::names(&door, &config.names().role_path()).await.unwrap_or_default(),
        // What cannot be looked at is told at its turn.
        Err(_) => Vec::new(),
    };
    let app_runner = config.names().roles(Platform::AppRunner).iter().any(|name| roles.contains(name));
    let express = config.names().roles(Platform::EcsExpress).iter().any(|name| roles.contains(name));
    let platforms = [(Platform::EcsExpress, express || !app_runner), (Platform::AppRunner, app_runner)];
    let platforms = platforms.into_iter().filter(|(_, used)| *used);
    platforms.map(|(platform, _)| stage(stray.stage.clone(), Some(account.clone()), platform)).collect()
}

fn stage(name: String, account: Option<config::Account>, platform: Platform) -> Stage {
    Stage {
        name,
        account,
        platform,
        protected: false,
        strategy: Strategy::Quick,
        subnets: Vec::new(),
        security_groups: Vec::new(),
        size: Size::default(),
    }
}
