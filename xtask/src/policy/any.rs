//! Whatever is in a document: no panic, and what is filled in changes neither its structure nor what it matches.

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::*;
use crate::any::{corpus, holds, tell, texts};

const WORDS: &[&str] = &[
    "",
    "{{a}}",
    "\"{{a}}\"",
    "\"{{list}}\"",
    "\"x{{list}}\"",
    "\"{{a}}{{a}}\"",
    "\"{{{a}}}\"",
    "\"{{ a }}\"",
    "\"{{}}\"",
    "{{",
    "}}",
    "\"{{a}}\": 1,",
    "\"${aws:username}\"",
    "null",
    "[]",
    "{}",
    "[[\"{{a}}\"]]",
    "1e999",
    "-0",
    "123456789012345678901234567890",
    "\"\\ud800\"",
    "\"\\u007b{a}}\"",
    "\"\u{1f980}\"",
    "\"*\"",
    "\"AWS\": \"111111111111\",",
    "\"Principal\": \"*\",",
    "\"Action\": [[], {}],",
    "\"Statement\": {},",
    "\"Version\": 1,",
    ",",
    "\"",
];

const ONE: Policy = Policy { file: "one.json", values: &["a", "list"] };

/// The same document with every string gone: what a value must not change. A list stands where its string did.
fn structure(document: &Json) -> Json {
    match document {
        Json::String(_) => json!(""),
        Json::Array(items) if items.iter().all(Json::is_string) && !items.is_empty() => json!(""),
        Json::Array(items) => items.iter().map(structure).collect(),
        Json::Object(members) => members.iter().map(|(key, value)| (key.clone(), structure(value))).collect(),
        other => other.clone(),
    }
}

fn read(dir: &TempDir, text: &str) -> bool {
    std::fs::write(dir.path().join(ONE.file), text).unwrap();
    if let Err(error) = super::check(dir.path(), &[ONE.file]) {
        assert!(!format!("{error:#}").is_empty());
    }
    if let Ok(one) = canonical_text(text) {
        assert_eq!(canonical(&one), one, "one form is its own");
    }
    let values = [("a", json!("}}\"{{list}}{{a}}")), ("list", json!(["1", "{{a}}"]))];
    match ONE.render(dir.path(), &values) {
        Ok(rendered) => {
            let before: Json = serde_json::from_str(text).unwrap();
            assert_eq!(structure(&rendered), structure(&before));
            true
        }
        Err(error) => {
            assert!(format!("{error:#}").contains(ONE.file), "{error:#}");
            false
        }
    }
}

#[test]
fn whatever_is_in_a_document_it_is_refused_with_its_name_or_keeps_its_structure() {
    let dir = TempDir::new().unwrap();
    let corpus = corpus("policy/corpus");
    assert!(corpus.iter().filter(|text| read(&dir, text)).count() >= 1);
    let good = std::cell::Cell::new(0);
    holds(file!(), 4_000, texts(corpus, WORDS), |text| good.set(good.get() + u32::from(read(&dir, &text))));
    tell(&format!("{}: {} of them good", file!(), good.get()));
    assert!(good.get() > 100, "{} good ones", good.get());
}

#[test]
fn no_value_gets_in_that_would_match_more_than_itself() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join(ONE.file), r#"{"x": ["{{a}}", "b{{a}}c"], "y": "{{list}}"}"#).unwrap();
    holds(file!(), 2_000, proptest::prelude::any::<String>(), |value| {
        let values = [("a", json!(value)), ("list", json!([value]))];
        match ONE.render(dir.path(), &values) {
            Ok(rendered) => {
                assert!(!value.is_empty() && !value.contains(['*', '?', '$']));
                assert_eq!(rendered, json!({"x": [value, format!("b{value}c")], "y": [value]}));
            }
            Err(_) => assert!(value.is_empty() || value.contains(['*', '?', '$']), "{value:?}"),
        }
    });
}
