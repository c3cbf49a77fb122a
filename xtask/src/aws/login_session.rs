//! Sessions of `aws login`, in which the AWS CLI keeps credentials of the console: it is asked for them.
//!
//! The SDK reads them itself with a feature that brings a service's client and the elliptic curves of a signature.

use std::borrow::Cow;

use aws_config::credential_process::CredentialProcessProvider;
use aws_config::profile::{Profile, ProfileSet};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::NoCredentials;
use super::failure::causes;

/// A profile that is such a session, or whose role is taken from one.
#[derive(Debug)]
pub(super) struct LoginSession {
    profile: String,
    asked: CredentialProcessProvider,
}

impl LoginSession {
    /// The session that the profile begins with, or the one in use where none is named; none where that is something
    /// else.
    pub(super) async fn of(profile: Option<&str>) -> Option<Self> {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if profile.is_none() && set("AWS_ACCESS_KEY_ID") {
            return None;
        }
        let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
        let named = profile.map(|profile| Cow::from(profile.to_owned()));
        // Files that cannot be read are told by what needs them.
        let read = aws_config::profile::load(&fs, &env, &files, named).await.ok()?;
        let profile = read.selected_profile().to_owned();
        begins_with(&read, &profile)?.get("login_session")?;
        let quoted = profile.replace('\'', r"'\''");
        let command = format!("aws configure export-credentials --profile '{quoted}' --format process");
        Some(Self { profile, asked: CredentialProcessProvider::new(command) })
    }
}

/// Where the roles of a profile are taken from in the end; none where profiles name each other in a circle.
fn begins_with<'a>(profiles: &'a ProfileSet, name: &str) -> Option<&'a Profile> {
    let mut profile = profiles.get_profile(name)?;
    for _ in profiles.profiles() {
        match profile.get("source_profile") {
            // A profile that names itself has the keys itself.
            Some(source) if source != profile.name() => profile = profiles.get_profile(source)?,
            _ => return Some(profile),
        }
    }
    None
}

impl ProvideCredentials for LoginSession {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let given = self.asked.provide_credentials().await;
            given.map_err(|error| {
                let why = causes(&error);
                CredentialsError::provider_error(NoCredentials(format!(
                    "profile `{}` is or begins with a session of `aws login`, for which the AWS CLI is asked, 2.32 or \
                     later: run `aws login` again for it ({why})",
                    self.profile
                )))
            })
        })
    }
}
