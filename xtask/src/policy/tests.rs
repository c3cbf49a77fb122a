use serde_json::json;
use tempfile::TempDir;

use super::*;

const ONE: Policy = policy("one.json", &["account", "accounts"]);

fn dir_with(text: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join(ONE.file), text).unwrap();
    dir
}

fn committed() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

#[test]
fn the_committed_documents_are_whole_and_all_used() {
    check(&committed(), &[]).unwrap();
}

#[test]
fn values_go_into_strings_and_lists_into_strings_of_their_own() {
    let dir = dir_with(
        r#"{"a": "x-{{account}}-y", "b": ["{{account}}", 1], "c": "{{accounts}}", "d": "${aws:username}"}"#,
    );
    let values = [("account", json!("\"}, {{accounts}}")), ("accounts", json!(["1", "2"]))];
    let rendered = ONE.render(dir.path(), &values).unwrap();
    let account = "\"}, {{accounts}}";
    assert_eq!(
        rendered,
        json!({"a": format!("x-{account}-y"), "b": [account, 1], "c": ["1", "2"], "d": "${aws:username}"})
    );
}

#[test]
fn a_list_in_a_list_is_one_list() {
    let dir = dir_with(r#"{"a": ["{{account}}", "{{accounts}}", "x"], "b": [["{{accounts}}"]]}"#);
    let values = [("account", json!("0")), ("accounts", json!(["1", "2"]))];
    let rendered = ONE.render(dir.path(), &values).unwrap();
    assert_eq!(rendered, json!({"a": ["0", "1", "2", "x"], "b": [["1", "2"]]}));
}

#[test]
fn unknown_placeholders_and_unused_values_are_named_with_their_place() {
    let dir = dir_with(r#"{"Statement": [{"a/b": "{{acount}}", "{{account}}": "{{accounts"}]}"#);
    let values = [("account", json!("1")), ("accounts", json!("2"))];
    let error = ONE.render(dir.path(), &values).unwrap_err().to_string();
    assert_eq!(
        error,
        "one.json#/Statement/0/a~1b: unknown placeholder {{acount}}; known here: {{account}}, {{accounts}}\n\
         one.json#/Statement/0/{{account}}: unknown placeholder {{account in a key}}; known here: {{account}}, {{accounts}}\n\
         one.json: nothing in it uses {{account}}"
    );
}

#[test]
fn a_value_cannot_widen_what_a_document_matches() {
    let dir = dir_with(r#"{"a": "{{account}}", "b": "{{accounts}}"}"#);
    for bad in [json!("arn:*"), json!("${aws:x}"), json!(""), json!([]), json!(["a", "b*"]), json!(1)] {
        let values = [("account", bad), ("accounts", json!("1"))];
        assert!(ONE.render(dir.path(), &values).is_err(), "{values:?}");
    }
}

#[test]
fn a_list_inside_a_longer_string_is_an_error() {
    let dir = dir_with(r#"{"a": "x{{accounts}}", "b": "{{account}}"}"#);
    let values = [("account", json!("1")), ("accounts", json!(["1", "2"]))];
    let error = format!("{:#}", ONE.render(dir.path(), &values).unwrap_err());
    assert_eq!(error, r#"fill one.json: "x{{accounts}}": a list must stand alone in its string"#);
}

#[test]
fn every_fault_of_every_document_is_found_at_once() {
    let dir = TempDir::new().unwrap();
    for policy in ALL {
        std::fs::copy(committed().join(policy.file), dir.path().join(policy.file)).unwrap();
    }
    std::fs::write(dir.path().join("app-role.json"), "{\n  \"Version\": 1,\n}").unwrap();
    std::fs::write(dir.path().join("old.json"), "{}").unwrap();
    std::fs::remove_file(dir.path().join("read-role.json")).unwrap();
    std::fs::write(dir.path().join("app-role-trust.json"), r#"{"a": "{{stage}}"}"#).unwrap();
    let error = check(dir.path(), &[]).unwrap_err().to_string();
    for part in [
        "app-role.json:3:1: not JSON",
        "old.json: nothing uses it",
        "read-role.json: No such file",
        "app-role-trust.json#/a: unknown placeholder {{stage}}",
        "app-role-trust.json: nothing in it uses {{stage_account_id}}",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn documents_alike_but_for_form_are_equal() {
    let ours = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": ["111111111111"]},
            "Action": ["b:Y", "a:X"],
            "Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"n": 5}}
        }]
    });
    let theirs = json!({
        "Statement": {
            "Condition": {"NumericLessThan": {"n": "5"}, "Bool": {"aws:SecureTransport": ["true"]}},
            "Action": ["a:X", "b:Y"],
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Effect": "Allow"
        },
        "Version": "2012-10-17"
    });
    assert_eq!(canonical(&ours).to_string(), canonical(&theirs).to_string());
    assert_eq!(canonical(&json!({"Principal": "*"})), canonical(&json!({"Principal": {"AWS": ["*"]}})));
    assert_eq!(canonical(&canonical(&ours)), canonical(&ours));
}

#[test]
fn documents_that_differ_stay_different() {
    let base = json!({"Action": ["a:X", "b:Y"], "Resource": "*"});
    for other in [
        json!({"Action": ["a:X"], "Resource": "*"}),
        json!({"Action": ["a:X", "b:Z"], "Resource": "*"}),
        json!({"Action": ["a:X", "b:Y"]}),
        json!({"Action": ["a:X", "b:Y"], "Resource": "*", "Condition": {}}),
    ] {
        assert_ne!(canonical(&base), canonical(&other));
    }
}

#[test]
fn iam_returns_documents_percent_encoded() {
    let encoded = "%7B%22Action%22%3A%5B%22a%3AX%2B%22%5D%7D";
    assert_eq!(canonical_text(encoded).unwrap(), json!({"Action": "a:X+"}));
    assert_eq!(canonical_text(r#"{"Action": "100%"}"#).unwrap(), json!({"Action": "100%"}));
    assert!(canonical_text("%7B").is_err());
}
