//! Who may do what where, declared where the organization has Identity Center.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Center, Declaration, DeclaredStage, account};
use crate::aws::Aws;
use crate::config::{self, Document, IdentitySource, PREDEFINED_STRATEGIES, Where};
use crate::graph::{Environment, Input, Key};
use crate::names::role_arn;
use crate::policy::{self, render_own};
use crate::resources::*;

/// The handles of what is declared in Identity Center.
pub(crate) struct People {
    pub(crate) groups: Vec<Key<Group>>,
    /// Every account in which somebody has something, by its label.
    pub(crate) accounts: BTreeMap<String, Key<Account>>,
}

/// Declares groups, people, permission sets and assignments.
pub(super) fn people(
    e: &mut Environment<Aws>,
    from: &Declaration,
    of: &Center,
    stages: &[DeclaredStage],
) -> Option<People> {
    let center = of.identity_center?;
    let declared = &from.config.people;
    let groups: Vec<Key<Group>> = declared.groups.iter().map(|name| group(e, from, center, name)).collect();
    for person in &declared.people {
        let places = declared.groups.iter().zip(&groups);
        let own = places.filter(|(name, _)| person.groups.contains(name)).map(|(_, group)| *group);
        user(e, from, center, person, own);
    }
    let sets = declared.permission_sets.iter();
    let sets: Vec<_> = sets.map(|set| permission_set(e, from, of, stages, center, set)).collect();
    let management = management(e, from);
    let place = |account: &Where| place(of, stages, management, account);
    let accounts = assign(e, from, declared, &groups, &sets, place);
    Some(People { groups, accounts })
}

/// Declares that what only this stage has in Identity Center should no longer exist.
pub(super) fn retire(
    e: &mut Environment<Aws>,
    from: &Declaration,
    of: &Center,
    stage: &config::Stage,
    declared: DeclaredStage,
) {
    let Some(center) = of.identity_center else { return };
    let (people, stages) = (from.config.people.of_stage(stage), [declared]);
    let groups = people.groups.iter().map(|name| e.using(|e| group(e, from, center, name)));
    let groups: Vec<Key<Group>> = groups.collect();
    let mut sets = Vec::new();
    for set in &people.permission_sets {
        let declare = |e: &mut Environment<Aws>| permission_set(e, from, of, &stages, center, set);
        sets.push(if set.edits().is_some() { e.retire(declare) } else { e.using(declare) });
    }
    let place = |account: &Where| place(of, &stages, None, account);
    e.retire(|e| assign(e, from, &people, &groups, &sets, place));
}

/// What is in Identity Center because of this project, and is no longer declared. Names as AWS has them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Strays {
    pub(crate) groups: Vec<String>,
    /// By their addresses.
    pub(crate) users: Vec<String>,
    /// The address of a declared person, and a declared group.
    pub(crate) memberships: Vec<(String, String)>,
    pub(crate) permission_sets: Vec<String>,
    /// Of declared permission sets.
    pub(crate) assignments: Vec<config::Assignment>,
}

/// Declares that what nobody declares any more should no longer exist.
pub(super) fn retire_strays(e: &mut Environment<Aws>, from: &Declaration, of: &Center, strays: &Strays) {
    let Some(center) = of.identity_center else { return };
    for name in &strays.groups {
        e.retire(|e| group(e, from, center, name));
    }
    for email in &strays.users {
        e.retire(|e| user(e, from, center, &somebody(email), std::iter::empty()));
    }
    for (email, name) in &strays.memberships {
        let group = e.using(|e| group(e, from, center, name));
        e.using(|e| user(e, from, center, &somebody(email), std::iter::empty()));
        e.retire(|e| user(e, from, center, &somebody(email), std::iter::once(group)));
    }
    for name in &strays.permission_sets {
        e.retire(|e| found_set(e, from, center, name));
    }
    for stray in &strays.assignments {
        let Some(account) = e.using(|e| found_account(e, from, of, &stray.account)) else { continue };
        let group = e.using(|e| group(e, from, center, &stray.group));
        let permission_set = e.using(|e| found_set(e, from, center, &stray.permission_set));
        e.retire(|e| assignment(e, account, (group, &stray.group), (permission_set, &stray.permission_set)));
    }
}

