//! What `foothold.toml` no longer declares and AWS still has: stages that left it, services of a platform that their
//! stage has left, and who may do what.
//!
//! Stages are found by the tags on their accounts, which are the last to go, and on their AppConfig environments;
//! platforms by their roles, which go after the service.

mod people;

use std::collections::BTreeSet;

use anyhow::Result;
use tokio::time::Instant;

use crate::aws::{Access, Aws};
use crate::config::{self, Config, Platform, Size, Stage, Strategy};
use crate::environment::{self, Center, Declaration, MEMBER_ROLE, Strays, role_of};
use crate::graph::Environment;
use crate::report::Report;
use crate::resource::NotVisible;
use crate::resources::account::{self, Stray};
use crate::resources::{configuration_environment, role};

/// What was found.
#[derive(Default)]
pub(crate) struct Orphans {
    stages: Vec<Stage>,
    /// Declared stages, with the platform that they have left.
    services: Vec<Stage>,
    people: Strays,
}

impl Orphans {
    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty() && self.services.is_empty() && self.people == Strays::default()
    }

    /// Declares that they should no longer exist, but for what they share with what does.
    pub(crate) fn retire(&self, e: &mut Environment<Aws>, from: &Declaration) {
        environment::spare(e, from);
        environment::retire(e, from, &self.stages);
        environment::retire_services(e, from, &self.services);
        environment::retire_strays(e, from, &self.people);
    }
}

/// Looks for them, with what was learned of the center since `since`. None where nothing is known of it.
pub(crate) async fn find<T>(
    aws: &Aws,
    config: &Config,
    center: &Center,
    learned: &Report<T>,
    since: Instant,
) -> Result<Orphans> {
    let mut stages = Vec::new();
    if config.organization {
        for stray in seen(account::strays(aws, config, since).await)? {
            stages.extend(stages_of(aws, config, stray).await);
        }
    }
    if let Some(application) = learned.learned(&center.application) {
        let declared: BTreeSet<&str> = config.stages.iter().map(|stage| stage.name.as_str()).collect();
        let names = configuration_environment::strays(application, &config.name, &declared).await?;
        let homeless = names.into_iter().filter(|name| stages.iter().all(|it: &Stage| it.name != *name));
        let homeless: Vec<Stage> = homeless.map(|name| stage(name, None, Platform::default())).collect();
        stages.extend(homeless);
    }
    let mut services = Vec::new();
    for stage in &config.stages {
        services.extend(left_by(aws, config, stage, since).await?);
    }
    let found = center.identity_center.as_ref().and_then(|it| learned.learned(it));
    let people = match found {
        Some(found) => seen(people::find(aws, config, found, since).await)?,
        None => Strays::default(),
    };
    Ok(Orphans { stages, services, people })
}

/// What may not be seen is told where it is declared, and has no orphans.
fn seen<T: Default>(found: Result<T>) -> Result<T> {
    found.or_else(|error| if error.is::<NotVisible>() { Ok(T::default()) } else { Err(error) })
}

/// The stage with each platform that it was on and is not declared on.
async fn left_by(aws: &Aws, config: &Config, stage: &Stage, since: Instant) -> Result<Vec<Stage>> {
    let Some(lives_in) = &stage.account else { return Ok(Vec::new()) };
    let Some(id) = seen(account::id_of(aws, config, lives_in, since).await)? else { return Ok(Vec::new()) };
    let access = lives_in.profile.clone().map_or_else(|| Access::Role(role_of(lives_in)), Access::Profile);
    let platforms = platforms(aws, config, &id, &access).await;
    let left = platforms.into_iter().filter(|platform| *platform != stage.platform);
    Ok(left.map(|platform| Stage { platform, ..stage.clone() }).collect())
}

/// The platforms whose roles are in an account. None where nobody lets us look, which is told at its turn.
async fn platforms(aws: &Aws, config: &Config, account: &str, access: &Access) -> Vec<Platform> {
    let names = config.names();
    let roles = match aws.door(account, access).await {
        Ok(door) => role::names(&door, &names.role_path()).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let used = |platform: &Platform| names.roles(*platform).iter().any(|name| roles.contains(name));
    [Platform::EcsExpress, Platform::AppRunner].into_iter().filter(used).collect()
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
    let mut platforms = platforms(aws, config, &stray.id, &Access::Role(MEMBER_ROLE.to_owned())).await;
    if platforms.is_empty() {
        platforms.push(Platform::default());
    }
    let stages = platforms.into_iter();
    stages.map(|platform| stage(stray.stage.clone(), Some(account.clone()), platform)).collect()
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
        environment: Vec::new(),
        size: Size::default(),
    }
}
