//! From nothing to a running application, and back.

use crate::world::{self, get};
use sandbox::snapshot;

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_url_that_answers_and_back() {
    let world = world::start().await;
    let before = world.snapshot();

    let first = world.xtask(&["bootstrap", "--yes"]).await.good();
    let url = first.url();
    let (status, body) = get(&url).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"stage\":\"development\"") && body.contains("s3"), "{body}");

    let (second, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    second.good().says("unchanged");
    let writes: Vec<_> = requests.iter().filter(|r| !sandbox::faults::reads(&r.operation)).collect();
    assert!(writes.iter().all(|r| r.operation == "GetCallerIdentity"), "{writes:?}");

    let torn = world.xtask(&["teardown", "--yes"]).await.good().says("is left in 2 accounts but");
    torn.says("AWS made by itself, and keeps:")
        .says("cluster `default` in account `dev`")
        .says("`AWSServiceRoleForECS`");
    assert_only_kept_kinds_are_left(&before, &world.snapshot());
    let (status, _) = get(&url).await;
    assert_ne!(status, 200, "the app is gone");
}

/// Accounts, the units and the organization that hold them, what AWS makes by itself, and its records of the past.
fn assert_only_kept_kinds_are_left(before: &serde_json::Value, after: &serde_json::Value) {
    let differences = snapshot::diff(before, after);
    let past = |line: &&String| line.starts_with("/ecs/") || line.starts_with("/runtime/");
    let kinds = ["/organizations", "/iam/", "/logs/", "/identity"];
    let kept =
        |line: &&String| kinds.iter().any(|kind| line.starts_with(kind)) && !line.contains("/foothold/");
    let left: Vec<_> = differences.iter().filter(|line| !past(line) && !kept(line)).collect();
    assert!(left.is_empty(), "{left:#?}");
    // ECS shows what was for a while, and keeps its cluster: nothing in it serves or runs.
    let alive =
        |line: &&String| ["\"ACTIVE\"", "\"DRAINING\"", "\"RUNNING\""].iter().any(|word| line.contains(word));
    let alive: Vec<_> = differences.iter().filter(|line| past(line) && alive(line)).collect();
    assert!(alive.is_empty(), "{alive:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_nothing_only_reads() {
    let world = world::start().await;
    let (plan, requests) = world.requests_of(world.xtask(&["plan"])).await;
    plan.good().says("to create");
    let allowed = ["Describe", "List", "Get", "AssumeRole"];
    let other: Vec<_> =
        requests.iter().filter(|r| !allowed.iter().any(|a| r.operation.starts_with(a))).collect();
    assert!(other.is_empty(), "{other:?}");
    assert!(!requests.is_empty());
}