/// A person of whom nothing but the address matters.
fn somebody(email: &str) -> config::Person {
    config::Person { email: email.to_owned(), name: email.to_owned(), groups: Vec::new() }
}

/// A permission set of which nothing but the name matters.
fn found_set(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: Key<IdentityCenter>,
    name: &str,
) -> Key<PermissionSet> {
    let (mark, name) = (from.mark(None), name.to_owned());
    let (description, hours, inline, managed) = (String::new(), 1, None, Vec::new());
    e.add(PermissionSet { center, mark, name, description, hours, inline, managed })
}

fn found_account(
    e: &mut Environment<Aws>,
    from: &Declaration,
    of: &Center,
    place: &Where,
) -> Option<Key<Account>> {
    match place {
        Where::Config => Some(of.account),
        Where::Management => management_account(e, from),
        Where::Stage(name) => {
            let stage = from.config.stages.iter().find(|stage| stage.name == *name)?;
            Some(account(e, from, stage.account.as_ref()?, of.workloads, Some(name)))
        }
    }
}

fn assignment(
    e: &mut Environment<Aws>,
    account: Key<Account>,
    (group, group_name): (Key<Group>, &str),
    (permission_set, permission_set_name): (Key<PermissionSet>, &str),
) {
    let (group_name, permission_set_name) = (group_name.to_owned(), permission_set_name.to_owned());
    let asked = RefCell::default();
    e.add(AccountAssignment { account, group, permission_set, group_name, permission_set_name, asked });
}

/// Declares the assignments. Gives the accounts that have any.
fn assign(
    e: &mut Environment<Aws>,
    from: &Declaration,
    people: &config::People,
    groups: &[Key<Group>],
    sets: &[Key<PermissionSet>],
    place: impl Fn(&Where) -> Option<Key<Account>>,
) -> BTreeMap<String, Key<Account>> {
    let mut accounts = BTreeMap::new();
    for wanted in &people.assignments {
        let group = people.groups.iter().position(|name| *name == wanted.group);
        let set = people.permission_sets.iter().position(|set| set.name == wanted.permission_set);
        let (Some(account), Some(group), Some(set)) = (place(&wanted.account), group, set) else { continue };
        let name = from.names().permission_set(&wanted.permission_set);
        assignment(e, account, (groups[group], &wanted.group), (sets[set], &name));
        accounts.insert(e.shape.label(account.node()).name.clone(), account);
    }
    accounts
}

fn place(
    of: &Center,
    stages: &[DeclaredStage],
    management: Option<Key<Account>>,
    account: &Where,
) -> Option<Key<Account>> {
    match account {
        Where::Management => management,
        Where::Config => Some(of.account),
        Where::Stage(name) => account_of(stages, name),
    }
}

fn group(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: Key<IdentityCenter>,
    name: &str,
) -> Key<Group> {
    let external = from.config.people.source == IdentitySource::External;
    e.add(Group { center, project: from.config.name.clone(), name: name.to_owned(), external })
}

fn user(
    e: &mut Environment<Aws>,
    from: &Declaration,
    center: Key<IdentityCenter>,
    person: &config::Person,
    groups: impl Iterator<Item = Key<Group>>,
) {
    let (project, email) = (from.config.name.clone(), person.email.clone());
    let name = person.name.clone();
    let user = e.add(User { center, project: project.clone(), email: email.clone(), name });
    for group in groups {
        let (project, email) = (project.clone(), email.clone());
        e.add(Membership { center, group, user, project, email });
    }
}

