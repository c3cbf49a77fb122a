//! The shape of a TOML document against a JSON Schema: unknown keys, missing keys, wrong types.
//!
//! Deserializing would stop at the first of them. Here each is noted and taken out, so that what is
//! left deserializes and can be checked for what it means.

use std::ops::Range;

use serde_json::Value as Json;
use serde_spanned::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::faults::Fault;

/// What was taken out of a document: the faults, and the keys that now look as if they were missing.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    pub(super) faults: Vec<Fault>,
    keys: Vec<String>,
}

impl Pruned {
    /// Whether a key of that name was there, or was meant: its absence is no second fault.
    pub(super) fn had(&self, key: &str) -> bool {
        self.keys.iter().any(|had| had == key)
    }
}

/// Notes every fault of shape and leaves the document without them.
pub(super) fn prune(document: &mut Spanned<DeTable<'_>>, schema: &Json) -> Pruned {
    let mut walk = Walk { schema, pruned: Pruned::default() };
    walk.table(document.get_mut(), schema, 0..0);
    walk.pruned
}

/// The candidate most like `word`, if one is like it at all.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase());
    let scored = candidates.into_iter().map(|candidate| (likeness(candidate), candidate));
    scored
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

struct Walk<'a> {
    schema: &'a Json,
    pruned: Pruned,
}

impl<'a> Walk<'a> {
    fn fault(&mut self, at: Range<usize>, what: String, instead: String) {
        self.pruned.faults.push(Fault::new(at, what, instead));
    }

    /// `header` is where a missing key is shown.
    fn table(&mut self, table: &mut DeTable<'_>, schema: &'a Json, header: Range<usize>) {
        let Some(properties) = schema["properties"].as_object() else { return };
        let mut missing: Vec<&str> = required(schema);
        missing.retain(|key| !table.contains_key(*key));
        for (key, mut value) in std::mem::take(table) {
            let name = key.get_ref().as_ref();
            if let Some(property) = properties.get(name) {
                if self.value(name, &mut value, property) {
                    table.insert(key, value);
                } else {
                    self.pruned.keys.push(name.to_owned());
                }
                continue;
            }
            let like = nearest(name, properties.keys().map(String::as_str));
            missing.retain(|key| Some(*key) != like);
            self.pruned.keys.extend(like.map(str::to_owned));
            let instead = like.map_or_else(
                || format!("remove it; known here: {}", list(properties.keys())),
                |like| format!("write `{like}`"),
            );
            self.fault(key.span(), format!("unknown key `{name}`"), instead);
        }
        for key in missing {
            let example = &properties[key]["examples"][0];
            self.fault(header.clone(), format!("`{key}` is missing"), format!("add `{key} = {example}`"));
        }
    }

    /// Whether the value may stay.
    fn value(&mut self, key: &str, value: &mut Spanned<DeValue<'_>>, schema: &'a Json) -> bool {
        let schema = self.resolve(schema);
        let at = value.span();
        let wanted = schema["type"].as_str().unwrap_or("string");
        match (wanted, value.get_mut()) {
            ("object", DeValue::Table(table)) => self.table(table, schema, at),
            ("array", DeValue::Array(array)) => {
                let items = &schema["items"];
                let kept = std::mem::replace(array, DeArray::new()).into_iter();
                *array =
                    kept.filter_map(|mut item| self.value(key, &mut item, items).then_some(item)).collect();
            }
            ("string", DeValue::String(text)) => return self.choice(key, text, schema, at),
            ("integer", DeValue::Integer(number)) => {
                let parsed = u32::from_str_radix(number.as_str(), number.radix());
                if parsed.is_err() {
                    self.fault(
                        at,
                        format!("`{key}` is out of range"),
                        "write a whole number, not negative".into(),
                    );
                }
                return parsed.is_ok();
            }
            ("boolean", DeValue::Boolean(_)) => {}
            (wanted, found) => {
                let what =
                    format!("`{key}` is {}, not {}", article(found.type_str()), article(plain(wanted)));
                let instead = proposal(key, wanted, found, &schema["examples"][0]);
                self.fault(at, what, instead);
                return false;
            }
        }
        true
    }

    fn choice(&mut self, key: &str, text: &str, schema: &Json, at: Range<usize>) -> bool {
        let choices = choices(schema);
        if choices.is_empty() || choices.contains(&text) {
            return true;
        }
        let all = choices.iter().map(|choice| format!("\"{choice}\"")).collect::<Vec<_>>().join(" or ");
        let instead = nearest(text, choices).map_or(all, |like| format!("\"{like}\""));
        self.fault(at, format!("`{key}` cannot be \"{text}\""), format!("write {instead}"));
        false
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let inner = if schema["allOf"].is_array() { &schema["allOf"][0] } else { schema };
        let reference = inner["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        reference.and_then(|path| self.schema.pointer(path)).unwrap_or(schema)
    }
}

fn required(schema: &Json) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

/// What a string may be: an `enum`, or a `oneOf` of constants.
fn choices(schema: &Json) -> Vec<&str> {
    let constants = schema["oneOf"].as_array().into_iter().flatten().map(|one| &one["const"]);
    schema["enum"].as_array().into_iter().flatten().chain(constants).filter_map(Json::as_str).collect()
}

/// What to write instead of a value of the wrong type.
fn proposal(key: &str, wanted: &str, found: &DeValue<'_>, example: &Json) -> String {
    match (wanted, found) {
        ("string", DeValue::Integer(number)) if !example.is_string() => {
            format!("write `{key} = \"{}\"`", number.as_str())
        }
        ("integer" | "boolean", DeValue::String(text)) if parses(wanted, text) => {
            format!("write `{key} = {text}`")
        }
        ("boolean", _) => format!("write `{key} = true` or `{key} = false`"),
        ("integer", _) => format!("write a whole number: `{key} = 1`"),
        ("array", DeValue::String(text)) => format!("write `{key} = [\"{text}\"]`"),
        ("array", DeValue::Table(_)) => format!("write `[[{key}]]`"),
        ("array", _) => format!("write `{key} = [\"…\"]`"),
        ("object", DeValue::Array(_)) => format!("write `[{key}]`, once"),
        ("object", _) => format!("write a section: `[{key}]`"),
        _ if example.is_string() => format!("write `{key} = {example}`"),
        _ => format!("write `{key} = \"…\"`"),
    }
}

fn parses(wanted: &str, text: &str) -> bool {
    if wanted == "boolean" { text.parse::<bool>().is_ok() } else { text.parse::<u32>().is_ok() }
}

/// TOML's word for a type of JSON Schema.
fn plain(wanted: &str) -> &str {
    if wanted == "object" { "table" } else { wanted }
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

fn list<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    keys.map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}
