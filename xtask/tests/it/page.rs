//! The page as a browser shows it, which is opened once and never reloaded.

use crate::world;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The pause between two polls at the stories' pace, and time for the browser to show it.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Prints what it shows, and again what it shows once that is of another version.
fn watch(url: &str) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/page/watch.py");
    let mut browser = Command::new("python3");
    browser.arg(script).args([url, "--change"]).stdout(Stdio::piped()).kill_on_drop(true);
    browser.spawn().expect("start watch.py")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Debian's `chromium`, which `.ci/run` installs"]
async fn the_page_shows_the_list_and_changes_by_itself() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let mut browser = watch(&url);
    let mut shown = BufReader::new(browser.stdout.take().expect("its output")).lines();
    let mut next = async || -> Value {
        let line = shown.next_line().await.expect("a line").expect("the page shows something");
        serde_json::from_str(&line).expect("JSON")
    };
    let first = next().await;
    assert_eq!((&first["stage"], &first["updates"]), (&"development".into(), &"live".into()), "{first}");
    let all = first["services"].as_u64().expect("a number");
    assert!(all > 200 && first["count"] == format!("All {all} services"), "{first}");

    let set = ["config", "set", "boolEnableLimitResults=true", "intResultLimit=12", "--stage", "development"];
    world.xtask(&[&set[..], &["--yes"]].concat()).await.good().says("Live in ");
    let changed =
        tokio::time::timeout(POLL_INTERVAL, next()).await.expect("a change within the poll interval");
    assert!(changed["services"] == 12 && changed["count"] == format!("12 of {all} services"), "{changed}");
    assert_ne!(changed["version"], first["version"]);
    assert!(browser.wait().await.expect("an end").success());
}
