//! Hosted configuration versions.

use super::profiles::{Profile, profile};
use super::{allow, application_path, kept, missing, page, profile_path, refused, validation};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Kilobytes that a configuration may have.
const LIMIT: f64 = 2048.0;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    pub number: i64,
    pub label: Option<String>,
    pub description: Option<String>,
    pub content_type: String,
    /// Base64.
    pub content: String,
}

impl Version {
    fn output(&self, profile: &Profile) -> Value {
        let mut output = self.summary(profile);
        output["Content"] = json!(self.content);
        output
    }

    fn summary(&self, profile: &Profile) -> Value {
        json!({
            "ApplicationId": profile.application,
            "ConfigurationProfileId": profile.id,
            "VersionNumber": self.number,
            "Description": self.description,
            "ContentType": self.content_type,
            "VersionLabel": self.label,
        })
    }

    /// Refuses what the profile's validators forbid.
    pub(super) fn check(&self, validators: &[Value]) -> Result<(), Fault> {
        validation::check(validators, &decode(&self.content)?, &self.content_type)
    }
}

/// The version with this number or label.
pub(super) fn find<'a>(profile: &'a Profile, version: &str) -> Result<&'a Version, Fault> {
    let number: Option<i64> = version.parse().ok();
    let mut versions = profile.versions.iter();
    let found = versions.find(|it| Some(it.number) == number || it.label.as_deref() == Some(version));
    found.ok_or_else(|| missing("hosted configuration version", version))
}

pub(super) fn create(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), profile_path(call)])?;
    let expected = call.int("LatestVersionNumber");
    let mut version = Version {
        number: 0,
        label: kept(call, "VersionLabel"),
        description: kept(call, "Description"),
        content_type: call.text("ContentType").to_owned(),
        content: call.text("Content").to_owned(),
    };
    let profile = profile(call)?;
    let size = decode(&version.content)?.len() as f64 / 1024.0;
    if size > LIMIT {
        return Err(too_large(size));
    }
    if let Some(expected) = expected.filter(|expected| *expected != profile.latest) {
        let latest = profile.latest;
        let why = format!("The latest version number is {latest}, not {expected}.");
        return Err(Fault::new("ConflictException", why));
    }
    if let Some(label) = version.label.as_ref().filter(|label| find(profile, label).is_ok()) {
        return Err(Fault::new("ConflictException", format!("Version label {label} already exists.")));
    }
    version.check(&profile.validators)?;
    profile.latest += 1;
    version.number = profile.latest;
    let output = version.output(profile);
    profile.versions.push(version);
    Ok(output)
}

pub(super) fn get(call: &mut Call) -> Answer {
    allow(call, &paths(call))?;
    let number = number(call);
    let profile = profile(call)?;
    Ok(find(profile, &number)?.output(profile))
}

pub(super) fn list(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), profile_path(call)])?;
    let wanted = kept(call, "VersionLabel");
    let matches = |version: &Version| match (&wanted, &version.label) {
        (None, _) => true,
        (Some(wanted), Some(label)) => match wanted.strip_suffix('*') {
            Some(prefix) => label.starts_with(prefix),
            None => label == wanted,
        },
        (Some(_), None) => false,
    };
    let profile = profile(call)?;
    let newest_first = profile.versions.iter().rev();
    let items = newest_first.filter(|it| matches(it)).map(|it| it.summary(profile)).collect();
    page(call, items)
}

pub(super) fn delete(call: &mut Call) -> Answer {
    allow(call, &paths(call))?;
    let wanted = number(call);
    let profile = profile(call)?;
    let number = find(profile, &wanted)?.number;
    profile.versions.retain(|it| it.number != number);
    Ok(json!({}))
}

pub(super) fn validate(call: &mut Call) -> Answer {
    allow(call, &[application_path(call), profile_path(call)])?;
    let wanted = call.text("ConfigurationVersion").to_owned();
    let profile = profile(call)?;
    find(profile, &wanted)?.check(&profile.validators)?;
    Ok(json!({}))
}

fn paths(call: &Call) -> [String; 3] {
    let version = format!("{}/hostedconfigurationversion/{}", profile_path(call), number(call));
    [application_path(call), profile_path(call), version]
}

fn number(call: &Call) -> String {
    call.int("VersionNumber").unwrap_or_default().to_string()
}

fn decode(content: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(content).map_err(|error| refused(format!("Invalid content: {error}")))
}

fn too_large(size: f64) -> Fault {
    let why = format!("The configuration has {size:.0} KB, which is more than {LIMIT} KB.");
    Fault::new("PayloadTooLargeException", why)
        .with("Measure", "KILOBYTES")
        .with("Limit", LIMIT)
        .with("Size", size)
}
