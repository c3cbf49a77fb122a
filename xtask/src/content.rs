//! The configuration of the app as a document: read, changed in place, checked and labelled on this machine.
//!
//! **Architecture Invariant:** nothing here knows AWS or a stage; `commands::config` brings documents to AppConfig.

mod edit;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use settings::Settings;
use sha2::{Digest, Sha256};

pub(crate) use edit::{become_like, set};

/// What AppConfig takes at most, in bytes.
const LIMIT: usize = 2 * 1024 * 1024;

/// What AppConfig takes of a validator at most, in bytes.
const SCHEMA_LIMIT: usize = 32 * 1024;

/// What content must be like: the schema that AppConfig enforces.
pub(crate) struct Schema {
    document: Value,
    validator: jsonschema::Validator,
}

impl Schema {
    /// Reads the schema, which is of draft 4, the only one that AppConfig knows.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let context = || format!("read {}", path.display());
        let text = std::fs::read_to_string(path).with_context(context)?;
        if text.len() > SCHEMA_LIMIT {
            bail!(
                "{} has {} bytes, and AppConfig takes {SCHEMA_LIMIT} of a validator",
                path.display(),
                text.len()
            );
        }
        Self::new(serde_json::from_str(&text).with_context(context)?).with_context(context)
    }

    pub(crate) fn new(document: Value) -> Result<Self> {
        let validator =
            jsonschema::draft4::new(&document).map_err(|e| anyhow::anyhow!("not a JSON Schema: {e}"))?;
        Ok(Self { document, validator })
    }

    /// Takes a document, or says all that is wrong with it: for the schema, and for the app's own type.
    pub(crate) fn check(&self, text: &str) -> Result<Value> {
        let content: Value = serde_json::from_str(text).context("read it as JSON")?;
        let faults: Vec<String> = self.validator.iter_errors(&content).map(|e| fault(&e)).collect();
        if !faults.is_empty() {
            bail!("{}", faults.join("; "));
        }
        let size = canonical(&content).len();
        if size > LIMIT {
            bail!("it has {size} bytes, and AppConfig takes {LIMIT}");
        }
        Settings::parse(text.as_bytes())
            .context("the app cannot read it, although the schema lets it through")?;
        Ok(content)
    }

    /// What `key=value` of a command line means: JSON, or text where that is what the schema wants.
    pub(crate) fn assignment(&self, argument: &str) -> Result<(String, Value)> {
        let Some((key, text)) = argument.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            bail!("`{argument}` sets nothing: write `key=value`");
        };
        let known = self.document["properties"].as_object();
        let property = known.and_then(|known| known.get(key));
        if property.is_none() && self.document["additionalProperties"] == Value::Bool(false) {
            bail!("there is no `{key}` to set{}", known.map(|known| instead(key, known)).unwrap_or_default());
        }
        let literal = property.is_some_and(|property| property["type"] == "string") && !text.starts_with('"');
        let value = serde_json::from_str(text).ok().filter(|_| !literal);
        Ok((key.to_owned(), value.unwrap_or_else(|| Value::String(text.to_owned()))))
    }
}

/// Where and what: `intResultLimit: -1 is less than the minimum of 0`.
fn fault(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    match place.trim_start_matches('/') {
        "" => error.to_string(),
        place => format!("{}: {error}", place.replace('/', ".")),
    }
}

fn instead(key: &str, known: &Map<String, Value>) -> String {
    let alike = crate::config::nearest(key, known.keys().map(String::as_str));
    let all = known.keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match alike {
        Some(alike) => format!(": `{alike}`?"),
        None => format!("; there is {all}"),
    }
}

