//! What AWS manages for an Express service: it is gone when AWS has removed that.
//!
//! ECS uses the infrastructure role for that. A role that goes earlier strands a load balancer that costs.

use anyhow::Result;
use aws_sdk_ecs::error::ProvideErrorMetadata as _;
use aws_sdk_ecs::types::{
    EcsExpressGatewayService as Found, EcsManagedResources, ManagedIngressPath,
    ManagedResourceStatus as Status, ServiceRevision as Revision,
};

use super::{is_absent, later, rollout};
use crate::aws::{Door, explain, read};

pub(super) async fn delete(door: &Door, arn: &str) -> Result<()> {
    let answer = door.ecs().delete_express_gateway_service().service_arn(arn).send().await;
    match answer.map_err(explain) {
        Err(failure) if failure.is(&["ServiceNotActiveException"]) || is_absent(&failure) => Ok(()),
        answer => answer.map(drop).map_err(later),
    }
}

/// What AWS still has to remove of a service that is ending; none when nothing is left, as far as AWS tells.
pub(super) async fn remains(door: &Door, service: &Found) -> Result<Option<String>> {
    let arn = service.service_arn().unwrap_or_default();
    let active = service.active_configurations().iter().filter_map(|it| it.service_revision_arn.clone());
    let deployed = rollout::deployments(door, arn).await?;
    let deployed = deployed.into_iter().filter_map(|it| it.target_service_revision_arn);
    let revisions: Vec<String> = active.chain(deployed).take(AT_ONCE).collect();
    if revisions.is_empty() {
        return Ok(None);
    }
    let revisions = describe(door, revisions).await?;
    let left = revisions.iter().filter_map(|it| it.ecs_managed_resources()).flat_map(managed);
    Ok(left.filter_map(Managed::remains).next())
}

/// Why AWS could not make something that this revision needs; none where nothing failed.
pub(super) async fn cannot(door: &Door, revision: &str) -> Result<Option<String>> {
    let revisions = describe(door, vec![revision.to_owned()]).await?;
    let all = revisions.iter().filter_map(|it| it.ecs_managed_resources()).flat_map(managed);
    let failed = all.filter(|it| *it.status == Status::Failed);
    let why = failed
        .map(|it| format!("ECS could not make its {}: {}", it.what, it.reason.unwrap_or("no reason given")));
    Ok(why.into_iter().next())
}

/// None of a service that is INACTIVE: ECS refuses to tell.
async fn describe(door: &Door, revisions: Vec<String>) -> Result<Vec<Revision>> {
    let request = door.ecs().describe_service_revisions().set_service_revision_arns(Some(revisions));
    let answer = match request.send().await {
        Err(error) if error.message().is_some_and(|text| text.contains("service that is INACTIVE")) => None,
        answer => read(answer, &["ServiceNotFoundException", "ClusterNotFoundException"])?,
    };
    Ok(answer.and_then(|answer| answer.service_revisions).unwrap_or_default())
}

/// How many revisions ECS describes in one request.
const AT_ONCE: usize = 20;

struct Managed<'a> {
    what: &'static str,
    /// Other services may go on using it.
    shared: bool,
    status: &'a Status,
    reason: Option<&'a str>,
}

impl Managed<'_> {
    fn remains(self) -> Option<String> {
        let why = self.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        match self.status {
            Status::Deleted => None,
            Status::Active | Status::Provisioning if self.shared => None,
            Status::Failed => Some(format!("ECS could not remove its {}{why}", self.what)),
            _ => Some(format!("ECS removes its {}", self.what)),
        }
    }
}

macro_rules! managed {
    ($what:literal, $shared:literal, $all:expr) => {
        $all.into_iter().map(|it| Managed {
            what: $what,
            shared: $shared,
            status: it.status(),
            reason: it.status_reason(),
        })
    };
}

/// All but log groups, which stay.
fn managed(resources: &EcsManagedResources) -> Vec<Managed<'_>> {
    let scaling = resources.auto_scaling();
    let mut all: Vec<Managed<'_>> = resources.ingress_paths().iter().flat_map(ingress).collect();
    all.extend(managed!("scaling", false, scaling.and_then(|it| it.scalable_target())));
    all.extend(managed!("alarm", false, resources.metric_alarms()));
    all.extend(managed!("security group", false, resources.service_security_groups()));
    all
}

fn ingress(path: &ManagedIngressPath) -> Vec<Managed<'_>> {
    let mut all: Vec<Managed<'_>> = managed!("listener rule", false, path.rule()).collect();
    all.extend(managed!("target group", false, path.target_groups()));
    all.extend(managed!("certificate", false, path.certificate()));
    all.extend(managed!("listener", true, path.listener()));
    all.extend(managed!("load balancer", true, path.load_balancer()));
    all.extend(managed!("load balancer's security group", true, path.load_balancer_security_groups()));
    all
}
