//! What is in Identity Center because of this project and is no longer declared.
//!
//! Groups and people are ours by their mark, permission sets by their tags, and assignments and memberships through
//! them. An assignment to a single person was made by hand: ours are groups' only.

use std::collections::HashMap;

use anyhow::Result;
use tokio::time::Instant;

use super::seen;
use crate::aws::Aws;
use crate::config::{Assignment, Config, IdentitySource, Where};
use crate::environment::Strays;
use crate::resources::identity_center::Learned as Center;
use crate::resources::{account, account_assignment, group, permission_set, user};

/// Looks for all of it, with listings begun at or after `since`.
pub(super) async fn find(aws: &Aws, config: &Config, center: &Center, since: Instant) -> Result<Strays> {
    let mut strays = Strays::default();
    sets(aws, config, center, since, &mut strays).await?;
    // What an external source keeps is never made here.
    if config.people.source != IdentitySource::External {
        people(aws, config, center, &mut strays).await?;
    }
    Ok(strays)
}

/// Permission sets, and of the declared ones the assignments.
async fn sets(
    aws: &Aws,
    config: &Config,
    center: &Center,
    since: Instant,
    strays: &mut Strays,
) -> Result<()> {
    let names = config.names();
    let (sets, declared) = (&config.people.permission_sets, &config.people.assignments);
    let places = places(aws, config, since).await?;
    for (name, arn) in permission_set::ours(aws, center, &config.name, since).await? {
        let Some(set) = sets.iter().find(|set| names.permission_set(&set.name) == name) else {
            strays.permission_sets.push(name);
            continue;
        };
        for (account, group) in account_assignment::of_groups(aws, center, &arn).await? {
            let Some(account) = places.get(&account).cloned() else { continue };
            let is = |one: &Assignment| {
                one.account == account
                    && one.permission_set == set.name
                    && one.group.eq_ignore_ascii_case(&group)
            };
            if !declared.iter().any(is) {
                let permission_set = name.clone();
                strays.assignments.push(Assignment { account, permission_set, group });
            }
        }
    }
    Ok(())
}

/// What each account of the project is for, by its id.
async fn places(aws: &Aws, config: &Config, since: Instant) -> Result<HashMap<String, Where>> {
    let running = config.stages.iter().filter_map(|stage| {
        let account = stage.account.as_ref()?;
        Some((account, Where::Stage(stage.name.clone())))
    });
    let mut places = HashMap::new();
    places.extend(config.management.account_id.clone().map(|id| (id, Where::Management)));
    for (account, place) in running.chain([(&config.config, Where::Config)]) {
        let id = seen(account::id_of(aws, config, account, since).await)?;
        places.extend(id.map(|id| (id, place)));
    }
    Ok(places)
}

/// Groups, people, and the places of declared people in declared groups.
async fn people(aws: &Aws, config: &Config, center: &Center, strays: &mut Strays) -> Result<()> {
    let (groups, people) = (&config.people.groups, &config.people.people);
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let ours = group::ours(aws, center, &config.name).await?.into_iter();
    strays.groups = ours.filter(|name| !groups.iter().any(|group| same(group, name))).collect();
    for email in user::ours(aws, center, &config.name).await? {
        let Some(person) = people.iter().find(|person| same(&person.email, &email)) else {
            strays.users.push(email);
            continue;
        };
        let found = user::groups_of(aws, center, &email).await?.unwrap_or_default();
        let left = found.into_iter().filter(|name| {
            let is = |group: &String| same(group, name);
            groups.iter().any(is) && !person.groups.iter().any(is)
        });
        strays.memberships.extend(left.map(|group| (person.email.clone(), group)));
    }
    Ok(())
}
