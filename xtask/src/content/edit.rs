//! Changes a JSON object as text, so that everything that is not changed stays as somebody wrote it.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

/// Where a member of the outermost object stands.
struct Member {
    key: String,
    /// From the first quote of the key.
    start: usize,
    value: Range<usize>,
}

/// The text with this member of the outermost object, changed where it stands or added at the end.
///
/// Fails when the text is no JSON object.
pub(crate) fn set(text: &str, key: &str, value: &Value) -> Result<String> {
    serde_json::from_str::<Map<String, Value>>(text).context("read it as a JSON object")?;
    let members = members(text)?;
    let mut edited = text.to_owned();
    match members.iter().rfind(|member| member.key == key) {
        Some(member) => edited.replace_range(member.value.clone(), &value.to_string()),
        None => add(&mut edited, &members, &format!("{}: {value}", Value::from(key)))?,
    }
    Ok(edited)
}

/// The text changed so that it says `content`: in place where its members are the same, written anew otherwise.
pub(crate) fn become_like(text: &str, content: &Value) -> Result<String> {
    let before: Option<Map<String, Value>> = serde_json::from_str(text).ok();
    let (Some(before), Some(after)) = (before, content.as_object()) else { return anew(content) };
    if before.keys().any(|key| !after.contains_key(key)) {
        return anew(content);
    }
    let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    changed.into_iter().try_fold(text.to_owned(), |text, (key, value)| set(&text, key, value))
}

fn anew(content: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(content)? + "\n")
}

fn add(text: &mut String, members: &[Member], member: &str) -> Result<()> {
    match members.last() {
        // Set off from the one before as that one is from what precedes it.
        Some(last) => {
            let blanks = text[..last.start].len() - text[..last.start].trim_end().len();
            let blanks = text[last.start - blanks..last.start].to_owned();
            text.insert_str(last.value.end, &format!(",{blanks}{member}"));
        }
        None => {
            let (open, close) = (text.find('{'), text.rfind('}'));
            let (open, close) = open.zip(close).context("find the object's braces")?;
            text.replace_range(open + 1..close, &format!("\n  {member}\n"));
        }
    }
    Ok(())
}

/// The members of the object that the text is, in their order.
fn members(text: &str) -> Result<Vec<Member>> {
    let mut at = skip(text, 0, '{')?;
    let mut members = Vec::new();
    while !text[at..].trim_start().starts_with('}') {
        if !members.is_empty() {
            at = skip(text, at, ',')?;
        }
        let (key, span): (String, _) = next(text, at)?;
        at = skip(text, span.end, ':')?;
        let (IgnoredAny, value) = next(text, at)?;
        at = value.end;
        members.push(Member { key, start: span.start, value });
    }
    Ok(members)
}

/// The place after this sign, which comes next.
fn skip(text: &str, at: usize, sign: char) -> Result<usize> {
    let rest = text[at..].trim_start();
    if !rest.starts_with(sign) {
        bail!("bug: no `{sign}` at byte {at} of what is JSON");
    }
    Ok(text.len() - rest.len() + sign.len_utf8())
}

/// The value that comes next, and where it stands.
fn next<T: DeserializeOwned>(text: &str, at: usize) -> Result<(T, Range<usize>)> {
    let start = text.len() - text[at..].trim_start().len();
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<T>();
    let value = values.next().context("find a value")??;
    Ok((value, start..start + values.byte_offset()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str =
        "{\n\t\"limit\" :  10 ,\n\n\t\"nested\": {\"limit\": 1, \"a\\\"}\": [1, 2]},\"on\":false\n}\n";

    #[test]
    fn only_the_value_changes() {
        assert_eq!(set(TEXT, "limit", &json!(20)).unwrap(), TEXT.replacen("10", "20", 1));
        assert_eq!(set(TEXT, "on", &json!(true)).unwrap(), TEXT.replace("false", "true"));
        let nested = set(TEXT, "nested", &json!([])).unwrap();
        assert_eq!(nested, "{\n\t\"limit\" :  10 ,\n\n\t\"nested\": [],\"on\":false\n}\n");
    }

    #[test]
    fn what_is_there_twice_is_changed_where_it_counts() {
        assert_eq!(set(r#"{"a": 1, "a": 2}"#, "a", &json!(3)).unwrap(), r#"{"a": 1, "a": 3}"#);
    }

    #[test]
    fn a_new_member_comes_last_and_looks_like_the_others() {
        assert_eq!(
            set("{\n  \"a\": 1\n}\n", "b", &json!("x")).unwrap(),
            "{\n  \"a\": 1,\n  \"b\": \"x\"\n}\n"
        );
        assert_eq!(set(r#"{"a":1}"#, "b", &json!(2)).unwrap(), r#"{"a":1,"b": 2}"#);
        assert_eq!(set("{}\n", "b", &json!(2)).unwrap(), "{\n  \"b\": 2\n}\n");
    }

    #[test]
    fn keys_are_told_by_what_they_mean() {
        assert_eq!(set(r#"{"\u0061": 1}"#, "a", &json!(2)).unwrap(), r#"{"\u0061": 2}"#);
        assert_eq!(set("{\"ä}\": 1}", "ä}", &json!(2)).unwrap(), "{\"ä}\": 2}");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "{\"a\": 1", "{\"a\": 1,}", "\u{feff}{}"] {
            set(text, "a", &json!(1)).expect_err(text);
        }
    }

    #[test]
    fn a_document_becomes_another_and_keeps_its_layout() {
        let like = |content| become_like("{ \"a\": 1,   \"b\": 2 }", &content).unwrap();
        assert_eq!(like(json!({"b": 3, "a": 1})), "{ \"a\": 1,   \"b\": 3 }");
        assert_eq!(like(json!({"a": 1, "b": 2, "c": 3})), "{ \"a\": 1,   \"b\": 2,   \"c\": 3 }");
        assert_eq!(like(json!({"a": 1})), "{\n  \"a\": 1\n}\n");
        assert_eq!(become_like("broken", &json!({"a": 1})).unwrap(), "{\n  \"a\": 1\n}\n");
    }
}
