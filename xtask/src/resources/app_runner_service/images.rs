//! Another image for an App Runner service.

use anyhow::{Context, Result, ensure};
use aws_sdk_apprunner::types::{OperationStatus as Status, Service as Found};

use super::{ABSENT, BUSY, IMAGE_DIGEST, digest, failure};
use crate::aws::{Door, read, wrote};
use crate::image::Platform;
use crate::resources::rollout::Standing;

/// Lets a service run another image, and returns the operation that brings it. What else it has stays.
pub(crate) async fn roll_out(
    door: &Door,
    arn: &str,
    reference: &str,
    platform: Option<Platform>,
) -> Result<String> {
    ensure!(platform != Some(Platform::Arm64), "App Runner does not run images for arm64, as {reference} is");
    let service = describe(door, arn).await?;
    let mut source = service.source_configuration.context("the service runs nothing yet")?;
    let image = source.image_repository.as_mut().context("the service runs no image")?;
    image.image_identifier = reference.to_owned();
    if let Some(container) = image.image_configuration.as_mut() {
        let told = digest(reference).map(|digest| (IMAGE_DIGEST.to_owned(), digest.to_owned()));
        container.runtime_environment_variables.get_or_insert_default().extend(told);
    }
    let request = door.apprunner().update_service().service_arn(arn).source_configuration(source);
    let answer = wrote(request.send().await, &[BUSY])?;
    Ok(answer.operation_id)
}

/// How that operation stands.
pub(crate) async fn rolled_out(door: &Door, arn: &str, operation: &str) -> Result<Standing> {
    let request = door.apprunner().list_operations().service_arn(arn);
    let found = read(request.send().await, &[])?.and_then(|answer| answer.operation_summary_list);
    let found = found.unwrap_or_default().into_iter().find(|it| it.id() == Some(operation));
    let status = found.and_then(|it| it.status);
    let words = status.as_ref().map_or("PENDING", Status::as_str).to_lowercase().replace('_', " ");
    let failed = |back| Standing::Failed { why: format!("App Runner: {words}"), alarm: false, back };
    Ok(match status {
        Some(Status::Succeeded) => Standing::Serves,
        Some(Status::RollbackSucceeded) => failed(true),
        Some(Status::Failed | Status::RollbackFailed) => failed(false),
        _ => Standing::Coming(words),
    })
}

/// What the service's events said last.
pub(crate) async fn last_words(door: &Door, arn: &str) -> Result<String> {
    failure(door, &describe(door, arn).await?).await
}

async fn describe(door: &Door, arn: &str) -> Result<Found> {
    let answer = door.apprunner().describe_service().service_arn(arn).send().await;
    read(answer, &[ABSENT])?.and_then(|answer| answer.service).context("there is no such service")
}
