//! What `foothold.toml` no longer declares and AWS still has: stages that left it, services of a platform that their
//! stage has left, and who may do what.
//!
//! Stages are found by the tags on their accounts, which are the last to go, and on their AppConfig environments;
//! platforms by their roles, which go after the service.

mod people;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use tokio::time::Instant;

use crate::aws::{Access, Aws};
use crate::config::{self, Config, FILE, Platform, Size, Stage, Strategy};
use crate::environment::{self, Center, Declaration, MEMBER_ROLE, Strays};
use crate::graph::{Environment, Key};
use crate::report::{Judgement, Plan};
use crate::resource::{NotVisible, Resource};
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

/// Looks for them, with what was learned of the center since `since`. None where there is no center, or none that may be
/// seen; fails where it could not be.
pub(crate) async fn find(
    aws: &Aws,
    config: &Config,
    center: &Center,
    learned: &Plan,
    since: Instant,
) -> Result<Orphans> {
    let identity_center = center.identity_center.as_ref();
    was_seen(learned, &center.account)?;
    was_seen(learned, &center.application)?;
    identity_center.map_or(Ok(()), |it| was_seen(learned, it))?;
    let mut stages = Vec::new();
    if config.organization {
        for stray in seen(account::strays(aws, config, since).await)? {
            stages.extend(stages_of(aws, config, stray).await?);
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
    let found = identity_center.and_then(|it| learned.learned(it));
    let people = match found {
        Some(found) => seen(people::find(aws, config, found, since).await)?,
        None => Strays::default(),
    };
    Ok(Orphans { stages, services, people })
}

/// Fails where it is not known whether there is such a thing.
fn was_seen<R: Resource>(plan: &Plan, key: &Key<R>) -> Result<()> {
    let why = match plan.of(key) {
        Some(Judgement::Failed(failure)) => failure.to_string(),
        Some(Judgement::Coming(why)) if plan.learned(key).is_none() => why.clone(),
        _ => return Ok(()),
    };
    bail!("look for what {FILE} no longer declares: {why}")
}

/// What may not be seen is told where it is declared, and has no orphans.
fn seen<T: Default>(found: Result<T>) -> Result<T> {
    found.or_else(|error| if error.is::<NotVisible>() { Ok(T::default()) } else { Err(error) })
}

/// The stage with each platform that it was on and is not declared on.
async fn left_by(aws: &Aws, config: &Config, stage: &Stage, since: Instant) -> Result<Vec<Stage>> {
    let Some(lives_in) = &stage.account else { return Ok(Vec::new()) };
    let Some(id) = seen(account::id_of(aws, config, lives_in, since).await)? else { return Ok(Vec::new()) };
    let platforms = platforms(aws, config, &id, &environment::member(config, lives_in, None).access).await?;
    let left = platforms.into_iter().filter(|platform| *platform != stage.platform);
    Ok(left.map(|platform| Stage { platform, ..stage.clone() }).collect())
}

/// The platforms whose roles are in an account. None where nobody lets us look, which is told at its turn.
async fn platforms(aws: &Aws, config: &Config, account: &str, access: &Access) -> Result<Vec<Platform>> {
    let names = config.names();
    let roles = async || role::names(&*aws.door(account, access).await?, &names.role_path()).await;
    let roles = seen(roles().await)?;
    let used = |platform: &Platform| names.roles(*platform).iter().any(|name| roles.contains(name));
    Ok([Platform::EcsExpress, Platform::AppRunner].into_iter().filter(used).collect())
}

/// The stage of an account, once for each platform that its roles tell of: those of a service go after it.
async fn stages_of(aws: &Aws, config: &Config, stray: Stray) -> Result<Vec<Stage>> {
    let account = config::Account {
        label: stray.label,
        id: None,
        email: Some(stray.email),
        role: None,
        profile: None,
        profile_name: None,
    };
    let mut platforms = platforms(aws, config, &stray.id, &Access::Role(MEMBER_ROLE.to_owned())).await?;
    if platforms.is_empty() {
        platforms.push(Platform::default());
    }
    let stages = platforms.into_iter();
    Ok(stages.map(|platform| stage(stray.stage.clone(), Some(account.clone()), platform)).collect())
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
