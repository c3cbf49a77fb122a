//! What our sections say.

use std::collections::BTreeMap;

use super::Source;

/// Keys and values of a section.
pub(crate) type Settings = BTreeMap<String, String>;

/// How a profile gets its credentials. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) enum Way {
    /// By taking a role with the caller's own credentials.
    Role { role: String, source: Source },
    /// By a session of Identity Center, and the permission set of that name.
    SignIn { session: String, role: String },
}

/// What we set. Other settings of a profile are its owner's.
pub(crate) const KEYS: &[&str] = &[
    "role_arn",
    "source_profile",
    "credential_source",
    "sso_session",
    "sso_account_id",
    "sso_role_name",
    "region",
    "endpoint_url",
    // What a profile must not have besides a session: the Rust SDK refuses both.
    "sso_start_url",
    "sso_region",
];

/// What we set in a session.
pub(crate) const SESSION_KEYS: &[&str] = &["sso_start_url", "sso_region", "sso_registration_scopes"];

impl Way {
    /// The settings of a profile of an account.
    pub(crate) fn settings(&self, account: &str, region: &str, endpoint: Option<&str>) -> Settings {
        let own = match self {
            Self::Role { role, source } => {
                vec![("role_arn", format!("arn:aws:iam::{account}:role/{role}")), source.setting()]
            }
            Self::SignIn { session, role } => vec![
                ("sso_session", session.clone()),
                ("sso_account_id", account.to_owned()),
                ("sso_role_name", role.clone()),
            ],
        };
        let endpoint = endpoint.map(|endpoint| ("endpoint_url", endpoint.to_owned()));
        let all = own.into_iter().chain([("region", region.to_owned())]).chain(endpoint);
        all.map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// The settings of a session of Identity Center.
pub(crate) fn of_session(start_url: &str, region: &str) -> Settings {
    let settings = [
        ("sso_start_url", start_url),
        ("sso_region", region),
        ("sso_registration_scopes", "sso:account:access"),
    ];
    settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
