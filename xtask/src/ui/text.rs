//! Plans and outcomes as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::ErrorKind;

use anyhow::Result;

use crate::aws;
use crate::diff::Difference;
use crate::engine::GaveUp;
use crate::estimate;
use crate::graph::Label;
pub(crate) use crate::report::duration;
use crate::report::{Act, Done, Judgement, Line, Outcome, Plan};

/// The widest column of labels.
const WIDEST: usize = 52;

/// A plan: grouped by account, one line per resource; what is unchanged is counted.
pub(crate) fn plan(plan: &Plan, verbose: bool) -> String {
    let shown = plan.lines.iter().enumerate().filter(|(_, line)| verbose || !is_quiet(&line.result));
    let widths = shown.clone().map(|(_, line)| short(&line.label).chars().count());
    // One that is wider moves its own note only.
    let width = widths.filter(|width| *width <= WIDEST).max().unwrap_or_default();
    let mut groups: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    for (index, line) in shown {
        let group = group(&line.label);
        let first = groups.keys().find(|(_, name)| *name == group).map_or(index, |(first, _)| *first);
        groups.entry((first, group)).or_default().push(judged(line, width));
    }
    let mut text = String::new();
    for ((_, group), lines) in groups {
        // Writing to a string does not fail.
        writeln!(text, "{group}\n{}\n", lines.join("\n")).ok();
    }
    text + &counts(plan)
}

/// The commands that a text names in backquotes, with the option that they need in the sandbox.
pub(crate) fn in_sandbox(text: &str) -> String {
    let mut pieces = text.split("`cargo xtask ");
    let begin = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(begin, |told, piece| {
        let command = piece.split('`').next().unwrap_or_default();
        let needless = command.contains("--sandbox") || command.starts_with("sandbox");
        let (option, rest) = (if needless { "" } else { " --sandbox" }, &piece[command.len()..]);
        format!("{told}`cargo xtask {command}{option}{rest}")
    })
}

/// What `foothold.toml` no longer declares and is still there, as an end of a plan. That it cannot be seen is told, too,
/// and is no reason to stop.
pub(crate) fn orphaned(found: &Result<Option<Plan>>) -> String {
    let found = match found {
        Ok(None) => return String::new(),
        Ok(Some(found)) => found,
        Err(error) => {
            return format!(
                "\n\nWhat is no longer in foothold.toml and still there cannot be seen: {error:#}"
            );
        }
    };
    let (list, costs) = (plan(found, false), estimate::monthly_until_deleted(found));
    let costs = match costs >= 1.0 {
        true => format!(", and until then it costs about {costs:.0} USD a month"),
        false => String::new(),
    };
    format!("\n\nNo longer in foothold.toml; `cargo xtask teardown --orphans` deletes it{costs}:\n\n{list}")
}

fn is_quiet(judgement: &Judgement) -> bool {
    matches!(judgement, Judgement::Same | Judgement::Absent)
}

/// The account that a thing is in, or where else it is.
pub(crate) fn group(label: &Label) -> String {
    let outermost =
        std::iter::successors(Some(label), |label| label.place.as_deref()).last().unwrap_or(label);
    match outermost.kind {
        "account" if outermost.name != label.name || label.kind != "account" => {
            format!("Account {}", outermost.name)
        }
        "profile" | "sso session" => "This machine".to_owned(),
        _ => "Organization".to_owned(),
    }
}

