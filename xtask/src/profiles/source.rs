//! Where the roles of our profiles are taken from: whatever the caller's own credentials come from, and never a secret.

use super::Text;

/// What stands in a profile besides its role.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) enum Source {
    Profile(String),
    Environment,
    EcsContainer,
    Ec2InstanceMetadata,
}

impl Source {
    /// What the SDKs would find where no profile was asked for, in their order. `default` is whether there is a profile
    /// of that name.
    pub(crate) fn found(variable: impl Fn(&str) -> Option<String>, default: bool) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let container = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
        match set("AWS_PROFILE") {
            _ if set("AWS_ACCESS_KEY_ID").is_some() => Self::Environment,
            Some(profile) => Self::Profile(profile),
            None if default => Self::Profile("default".to_owned()),
            None if container.into_iter().any(|name| set(name).is_some()) => Self::EcsContainer,
            None => Self::Ec2InstanceMetadata,
        }
    }

    /// The setting.
    pub(super) fn setting(&self) -> (&'static str, String) {
        match self {
            Self::Profile(name) => ("source_profile", name.clone()),
            Self::Environment => ("credential_source", "Environment".to_owned()),
            Self::EcsContainer => ("credential_source", "EcsContainer".to_owned()),
            Self::Ec2InstanceMetadata => ("credential_source", "Ec2InstanceMetadata".to_owned()),
        }
    }
}

/// Whether a config or credentials file has credentials in its profile `default`.
pub(crate) fn has_default(text: &str) -> bool {
    const GIVING: [&str; 7] = [
        "aws_access_key_id",
        "credential_process",
        "login_session",
        "role_arn",
        "sso_session",
        "sso_start_url",
        "web_identity_token_file",
    ];
    let Ok(text) = Text::parse(text) else { return false };
    let sections = ["default", "profile default"].into_iter().filter_map(|name| text.section(name));
    sections.into_iter().any(|section| GIVING.iter().any(|key| section.get(key).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sdks_would_find_is_the_source() {
        let found = |variables: &[&str], default| {
            let variable = |name: &str| variables.contains(&name).then(|| "x".to_owned());
            let (key, value) = Source::found(variable, default).setting();
            format!("{key} = {value}")
        };
        let container = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        assert_eq!(found(&["AWS_ACCESS_KEY_ID", "AWS_PROFILE"], true), "credential_source = Environment");
        assert_eq!(found(&["AWS_PROFILE", container], true), "source_profile = x");
        assert_eq!(found(&[container], true), "source_profile = default");
        assert_eq!(found(&[container], false), "credential_source = EcsContainer");
        assert_eq!(found(&[], false), "credential_source = Ec2InstanceMetadata");
        assert!(has_default("[default]\nregion = x\naws_access_key_id = AKIA\n"));
        assert!(!has_default("[default]\nregion = x\n[profile a]\nrole_arn = y\n"));
    }
}
