//! What somebody does by hand, in the console or with the AWS CLI: the SDK, and nothing of ours.

use crate::world::World;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use sandbox::services::iam;

pub(crate) struct Hand {
    endpoint: String,
    /// The management account's admin.
    pub(crate) admin: SdkConfig,
}

impl Hand {
    pub(crate) async fn of(world: &World) -> Self {
        let keys = iam::admin_keys(&world.sandbox.world());
        let keys = Credentials::new(&keys.access_key_id, &keys.secret_access_key, None, None, "hand");
        let endpoint = world.sandbox.endpoint();
        let admin = config(&endpoint, keys).await;
        Self { endpoint, admin }
    }

    /// The id of an account of the organization.
    pub(crate) async fn account(&self, name: &str) -> String {
        let organizations = aws_sdk_organizations::Client::new(&self.admin);
        let accounts = organizations.list_accounts().into_paginator().send().try_collect().await;
        let accounts =
            accounts.expect("a list").into_iter().flat_map(|page| page.accounts.unwrap_or_default());
        let found = accounts.into_iter().find(|account| account.name() == Some(name));
        found.and_then(|account| account.id).unwrap_or_else(|| panic!("no account {name}"))
    }

    /// As the administrator of one of its accounts.
    pub(crate) async fn within(&self, name: &str) -> SdkConfig {
        let role = format!("arn:aws:iam::{}:role/OrganizationAccountAccessRole", self.account(name).await);
        let sts = aws_sdk_sts::Client::new(&self.admin);
        let answer =
            sts.assume_role().role_arn(role).role_session_name("hand").send().await.expect("a session");
        let given = answer.credentials.expect("credentials");
        let token = Some(given.session_token);
        config(
            &self.endpoint,
            Credentials::new(given.access_key_id, given.secret_access_key, token, None, "hand"),
        )
        .await
    }
}

pub(crate) async fn config(endpoint: &str, keys: Credentials) -> SdkConfig {
    aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(aws_config::Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(keys)
        .load()
        .await
}
