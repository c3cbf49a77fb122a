//! What is in Identity Center because of this project and is no longer declared.
//!
//! Groups and people are ours by their mark, permission sets by their tags, and assignments and memberships through
//! them. An assignment to a single person was made by hand: ours are groups' only.

use std::collections::HashMap;

use anyhow::Result;
use futures::future::{try_join, try_join_all};
use tokio::time::Instant;

use super::seen;
use crate::aws::Aws;
use crate::config::{Assignment, Config, IdentitySource, Where};
use crate::environment::Strays;
use crate::resources::identity_center::Learned as Center;
use crate::resources::{account, account_assignment, group, permission_set, user};

/// Looks for all of it, with listings begun at or after `since`.
pub(super) async fn find(aws: &Aws, config: &Config, center: &Center, since: Instant) -> Result<Strays> {
    let sets = sets(aws, config, center, since);
    // What an external source keeps is never made here.
    let people = async {
        match config.people.source {
            IdentitySource::External => Ok(Strays::default()),
            IdentitySource::IdentityCenter => people(aws, config, center).await,
        }
    };
    let (sets, people) = try_join(sets, people).await?;
    let Strays { permission_sets, assignments, .. } = sets;
    Ok(Strays { permission_sets, assignments, ..people })
}

/// Permission sets, and of the declared ones the assignments.
async fn sets(aws: &Aws, config: &Config, center: &Center, since: Instant) -> Result<Strays> {
    let names = config.names();
    let declared = &config.people.permission_sets;
    let (places, ours) =
        try_join(places(aws, config, since), permission_set::ours(aws, center, &config.name, since)).await?;
    let mut strays = Strays::default();
    let mut known = Vec::new();
    for (name, arn) in ours {
        match declared.iter().find(|set| names.permission_set(&set.name) == name) {
            Some(set) => known.push((set, name, arn)),
            None => strays.permission_sets.push(name),
        }
    }
    let held = known.iter().map(|(_, _, arn)| account_assignment::of_groups(aws, center, arn));
    for ((set, name, _), held) in known.iter().zip(try_join_all(held).await?) {
        let places = held.into_iter().filter_map(|(id, group)| Some((places.get(&id)?.clone(), group)));
        let left = places.filter(|(account, group)| !is_declared(config, account, &set.name, group));
        strays.assignments.extend(left.map(|(account, group)| Assignment {
            account,
            permission_set: name.clone(),
            group,
        }));
    }
    Ok(strays)
}

fn is_declared(config: &Config, account: &Where, permission_set: &str, group: &str) -> bool {
    config.people.assignments.iter().any(|one| {
        one.account == *account
            && one.permission_set == permission_set
            && one.group.eq_ignore_ascii_case(group)
    })
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
async fn people(aws: &Aws, config: &Config, center: &Center) -> Result<Strays> {
    let (groups, people) = (&config.people.groups, &config.people.people);
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let (found_groups, found_users) =
        try_join(group::ours(aws, center, &config.name), user::ours(aws, center, &config.name)).await?;
    let mut strays = Strays::default();
    let stray = |name: &String| !groups.iter().any(|group| same(group, name));
    strays.groups = found_groups.into_iter().filter(stray).collect();
    let mut known = Vec::new();
    for email in found_users {
        match people.iter().find(|person| same(&person.email, &email)) {
            Some(person) => known.push(person),
            None => strays.users.push(email),
        }
    }
    let places = known.iter().map(|person| user::groups_of(aws, center, &person.email));
    for (person, found) in known.iter().zip(try_join_all(places).await?) {
        let left = found.unwrap_or_default().into_iter().filter(|name| {
            let is = |group: &String| same(group, name);
            groups.iter().any(is) && !person.groups.iter().any(is)
        });
        strays.memberships.extend(left.map(|group| (person.email.clone(), group)));
    }
    Ok(strays)
}
