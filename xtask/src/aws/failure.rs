//! What AWS answered instead of what was asked, and what to do about it.

use std::fmt::{self, Display, Formatter};

use anyhow::Result;
use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::client::Unreached;
use crate::resource::{Busy, NotVisible};

/// What AWS answered instead of what was asked, or why no answer came.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: String,
    message: String,
    request_id: Option<String>,
    /// No answer, or one that means "later": the same call may go through.
    pub(crate) transient: bool,
    /// There were no credentials to send it with.
    unsent: bool,
}

impl Failure {
    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }

    /// Whether AWS's sentence has these words, for errors that share a code.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.message.contains(words)
    }

    pub(super) fn denied(&self) -> bool {
        self.unsent || self.is(DENIED)
    }

    /// What the person can do about it, where its code tells.
    fn remedy(&self) -> Option<&'static str> {
        REMEDIES.iter().find(|(codes, _)| self.is(codes)).map(|(_, remedy)| *remedy)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { code, message, request_id, .. } = self;
        match (code.is_empty(), message.is_empty()) {
            (true, _) => f.write_str(message)?,
            (_, true) => f.write_str(code)?,
            _ => write!(f, "{code}: {message}")?,
        }
        request_id.as_ref().map_or(Ok(()), |id| write!(f, " (request {id})"))
    }
}

impl std::error::Error for Failure {}

const DENIED: &[&str] = &["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];

/// What passes.
const LATER: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    // Services come to an account that was just made one after the other.
    "OptInRequired",
    "SubscriptionRequiredException",
];

/// By error code, in AWS's spelling of each service.
const REMEDIES: &[(&[&str], &str)] = &[
    (
        DENIED,
        "let somebody allow that action to that principal, or use other credentials: `--profile`, or `cargo xtask login`",
    ),
    (
        &["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"],
        "these credentials have expired: `cargo xtask login`, or get new ones where you got these",
    ),
    (
        &["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "IncompleteSignature"],
        "AWS knows no such access key, or that Region is off in its account: see which key is used with `aws configure \
         list`, and choose with `--profile`; Regions are switched on in the console, Account",
    ),
    (
        &["SignatureDoesNotMatch", "InvalidSignatureException", "RequestTimeTooSkewed"],
        "the secret key is not the access key's, or this machine's clock is wrong: compare `date -u` with another's",
    ),
    (
        &["OptInRequired", "RegionDisabledException", "SubscriptionRequiredException"],
        "switch that Region or service on in that account's console; an account that was just made may need some minutes",
    ),
    (
        &[
            "LimitExceeded",
            "LimitExceededException",
            "ServiceQuotaExceededException",
            "ConstraintViolationException",
        ],
        "ask for more in that account's console, Service Quotas, or delete what is not needed",
    ),
    (
        &["Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"],
        "AWS asks for fewer calls at a time: run it again in a minute",
    ),
];

/// What the person can do about an error that AWS's answer is behind.
pub(crate) fn remedy(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(|cause| cause.downcast_ref::<Failure>()).and_then(Failure::remedy)
}

/// Why there are no credentials for a call, which was therefore not sent.
#[derive(Debug)]
pub(super) struct NoCredentials(pub(super) String);

impl Display for NoCredentials {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoCredentials {}

/// What an SDK error says, in AWS's words.
pub(crate) fn explain<E>(error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let answered = error.raw_response();
    let request_id = answered.and_then(|r| r.headers().get("x-amzn-requestid")).map(str::to_owned);
    let status = answered.map_or(0, |r| r.status().as_u16());
    let without = |message: String, unsent| {
        let (code, request_id, transient) = (String::new(), None, false);
        Failure { code, message, request_id, transient, unsent }
    };
    if let Some(NoCredentials(why)) = within(&error) {
        return without(why.clone(), true);
    }
    if let Some(CredentialsError::CredentialsNotLoaded(_)) = within(&error) {
        return without(
            "there are no credentials, neither in the environment nor in a profile".to_owned(),
            false,
        );
    }
    if let Some(error) = within::<ImdsError>(&error) {
        let why = causes(error);
        return without(
            format!(
                "there are no credentials, neither in the environment nor in a profile, nor of the machine ({why})"
            ),
            false,
        );
    }
    // Why STS refused the role that the call was to be made with: deep inside of a call that was never sent.
    let refused = within::<AssumeRoleError>(&error);
    let said: &dyn ProvideErrorMetadata = refused.map_or(&error, |refused| refused);
    let code = said.code().unwrap_or_default().to_owned();
    let message = match said.message() {
        Some(message) => message.to_owned(),
        None if code.is_empty() && (200..300).contains(&status) => {
            format!("the answer to {} cannot be read: {}", call::<E>(), causes(&error))
        }
        None if code.is_empty() => unanswered_because(&error),
        None => String::new(),
    };
    let unanswered = matches!(
        error,
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_)
    );
    let transient =
        unanswered && !hopeless(&error) || status >= 500 && status != 501 || LATER.contains(&code.as_str());
    Failure { code, message, request_id, transient, unsent: false }
}

/// The call whose error this is: `ecr:DescribeImages`.
fn call<E>() -> String {
    let name = std::any::type_name::<E>();
    let service = name.strip_prefix("aws_sdk_").and_then(|rest| rest.split("::").next());
    let operation = name.rsplit("::").next().and_then(|last| last.strip_suffix("Error"));
    format!("{}:{}", service.unwrap_or_default(), operation.unwrap_or_default())
}

/// What an error says and what is behind it. Never what AWS answered as it is: that may be a secret.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(|error| undebugged(&error.to_string()).trim_end_matches('.').to_owned())
        .filter(|said| !["", "service error", "unhandled error"].contains(&said.as_str()))
        .collect();
    said.dedup();
    said.join(": ")
}

