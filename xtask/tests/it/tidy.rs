//! The repository tests itself: what may be named where, and how long things may get.

use std::path::{Path, PathBuf};

fn sources(below: &str) -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(directory).expect("read a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push((path.clone(), std::fs::read_to_string(&path).expect("read a source")));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(below), &mut found);
    assert!(!found.is_empty());
    found
}

/// Sources of `xtask` outside of these places that name one of these words.
fn offenders(words: &[&str], but: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let is_allowed = |path: &Path| {
        let inside = path.strip_prefix(&root).expect("a source").to_string_lossy().replace('\\', "/");
        but.iter().any(|allowed| inside.starts_with(allowed))
    };
    let sources = sources("src").into_iter().filter(|(path, _)| !is_allowed(path));
    sources
        .filter(|(_, text)| words.iter().any(|word| text.contains(word)))
        .map(|(path, _)| path.display().to_string())
        .collect()
}

#[test]
fn the_sdk_is_named_behind_its_door_only() {
    assert_eq!(
        offenders(&["aws_sdk_", "aws_config", "aws_smithy"], &["aws.rs", "aws/", "resources/"]),
        [""; 0]
    );
}

#[test]
fn the_terminal_is_named_by_the_ui_only() {
    assert_eq!(offenders(&["indicatif::", "dialoguer::"], &["ui/"]), [""; 0]);
}

#[test]
fn the_engine_knows_no_aws() {
    let words = ["aws", "AWS", "arn:", "IAM", "iam::"];
    let engine = ["engine", "graph.rs", "report.rs", "resource.rs", "diff.rs"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (path, text) in sources("src") {
        let inside = path.strip_prefix(&root).expect("a source").to_string_lossy().into_owned();
        let code =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        if engine.iter().any(|e| inside.starts_with(e)) {
            let said: Vec<_> = words.iter().filter(|word| code.contains(**word)).collect();
            assert!(said.is_empty(), "{inside} says {said:?}");
        }
    }
}

#[test]
fn no_source_is_longer_than_a_person_reads() {
    let is_story = |path: &Path| path.components().any(|c| c.as_os_str() == "tests");
    let read = sources("src").into_iter().filter(|(path, _)| !is_story(path));
    let long: Vec<_> = read.filter(|(_, text)| text.lines().count() > 320).map(|(path, _)| path).collect();
    // One thing each: all that can be reported, and AWS's two longest stories.
    let reasons = ["report.rs", "account.rs", "express_service.rs"];
    let without: Vec<_> = long.iter().filter(|p| !reasons.iter().any(|r| p.ends_with(r))).collect();
    assert!(without.is_empty(), "{without:?}");
}

/// `name version|features` of everything that is compiled for these packages on this machine.
fn compiled(selection: &[&str]) -> std::collections::BTreeSet<String> {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}"])
        .args(selection)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("run cargo tree");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).expect("text");
    lines
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Otherwise `cargo xtask` would compile the AWS SDK, `cargo xtask sandbox start` tokio, and `cargo test` all of it again:
/// what is missing goes into `workspace-hack/Cargo.toml`.
#[test]
fn what_is_compiled_is_compiled_once() {
    let all = compiled(&["--workspace", "--edges", "normal,build,dev"]);
    for package in ["xtask", "sandbox"] {
        let alone = compiled(&["--package", package, "--edges", "normal,build"]);
        let again: Vec<_> = alone.difference(&all).collect();
        assert!(again.is_empty(), "{package}: {again:#?}");
    }
}
