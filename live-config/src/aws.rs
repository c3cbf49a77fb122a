//! How this crate talks to AWS: one HTTPS client, pinned SDK behaviour, bounded time and size.

use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_appconfigdata::Client;
use aws_sdk_appconfigdata::config::retry::RetryConfig;
use aws_sdk_appconfigdata::config::{Builder, ConfigBag, IdentityCache, Intercept, RuntimeComponents};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use http_body_util::Limited;

/// The SDK's configuration from the environment, to be loaded once per program.
pub fn loader() -> ConfigLoader {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https)
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(10)).build())
}

/// A client that forgets nothing it should not know: fresh credentials, no retries, bounded answers.
pub(crate) fn client(aws: &SdkConfig, role: &SharedCredentialsProvider, max_bytes: usize) -> Client {
    let config = Builder::from(aws)
        .credentials_provider(role.clone())
        .identity_cache(IdentityCache::lazy().build())
        // A retry would send a single-use token twice.
        .retry_config(RetryConfig::disabled())
        .interceptor(SizeLimit(max_bytes));
    Client::from_conf(config.build())
}

/// Stops reading an answer beyond so many bytes, before it fills the memory.
#[derive(Debug)]
struct SizeLimit(usize);

impl Intercept for SizeLimit {
    fn name(&self) -> &'static str {
        "SizeLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().take_body();
        *context.response_mut().body_mut() = SdkBody::from_body_1_x(Limited::new(body, self.0));
        Ok(())
    }
}
