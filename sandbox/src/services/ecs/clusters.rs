//! Clusters: a name that services are grouped by. Express services use `default`, which is made for the first one.

use super::{Cluster, Status, arn, cluster, cluster_name, invalid, service_linked_role, state, tags};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::runtime;
use serde_json::{Value, json};

pub(super) fn create(call: &mut Call) -> Answer {
    let name = call.opt_text("clusterName").unwrap_or("default").to_owned();
    let arn = arn(call, &format!("cluster/{name}"));
    call.allow("ecs:CreateCluster", &arn)?;
    if !super::express::valid_name(&name) {
        return Err(invalid("Cluster name may only contain letters, numbers, hyphens and underscores."));
    }
    let tags = tags::read(&call.list("tags"))?;
    service_linked_role(call)?;
    let made = make(call, &name);
    if let Some(cluster) = state(call).clusters.get_mut(&name) {
        cluster.tags.extend(tags);
    }
    Ok(json!({ "cluster": show(call, &made) }))
}

/// The cluster of this name, made if need be.
pub(super) fn make(call: &mut Call, name: &str) -> Cluster {
    let arn = arn(call, &format!("cluster/{name}"));
    let fresh = || Cluster { name: name.to_owned(), arn, active: true, tags: Default::default() };
    let cluster = state(call).clusters.entry(name.to_owned()).or_insert_with(fresh);
    cluster.active = true;
    cluster.clone()
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let mut names: Vec<String> =
        call.texts("clusters").iter().filter_map(|c| c.rsplit('/').next().map(str::to_owned)).collect();
    if names.is_empty() {
        names.push("default".to_owned());
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let arn = arn(call, &format!("cluster/{name}"));
        call.allow("ecs:DescribeClusters", &arn)?;
        match state(call).clusters.get(&name).cloned() {
            Some(cluster) => found.push(show(call, &cluster)),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"clusters": found, "failures": failures}))
}

pub(super) fn list(call: &mut Call) -> Answer {
    call.allow("ecs:ListClusters", "*")?;
    let arns: Vec<String> =
        state(call).clusters.values().filter(|c| c.active).map(|c| c.arn.clone()).collect();
    let (page, next) = call.page(arns, ("maxResults", 100), "nextToken", "InvalidParameterException")?;
    Ok(json!({"clusterArns": page, "nextToken": next}))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let name = cluster_name(call);
    let arn = arn(call, &format!("cluster/{name}"));
    call.allow("ecs:DeleteCluster", &arn)?;
    let found = cluster(call)?;
    if state(call).services.values().any(|s| s.cluster == name && s.status != Status::Inactive) {
        let text = "The Cluster cannot be deleted while Services are active.";
        return Err(Fault::new("ClusterContainsServicesException", text));
    }
    if running(call, &name) > 0 {
        let text = "The Cluster cannot be deleted while Tasks are active.";
        return Err(Fault::new("ClusterContainsTasksException", text));
    }
    if let Some(cluster) = state(call).clusters.get_mut(&name) {
        cluster.active = false;
    }
    Ok(json!({ "cluster": show(call, &Cluster { active: false, ..found }) }))
}

fn running(call: &mut Call, name: &str) -> usize {
    let ids: Vec<String> =
        state(call).tasks.iter().filter(|(_, t)| t.cluster == name).map(|(id, _)| id.clone()).collect();
    ids.iter().filter(|id| !runtime::ended(call.world, id)).count()
}

fn show(call: &mut Call, cluster: &Cluster) -> Value {
    let running = running(call, &cluster.name);
    let services = state(call).services.values();
    let active = services.filter(|s| s.cluster == cluster.name && s.status == Status::Active).count();
    json!({
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": if cluster.active { "ACTIVE" } else { "INACTIVE" },
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": 0,
        "activeServicesCount": active,
        "statistics": [],
        "tags": tags::show(&cluster.tags),
        "settings": [{"name": "containerInsights", "value": "disabled"}],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
    })
}
