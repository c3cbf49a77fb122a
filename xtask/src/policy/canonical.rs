//! The one form of a policy document that decides whether two say the same.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

/// The document in that form: keys and lists sorted, lists of one
/// as the one, numbers and booleans as strings, accounts as the ARNs of their roots.
pub(crate) fn canonical(document: &Json) -> Json {
    match document {
        Json::Object(object) => {
            let mut sorted: Map<String, Json> =
                object.iter().map(|(key, value)| (key.clone(), canonical_member(key, value))).collect();
            sorted.sort_keys();
            Json::Object(sorted)
        }
        Json::Array(items) => {
            let sorted: BTreeSet<String> = items.iter().map(|item| canonical(item).to_string()).collect();
            let mut items: Vec<Json> =
                sorted.iter().filter_map(|item| serde_json::from_str(item).ok()).collect();
            if items.len() == 1 { items.remove(0) } else { Json::Array(items) }
        }
        Json::Number(number) => Json::String(number.to_string()),
        Json::Bool(flag) => Json::String(flag.to_string()),
        Json::String(_) | Json::Null => document.clone(),
    }
}

/// The same for a document as AWS returns it: text, which IAM percent-encodes.
pub(crate) fn canonical_text(text: &str) -> Result<Json> {
    let decoded = if text.trim_start().starts_with('{') {
        text.into()
    } else {
        percent_decode_str(text).decode_utf8().context("decode a policy document")?
    };
    Ok(canonical(&serde_json::from_str(&decoded).context("parse a policy document")?))
}

fn canonical_member(key: &str, value: &Json) -> Json {
    match (key, canonical(value)) {
        ("Principal", Json::String(all)) if all == "*" => serde_json::json!({ "AWS": "*" }),
        ("AWS", Json::String(one)) => Json::String(root_arn(one)),
        // Once more: sorted and without repetition only when every account is an ARN.
        ("AWS", Json::Array(many)) => {
            let arns = many
                .into_iter()
                .map(|one| one.as_str().map_or(one.clone(), |one| root_arn(one.into()).into()));
            canonical(&Json::Array(arns.collect()))
        }
        (_, value) => value,
    }
}

/// AWS stores the account's number as the ARN of its root.
fn root_arn(principal: String) -> String {
    let is_account = principal.len() == 12 && principal.chars().all(|c| c.is_ascii_digit());
    if is_account { format!("arn:aws:iam::{principal}:root") } else { principal }
}
