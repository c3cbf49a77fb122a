//! Which group has which permission set in which accounts.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Stage;
use super::faults::Fault;
use super::file::{self, File, Given};
use super::people::{Assignment, PermissionSet, Where, editor_of, known_as};
use super::shape::Pruned;

const DEVELOPERS: &str = "developers";
const OPERATORS: &str = "operators";
const ADMINISTRATORS: &str = "administrators";

/// The groups where the file names none.
pub(super) const DEFAULT_GROUPS: [&str; 3] = [DEVELOPERS, OPERATORS, ADMINISTRATORS];

/// Those of the file, and for the groups that it gives none those that there are by default.
pub(super) fn assignments(
    file: &File,
    stages: &[Stage],
    (groups, sets): (&[String], &[PermissionSet]),
    pruned: &Pruned,
    faults: &mut Vec<Fault>,
) -> Vec<Assignment> {
    let names: Vec<String> = sets.iter().map(|set| set.name.clone()).collect();
    let mut found: BTreeSet<Assignment> = BTreeSet::new();
    let mut given_to: Vec<&String> = Vec::new();
    for (given, section) in file.assignments.iter().filter_map(Given::spanned) {
        given_to.extend(given.group.get());
        let word = |given: &Given<String>, kind: &str, known: &[String], faults: &mut Vec<Fault>| {
            given.spanned().and_then(|(word, at)| known_as(kind, word, at, known, faults))
        };
        let group = word(&given.group, "group", groups, faults);
        let set = word(&given.permission_set, "permission set", &names, faults);
        let accounts = accounts(given, section, stages, pruned, faults);
        if let (Some(group), Some(permission_set)) = (group, set) {
            let one = |account| Assignment {
                account,
                permission_set: permission_set.clone(),
                group: group.clone(),
            };
            found.extend(accounts.into_iter().map(one));
        }
    }
    let others = by_default(stages).into_iter();
    found.extend(others.filter(|one| groups.contains(&one.group) && !given_to.contains(&&one.group)));
    found.into_iter().collect()
}

/// The accounts that an assignment names.
fn accounts(
    given: &file::Assignment,
    section: Range<usize>,
    stages: &[Stage],
    pruned: &Pruned,
    faults: &mut Vec<Fault>,
) -> Vec<Where> {
    let words = given.accounts.get().into_iter().flatten().filter_map(Given::spanned);
    let found: Vec<Where> = words.flat_map(|(word, at)| meant(word, at, stages, faults)).collect();
    if given.accounts.get().is_some_and(Vec::is_empty) && !pruned.had("accounts") {
        faults.push(Fault::new(section, "this assignment is nowhere", "add `accounts = [\"unprotected\"]`"));
    }
    found
}

fn meant(word: &str, at: Range<usize>, stages: &[Stage], faults: &mut Vec<Fault>) -> Vec<Where> {
    let running = || stages.iter().filter(|stage| stage.account.is_some());
    let of = |wanted: &dyn Fn(&Stage) -> bool| -> Vec<Where> {
        running().filter(|stage| wanted(stage)).map(|stage| Where::Stage(stage.name.clone())).collect()
    };
    match word {
        _ if running().any(|stage| stage.name == word) => vec![Where::Stage(word.to_owned())],
        "config" => vec![Where::Config],
        "management" => vec![Where::Management],
        "stages" => of(&|_| true),
        "protected" => of(&|stage| stage.protected),
        "unprotected" => of(&|stage| !stage.protected),
        "all" => [vec![Where::Management, Where::Config], of(&|_| true)].concat(),
        _ if stages.iter().any(|stage| stage.name == word) => {
            faults.push(Fault::new(at, format!("stage `{word}` has no account"), "remove it"));
            vec![]
        }
        _ => {
            let words = ["unprotected", "protected", "stages", "config", "management", "all"];
            let known: Vec<String> =
                running().map(|stage| stage.name.as_str()).chain(words).map(str::to_owned).collect();
            known_as("stage or account", word, at, &known, faults);
            vec![]
        }
    }
}

/// What the default groups have in these stages, and above them.
pub(super) fn by_default(stages: &[Stage]) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut give = |group: &str, permission_set: &str, account: Where| {
        found.push(Assignment { account, permission_set: permission_set.into(), group: group.into() });
    };
    give(ADMINISTRATORS, "administrator", Where::Management);
    give(ADMINISTRATORS, "administrator", Where::Config);
    for stage in stages {
        give(OPERATORS, &editor_of(stage), Where::Config);
        if !stage.protected {
            give(DEVELOPERS, &editor_of(stage), Where::Config);
        }
        let here = || Where::Stage(stage.name.clone());
        let sets: &[&str] = match (&stage.account, stage.protected) {
            (None, _) => continue,
            (_, true) => &["read-only", "dns-read-only", "billing-view"],
            (_, false) => &["developer"],
        };
        sets.iter().for_each(|set| give(DEVELOPERS, set, here()));
        give(OPERATORS, "operator", here());
        give(ADMINISTRATORS, "administrator", here());
    }
    found
}
