//! Who may do what where: groups, people, permission sets and assignments, with what they are by default.

use std::collections::BTreeSet;
use std::ops::Range;

use super::assignments::{self, assignments};
use super::check::is_word;
use super::email::refusal;
use super::faults::Fault;
use super::file::{self, File, Given, IdentitySource};
use super::shape::{Pruned, nearest};
use super::{Stage, quoted};

/// People as declared, checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct People {
    pub(crate) source: IdentitySource,
    pub(crate) groups: Vec<String>,
    pub(crate) people: Vec<Person>,
    /// Those that are assigned.
    pub(crate) permission_sets: Vec<PermissionSet>,
    pub(crate) assignments: Vec<Assignment>,
}

/// A person who signs in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// What may be done in an account, and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PermissionSet {
    pub(crate) name: String,
    /// ARNs of policies that AWS manages.
    pub(crate) managed: Vec<String>,
    pub(crate) document: Option<Document>,
    pub(crate) hours: u32,
}

/// The document of a permission set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Document {
    Developer,
    Operator,
    /// Of one stage.
    ConfigurationEditor(String),
    /// A file in `policies/` that we know nothing of.
    Own(String),
}

/// A group's permission set in one account.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Assignment {
    pub(crate) account: Where,
    pub(crate) permission_set: String,
    pub(crate) group: String,
}

/// An account by what it is for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Where {
    Management,
    Config,
    Stage(String),
}

impl People {
    /// What a stage has, as declared or by default: all that there is of it when it goes.
    pub(crate) fn of_stage(&self, stage: &Stage) -> People {
        let stages = std::slice::from_ref(stage);
        let of = |one: &Assignment| {
            one.account == Where::Stage(stage.name.clone()) || one.permission_set == editor_of(stage)
        };
        let by_default = assignments::by_default(stages);
        let by_default = by_default.into_iter().filter(|one| self.groups.contains(&one.group));
        let assignments: BTreeSet<Assignment> =
            self.assignments.iter().cloned().chain(by_default).filter(of).collect();
        let known = |set: &PermissionSet| self.permission_sets.iter().any(|own| own.name == set.name);
        let others = default_sets(stages).into_iter().filter(|set| !known(set));
        let assigned = |set: &PermissionSet| assignments.iter().any(|one| one.permission_set == set.name);
        let permission_sets = self.permission_sets.iter().cloned().chain(others).filter(assigned).collect();
        let (groups, assignments) = (self.groups.clone(), assignments.iter().cloned().collect());
        People { source: self.source, groups, people: Vec::new(), permission_sets, assignments }
    }

    /// The files in `policies/` that only the file knows.
    pub(crate) fn documents(&self) -> Vec<&str> {
        let own = self.permission_sets.iter().filter_map(|set| match &set.document {
            Some(Document::Own(file)) => Some(file.as_str()),
            _ => None,
        });
        own.collect()
    }
}

impl PermissionSet {
    /// The stage whose configuration it edits, if that is what it is for.
    pub(crate) fn edits(&self) -> Option<&str> {
        match &self.document {
            Some(Document::ConfigurationEditor(stage)) => Some(stage),
            _ => None,
        }
    }
}

/// In hours.
const LONGEST_SESSION: u32 = 12;

/// What the file says of people, or what is so by default.
pub(super) fn check(file: &File, stages: &[Stage], pruned: &Pruned, faults: &mut Vec<Fault>) -> People {
    let source = file.identity_source.get().copied().unwrap_or_default();
    let groups = groups(file, faults);
    let people = people(file, source, &groups, faults);
    let known = permission_sets(file, stages, faults);
    let assignments = assignments(file, stages, (&groups, &known), pruned, faults);
    let assigned = |set: &PermissionSet| assignments.iter().any(|one| one.permission_set == set.name);
    let unused = known.iter().filter(|set| !assigned(set));
    unused.for_each(|set| unassigned(file, set, pruned, faults));
    let permission_sets = known.iter().filter(|set| assigned(set)).cloned().collect();
    People { source, groups, people, permission_sets, assignments }
}