fn permission_set(
    e: &mut Environment<Aws>,
    from: &Declaration,
    of: &Center,
    stages: &[DeclaredStage],
    center: Key<IdentityCenter>,
    set: &config::PermissionSet,
) -> Key<PermissionSet> {
    let inline = set.document.as_ref().and_then(|document| from.document(of, stages, document));
    e.add(PermissionSet {
        center,
        mark: from.mark(set.edits()),
        name: from.names().permission_set(&set.name),
        description: format!("{} of {}, by Foothold", set.name, from.config.name),
        hours: set.hours,
        inline,
        managed: set.managed.clone(),
    })
}

/// The management account, where somebody is to do something in it. It is nobody's but the organization's.
fn management(e: &mut Environment<Aws>, from: &Declaration) -> Option<Key<Account>> {
    let assigned = from.config.people.assignments.iter().any(|one| one.account == Where::Management);
    if assigned { management_account(e, from) } else { None }
}

fn management_account(e: &mut Environment<Aws>, from: &Declaration) -> Option<Key<Account>> {
    let id = from.config.management.account_id.clone()?;
    let label = "management".to_owned();
    let lives =
        config::Account { label, id: Some(id), email: None, role: None, profile: None, profile_name: None };
    Some(account(e, from, &lives, None, None))
}

fn account_of(stages: &[DeclaredStage], name: &str) -> Option<Key<Account>> {
    stages.iter().find(|stage| stage.name == name)?.running.as_ref().map(|running| running.account)
}

impl Declaration {
    fn document(&self, of: &Center, stages: &[DeclaredStage], document: &Document) -> Option<Input<Value>> {
        let (path, region) = (json!(self.names().role_path()), json!(self.config.region));
        let (service, project) = (json!(self.names().service()), json!(self.config.name));
        Some(match document {
            Document::Developer => {
                self.policy(&policy::DEVELOPER, ().into(), move |()| vec![("role_path", path.clone())])
            }
            Document::Operator => self.policy(&policy::OPERATOR, ().into(), move |()| {
                vec![("role_path", path.clone()), ("region", region.clone()), ("service", service.clone())]
            }),
            Document::ConfigurationEditor(stage) => {
                let environment = stages.iter().find(|known| known.name == *stage)?.environment;
                self.editor(of, environment, stage)
            }
            Document::Own(file) => {
                let (dir, file) = (self.policies.clone(), file.clone());
                let values = policy::OWN_VALUES.into_iter().zip([project, region, path]);
                let values: Vec<(&str, Value)> = values.collect();
                Input::from(()).and_then(move |()| render_own(&dir, &file, &values))
            }
        })
    }

    /// What reaches one stage's configuration, and the images.
    fn editor(&self, of: &Center, environment: Key<ConfigurationEnvironment>, stage: &str) -> Input<Value> {
        let ids = of.account.learns(|account| account.id.clone()).and(Input::all(vec![
            of.application.learns(|application| application.id.clone()),
            of.profile.learns(|profile| profile.id.clone()),
            environment.learns(|environment| environment.id.clone()),
            of.quick.learns(|strategy| strategy.id.clone()),
        ]));
        let (region, repository) = (self.config.region.clone(), self.names().repository());
        let (path, role) = (self.names().role_path(), self.names().read_role(stage));
        self.policy(&policy::CONFIGURATION_EDITOR, ids, move |(account, ids)| {
            let here = |service: &str, path: String| format!("arn:aws:{service}:{region}:{account}:{path}");
            let id = |place: usize| ids.get(place).map_or("", String::as_str);
            let strategies = PREDEFINED_STRATEGIES.into_iter().chain([id(3)]);
            let strategies = strategies.map(|id| here("appconfig", format!("deploymentstrategy/{id}")));
            vec![
                ("application_arn", json!(here("appconfig", format!("application/{}", id(0))))),
                ("profile_id", json!(id(1))),
                ("environment_id", json!(id(2))),
                ("strategy_arns", json!(strategies.collect::<Vec<_>>())),
                ("read_role_arn", json!(role_arn(&account, &path, &role))),
                ("repository_arn", json!(here("ecr", format!("repository/{repository}")))),
            ]
        })
    }
}
