//! Environment variables of the application, as `NAME=value`.

use super::faults::Fault;
use super::file::Given;

/// What every deployment gives the application, and nobody else may.
pub(crate) const OURS: [&str; 4] = ["APPCONFIGAPPNAME", "APPCONFIGCONF", "APPCONFIGENV", "APPCONFIGREADROLE"];

/// What is set by what runs it: the platform, or us with each image.
const OTHERS: [&str; 3] = ["IMAGE_DIGEST", "PORT", "REVISION"];

pub(super) fn variables(given: &Given<Vec<Given<String>>>, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
    let mut seen: Vec<(String, String)> = Vec::new();
    for (text, at) in given.get().into_iter().flatten().filter_map(Given::spanned) {
        let mut refuse = |what: String, instead: &str| faults.push(Fault::new(at.clone(), what, instead));
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let taken = OURS.contains(&name) || OTHERS.contains(&name) || name.starts_with("AWS");
        if !text.contains('=') || !is_name(name) {
            refuse(format!("`{text}` is no variable"), "write `NAME=value`");
        } else if taken {
            refuse(format!("`{name}` is set by what runs the application"), "remove it");
        } else if seen.iter().any(|(other, _)| other == name) {
            refuse(format!("`{name}` is there twice"), "remove one");
        }
        seen.push((name.to_owned(), value.to_owned()));
    }
    seen
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
