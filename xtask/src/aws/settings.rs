//! The SDK's configuration: whose credentials, which Region, which way out.

use std::time::Duration;

use anyhow::Result;
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
    if let Some(session) = LoginSession::of(reach.profile.as_deref()).await {
        loader = loader.credentials_provider(session);
    }
    if let Some((id, secret)) = &reach.keys {
        loader = loader.credentials_provider(Credentials::new(id, secret, None, None, SESSION));
    }
    Ok(loader.load().await)
}

/// The same for calls that carry no signature.
pub(super) async fn unsigned(reach: &Reach, region: &str) -> Result<SdkConfig> {
    Ok(loader(reach, region)?.no_credentials().load().await)
}

fn loader(reach: &Reach, region: &str) -> Result<ConfigLoader> {
    let https = client::client();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .app_name(AppName::new("foothold")?)
        .region(Region::new(region.to_owned()))
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
