//! Another image for a service that runs, on either platform.

use std::rc::Rc;

use anyhow::Result;

use super::{app_runner_service, express_service};
use crate::aws::Door;
use crate::image::Platform;

/// A service that runs the app.
pub(crate) struct Runner {
    pub(crate) door: Rc<Door>,
    pub(crate) arn: String,
    pub(crate) platform: Runs,
}

/// What runs a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    Express,
    AppRunner,
}

/// How far a service is with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Coming(String),
    Serves,
    /// Somebody else's roll-out took its place.
    Superseded,
    Failed {
        why: String,
        /// Nothing but the error rate was wrong, which others than the image can cause.
        alarm: bool,
        /// What was there before serves again.
        back: bool,
    },
}

impl Runner {
    /// Lets the service run another image, made for `made_for`, and returns what to ask for. What else it has stays.
    pub(crate) async fn roll_out(&self, reference: &str, made_for: Option<Platform>) -> Result<String> {
        let (door, arn) = (&self.door, &self.arn);
        match self.platform {
            Runs::Express => express_service::roll_out(door, arn, reference, made_for).await,
            Runs::AppRunner => app_runner_service::roll_out(door, arn, reference, made_for).await,
        }
    }

    /// How a roll-out stands.
    pub(crate) async fn standing(&self, asked: &str) -> Result<Standing> {
        match self.platform {
            Runs::Express => express_service::rolled_out(&self.door, &self.arn, asked).await,
            Runs::AppRunner => app_runner_service::rolled_out(&self.door, &self.arn, asked).await,
        }
    }

    /// Why tasks ended, and what they said last.
    pub(crate) async fn last_words(&self) -> Result<String> {
        match self.platform {
            Runs::Express => express_service::last_words(&self.door, &self.arn).await,
            Runs::AppRunner => app_runner_service::last_words(&self.door, &self.arn).await,
        }
    }

    /// The images that came up, `…@sha256:…`, the newest first. None where AWS does not tell: App Runner lists its
    /// operations, and not what they brought.
    pub(crate) async fn good(&self) -> Result<Option<Vec<String>>> {
        match self.platform {
            Runs::Express => express_service::good(&self.door, &self.arn).await.map(Some),
            Runs::AppRunner => Ok(None),
        }
    }
}
