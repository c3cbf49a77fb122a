//! Every statement, action, resource, condition and value of `policies/` taken away in turn: some story has to fail.
//!
//! `cargo test -p xtask --test it -- --ignored --nocapture mutants` prints the table of POLICIES.md. Some twenty
//! minutes on two processors. `MUTANTS=operator.json` tries one document.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "how much was tried is what this has to tell")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A document with one thing less.
struct Mutant {
    file: String,
    /// The statement and what it has not.
    without: String,
    document: Value,
}

/// The stories that each document is needed by, the quickest first.
fn stories(file: &str) -> &'static [&'static str] {
    const ORGANIZATION: &str =
        "policies::nobody_but_our_roles_of_the_organization_pulls_and_nobody_but_the_app_reads";
    const ALONE: &str =
        "policies::without_an_organization_our_roles_of_the_named_accounts_pull_and_only_the_app_reads";
    const EXPRESS: &str =
        "policies::developers_and_operators_deploy_and_give_our_roles_to_container_services_only";
    const APP_RUNNER: &str = "policies::developers_and_operators_deploy_on_app_runner";
    const EDITOR: &str = "policies::an_editor_of_one_stage_sees_and_changes_all_of_it_and_of_no_other";
    match file {
        "access-role-trust.json" | "app-role-trust-app-runner.json" => &[APP_RUNNER],
        "configuration-editor.json" => &[EDITOR, EXPRESS, APP_RUNNER],
        "developer.json" | "operator.json" => &[EXPRESS, APP_RUNNER],
        "ecr-repository-without-organization.json" | "read-role-trust-without-organization.json" => &[ALONE],
        "ecr-repository.json" => &[ORGANIZATION, APP_RUNNER],
        _ => &[ORGANIZATION],
    }
}

/// A key that no request has: what equals it is never met, what differs from it always.
const NEVER: &str = "aws:PrincipalTag/mutant";

fn mutants(file: &str, document: &Value) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let statements = document["Statement"].as_array().expect("statements");
    for (at, statement) in statements.iter().enumerate() {
        let sid = statement["Sid"].as_str().expect("a name");
        for (part, rest) in less(statement) {
            let mut document = document.clone();
            document["Statement"][at] = whole(statement, rest);
            mutants.push(Mutant { file: file.to_owned(), without: format!("{sid}{part}"), document });
        }
    }
    mutants
}

/// The statement without each of its parts; without itself it is one that never applies.
fn less(statement: &Value) -> Vec<(String, Value)> {
    let mut never = statement.clone();
    never["Condition"]["StringEquals"][NEVER] = json!("mutant");
    let mut all = vec![(String::new(), never)];
    for pointer in ["/Action".to_owned(), "/Resource".to_owned()].iter().chain(&conditions(statement)) {
        let items = statement.pointer(pointer).and_then(Value::as_array);
        for (at, item) in items.into_iter().flatten().enumerate() {
            let mut rest = statement.clone();
            rest.pointer_mut(pointer).and_then(Value::as_array_mut).expect("a list").remove(at);
            all.push((format!(": {}", item.as_str().expect("a text")), rest));
        }
    }
    for pointer in conditions(statement) {
        let (operator, key) = pointer.rsplit_once('/').expect("an operator and a key");
        let key = key.replace("~1", "/");
        let mut rest = statement.clone();
        rest.pointer_mut(operator).and_then(Value::as_object_mut).expect("keys").remove(&key);
        all.push((format!(": the condition on {key}"), rest));
    }
    all
}

/// The pointers of the keys of its conditions.
fn conditions(statement: &Value) -> Vec<String> {
    let empty = Map::new();
    let operators = statement["Condition"].as_object().unwrap_or(&empty);
    let keys = operators.iter().flat_map(|(operator, keys)| {
        keys.as_object().expect("keys").keys().map(move |key| (operator, key.replace('/', "~1")))
    });
    keys.map(|(operator, key)| format!("/Condition/{operator}/{key}")).collect()
}

