//! Condition operators and policy variables.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

/// What is known about a request: condition keys in lower case, with their values.
#[derive(Clone, Debug, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_lowercase(), vec![value.into()]);
    }

    /// Adds a value to a key that may have several, such as `aws:TagKeys`.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_lowercase()).or_default().push(value.into());
    }

    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_lowercase()).map(Vec::as_slice)
    }
}

const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

/// An operator's name taken apart: `ForAnyValue:StringLikeIfExists`.
struct Operator<'a> {
    set: Option<&'a str>,
    base: &'a str,
    if_exists: bool,
}

fn take_apart(operator: &str) -> Operator<'_> {
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (Some(set), rest),
        None => (None, operator),
    };
    match rest.strip_suffix("IfExists") {
        Some(base) => Operator { set, base, if_exists: true },
        None => Operator { set, base: rest, if_exists: false },
    }
}

/// Whether IAM knows a condition operator.
pub(super) fn known(operator: &str) -> bool {
    let Operator { set, base, if_exists } = take_apart(operator);
    let set = set.is_none_or(|s| s == "ForAnyValue" || s == "ForAllValues");
    set && OPERATORS.iter().any(|o| o.eq_ignore_ascii_case(base)) && !(if_exists && base == "Null")
}

/// Whether one line of a `Condition` is met.
pub(super) fn met(operator: &str, key: &str, wanted: &[String], context: &Context) -> bool {
    let Operator { set, base, if_exists } = take_apart(operator);
    let base = base.to_lowercase();
    let found = context.get(key);
    if base == "null" {
        let absent = found.is_none();
        return wanted.iter().any(|w| w.eq_ignore_ascii_case(if absent { "true" } else { "false" }));
    }
    let (positive, negated) = positive(&base);
    let Some(found) = found else {
        return if_exists || set == Some("ForAllValues") || (negated && set.is_none());
    };
    let wanted: Vec<String> = wanted.iter().filter_map(|w| fill(w, context)).collect();
    let matches = |value: &String| wanted.iter().any(|w| compare(positive, value, w)) != negated;
    match set {
        Some("ForAllValues") => found.iter().all(matches),
        _ => found.iter().any(matches),
    }
}

/// The operator without its negation.
fn positive(base: &str) -> (&str, bool) {
    match base {
        "stringnotequals" => ("stringequals", true),
        "stringnotequalsignorecase" => ("stringequalsignorecase", true),
        "stringnotlike" => ("stringlike", true),
        "numericnotequals" => ("numericequals", true),
        "datenotequals" => ("dateequals", true),
        "notipaddress" => ("ipaddress", true),
        "arnnotequals" | "arnnotlike" => ("arnlike", true),
        other => (other, false),
    }
}

fn compare(operator: &str, value: &str, wanted: &str) -> bool {
    match operator {
        "stringequals" | "binaryequals" => value == literal(wanted),
        "stringequalsignorecase" => value.to_lowercase() == literal(wanted).to_lowercase(),
        "bool" => value.eq_ignore_ascii_case(wanted),
        "stringlike" => like(wanted, value),
        "arnlike" | "arnequals" => arn_like(wanted, value),
        "ipaddress" => in_network(value, wanted),
        _ => match operator.strip_prefix("numeric") {
            Some(how) => ordered(how, value.parse::<f64>().ok(), wanted.parse().ok()),
            None => ordered(operator.trim_start_matches("date"), date(value), date(wanted)),
        },
    }
}

fn ordered(how: &str, value: Option<f64>, wanted: Option<f64>) -> bool {
    let (Some(value), Some(wanted)) = (value, wanted) else {
        return false;
    };
    match how {
        "equals" => value == wanted,
        "lessthan" => value < wanted,
        "lessthanequals" => value <= wanted,
        "greaterthan" => value > wanted,
        "greaterthanequals" => value >= wanted,
        _ => false,
    }
}

/// Seconds since 1970, of that number or of an ISO 8601 time.
fn date(text: &str) -> Option<f64> {
    use time::format_description::well_known::Rfc3339;
    let midnight = || format!("{text}T00:00:00Z");
    let parsed = time::OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| time::OffsetDateTime::parse(&midnight(), &Rfc3339));
    text.parse().ok().or_else(|| parsed.ok().map(|t| t.unix_timestamp_nanos() as f64 / 1e9))
}

fn in_network(value: &str, network: &str) -> bool {
    let (base, bits) = network.split_once('/').unwrap_or((network, "128"));
    let Ok(bits) = bits.parse::<u32>() else {
        return false;
    };
    match (IpAddr::from_str(value), IpAddr::from_str(base)) {
        (Ok(IpAddr::V4(a)), Ok(IpAddr::V4(b))) => {
            let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        (Ok(IpAddr::V6(a)), Ok(IpAddr::V6(b))) => {
            let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        _ => false,
    }
}

/// Marks of characters that came from `${*}`, `${?}`, `${$}`: they mean themselves.
const STAR: char = '\u{E000}';
const MARK: char = '\u{E001}';

/// Puts the request's values into `${…}`. `None`: a variable has no value, so nothing can match.
pub(super) fn fill(text: &str, context: &Context) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(&value_of(name, context)?);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

fn value_of(name: &str, context: &Context) -> Option<String> {
    match name {
        "*" => return Some(STAR.to_string()),
        "?" => return Some(MARK.to_string()),
        "$" => return Some("$".to_owned()),
        _ => {}
    }
    let (key, default) = match name.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
        None => (name.trim(), None),
    };
    match context.get(key) {
        // A value's own wildcards mean themselves.
        Some([one]) => Some(one.replace('*', &STAR.to_string()).replace('?', &MARK.to_string())),
        _ => default.map(str::to_owned),
    }
}

fn literal(text: &str) -> String {
    text.replace(STAR, "*").replace(MARK, "?")
}

/// Whether `*` and `?` in the pattern can stand for what is in the text.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || same(c, text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

fn same(pattern: char, text: char) -> bool {
    match pattern {
        STAR => text == '*',
        MARK => text == '?',
        other => other == text,
    }
}

/// ARNs match part by part: a `*` does not reach over the first five colons.
pub(super) fn arn_like(pattern: &str, arn: &str) -> bool {
    let patterns: Vec<&str> = pattern.splitn(6, ':').collect();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if pattern == "*" {
        return true;
    }
    patterns.len() == 6 && parts.len() == 6 && patterns.iter().zip(&parts).all(|(p, t)| like(p, t))
}
