//! Filter patterns of unstructured text: terms that must, may or must not be there.

use crate::fault::Fault;

/// What a message has to contain. Case counts.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    /// All of these.
    all: Vec<String>,
    /// One of these (`?term`). AWS ignores them where there are terms without a mark.
    any: Vec<String>,
    /// None of these (`-term`).
    none: Vec<String>,
}

impl Pattern {
    /// JSON, column and regular-expression patterns are not implemented, and say so.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        if text.starts_with(['{', '[', '%']) {
            return Err(Fault::not_implemented("logs", "FilterLogEvents with a structured pattern"));
        }
        let mut pattern = Self::default();
        for (mark, term) in terms(text)? {
            match mark {
                Some('?') => pattern.any.push(term),
                Some('-') => pattern.none.push(term),
                _ => pattern.all.push(term),
            }
        }
        Ok(pattern)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        let any = self.any.is_empty() || !self.all.is_empty() || self.any.iter().any(has);
        any && self.all.iter().all(has) && !self.none.iter().any(has)
    }
}

/// The terms of a pattern with their marks. A term of other than letters, digits and `_` has to be quoted.
fn terms(text: &str) -> Result<Vec<(Option<char>, String)>, Fault> {
    let mut terms = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mark = rest.chars().next().filter(|c| ['?', '-'].contains(c));
        let body = mark.map_or(rest, |m| rest.trim_start_matches(m));
        let (term, left) = match body.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(bad)?,
            None => body.split_at(body.find(char::is_whitespace).unwrap_or(body.len())),
        };
        let plain = term.chars().all(|c| c.is_alphanumeric() || c == '_');
        if term.is_empty() || !(plain || body.starts_with('"')) {
            return Err(bad());
        }
        terms.push((mark, term.to_owned()));
        rest = left.trim_start();
    }
    Ok(terms)
}

fn bad() -> Fault {
    Fault::new("InvalidParameterException", "Invalid filter pattern")
}
