//! A sandbox in this process, and SDK configurations for its principals.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::Builder;
use sandbox::services::iam;
use sandbox::{Options, Sandbox};
use tempfile::TempDir;

/// A sandbox and the directory that goes with it.
pub(crate) struct Aws {
    pub(crate) sandbox: Sandbox,
    pub(crate) directory: TempDir,
}

/// Starts one, 600 times faster than AWS and without throttles.
pub(crate) async fn start() -> Aws {
    start_with(|options| {
        options.scale = 600.0;
        options.settings.throttles = false;
    })
    .await
}

pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> Aws {
    let directory = TempDir::new().expect("a temporary directory");
    let mut options = Options::new(directory.path());
    change(&mut options);
    Aws { sandbox: Sandbox::start(options).await.expect("a sandbox"), directory }
}

impl Aws {
    /// Stopped, and started again in the same directory.
    pub(crate) async fn restarted(self) -> Self {
        let scale = self.sandbox.world().clock.scale;
        self.sandbox.stop().await.expect("stopped");
        let options = Options { scale, keep: true, ..Options::new(self.directory.path()) };
        Self { sandbox: Sandbox::start(options).await.expect("a sandbox"), directory: self.directory }
    }

    /// What the management account's admin user would have.
    pub(crate) async fn admin(&self) -> SdkConfig {
        let keys = iam::admin_keys(&self.sandbox.world());
        self.config(credentials(keys.access_key_id, keys.secret_access_key, None)).await
    }

    /// What the management account's root would have.
    pub(crate) async fn root(&self) -> SdkConfig {
        let keys = iam::root_keys(&self.sandbox.world());
        self.config(credentials(keys.access_key_id, keys.secret_access_key, None)).await
    }

    /// A configuration for these credentials, without retries: a story sees every refusal.
    pub(crate) async fn config(&self, credentials: Credentials) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(Builder::new().build_http())
            .region(Region::new("eu-west-1"))
            .endpoint_url(self.sandbox.endpoint())
            .credentials_provider(credentials)
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .load()
            .await
    }

    /// A session of `OrganizationAccountAccessRole`, or another role, in an account.
    pub(crate) async fn assume(&self, from: &SdkConfig, role_arn: &str) -> SdkConfig {
        let sts = aws_sdk_sts::Client::new(from);
        let request = sts.assume_role().role_arn(role_arn).role_session_name("story");
        let answer = request.send().await.expect("assume the role");
        self.config(temporary(answer.credentials.expect("credentials"))).await
    }
}

fn credentials(id: String, secret: String, token: Option<String>) -> Credentials {
    Credentials::new(id, secret, token, None, "story")
}

/// A session's credentials as STS gives them.
pub(crate) fn temporary(given: aws_sdk_sts::types::Credentials) -> Credentials {
    credentials(given.access_key_id, given.secret_access_key, Some(given.session_token))
}

/// An access key, real or not.
pub(crate) fn long_term(id: &str, secret: &str) -> Credentials {
    credentials(id.to_owned(), secret.to_owned(), None)
}