/// A sentence without the structs that the SDK puts into some, answers among them.
fn undebugged(said: &str) -> &str {
    let structs = said.match_indices(" { ").filter_map(|(at, _)| {
        let word = said[..at].rfind(char::is_whitespace).map_or(0, |space| space + 1);
        said[word..at].starts_with(char::is_uppercase).then_some(word)
    });
    structs.min().map_or(said, |start| said[..start].trim_end())
}

/// Why no answer came: from where the request was going, if it was sent at all.
fn unanswered_because(error: &(dyn std::error::Error + 'static)) -> String {
    match within::<Unreached>(error) {
        Some(unreached) => causes(unreached),
        None => causes(error),
    }
}

/// The typed error inside of another, however deep.
fn within<'e, T: std::error::Error + 'static>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e T> {
    let chain = std::iter::successors(error.source(), |error| error.source());
    chain.into_iter().find_map(|error| error.downcast_ref())
}

/// Credentials that cannot be had, and requests that the fence stopped, will not be better later.
fn hopeless<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::DispatchFailure(failure) => {
            // A connection that was cut is of another kind, too, but of one that is known to pass.
            let passes = failure.as_connector_error().is_some_and(|error| error.as_other().is_some());
            failure.is_user() || failure.is_other() && !passes
        }
        _ => false,
    }
}

type Sent<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// An answer to a reading call: `None` where one of these codes says that it is not there.
///
/// Fails with [`NotVisible`] where we may not look, and with [`Busy`] where looking again may help.
pub(crate) fn read<T, E>(answer: Sent<T, E>, absent: &[&str]) -> Result<Option<T>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = match answer {
        Ok(found) => return Ok(Some(found)),
        Err(error) => explain(error),
    };
    match failure {
        failure if failure.is(absent) => Ok(None),
        failure if failure.denied() => Err(NotVisible(failure.to_string()).into()),
        failure if failure.transient => Err(Busy(failure.to_string()).into()),
        failure => Err(failure.into()),
    }
}

/// An answer to a writing call: [`Busy`] where one of these codes, or a lost answer, says to look again.
pub(crate) fn wrote<T, E>(answer: Sent<T, E>, again: &[&str]) -> Result<T>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    answer.map_err(|error| match explain(error) {
        failure if failure.is(again) || failure.transient => Busy(failure.to_string()).into(),
        failure => failure.into(),
    })
}

/// An answer to a deleting call: gone already is fine.
pub(crate) fn gone<T, E>(answer: Sent<T, E>, absent: &[&str], again: &[&str]) -> Result<()>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer.map_err(explain) {
        Ok(_) => Ok(()),
        Err(failure) if failure.is(absent) => Ok(()),
        Err(failure) if failure.is(again) || failure.transient => Err(Busy(failure.to_string()).into()),
        Err(failure) => Err(failure.into()),
    }
}
