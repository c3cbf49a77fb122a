//! The schema that AppConfig enforces and the type that the app reads accept the same documents.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on ends here")]

use serde_json::Value;
use settings::Settings;

const SCHEMA: &str = include_str!("../../config/schema.json");
const STAGES: [&str; 3] = [
    include_str!("../../config/development.json"),
    include_str!("../../config/testing.json"),
    include_str!("../../config/production.json"),
];

/// Pieces that come close to what is valid, and some that do not.
const VALUES: &[&str] = &[
    "true",
    "false",
    "null",
    "0",
    "1",
    "10",
    "-0",
    "-1",
    "1.0",
    "1.5",
    "1e2",
    "1e400",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "\"10\"",
    "\"true\"",
    "\"\"",
    "[]",
    "[10]",
    "{}",
    "{\"intResultLimit\": 10}",
];
const KEYS: &[&str] =
    &["boolEnableLimitResults", "intResultLimit", "intresultlimit", "int\\u0052esultLimit", "", "extra"];

fn schema_accepts(validator: &jsonschema::Validator, document: &str) -> Option<bool> {
    let value: Value = serde_json::from_str(document).ok()?;
    Some(validator.is_valid(&value))
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(jsonschema::draft4::meta::is_valid(&schema));
    jsonschema::draft4::new(&schema).unwrap()
}

/// An object of distinct keys, mostly the two that belong there.
fn object(random: &mut fastrand::Rng) -> String {
    let mut keys: Vec<&str> = KEYS[..2].iter().copied().filter(|_| random.u8(..8) > 0).collect();
    if random.u8(..4) == 0 {
        keys.push(random.choice(&KEYS[2..]).unwrap());
    }
    // The same key in another spelling is a duplicate, which a schema cannot see.
    if keys.contains(&KEYS[3]) {
        keys.retain(|key| *key != KEYS[1]);
    }
    random.shuffle(&mut keys);
    let members: Vec<String> =
        keys.iter().map(|key| format!("\"{key}\": {}", random.choice(VALUES).unwrap())).collect();
    format!("{{{}}}", members.join(", "))
}

#[test]
fn schema_and_type_agree_on_every_document() {
    let validator = validator();
    let mut random = fastrand::Rng::with_seed(4);
    let generated = (0..20_000).map(|_| object(&mut random));
    let bare = VALUES.iter().map(|value| (*value).to_owned());
    let arrays = ["[true, 10]", "[[true, 10]]"].map(str::to_owned);
    let (mut accepted, mut refused) = (0, 0);
    for document in generated.chain(bare).chain(arrays) {
        let Some(valid) = schema_accepts(&validator, &document) else {
            continue;
        };
        let parsed = Settings::parse(document.as_bytes());
        assert_eq!(parsed.is_ok(), valid, "{document}: {parsed:?}");
        if valid { accepted += 1 } else { refused += 1 }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} accepted, {refused} refused");
}

#[test]
fn what_a_type_takes_the_schema_takes() {
    let validator = validator();
    for enable_limit_results in [true, false] {
        for result_limit in [0, 1, 10, u32::MAX] {
            let settings = Settings { enable_limit_results, result_limit };
            assert!(validator.is_valid(&serde_json::to_value(settings).unwrap()));
        }
    }
}

#[test]
fn the_file_of_every_stage_is_valid() {
    for document in STAGES {
        assert!(Settings::parse(document.as_bytes()).is_ok());
        assert_eq!(schema_accepts(&validator(), document), Some(true));
    }
}

#[test]
fn what_is_no_single_json_document_is_refused() {
    let valid = r#"{"boolEnableLimitResults": true, "intResultLimit": 10}"#;
    let twice = r#"{"boolEnableLimitResults": true, "intResultLimit": 10, "intResultLimit": 11}"#;
    let garbage: [&[u8]; 5] = [b"", b"{", b"\xff\xfe", twice.as_bytes(), b"<html></html>"];
    for document in garbage {
        assert!(Settings::parse(document).is_err());
    }
    assert!(Settings::parse(format!("{valid} {valid}").as_bytes()).is_err());
    assert!(Settings::parse("[".repeat(100_000).as_bytes()).is_err());
}
