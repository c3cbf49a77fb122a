//! How long AWS takes for what it answers at once and does later.

use crate::services::{appconfig, apprunner, ecs, organizations};
use crate::world::Settings;

/// By the operation that begins it: seconds (AWS's) from its answer until what it asked for is there, and serves others.
pub fn declared(settings: &Settings) -> [(&'static str, f64); 6] {
    [
        (
            "organizations:CreateOrganization",
            settings.organization_finalizing.max(settings.organization_limited),
        ),
        (
            "organizations:CreateAccount",
            settings.account_creation + organizations::ROLE_DELAY.max(settings.activation),
        ),
        ("iam:CreateRole", settings.iam_propagation),
        ("appconfig:StartDeployment", appconfig::START),
        ("ecs:CreateExpressGatewayService", ecs::PROVISION.max(ecs::HEALTHY) + ecs::BAKE),
        ("apprunner:CreateService", apprunner::DEPLOY),
    ]
}
