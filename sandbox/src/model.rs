//! AWS's API models: what operations there are, how they travel, and what their members may hold.

use crate::locked::locked;
use fancy_regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, OnceLock};

/// Not regionalized, says botocore's `endpoints.json`.
const GLOBAL: &[&str] = &["account", "iam", "organizations"];

/// One service's model, trimmed by `models/trim.py`.
#[derive(Deserialize)]
pub struct Model {
    #[serde(skip)]
    pub name: &'static str,
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    /// Operations that AWS has and the sandbox does not.
    pub others: Vec<String>,
    shapes: HashMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    pub protocol: String,
    pub json_version: Option<String>,
    pub target_prefix: Option<String>,
    pub xml_namespace: Option<String>,
    pub signing_name: Option<String>,
}

/// How an operation is sent, and its shapes.
#[derive(Deserialize)]
pub struct Operation {
    pub http: Http,
    pub authtype: Option<String>,
    pub input: Option<Reference>,
    pub output: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    pub response_code: Option<u16>,
}

/// A use of a shape: a member of a structure, an element of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
    pub result_wrapper: Option<String>,
    pub timestamp_format: Option<String>,
    #[serde(default)]
    pub flattened: bool,
}

/// A type and its constraints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: BTreeMap<String, Reference>,
    #[serde(default)]
    pub required: Vec<String>,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    #[serde(rename = "enum")]
    pub options: Option<Vec<String>>,
    pub pattern: Option<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub payload: Option<String>,
    pub error: Option<ErrorTrait>,
    pub timestamp_format: Option<String>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub exception: bool,
    /// Any JSON value.
    #[serde(default)]
    pub document: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
}

/// An error's shape as a service's model has it.
pub struct ErrorShape<'m> {
    /// What travels: the query code where there is one, else the shape's name.
    pub code: &'m str,
    pub status: Option<u16>,
    /// `message` or `Message`.
    pub message_member: &'m str,
}

impl Model {
    /// The shape of that name. A model that names a shape it lacks is broken, which a test excludes.
    pub fn shape(&self, name: &str) -> &Shape {
        &self.shapes[name]
    }

    /// The error that a fault's code means, by shape name or by query code.
    pub fn error(&self, code: &str) -> Option<ErrorShape<'_>> {
        let (name, shape) = self.shapes.iter().find(|(name, shape)| {
            shape.exception
                && (*name == code || shape.error.as_ref().is_some_and(|e| e.code.as_deref() == Some(code)))
        })?;
        let message = shape.members.keys().find(|m| m.eq_ignore_ascii_case("message"));
        Some(ErrorShape {
            code: shape.error.as_ref().and_then(|e| e.code.as_deref()).unwrap_or(name),
            status: shape.error.as_ref().and_then(|e| e.http_status_code),
            message_member: message.map_or("message", String::as_str),
        })
    }

    /// What requests are signed for: `ecr`, `servicequotas`.
    pub fn signing_name(&self) -> &str {
        self.metadata.signing_name.as_ref().unwrap_or(&self.metadata.endpoint_prefix)
    }

    /// Whether the service has one endpoint for all Regions, whose requests are signed for us-east-1.
    pub fn is_global(&self) -> bool {
        GLOBAL.contains(&self.name)
    }

    pub fn is_query(&self) -> bool {
        self.metadata.protocol == "query"
    }

    pub fn is_rest(&self) -> bool {
        self.metadata.protocol.starts_with("rest")
    }
}

macro_rules! models {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../models/", $name, ".json")))),*]
    };
}

const TEXTS: &[(&str, &str)] = models![
    "account",
    "appconfig",
    "appconfigdata",
    "apprunner",
    "ecr",
    "ecs",
    "iam",
    "identitystore",
    "logs",
    "organizations",
    "service-quotas",
    "sso",
    "sso-admin",
    "sso-oidc",
    "sts",
];

/// All models, read once.
pub fn all() -> &'static [Model] {
    static MODELS: OnceLock<Vec<Model>> = OnceLock::new();
    MODELS.get_or_init(|| {
        let read = |(name, text): &(&'static str, &str)| {
            let mut model: Model = serde_json::from_str(text).expect("a model is JSON as trim.py writes it");
            model.name = name;
            model
        };
        TEXTS.iter().map(read).collect()
    })
}

/// What is wrong with an input, one sentence a constraint, in the words of AWS's own validation.
pub fn violations(model: &Model, shape: &str, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(model, model.shape(shape), value, "", &mut found);
    found
}

