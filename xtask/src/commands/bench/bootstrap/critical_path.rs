//! How long a bootstrap must take at least: from the sandbox's record, and from how long it says that AWS takes.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{bootstrap, ours, prepared, text};
use crate::probe::Method;

/// AWS's pace, so many times: slow enough that this machine's own work, the app's start above all, is few of AWS's
/// seconds.
const SCALE: f64 = 5.0;

/// What must come after what, by the operations that begin it. One of each chain is the longest.
const CHAINS: [&[&str]; 3] = [
    &[
        "organizations:CreateOrganization",
        "organizations:CreateAccount",
        "sts:AssumeRole",
        "iam:CreateRole",
        "iam:AttachRolePolicy",
        "ecs:CreateExpressGatewayService",
    ],
    &[
        "organizations:CreateOrganization",
        "organizations:CreateAccount",
        "sts:AssumeRole",
        "ecr:CreateRepository",
        "registry:PUT manifest",
        "ecs:CreateExpressGatewayService",
    ],
    &[
        "organizations:CreateOrganization",
        "organizations:CreateAccount",
        "sts:AssumeRole",
        "appconfig:CreateApplication",
        "appconfig:CreateConfigurationProfile",
        "appconfig:CreateHostedConfigurationVersion",
        "appconfig:StartDeployment",
        "ecs:CreateExpressGatewayService",
    ],
];

/// Wall time of a bootstrap and the longest chain, in AWS's seconds.
pub(super) async fn measure(sandbox: &Path, program: &Path, stages: usize) -> Result<(f64, f64)> {
    let world = prepared(sandbox, stages, SCALE).await?;
    let wall = bootstrap(&world, program, SCALE.recip()).await?;
    let record = ours(&world).await?;
    let durations = world.control(Method::GET, "durations", None).await?;
    let chains = CHAINS.iter().map(|chain| length(chain, &record, &durations));
    let longest = chains.collect::<Result<Vec<f64>>>()?.into_iter().fold(0.0, f64::max);
    Ok((wall.as_secs_f64() * SCALE, longest))
}

/// The answers of a chain's operations, the fastest of each that succeeded, and what AWS does after them.
fn length(chain: &[&str], record: &[Value], durations: &Value) -> Result<f64> {
    let mut seconds = 0.0;
    for operation in chain {
        let is_it = |it: &&Value| format!("{}:{}", text(it, "service"), text(it, "operation")) == *operation;
        let good = record.iter().filter(is_it).filter(|it| it["error"].is_null());
        let answered = good.filter_map(|it| it["took"].as_f64()).min_by(f64::total_cmp);
        let answered = answered.with_context(|| format!("the record has no {operation}"))?;
        seconds += answered * SCALE + durations[operation].as_f64().unwrap_or(0.0);
    }
    Ok(seconds)
}
