//! The shared config file of the AWS CLI and the SDKs: our sections in it, and nothing else of it.
//!
//! **Architecture Invariant:** what we did not write is never changed, byte for byte. A section is ours if it carries
//! our comment; a file that tools read differently, or that cannot be replaced at once, is refused and left as it is.

mod file;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use file::{config_file, edit, read};
pub(crate) use text::Text;

/// The name of the profile for an account: the account's label, or `<project>-<label>` where that is somebody else's.
pub(crate) fn name_for(text: &str, project: &str, label: &str) -> String {
    let parsed = Text::parse(text).ok();
    let section = parsed.as_ref().and_then(|text| text.section(&profile(label)));
    match section.is_some_and(|section| !section.is_of(project)) {
        true => format!("{}-{label}", project.to_lowercase()),
        false => label.to_owned(),
    }
}

/// The section that a profile is.
pub(crate) fn profile(name: &str) -> String {
    format!("profile {name}")
}
