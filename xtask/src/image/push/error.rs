//! Why a registry did not take an image, in words that say what to do.

use oci_client::errors::{OciDistributionError, OciEnvelope, OciErrorCode};
use thiserror::Error;

use super::Digest;

/// What can go wrong between us and a registry.
#[derive(Debug, Error)]
pub(crate) enum PushError {
    #[error("the registry refused our token, it has expired or never was valid: {0}")]
    Unauthorized(String),
    #[error("the registry does not allow this: {0}")]
    Denied(String),
    #[error("the registry has no repository `{repository}`: run `cargo xtask bootstrap`")]
    NoRepository { repository: String },
    #[error("the registry has no such image")]
    NotFound,
    #[error("tag `{tag}` is taken by {there}: it cannot become {ours}")]
    TagTaken { tag: String, there: String, ours: String },
    #[error("the tag is taken by other content and cannot be moved: {0}")]
    Immutable(String),
    #[error("the registry's storage is full: {0}")]
    NoSpace(String),
    #[error("the registry is not well (status {status}): {message}")]
    Unwell { status: u16, message: String },
    #[error("the connection to the registry was cut; run the command again, what arrived is kept")]
    Cut(#[source] Box<OciDistributionError>),
    #[error("the registry does not answer; run the command again, what arrived is kept")]
    Silent,
    #[error("the registry has {} under `{tag}` after we pushed {ours}", .there.as_ref().map_or("nothing", |it| it.as_str()))]
    Different { tag: String, there: Option<Digest>, ours: Digest },
    #[error("the registry refused (status {status}): {message}")]
    Refused { status: u16, message: String },
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl PushError {
    pub(super) fn taken(tag: &str, there: &Digest, ours: &Digest) -> Self {
        PushError::TagTaken { tag: tag.into(), there: there.to_string(), ours: ours.to_string() }
    }

    /// Whether trying again may help.
    pub(super) fn passes(&self) -> bool {
        matches!(self, PushError::Cut(_) | PushError::Silent | PushError::Unwell { .. })
    }

    /// Names the repository, which the registry's answer does not.
    pub(super) fn of(self, repository: &str) -> Self {
        match self {
            PushError::NoRepository { .. } => PushError::NoRepository { repository: repository.into() },
            other => other,
        }
    }

    fn answered(status: u16, body: &str) -> Self {
        if let Ok(envelope) = serde_json::from_str::<OciEnvelope>(body)
            && let Some(said) = envelope.errors.into_iter().next()
        {
            return PushError::said(status, &said.code, said.message);
        }
        PushError::status(status, body.trim().to_owned())
    }

    fn said(status: u16, code: &OciErrorCode, message: String) -> Self {
        match code {
            OciErrorCode::NameUnknown => PushError::NoRepository { repository: String::new() },
            OciErrorCode::ManifestUnknown | OciErrorCode::NotFound => PushError::NotFound,
            OciErrorCode::Unauthorized => PushError::Unauthorized(message),
            // ECR's answer to a token that has expired is DENIED, not UNAUTHORIZED.
            OciErrorCode::Denied if message.contains("expired") => PushError::Unauthorized(message),
            OciErrorCode::Denied => PushError::Denied(message),
            OciErrorCode::TagInvalid => PushError::Immutable(message),
            OciErrorCode::Other(code) if code.contains("TAG_ALREADY_EXISTS") => PushError::Immutable(message),
            OciErrorCode::Toomanyrequests => PushError::Unwell { status, message },
            _ => PushError::status(status, message),
        }
    }

    fn status(status: u16, message: String) -> Self {
        let full = ["no space", "quota", "disk"].iter().any(|it| message.to_lowercase().contains(it));
        match status {
            401 => PushError::Unauthorized(message),
            403 => PushError::Denied(message),
            404 => PushError::NotFound,
            507 => PushError::NoSpace(message),
            429 | 500..=599 if full => PushError::NoSpace(message),
            429 | 500..=599 => PushError::Unwell { status, message },
            _ => PushError::Refused { status, message },
        }
    }
}

impl From<OciDistributionError> for PushError {
    fn from(error: OciDistributionError) -> Self {
        match error {
            OciDistributionError::UnauthorizedError { url } => PushError::Unauthorized(url),
            OciDistributionError::AuthenticationFailure(message) => PushError::Unauthorized(message),
            OciDistributionError::ImageManifestNotFoundError(_) => PushError::NotFound,
            OciDistributionError::RegistryError { mut envelope, .. } => match envelope.errors.pop() {
                Some(said) => PushError::said(400, &said.code, said.message),
                None => PushError::Refused { status: 400, message: "no reason given".into() },
            },
            OciDistributionError::ServerError { code, message, .. } => PushError::answered(code, &message),
            OciDistributionError::RequestError(error) => match error.status() {
                Some(status) => PushError::status(status.as_u16(), error.to_string()),
                None => PushError::Cut(Box::new(OciDistributionError::RequestError(error))),
            },
            error @ OciDistributionError::IoError(_) => PushError::Cut(Box::new(error)),
            other => PushError::Other(other.into()),
        }
    }
}
