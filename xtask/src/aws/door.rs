//! The way into one account.

use std::time::SystemTime;

use aws_config::SdkConfig;

/// Clients for one account, behind which STS has proved that account to be.
pub(crate) struct Door {
    pub(crate) account: String,
    /// Who the person is there.
    pub(crate) arn: String,
    /// The role that was taken; none where a profile leads there.
    pub(crate) role: Option<String>,
    /// Whether Identity Center has given it.
    pub(crate) signed_in: bool,
    pub(super) config: SdkConfig,
}

impl Door {
    /// The time as AWS has it.
    pub(crate) fn now(&self) -> SystemTime {
        self.config.time_source().map_or_else(SystemTime::now, |source| source.now())
    }

    pub(crate) fn appconfig(&self) -> aws_sdk_appconfig::Client {
        aws_sdk_appconfig::Client::new(&self.config)
    }

    pub(crate) fn apprunner(&self) -> aws_sdk_apprunner::Client {
        aws_sdk_apprunner::Client::new(&self.config)
    }

    pub(crate) fn ecr(&self) -> aws_sdk_ecr::Client {
        aws_sdk_ecr::Client::new(&self.config)
    }

    pub(crate) fn ecs(&self) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(&self.config)
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    pub(crate) fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.config)
    }
}
