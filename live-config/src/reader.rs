//! One session with AppConfig Data, replaced whenever it may have broken.

use std::error::Error;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_appconfigdata::Client;
use aws_sdk_appconfigdata::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::{Source, aws};

/// What a poll brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Empty where the version has no label.
    pub(crate) label: String,
    pub(crate) bytes: Vec<u8>,
}

/// Polls one source. A token that was sent is never sent again, whatever became of the answer.
pub(crate) struct Reader {
    source: Source,
    aws: SdkConfig,
    role: SharedCredentialsProvider,
    client: Client,
    token: Option<String>,
    interval: Duration,
}

struct Failure {
    message: String,
    /// The token was expired or used: only a new session helps, and at once.
    session_over: bool,
    /// The cached credentials may belong to a role that is gone or was made anew.
    credentials_suspect: bool,
}

impl Reader {
    pub(crate) async fn new(source: Source, aws: &SdkConfig) -> Self {
        let role = AssumeRoleProvider::builder(&source.read_role)
            .configure(aws)
            .session_name(session_name(&source))
            .build()
            .await;
        let role = SharedCredentialsProvider::new(role);
        Self {
            client: aws::client(aws, &role, source.max_bytes),
            aws: aws.clone(),
            role,
            token: None,
            interval: source.poll_interval,
            source,
        }
    }

    /// The pause AppConfig asked for.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// The newest content, or `None` if this session has seen it already.
    pub(crate) async fn read(&mut self) -> Result<Option<Content>, String> {
        let answer = self.read_in_session().await;
        if matches!(&answer, Err(failure) if failure.credentials_suspect) {
            self.client = aws::client(&self.aws, &self.role, self.source.max_bytes);
        }
        answer.map_err(|failure| failure.message)
    }

    async fn read_in_session(&mut self) -> Result<Option<Content>, Failure> {
        if let Some(token) = self.token.take() {
            match self.poll(token).await {
                Err(failure) if failure.session_over => {
                    tracing::info!(reason = failure.message, "starting a new configuration session");
                }
                answer => return answer,
            }
        }
        let token = self.open().await?;
        self.poll(token).await
    }

    async fn open(&self) -> Result<String, Failure> {
        let session = self
            .client
            .start_configuration_session()
            .application_identifier(&self.source.application)
            .environment_identifier(&self.source.environment)
            .configuration_profile_identifier(&self.source.profile)
            .required_minimum_poll_interval_in_seconds(self.source.poll_interval.as_secs() as i32)
            .send()
            .await
            .map_err(|error| Failure::new("StartConfigurationSession", &error))?;
        session
            .initial_configuration_token
            .ok_or_else(|| Failure::plain("StartConfigurationSession: an answer without a token"))
    }

    async fn poll(&mut self, token: String) -> Result<Option<Content>, Failure> {
        let request = self.client.get_latest_configuration().configuration_token(token);
        let answer = request.send().await.map_err(|error| Failure::new("GetLatestConfiguration", &error))?;
        self.token = answer.next_poll_configuration_token;
        if answer.next_poll_interval_in_seconds > 0 {
            let seconds = answer.next_poll_interval_in_seconds.min(86_400);
            self.interval = Duration::from_secs(seconds as u64);
        }
        let bytes = answer.configuration.map(|blob| blob.into_inner()).unwrap_or_default();
        let label = answer.version_label.unwrap_or_default();
        Ok((!bytes.is_empty()).then_some(Content { label, bytes }))
    }
}

impl Failure {
    fn new<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let code = error.code().unwrap_or_default();
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        Self {
            message: describe(operation, error),
            session_over: code == "BadRequestException",
            credentials_suspect: matches!(status, 401 | 403) || code.starts_with("ExpiredToken"),
        }
    }

    fn plain(message: &str) -> Self {
        Self { message: message.to_owned(), session_over: false, credentials_suspect: false }
    }
}

/// AWS's own code and message where there is one, else the chain of causes.
fn describe<E: Error + ProvideErrorMetadata + 'static>(
    operation: &str,
    error: &SdkError<E, HttpResponse>,
) -> String {
    if let (Some(code), Some(message)) = (error.code(), error.message()) {
        return format!("{operation}: {code}: {message}");
    }
    let first: &dyn Error = error;
    let causes: Vec<_> = std::iter::successors(Some(first), |&cause| cause.source()).collect();
    let (doing, causes) = match causes.iter().position(|cause| cause.is::<CredentialsError>()) {
        Some(at) => ("assume the reading role", &causes[at + 1..]),
        None => (operation, &causes[..]),
    };
    let causes: Vec<String> = causes.iter().map(ToString::to_string).collect();
    format!("{doing}: {}", causes.join(": "))
}

/// What the account that owns the role sees in its trail: at most 64 of STS's characters.
fn session_name(source: &Source) -> String {
    let name = format!("{}-{}", source.application, source.environment);
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || "+=,.@-_".contains(c) { c } else { '-' }
    };
    name.chars().map(allowed).take(64).collect()
}