/// One of the file that nobody has is a mistake; of those that there are by default it is none.
fn unassigned(file: &File, set: &PermissionSet, pruned: &Pruned, faults: &mut Vec<Fault>) {
    let names = file.permission_sets.iter().filter_map(|given| given.get()?.name.spanned());
    if let Some((name, at)) =
        names.into_iter().find(|(name, _)| **name == set.name).filter(|_| !pruned.had("assignment"))
    {
        let instead = format!("add `[[assignment]]` with `permission_set = \"{name}\"`, or remove it");
        faults.push(Fault::new(at, format!("nobody has permission set `{name}`"), instead));
    }
}

fn groups(file: &File, faults: &mut Vec<Fault>) -> Vec<String> {
    let Some(given) = file.groups.get() else {
        return assignments::DEFAULT_GROUPS.map(str::to_owned).to_vec();
    };
    let mut groups: Vec<String> = Vec::new();
    for (name, at) in given.iter().filter_map(Given::spanned) {
        if name.trim() != name || name.is_empty() || name.contains(char::is_control) {
            faults.push(Fault::new(
                at,
                format!("{name:?} cannot be a group"),
                "write its name as people read it",
            ));
        } else if groups.iter().any(|seen| seen.eq_ignore_ascii_case(name)) {
            faults.push(Fault::new(at, format!("there is a group `{name}` already"), "remove it"));
        } else {
            groups.push(name.clone());
        }
    }
    groups
}

fn people(file: &File, source: IdentitySource, groups: &[String], faults: &mut Vec<Fault>) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    for (person, section) in file.people.iter().filter_map(Given::spanned) {
        if source == IdentitySource::External {
            let what = "people of an external identity source are kept there";
            faults.push(Fault::new(section, what, "remove it, or remove `identity_source = \"external\"`"));
            continue;
        }
        let in_groups = given_groups(person, groups, faults);
        let name = person.name.spanned().filter(|(name, at)| is_name(name, at, faults));
        let Some((email, at)) = person.email.spanned() else { continue };
        if let Some((what, instead)) = refusal(email) {
            faults.push(Fault::new(at, what, instead.replace("{account}", "ada")));
        } else if people.iter().any(|seen| seen.email.eq_ignore_ascii_case(email)) {
            faults.push(Fault::new(at, format!("{email} is there already"), "name the groups in one place"));
        } else if let Some((name, _)) = name {
            people.push(Person { email: email.clone(), name: name.clone(), groups: in_groups });
        }
    }
    people
}

fn is_name(name: &str, at: &Range<usize>, faults: &mut Vec<Fault>) -> bool {
    let is = !name.trim().is_empty() && !name.contains(char::is_control);
    if !is {
        faults.push(Fault::new(
            at.clone(),
            "a person has a name",
            "write one like `name = \"Ada Lovelace\"`",
        ));
    }
    is
}

fn given_groups(person: &file::Person, groups: &[String], faults: &mut Vec<Fault>) -> Vec<String> {
    let given = person.groups.get().into_iter().flatten().filter_map(Given::spanned);
    given.filter_map(|(group, at)| known_as("group", group, at, groups, faults)).collect()
}

/// The word, if it is one of those; otherwise the one that may be meant is proposed.
pub(super) fn known_as(
    kind: &str,
    word: &str,
    at: Range<usize>,
    known: &[String],
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let found = known.iter().find(|one| *one == word);
    if found.is_none() {
        let all = || known.iter().map(String::as_str);
        let instead = nearest(word, all()).map_or_else(|| quoted(all()), |like| format!("`{like}`"));
        faults.push(Fault::new(at, format!("there is no {kind} `{word}`"), format!("write {instead}")));
    }
    found.cloned()
}

