//! The shared config file of the AWS CLI and the SDKs: our sections in it, and nothing else of it.
//!
//! **Architecture Invariant:** what we did not write is never changed, byte for byte. A section is ours if it carries
//! our comment; a file that tools read differently, or that cannot be replaced at once, is refused and left as it is.

mod file;
mod rewrite;
mod settings;
mod source;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use file::{config_file, credentials_file, edit, read};
pub(crate) use rewrite::{Rewrite, keys_of};
use settings::{KEYS, SESSION_KEYS};
pub(crate) use settings::{Settings, Way, of_session};
pub(crate) use source::{Source, has_default};
pub(crate) use text::Text;

/// The section that a session of Identity Center is.
pub(crate) fn sso_session(name: &str) -> String {
    format!("sso-session {name}")
}

/// What the session of a project is called: as the project, unless somebody else's leads to another portal.
pub(crate) fn session_for(text: &str, project: &str, start_url: &str) -> String {
    let name = project.to_lowercase();
    let parsed = Text::parse(text).ok();
    let section = parsed.as_ref().and_then(|text| text.section(&sso_session(&name)));
    let other = |section: text::Section<'_>| {
        !section.is_of(project) && section.get("sso_start_url").as_deref() != Some(start_url)
    };
    if section.is_some_and(other) { format!("foothold-{name}") } else { name }
}

/// The name of the profile for an account: the account's label, or `<project>-<label>` where that is somebody else's.
pub(crate) fn name_for(text: &str, project: &str, label: &str) -> String {
    let parsed = Text::parse(text).ok();
    let section = parsed.as_ref().and_then(|text| text.section(&profile(label)));
    match section.is_some_and(|section| !section.is_of(project)) {
        true => format!("{}-{label}", project.to_lowercase()),
        false => label.to_owned(),
    }
}

/// The role by which each profile of a project signs in, as the file has it: profile and role.
pub(crate) fn signing_in(text: &str, project: &str) -> Vec<(String, String)> {
    let Ok(text) = Text::parse(text) else { return Vec::new() };
    let role = |section: &String| {
        let found = text.section(section)?;
        found.get("sso_session")?;
        Some((section.strip_prefix("profile ")?.to_owned(), found.get("sso_role_name")?))
    };
    text.sections_of(project).iter().filter_map(role).collect()
}

/// The profile of one more role in an account.
pub(crate) fn also(profile: &str, role: &str) -> String {
    format!("{profile}-{role}")
}

/// The section that a profile is.
pub(crate) fn profile(name: &str) -> String {
    format!("profile {name}")
}