fn judged(line: &Line<Judgement>, width: usize) -> String {
    let (sign, note) = match &line.result {
        Judgement::Same => (' ', "unchanged".to_owned()),
        Judgement::Absent => (' ', "absent".to_owned()),
        Judgement::Create => ('+', "create".to_owned()),
        Judgement::Change(differences) => ('~', changed(differences)),
        Judgement::Replace(differences) => {
            ('!', format!("only a new one could have {}", changed(differences)))
        }
        Judgement::Adopt(differences) if differences.is_empty() => ('~', "adopt".to_owned()),
        Judgement::Adopt(differences) => ('~', format!("adopt, {}", changed(differences))),
        Judgement::Repair(why) => ('~', format!("repair: {why}")),
        Judgement::Delete => ('-', "delete".to_owned()),
        Judgement::Coming(why) => ('…', format!("on its way: {why}")),
        Judgement::Going(why) => ('…', format!("being deleted: {why}")),
        Judgement::Kept(why) => ('=', format!("kept: {why}")),
        Judgement::Foreign => ('!', "not ours, left alone; `--adopt` takes it over".to_owned()),
        Judgement::After(label) => ('+', format!("after {label}")),
        Judgement::NotVisible(why) => ('?', format!("not visible to you: {why}")),
        Judgement::Failed(failure) => ('!', failure.to_string()),
        Judgement::Interrupted => ('!', "interrupted".to_owned()),
    };
    let costs = estimate::costs(line.label.kind).filter(|_| line.wanted && sign == '+');
    let costs = costs.map_or_else(String::new, |costs| format!(", about {costs:.0} USD a month"));
    format!("  {sign} {:<width$}  {note}{costs}", short(&line.label))
}