/// With the placeholders that it has lost where they mean nothing: a value that nothing uses is an error of its own.
fn whole(before: &Value, mut after: Value) -> Value {
    let left = placeholders(&after);
    let lost: Vec<String> =
        placeholders(before).difference(&left).map(|it| format!("x{{{{{it}}}}}")).collect();
    if !lost.is_empty() {
        after["Condition"]["StringNotEquals"][NEVER] = json!(lost);
    }
    after
}

fn placeholders(value: &Value) -> BTreeSet<String> {
    let text = value.to_string();
    let names = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    names.map(|(name, _)| name.to_owned()).collect()
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

/// The documents with one of them changed, as a directory.
fn policies(mutant: Option<&Mutant>) -> TempDir {
    let directory = TempDir::new().expect("a directory");
    for entry in std::fs::read_dir(committed()).expect("policies") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), directory.path().join(entry.file_name())).expect("a copy");
    }
    if let Some(mutant) = mutant {
        let text = serde_json::to_string_pretty(&mutant.document).expect("JSON");
        std::fs::write(directory.path().join(&mutant.file), text).expect("a mutant");
    }
    directory
}

/// Seconds after which a story has failed: one that waits for what is not allowed does so for twenty minutes.
const PATIENCE: &str = "180";

/// Whether a story comes true with these documents.
fn holds(story: &str, policies: &Path) -> bool {
    let mut command = Command::new("timeout");
    command.arg(PATIENCE).arg(std::env::current_exe().expect("this program"));
    command.args(["--exact", story]).env("STORIES_POLICIES", policies);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.expect("run the story").success()
}

/// The first story that fails.
fn killer(mutant: &Mutant) -> Option<&'static str> {
    let policies = policies(Some(mutant));
    stories(&mutant.file).iter().copied().find(|story| !holds(story, policies.path()))
}

#[test]
#[ignore = "takes twenty minutes"]
fn nothing_of_the_policies_can_be_taken_away() {
    let only = std::env::var("MUTANTS").unwrap_or_default();
    let mut files: Vec<String> = std::fs::read_dir(committed())
        .expect("policies")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        // Which images expire is nobody's permission.
        .filter(|file| file != "ecr-lifecycle.json" && file.contains(&only))
        .collect();
    files.sort();
    let told: BTreeSet<&str> = files.iter().flat_map(|file| stories(file)).copied().collect();
    let unchanged = policies(None);
    for story in told {
        assert!(holds(story, unchanged.path()), "{story} does not hold as it is");
    }
    let all: Vec<Mutant> = files
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(committed().join(file)).expect("a document");
            mutants(file, &serde_json::from_str(&text).expect("JSON"))
        })
        .collect();
    let queue = Mutex::new(all.iter().enumerate());
    let rows: Mutex<Vec<(usize, Option<&str>)>> = Mutex::default();
    let work = || {
        while let Some((at, mutant)) = { queue.lock().expect("a queue").next() } {
            let found = killer(mutant);
            eprintln!("{} {}: {}", mutant.file, mutant.without, found.unwrap_or("NOTHING"));
            rows.lock().expect("rows").push((at, found));
        }
    };
    std::thread::scope(|scope| {
        // One more than the two processors: most of those that fail do so waiting.
        (0..3).for_each(|_| drop(scope.spawn(work)));
    });
    let mut rows = rows.into_inner().expect("rows");
    rows.sort();
    println!("| document | without | first story that fails |\n| --- | --- | --- |");
    for (at, found) in &rows {
        let Mutant { file, without, .. } = &all[*at];
        println!("| `{file}` | {without} | `{}` |", found.unwrap_or("none"));
    }
    let alive = rows.iter().filter(|(_, found)| found.is_none()).count();
    println!("\n{} mutants, {} killed", rows.len(), rows.len() - alive);
    assert_eq!(alive, 0, "what breaks nothing is superfluous");
}
