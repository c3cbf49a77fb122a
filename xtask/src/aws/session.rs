//! The credentials behind a door, for other programs.

use std::time::SystemTime;

use anyhow::{Context, Result};
use aws_credential_types::provider::ProvideCredentials as _;

use super::Door;

/// An access key, and what belongs to it where it is temporary. Never shown by `Debug`: there is none.
pub(crate) struct SessionKeys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) token: Option<String>,
    pub(crate) expires: Option<SystemTime>,
}

impl Door {
    /// The endpoint that stands for AWS, where one does.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    /// The credentials that this door's clients sign with.
    pub(crate) async fn credentials(&self) -> Result<SessionKeys> {
        let provider = self.config.credentials_provider().context("find credentials")?;
        let found = provider.provide_credentials().await;
        let found = found.with_context(|| format!("get credentials of account {}", self.account))?;
        Ok(SessionKeys {
            access_key_id: found.access_key_id().to_owned(),
            secret_access_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
            expires: found.expiry(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::aws::Reach;
    use crate::image::push::Registry;

    #[test]
    fn what_holds_a_secret_does_not_show_it() {
        let keys = Some(("AKIAIOSFODNN7EXAMPLE".to_owned(), "hush".to_owned()));
        let reach = format!("{:?}", Reach { keys, ..Reach::new(None, "eu-west-1") });
        assert!(reach.contains("eu-west-1") && !reach.contains("hush"), "{reach}");
        let registry = format!("{:#?}", Registry::new("https://registry.invalid", "app", "AWS", "hush"));
        assert!(registry.contains("registry.invalid") && !registry.contains("hush"), "{registry}");
    }
}
