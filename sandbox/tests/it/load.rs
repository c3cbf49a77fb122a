//! Two hundred clients at once: nothing fails, and no write is lost. (`sandbox load` does it for a minute, and measures.)

use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_at_once_fail_nothing_and_lose_nothing() {
    let sandbox = Path::new(env!("CARGO_BIN_EXE_sandbox"));
    let report = sandbox::load::run(sandbox, 200, 5.0).await.expect("a load");
    assert_eq!((report.errors, report.lost_writes), (0, 0), "{report:?}");
    assert!(report.requests > 1_000, "{report:?}");
}
