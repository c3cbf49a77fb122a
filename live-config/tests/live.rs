//! Stories of a configuration that changes, and of everything that can stand in its way.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on ends here")]

mod fake;

use std::time::Duration;

use fake::{Fake, Fault, eventually};
use live_config::{LiveConfig, Trouble};

#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    limit: u32,
}

const SOON: Duration = Duration::from_secs(20);

async fn start(fake: &Fake) -> LiveConfig<Settings> {
    LiveConfig::start(fake.source(), &fake.aws().await, live_config::json).await
}

/// A server with `limit` 1 as `v1`, and a program that has taken it.
async fn running() -> (Fake, LiveConfig<Settings>) {
    let fake = Fake::start().await;
    fake.deploy("v1", r#"{"limit": 1}"#);
    let live = start(&fake).await;
    live.first(SOON).await.unwrap();
    (fake, live)
}

fn version(live: &LiveConfig<Settings>) -> String {
    live.current().unwrap().version.clone()
}

fn no_rule_broken(fake: &Fake) {
    assert_eq!(fake.world().violations, Vec::<String>::new());
}

/// The same story with each fault.
async fn at_once(faults: [Fault; 5], story: impl AsyncFn(Fault)) {
    let [a, b, c, d, e] = faults;
    tokio::join!(story(a), story(b), story(c), story(d), story(e));
}

async fn deploy_and_see(fake: &Fake, live: &LiveConfig<Settings>, label: &str, limit: u32) {
    fake.deploy(label, format!("{{\"limit\": {limit}}}"));
    eventually(label, || version(live) == label).await;
    assert_eq!(live.current().unwrap().value, Settings { limit });
    eventually("no trouble", || live.status().trouble.is_none()).await;
    no_rule_broken(fake);
}

#[tokio::test]
async fn the_first_value_arrives_with_its_version() {
    let (fake, live) = running().await;
    let current = live.current().unwrap();
    assert_eq!((current.version.as_str(), &current.value), ("v1", &Settings { limit: 1 }));
    assert_eq!(live.status().trouble, None);
    let asked: serde_json::Value = serde_json::from_str(&fake.world().last_session_request).unwrap();
    assert_eq!(
        asked,
        serde_json::json!({
            "ApplicationIdentifier": "ListServices",
            "EnvironmentIdentifier": "development",
            "ConfigurationProfileIdentifier": "Profile",
            "RequiredMinimumPollIntervalInSeconds": 15,
        })
    );
}

#[tokio::test]
async fn a_change_wakes_subscribers_and_an_empty_body_does_not() {
    let (fake, live) = running().await;
    let mut changes = live.subscribe();
    changes.mark_unchanged();
    eventually("three polls", || fake.world().polls >= 3).await;
    assert!(!changes.has_changed().unwrap());
    fake.deploy("v2", r#"{"limit": 2}"#);
    changes.changed().await.unwrap();
    assert_eq!(changes.borrow().as_ref().unwrap().value.limit, 2);
    assert_eq!(fake.world().sessions, 1);
    assert_eq!(fake.world().roles_assumed, 1);
    no_rule_broken(&fake);
}

#[tokio::test]
async fn an_expired_session_token_starts_a_new_session_at_once() {
    let (fake, live) = running().await;
    let mut changes = live.subscribe();
    changes.mark_unchanged();
    fake.expire_sessions();
    eventually("a second session", || fake.world().sessions == 2).await;
    let polls = fake.world().polls;
    eventually("a poll in it", || fake.world().polls >= polls + 2).await;
    assert_eq!(live.status().failed_polls, 0);
    assert!(!changes.has_changed().unwrap(), "the repeated version is not a change");
    deploy_and_see(&fake, &live, "v2", 2).await;
}

#[tokio::test]
async fn the_last_good_value_survives_what_appconfig_answers() {
    let faults = [Fault::Throttled, Fault::Denied, Fault::Broken, Fault::Lost, Fault::Html];
    at_once(faults, async |fault| {
        let (fake, live) = running().await;
        fake.world().data_fault = Some(fault);
        eventually("failures", || live.status().failures_in_a_row >= 3).await;
        assert_eq!(version(&live), "v1", "{fault:?}");
        assert!(matches!(live.status().trouble, Some(Trouble::Unread(_))), "{fault:?}");
        fake.world().data_fault = None;
        deploy_and_see(&fake, &live, "v2", 2).await;
    })
    .await;
}

#[tokio::test]
async fn denied_access_is_named() {
    let (fake, live) = running().await;
    fake.world().data_fault = Some(Fault::Denied);
    eventually("trouble", || live.status().trouble.is_some()).await;
    let trouble = live.status().trouble.unwrap().to_string();
    assert!(trouble.contains("AccessDeniedException: not authorized"), "{trouble}");
}

#[tokio::test]
async fn expired_credentials_are_replaced() {
    let (fake, live) = running().await;
    fake.revoke_credentials();
    eventually("the role assumed again", || fake.world().roles_assumed >= 2).await;
    deploy_and_see(&fake, &live, "v2", 2).await;
}

#[tokio::test]
async fn a_role_removed_and_given_back_only_delays() {
    let faults = [Fault::Denied, Fault::Broken, Fault::Throttled, Fault::Lost, Fault::Html];
    at_once(faults, async |fault| {
        let (fake, live) = running().await;
        fake.revoke_credentials();
        fake.world().sts_fault = Some(fault);
        eventually("failures", || live.status().failures_in_a_row >= 3).await;
        assert_eq!(version(&live), "v1", "{fault:?}");
        fake.world().sts_fault = None;
        deploy_and_see(&fake, &live, "v2", 2).await;
    })
    .await;
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_named() {
    let fake = Fake::start().await;
    fake.world().sts_fault = Some(Fault::Denied);
    let live = start(&fake).await;
    eventually("trouble", || live.status().trouble.is_some()).await;
    let trouble = live.status().trouble.unwrap().to_string();
    assert!(trouble.starts_with("not read: assume the reading role: "), "{trouble}");
    assert!(trouble.contains("AccessDenied"), "{trouble}");
}

#[tokio::test]
async fn content_the_type_refuses_is_kept_out() {
    let (fake, live) = running().await;
    let refused: [(&str, &[u8]); 4] = [
        ("garbage", b"\xff\xfe not json"),
        ("unknown-key", br#"{"limit": 2, "extra": true}"#),
        ("wrong-type", br#"{"limit": "2"}"#),
        ("truncated", br#"{"limit": "#),
    ];
    for (label, content) in refused {
        fake.deploy(label, content);
        eventually(
            label,
            || matches!(live.status().trouble, Some(Trouble::Refused { version, .. }) if version == label),
        )
        .await;
        assert_eq!(version(&live), "v1");
    }
    let polls = fake.world().polls;
    eventually("more polls", || fake.world().polls >= polls + 2).await;
    assert!(matches!(live.status().trouble, Some(Trouble::Refused { .. })), "stays visible");
    deploy_and_see(&fake, &live, "v2", 2).await;
}

#[tokio::test]
async fn a_first_version_that_is_refused_stays_visible() {
    let fake = Fake::start().await;
    fake.deploy("garbage", "none");
    let live = start(&fake).await;
    eventually("two more polls", || fake.world().polls >= 3).await;
    let trouble = live.status().trouble;
    assert!(
        matches!(&trouble, Some(Trouble::Refused { version, .. }) if version == "garbage"),
        "{trouble:?}"
    );
    fake.deploy("v2", r#"{"limit": 2}"#);
    live.first(SOON).await.unwrap();
}

#[tokio::test]
async fn oversized_content_is_not_read_to_its_end() {
    let (fake, live) = running().await;
    let padding = " ".repeat(10 << 20);
    fake.deploy("huge", format!("{{\"limit\": 9{padding}}}"));
    eventually("trouble", || matches!(live.status().trouble, Some(Trouble::Unread(_)))).await;
    let trouble = live.status().trouble.unwrap().to_string();
    assert!(trouble.contains("length limit exceeded"), "{trouble}");
    assert_eq!(version(&live), "v1");
    deploy_and_see(&fake, &live, "v2", 2).await;
}

#[tokio::test]
async fn before_the_first_deployment_there_is_no_value_and_then_there_is() {
    let fake = Fake::start().await;
    let live = start(&fake).await;
    eventually("a poll", || live.status().trouble.is_some()).await;
    let error = live.first(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.to_string(), "no configuration within 50ms: not read: nothing is deployed yet");
    fake.deploy("v1", r#"{"limit": 1}"#);
    assert_eq!(live.first(SOON).await.unwrap().version, "v1");
}

#[tokio::test]
async fn a_version_without_label_is_named_after_its_content() {
    let fake = Fake::start().await;
    fake.deploy("", r#"{"limit": 1}"#);
    let live = start(&fake).await;
    let first = live.first(SOON).await.unwrap().version.clone();
    fake.deploy("", r#"{"limit": 2}"#);
    eventually("the second", || version(&live) != first).await;
    fake.deploy("", r#"{"limit": 1}"#);
    eventually("the first again", || version(&live) == first).await;
    assert!(first.starts_with("unlabelled-"));
}

#[tokio::test]
async fn the_interval_that_appconfig_answers_is_honoured() {
    let (fake, _live) = running().await;
    fake.world().interval = 2;
    let polls = fake.world().polls;
    eventually("more polls", || fake.world().polls >= polls + 3).await;
    no_rule_broken(&fake);
}

#[tokio::test]
async fn polling_ends_when_nobody_listens() {
    let (fake, live) = running().await;
    let mut last = live.subscribe();
    drop(live);
    let polls = fake.world().polls;
    eventually("a subscriber keeps it going", || fake.world().polls > polls).await;
    fake.deploy("v2", r#"{"limit": 2}"#);
    last.changed().await.unwrap();
    let weak = std::sync::Arc::downgrade(&last.borrow().clone().unwrap());
    drop(last);
    eventually("the task has let its value go", || weak.upgrade().is_none()).await;
}
