//! The images of an Express service: which one a roll-out is to bring, and which ones came up before.

use anyhow::{Context, Result};
use aws_sdk_ecs::types::{ServiceDeploymentBrief as Brief, ServiceDeploymentStatus as Status};

use super::rollout::{deployments, failure, progress};
use super::{describe, digest};
use crate::aws::{Door, read};
use crate::resources::rollout::Standing;

/// How many revisions ECS describes in one request.
const AT_ONCE: usize = 20;

/// How the deployment of a revision stands.
pub(crate) async fn rolled_out(door: &Door, arn: &str, revision: &str) -> Result<Standing> {
    let deployments = newest_first(door, arn).await?;
    let is_ours = |it: &Brief| it.target_service_revision_arn() == Some(revision);
    let Some((newer, ours)) =
        deployments.iter().position(is_ours).and_then(|newer| Some((newer, deployments.get(newer)?)))
    else {
        return Ok(Standing::Coming("its deployment has not begun".to_owned()));
    };
    let why = || ours.status_reason().unwrap_or("its deployment failed").to_owned();
    Ok(match ours.status() {
        Some(Status::Successful) => Standing::Serves,
        Some(Status::RollbackSuccessful) => {
            Standing::Failed { alarm: is_alarm(&why()), why: why(), back: true }
        }
        Some(Status::Stopped) if newer > 0 => Standing::Superseded,
        Some(Status::Stopped | Status::RollbackFailed) => {
            Standing::Failed { why: why(), alarm: false, back: false }
        }
        _ => Standing::Coming(progress(door, ours).await?),
    })
}

/// Why tasks of a service ended, and what they said last.
pub(crate) async fn last_words(door: &Door, arn: &str) -> Result<String> {
    let service = describe(door, arn).await?.context("there is no such service")?;
    failure(door, &service).await
}

/// The images of successful deployments, the newest first.
pub(crate) async fn good(door: &Door, arn: &str) -> Result<Vec<String>> {
    let deployments = newest_first(door, arn).await?;
    let successful = deployments.into_iter().filter(|it| it.status() == Some(&Status::Successful));
    let revisions = successful.filter_map(|it| it.target_service_revision_arn).take(AT_ONCE);
    let revisions: Vec<String> = revisions.collect();
    if revisions.is_empty() {
        return Ok(Vec::new());
    }
    let request = door.ecs().describe_service_revisions();
    let answer = read(request.set_service_revision_arns(Some(revisions.clone())).send().await, &[])?;
    let found = answer.and_then(|answer| answer.service_revisions).unwrap_or_default();
    // ECS need not keep the order that was asked in.
    let image = |arn: &String| {
        let revision = found.iter().find(|it| it.service_revision_arn() == Some(arn))?;
        let container = revision.container_images().first()?;
        Some(by_digest(container.image()?, container.image_digest()))
    };
    Ok(revisions.iter().filter_map(image).collect())
}

async fn newest_first(door: &Door, arn: &str) -> Result<Vec<Brief>> {
    let mut deployments = deployments(door, arn).await?;
    deployments.sort_by_key(|it| std::cmp::Reverse(it.created_at().map(|at| (at.secs(), at.subsec_nanos()))));
    Ok(deployments)
}

/// An image by what it is, and not by what it was called.
fn by_digest(image: &str, found: Option<&str>) -> String {
    match (digest(image), found) {
        (None, Some(found)) => {
            let name =
                image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(image, |(name, _)| name);
            format!("{name}@{found}")
        }
        _ => image.to_owned(),
    }
}

/// Whether it was the error rate that rolled a deployment back, and no task had failed.
fn is_alarm(why: &str) -> bool {
    why.contains("alarm") && !why.contains("task")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_by_tag_is_told_by_its_digest() {
        assert_eq!(by_digest("host:1/app:src-1", Some("sha256:ab")), "host:1/app@sha256:ab");
        assert_eq!(by_digest("host:1/app", Some("sha256:ab")), "host:1/app@sha256:ab");
        assert_eq!(by_digest("host/app@sha256:cd", Some("sha256:ab")), "host/app@sha256:cd");
    }

    #[test]
    fn a_failed_task_is_no_mere_alarm() {
        assert!(is_alarm("Service deployment rolled back because of alarms in ALARM state."));
        assert!(!is_alarm("rolled back because of alarms in ALARM state. Last failure: task stopped"));
        assert!(!is_alarm("rolled back because the circuit breaker threshold was exceeded."));
    }
}
