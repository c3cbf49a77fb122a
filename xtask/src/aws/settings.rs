//! The SDK's configuration: whose credentials, which Region, which way out.

use std::time::Duration;

use anyhow::{Result, ensure};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::login_session::LoginSession;
use super::{Reach, client, fence};

/// The same with other credentials, and an identity cache of their own: the first one would answer with the first's.
pub(super) fn with_credentials(base: &SdkConfig, provider: SharedCredentialsProvider) -> SdkConfig {
    let cache = aws_config::identity::IdentityCache::lazy().build();
    base.to_builder().credentials_provider(provider).identity_cache(cache).build()
}

/// The name of our sessions, as CloudTrail shows it.
pub(super) const SESSION: &str = "foothold";

/// How long one attempt of a call may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// The SDK's configuration, with our HTTP client: without it every call would fail, see `Cargo.toml`.
pub(super) async fn load(reach: &Reach) -> Result<SdkConfig> {
    let mut loader = loader(reach, &reach.region)?;
    if let Some(profile) = &reach.profile {
        loader = loader.profile_name(profile);
    }
    if let Some((id, secret)) = &reach.keys {
        let keys = Credentials::new(id, secret, None, None, SESSION);
        return Ok(loader.credentials_provider(keys).load().await);
    }
    if let Some(session) = LoginSession::of(reach.profile.as_deref()).await {
        return Ok(loader.credentials_provider(session).load().await);
    }
    let config = loader.load().await;
    Ok(match &reach.profile {
        Some(profile) => with_credentials(&config, by_profile(&config, profile)),
        None => config,
    })
}

/// The SDK's own chain takes keys of the environment before a profile that it was told; the AWS CLI does not.
fn by_profile(config: &SdkConfig, profile: &str) -> SharedCredentialsProvider {
    let around = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    let around = match config.http_client() {
        Some(client) => around.with_http_client(client),
        None => around,
    };
    let provider = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&around);
    SharedCredentialsProvider::new(provider.build())
}

/// The same for calls that carry no signature.
pub(super) async fn unsigned(reach: &Reach, region: &str) -> Result<SdkConfig> {
    Ok(loader(reach, region)?.no_credentials().load().await)
}

/// Fails where the environment names an endpoint that the SDK would leave out without a word, and ask AWS instead.
fn endpoints() -> Result<()> {
    let named =
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_ENDPOINT_URL"));
    for (name, value) in named.filter(|(_, value)| !value.is_empty()) {
        let url = value.to_str().and_then(|value| value.parse::<http::Uri>().ok());
        let good = url.is_some_and(|url| {
            url.authority().is_some() && matches!(url.scheme_str(), Some("http" | "https"))
        });
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        ensure!(
            good,
            "{name} is `{value}`, which is no URL: write it like http://127.0.0.1:4566, or unset it"
        );
    }
    Ok(())
}

fn loader(reach: &Reach, region: &str) -> Result<ConfigLoader> {
    endpoints()?;
    let https = client::client();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .app_name(AppName::new("foothold")?)
        .region(Region::new(region.to_owned()))
        // Ours, because the SDK panics at `retry_mode = legacy`, which the AWS CLI takes.
        .retry_config(RetryConfig::standard())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build());
    Ok(match &reach.only {
        Some(endpoint) => {
            let loader = loader.http_client(fence::around(https, endpoint)?).endpoint_url(endpoint);
            // Who wants such endpoints of AWS has none here, and the SDK refuses the two together.
            loader.use_dual_stack(false).use_fips(false)
        }
        None => loader.http_client(https),
    })
}