/// The one form in which content is compared and sent: sorted keys, no blanks.
pub(crate) fn canonical(content: &Value) -> String {
    let mut sorted = content.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

/// The label of a version: what it says decides, not how it is written. AppConfig wants one character that is no digit.
pub(crate) fn label(content: &Value) -> String {
    let digest = hex::encode(Sha256::digest(canonical(content)));
    format!("sha-{}", &digest[..12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/config/schema.json");
        Schema::read(&path).unwrap()
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", schema().check(text).unwrap_err())
    }

    #[test]
    fn what_the_app_ships_with_is_fine() {
        for stage in ["development", "testing", "production"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../app/config/{stage}.json"));
            schema().check(&std::fs::read_to_string(path).unwrap()).unwrap();
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_and_where() {
        let said = refusal(r#"{"boolEnableLimitResults": "yes", "intResultLimit": -1}"#);
        assert!(said.contains("boolEnableLimitResults: \"yes\" is not of type \"boolean\""), "{said}");
        assert!(said.contains("intResultLimit: -1 is less than the minimum of 0"), "{said}");
    }

    #[test]
    fn a_key_that_is_missing_unknown_or_there_twice_is_refused() {
        assert!(refusal(r#"{"intResultLimit": 1}"#).contains("boolEnableLimitResults"));
        assert!(refusal(r#"{"boolEnableLimitResults": true, "intResultLimit": 1, "x": 1}"#).contains("'x'"));
        let twice = refusal(r#"{"boolEnableLimitResults": true, "intResultLimit": 1, "intResultLimit": 2}"#);
        assert!(twice.contains("duplicate"), "{twice}");
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_place() {
        assert!(refusal("{\n  \"intResultLimit\": 1,,\n}").contains("line 2"));
    }

    #[test]
    fn a_document_over_the_limit_is_refused() {
        let any = Schema::new(json!({})).unwrap();
        let text = json!({"boolEnableLimitResults": true, "intResultLimit": 1}).to_string();
        any.check(&format!("{text}{}", " ".repeat(LIMIT))).expect("blanks are not sent");
        let said = format!("{:#}", any.check(&json!({ "x": "x".repeat(LIMIT) }).to_string()).unwrap_err());
        assert_eq!(said, "it has 2097160 bytes, and AppConfig takes 2097152");
    }

    #[test]
    fn what_only_the_app_refuses_is_refused_too() {
        let said = format!("{:#}", Schema::new(json!({})).unwrap().check("{}").unwrap_err());
        assert!(said.contains("the app cannot read it, although the schema lets it through"), "{said}");
    }

    #[test]
    fn an_assignment_is_json_or_text() {
        let schema = Schema::new(json!({"properties": {"name": {"type": "string"}}})).unwrap();
        let read = |argument| schema.assignment(argument).unwrap();
        assert_eq!(read("limit=20"), ("limit".into(), json!(20)));
        assert_eq!(read("name=20"), ("name".into(), json!("20")));
        assert_eq!(read("name=\"20\""), ("name".into(), json!("20")));
        assert_eq!(read("list=[1, 2]"), ("list".into(), json!([1, 2])));
        assert_eq!(read("word=a=b"), ("word".into(), json!("a=b")));
        assert!(schema.assignment("limit").is_err());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
        let said = format!("{:#}", schema().assignment("intResultLimits=3").unwrap_err());
        assert_eq!(said, "there is no `intResultLimits` to set: `intResultLimit`?");
        let said = format!("{:#}", schema().assignment("zzz=3").unwrap_err());
        assert!(said.contains("there is `boolEnableLimitResults`, `intResultLimit`"), "{said}");
    }

    #[test]
    fn a_label_depends_on_the_content_and_not_on_its_layout() {
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#).unwrap();
        let same: Value = serde_json::from_str("{\n\"b\":{\"d\":3,\"c\":2},\"a\":1}").unwrap();
        assert_eq!(label(&one), label(&same));
        assert_ne!(label(&one), label(&json!({"a": 1, "b": {"c": 2, "d": 4}})));
    }

    #[test]
    fn a_version_label_needs_a_character_that_is_no_digit() {
        let labels = (0..50).map(|n| label(&json!(n)));
        assert!(labels.into_iter().all(|label| label.len() <= 64 && label.starts_with("sha-")));
    }
}