fn check(model: &Model, shape: &Shape, value: &Value, path: &str, found: &mut Vec<String>) {
    let mut fail = |constraint: String| {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        found.push(format!(
            "Value '{shown}' at '{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    };
    match shape.kind.as_str() {
        "string" => {
            let text = value.as_str().unwrap_or_default();
            range(shape, text.chars().count() as f64, "have length ", &mut fail);
            if let Some(options) = shape.options.as_ref().filter(|o| !o.iter().any(|o| o == text)) {
                fail(format!("satisfy enum value set: [{}]", options.join(", ")));
            }
            if let Some(pattern) = shape.pattern.as_ref().filter(|p| !matches(p, text)) {
                fail(format!("satisfy regular expression pattern: {pattern}"));
            }
        }
        "integer" | "long" | "float" | "double" => {
            range(shape, value.as_f64().unwrap_or_default(), "have value ", &mut fail);
        }
        "blob" => {
            let length = value.as_str().map_or(0, |text| text.len() / 4 * 3);
            range(shape, length as f64, "have length ", &mut fail);
        }
        "list" => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            range(shape, items.len() as f64, "have length ", &mut fail);
            let Some(member) = &shape.member else { return };
            for (index, item) in items.iter().enumerate() {
                check(
                    model,
                    model.shape(&member.shape),
                    item,
                    &format!("{path}.{}.member", index + 1),
                    found,
                );
            }
        }
        "map" => check_map(model, shape, value, path, found),
        "structure" => check_structure(model, shape, value, path, found),
        _ => {}
    }
}

fn check_map(model: &Model, shape: &Shape, value: &Value, path: &str, found: &mut Vec<String>) {
    let (Some(key), Some(member), Some(entries)) = (&shape.key, &shape.value, value.as_object()) else {
        return;
    };
    for (name, item) in entries {
        let path = format!("{path}.{name}.member");
        check(model, model.shape(&key.shape), &Value::String(name.clone()), &path, found);
        check(model, model.shape(&member.shape), item, &path, found);
    }
}

fn check_structure(model: &Model, shape: &Shape, value: &Value, path: &str, found: &mut Vec<String>) {
    for (name, member) in &shape.members {
        let mut chars = name.chars();
        let lower: String = chars.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(chars).collect();
        let path = if path.is_empty() { lower } else { format!("{path}.{lower}") };
        match value.get(name) {
            Some(item) if !item.is_null() => check(model, model.shape(&member.shape), item, &path, found),
            _ if shape.required.contains(name) => found.push(format!(
                "Value null at '{path}' failed to satisfy constraint: Member must not be null"
            )),
            _ => {}
        }
    }
}

fn range(shape: &Shape, size: f64, what: &str, fail: &mut impl FnMut(String)) {
    if shape.max.is_some_and(|max| size > max) {
        fail(format!("{what}less than or equal to {}", shape.max.unwrap_or_default()));
    }
    if shape.min.is_some_and(|min| size < min) {
        fail(format!("{what}greater than or equal to {}", shape.min.unwrap_or_default()));
    }
}

/// AWS matches the whole value.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: OnceLock<Mutex<HashMap<String, Option<Regex>>>> = OnceLock::new();
    let mut compiled = locked(COMPILED.get_or_init(Default::default));
    let regex = compiled.entry(pattern.to_owned()).or_insert_with(|| compile(pattern));
    regex.as_ref().is_none_or(|r| r.is_match(text).unwrap_or_default())
}

/// A pattern in Java's sense: `\w` and `\d` are ASCII.
fn compile(pattern: &str) -> Option<Regex> {
    let mut ascii = String::new();
    let (mut in_class, mut chars) = (false, pattern.chars());
    while let Some(c) = chars.next() {
        in_class = match c {
            '[' => true,
            ']' => false,
            _ => in_class,
        };
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('w')) => ascii += if in_class { "A-Za-z0-9_" } else { "[A-Za-z0-9_]" },
            ('\\', Some('d')) => ascii += if in_class { "0-9" } else { "[0-9]" },
            ('\\', Some(escaped)) => ascii.extend(['\\', escaped]),
            (c, _) => ascii.push(c),
        }
    }
    RegexBuilder::new(&format!("^(?s:{ascii})$")).delegate_size_limit(1 << 26).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_that_is_named_is_there() {
        for model in all() {
            for shape in model.shapes.values() {
                let parts = shape.member.iter().chain(&shape.key).chain(&shape.value);
                for used in shape.members.values().chain(parts) {
                    assert!(model.shapes.contains_key(&used.shape), "{} {}", model.name, used.shape);
                }
            }
        }
    }

    #[test]
    fn patterns_are_understood_but_for_this_one() {
        let unknown: Vec<&str> = all()
            .iter()
            .flat_map(|m| m.shapes.values())
            .filter_map(|s| s.pattern.as_deref())
            .filter(|p| compile(p).is_none())
            .collect();
        // A range `.-\\` that Java takes and that was hardly meant.
        assert!(unknown.iter().all(|p| p.contains("[a-z0-9-")), "{unknown:?}");
    }

    #[test]
    fn a_violation_is_said_in_the_words_of_aws() {
        let model = all().iter().find(|m| m.name == "organizations").expect("organizations");
        let input = serde_json::json!({"AccountName": "x".repeat(51)});
        let said = violations(model, "CreateAccountRequest", &input);
        assert!(
            said.iter().any(|s| s.contains("at 'accountName'") && s.contains("less than or equal to 50")),
            "{said:?}"
        );
        assert!(
            said.iter()
                .any(|s| s == "Value null at 'email' failed to satisfy constraint: Member must not be null")
        );
    }
}
