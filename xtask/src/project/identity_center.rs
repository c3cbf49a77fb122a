//! Whether there is Identity Center, and what to know where there is none.

use anyhow::Result;
use tokio::time::Instant;

use super::Project;
use crate::aws::Aws;
use crate::environment::Switch;
use crate::resource::NotVisible;
use crate::resources::identity_center;

/// What to do about a sandbox without it.
pub(crate) const NO_CENTER: &str = "a sandbox has it that was started with `cargo xtask sandbox start -- \
                                    --identity-center`, and then bootstrapped";

impl Project<'_> {
    /// Whether there is Identity Center to declare people in.
    pub(crate) async fn identity_center(&self, aws: &Aws) -> Result<Switch> {
        if !self.config.organization {
            return Ok(Switch::Off);
        }
        match identity_center::instance(aws, Instant::now()).await {
            Ok(Some(_)) => Ok(Switch::On),
            Ok(None) => Ok(Switch::Off),
            // Looked at again, and told, at its turn.
            Err(error) if error.is::<NotVisible>() => Ok(Switch::On),
            Err(error) => Err(error.context("look for Identity Center")),
        }
    }

    /// What to know where Identity Center is off: the end of a plan.
    pub(crate) fn about(&self, identity_center: Switch) -> String {
        if identity_center != Switch::Off || !self.config.organization {
            return String::new();
        }
        if self.common.sandbox {
            return format!("\n\nPeople's access needs Identity Center: {NO_CENTER}. Nothing else needs it.");
        }
        format!(
            "\n\nPeople's access needs Identity Center, which is not switched on, and no API can. In the management \
             account:\n{}\nEnable; `cargo xtask bootstrap --wait` goes on by itself then. Nothing else needs it.",
            identity_center::console(&self.config.region)
        )
    }
}
