//! Validators: JSON Schema of draft 4, the only one that AppConfig knows inline.
//!
//! They are asked when a hosted version is made, when it is deployed, and by ValidateConfiguration. The middle one
//! matters when a profile's validators have changed since.

use super::refused;
use crate::call::Call;
use crate::fault::Fault;
use jsonschema::{ValidationError, Validator};
use serde_json::{Value, json};

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema";

/// The request's validators, each of which must be one that can be asked.
pub(super) fn validators(call: &Call) -> Result<Vec<Value>, Fault> {
    let validators = call.list("Validators");
    for validator in &validators {
        if validator["Type"] == "LAMBDA" {
            return Err(Fault::not_implemented("appconfig", "LAMBDA validators"));
        }
        schema(validator)?;
    }
    Ok(validators)
}

/// Refuses content that one of the validators forbids, with what it forbids.
pub(super) fn check(validators: &[Value], content: &[u8], content_type: &str) -> Result<(), Fault> {
    if validators.is_empty() {
        return Ok(());
    }
    if content_type.contains("yaml") {
        return Err(Fault::not_implemented("appconfig", "JSON_SCHEMA validators of YAML"));
    }
    let content: Value = serde_json::from_slice(content)
        .map_err(|error| invalid(vec![json!({"Type": "JSON_SCHEMA", "Reason": error.to_string()})]))?;
    for validator in validators {
        let schema = schema(validator)?;
        let details: Vec<Value> = schema.iter_errors(&content).map(|error| detail(&error)).collect();
        if !details.is_empty() {
            return Err(invalid(details));
        }
    }
    Ok(())
}

fn schema(validator: &Value) -> Result<Validator, Fault> {
    let broken = |why: String| refused(format!("Invalid JSON Schema validator: {why}"));
    let text = validator["Content"].as_str().unwrap_or_default();
    let schema: Value = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
    if let Some(draft) = schema.get("$schema").and_then(Value::as_str)
        && draft.trim_end_matches('#') != DRAFT_4
    {
        return Err(broken(format!("$schema {draft} is not supported, only {DRAFT_4}#")));
    }
    jsonschema::draft4::new(&schema).map_err(|error| broken(error.to_string()))
}

fn detail(error: &ValidationError) -> Value {
    json!({
        "Constraint": error.kind().keyword(),
        "Location": error.instance_path().as_str(),
        "Reason": error.to_string(),
        "Type": "JSON_SCHEMA",
        "Value": error.instance().to_string(),
    })
}

fn invalid(details: Vec<Value>) -> Fault {
    let reasons: Vec<&str> = details.iter().filter_map(|detail| detail["Reason"].as_str()).collect();
    refused(format!("Error in validation of configuration: {}", reasons.join("; ")))
        .with("Reason", "InvalidConfiguration")
        .with("Details", json!({"InvalidConfiguration": details}))
}