fn changed(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A label without the account that heads its group.
fn short(label: &Label) -> String {
    match label.place.as_deref() {
        Some(place) if place.kind != "account" && place.kind != "organization" => {
            format!("{} {} in {}", label.kind, label.name, short(place))
        }
        _ => format!("{} {}", label.kind, label.name),
    }
}

fn counts(plan: &Plan) -> String {
    let count = |of: fn(&Judgement) -> bool, what: &str| match plan.count(of) {
        0 => None,
        n => Some(format!("{n} {what}")),
    };
    let parts = [
        count(|j| matches!(j, Judgement::Create | Judgement::After(_)), "to create"),
        count(
            |j| matches!(j, Judgement::Change(_) | Judgement::Adopt(_) | Judgement::Repair(_)),
            "to change",
        ),
        count(|j| matches!(j, Judgement::Delete), "to delete"),
        count(|j| matches!(j, Judgement::Coming(_) | Judgement::Going(_)), "on their way"),
        count(|j| matches!(j, Judgement::Foreign), "not ours"),
        count(|j| matches!(j, Judgement::NotVisible(_)), "not visible to you"),
        count(|j| matches!(j, Judgement::Failed(_) | Judgement::Replace(_)), "that cannot be"),
        count(|j| matches!(j, Judgement::Kept(_)), "kept"),
        count(|j| matches!(j, Judgement::Same), "unchanged"),
        count(|j| matches!(j, Judgement::Absent), "already gone"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What was done, and everything that was not, with why.
pub(crate) fn done(done: &Done) -> String {
    let lines = done.lines.iter().filter_map(ended).collect::<Vec<_>>().join("\n");
    let lines = remedies(done).iter().fold(lines, |lines, remedy| lines + "\n\n" + remedy);
    let did = done.count(|o| matches!(o, Outcome::Did(_)));
    let same = done.count(|o| matches!(o, Outcome::Same | Outcome::Absent));
    let also = |count: usize, what: &str| match count {
        0 => String::new(),
        count => format!(", {count} {what}"),
    };
    let kept = also(done.count(|o| matches!(o, Outcome::Kept(_))), "kept");
    let ahead =
        also(done.count(|o| matches!(o, Outcome::Interrupted(None))), "interrupted before they began");
    let end = format!("{did} done, {same} as they were{kept}{ahead}");
    if lines.is_empty() { end } else { format!("{lines}\n\n{end}") }
}

/// What can be done about what was not done, each thing once.
pub(crate) fn remedies(done: &Done) -> BTreeSet<&'static str> {
    let failures = done.lines.iter().filter_map(|line| match &line.result {
        Outcome::Failed(failure) => Some(&failure.0),
        _ => None,
    });
    failures.filter_map(|error| remedy(error)).collect()
}

/// What can be done about an error, where its cause tells.
pub(crate) fn remedy(error: &anyhow::Error) -> Option<&'static str> {
    let late = error.chain().any(|cause| cause.is::<GaveUp>()).then_some(LATE);
    late.or_else(|| aws::remedy(error)).or_else(|| error.chain().find_map(remedy_of_file))
}

fn remedy_of_file(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match cause.downcast_ref::<std::io::Error>()?.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => Some(FULL),
        ReadOnlyFilesystem | PermissionDenied => Some(CLOSED),
        _ => None,
    }
}

const FULL: &str =
    "make room there and run the same command again: a file is written whole or stays as it was";
const CLOSED: &str = "see who may write there, and run the same command again: a file is written whole or stays as it \
                      was";

const LATE: &str = "what was waited for may still come: run the same command again, and it goes on waiting for that; \
                    `cargo xtask status` shows how far it is";

fn ended(line: &Line<Outcome>) -> Option<String> {
    let note = match &line.result {
        Outcome::Same | Outcome::Absent | Outcome::Did(_) => return None,
        // A teardown ends with the list of them.
        Outcome::Kept(_) => return None,
        Outcome::Foreign => "not ours, left alone; `--adopt` takes it over".to_owned(),
        Outcome::Replace(differences) => format!("only a new one could have {}", changed(differences)),
        Outcome::NotVisible(why) => format!("not visible to you: {why}"),
        Outcome::Failed(failure) => format!("failed to {failure}"),
        Outcome::Skipped(cause) => format!("not reached, because of {cause}"),
        Outcome::Interrupted(None) => return None,
        Outcome::Interrupted(Some(act)) => format!("interrupted after `{}` was asked", act.verb()),
    };
    Some(format!("  {}: {note}", line.label))
}

/// What was done to one, for a progress line.
pub(crate) fn outcome(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Did(Act::Create) => "created".to_owned(),
        Outcome::Did(Act::Change(differences)) => format!("changed {}", changed(differences)),
        Outcome::Did(Act::Adopt) => "adopted".to_owned(),
        Outcome::Did(Act::Repair) => "repaired".to_owned(),
        Outcome::Did(Act::Delete) => "deleted".to_owned(),
        Outcome::Failed(failure) => format!("failed to {failure}"),
        Outcome::Same | Outcome::Absent | Outcome::Kept(_) | Outcome::Skipped(_) => return None,
        Outcome::Interrupted(None) => return None,
        Outcome::Foreign => "not ours, left alone".to_owned(),
        Outcome::Replace(_) => "needs a new one".to_owned(),
        Outcome::NotVisible(why) => format!("not visible to you: {why}"),
        Outcome::Interrupted(Some(_)) => "interrupted".to_owned(),
    })
}

/// One thing that is left after a teardown, and why.
pub(crate) fn left(line: &Line<Judgement>) -> String {
    let why = match &line.result {
        Judgement::Kept(why) | Judgement::Going(why) | Judgement::Coming(why) => why.clone(),
        Judgement::NotVisible(why) => format!("not visible to you: {why}"),
        Judgement::Foreign => "not ours".to_owned(),
        Judgement::Failed(failure) => failure.to_string(),
        _ => "not deleted".to_owned(),
    };
    format!("{}: {why}", line.label)
}

#[cfg(test)]
mod tests {
    use super::in_sandbox;

    #[test]
    fn commands_are_told_for_where_one_is() {
        let told = "run `cargo xtask bootstrap`, or `cargo xtask config set a=1 --sandbox`, or `make`";
        let here =
            "run `cargo xtask bootstrap --sandbox`, or `cargo xtask config set a=1 --sandbox`, or `make`";
        assert_eq!(in_sandbox(told), here);
        assert_eq!(
            in_sandbox("`cargo xtask sandbox start` starts one"),
            "`cargo xtask sandbox start` starts one"
        );
    }
}