/// Those that there are by default, each replaced by the file's of that name, and the others of the file.
fn permission_sets(file: &File, stages: &[Stage], faults: &mut Vec<Fault>) -> Vec<PermissionSet> {
    let mut seen: Vec<&str> = Vec::new();
    let mut sets = default_sets(stages);
    for (given, _) in file.permission_sets.iter().filter_map(Given::spanned) {
        let Some((name, at)) = given.name.spanned() else { continue };
        if !is_word(name) {
            let what = format!("`{name}` cannot be the name of a permission set");
            faults.push(Fault::new(at, what, "write letters, digits and hyphens, the first a letter"));
        } else if seen.contains(&name.as_str()) {
            faults.push(Fault::new(at, format!("there is a permission set `{name}` already"), "remove one"));
        } else {
            seen.push(name);
            sets.retain(|set| set.name != *name);
            sets.push(permission_set(given, name, at, faults));
        }
    }
    sets
}

fn permission_set(
    given: &file::PermissionSet,
    name: &str,
    at: Range<usize>,
    faults: &mut Vec<Fault>,
) -> PermissionSet {
    if given.managed.get().is_none_or(Vec::is_empty) && given.policy.get().is_none() {
        let instead = "add `managed = [\"ViewOnlyAccess\"]`, or `policy = \"…\"`, a file in policies/";
        faults.push(Fault::new(at, format!("permission set `{name}` allows nothing"), instead));
    }
    let managed = given.managed.get().into_iter().flatten().filter_map(Given::spanned);
    let managed = managed.filter_map(|(policy, at)| managed_policy(policy, at, faults)).collect();
    let document = given.policy.spanned().and_then(|(policy, at)| own_document(policy, at, faults));
    let hours = given.session_hours.get().copied().unwrap_or(1);
    if let Some((_, at)) = given.session_hours.spanned().filter(|_| !(1..=LONGEST_SESSION).contains(&hours)) {
        faults.push(Fault::new(at, format!("no session lasts {hours} hours"), "write a number from 1 to 12"));
    }
    PermissionSet { name: name.to_owned(), managed, document, hours }
}

fn managed_policy(policy: &str, at: Range<usize>, faults: &mut Vec<Fault>) -> Option<String> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_/".contains(c);
    if policy.is_empty() || policy.starts_with('/') || !policy.chars().all(sound) {
        let instead = "write its name as IAM shows it, without the ARN: `ReadOnlyAccess`";
        faults.push(Fault::new(at, format!("`{policy}` is no policy that AWS manages"), instead));
        return None;
    }
    Some(aws_managed(policy))
}

fn aws_managed(policy: &str) -> String {
    let path = if policy == "ViewOnlyAccess" { "job-function/" } else { "" };
    format!("arn:aws:iam::aws:policy/{path}{policy}")
}

fn own_document(file: &str, at: Range<usize>, faults: &mut Vec<Fault>) -> Option<Document> {
    if file.ends_with(".json") && !file.contains(['/', '\\']) && !file.starts_with('.') {
        return Some(Document::Own(file.to_owned()));
    }
    let instead = "write the name of a file in policies/, like `support.json`";
    faults.push(Fault::new(at, format!("`{file}` is no document of policies/"), instead));
    None
}

fn default_sets(stages: &[Stage]) -> Vec<PermissionSet> {
    let set = |name: &str, managed: &[&str], document: Option<Document>, hours: u32| PermissionSet {
        name: name.to_owned(),
        managed: managed.iter().map(|policy| aws_managed(policy)).collect(),
        document,
        hours,
    };
    let editor = |stage: &Stage| {
        set(&editor_of(stage), &[], Some(Document::ConfigurationEditor(stage.name.clone())), 8)
    };
    let fixed = [
        set("developer", &["PowerUserAccess", "IAMReadOnlyAccess"], Some(Document::Developer), 8),
        set("operator", &["ReadOnlyAccess"], Some(Document::Operator), 4),
        set("administrator", &["AdministratorAccess"], None, 1),
        set("read-only", &["ReadOnlyAccess"], None, 8),
        set("dns-read-only", &["AmazonRoute53ReadOnlyAccess"], None, 8),
        set("billing-view", &["AWSBillingReadOnlyAccess"], None, 8),
    ];
    fixed.into_iter().chain(stages.iter().map(editor)).collect()
}

/// The permission set that reaches one stage's configuration.
pub(super) fn editor_of(stage: &Stage) -> String {
    format!("config-{}", stage.name)
}
