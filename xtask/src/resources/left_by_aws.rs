//! What AWS makes by itself around our services and leaves in their account when they are gone. Nobody declares it:
//! teardown lists it.

use anyhow::Result;

use super::express_service::CLUSTER;
use crate::aws::{Door, read};

/// What is left in an account, and why, one line each.
pub(crate) async fn left(door: &Door, account: &str, service: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if has_cluster(door).await? {
        lines.push(format!("cluster `{CLUSTER}` in account `{account}`: ECS made it, and it costs nothing"));
    }
    let roles = linked_roles(door).await?;
    if !roles.is_empty() {
        let roles = roles.join("`, `");
        lines.push(format!(
            "service-linked roles `{roles}` in account `{account}`: AWS made them for itself, and they cost nothing"
        ));
    }
    let written = log_groups(door, service).await?.into_iter().map(|group| {
        format!(
            "log group `{group}` in account `{account}`: App Runner made it, for what the app said; delete it in \
             CloudWatch when nobody needs that any more"
        )
    });
    lines.extend(written);
    Ok(lines)
}

async fn has_cluster(door: &Door) -> Result<bool> {
    let found = read(door.ecs().describe_clusters().clusters(CLUSTER).send().await, &[])?;
    let clusters = found.and_then(|answer| answer.clusters).unwrap_or_default();
    Ok(clusters.iter().any(|cluster| cluster.status() == Some("ACTIVE")))
}

async fn linked_roles(door: &Door) -> Result<Vec<String>> {
    let pages = door.iam().list_roles().path_prefix("/aws-service-role/").into_paginator().items().send();
    let roles = read(pages.collect::<Result<Vec<_>, _>>().await, &[])?.unwrap_or_default();
    // Every account of an organization has that one.
    let ours = |name: &String| name != "AWSServiceRoleForOrganizations";
    Ok(roles.into_iter().map(|role| role.role_name).filter(ours).collect())
}

async fn log_groups(door: &Door, service: &str) -> Result<Vec<String>> {
    let request =
        door.logs().describe_log_groups().log_group_name_prefix(format!("/aws/apprunner/{service}/"));
    let pages = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let groups = read(pages, &[])?.unwrap_or_default();
    Ok(groups.into_iter().filter_map(|group| group.log_group_name).collect())
}
