//! What would stop a bootstrap, found before anything is made.

use crate::world::{FOOTHOLD, start};

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_asks_for_the_quota_of_accounts() {
    let world = start().await;
    world.write("foothold.toml", FOOTHOLD);
    world.sandbox.world().settings.account_quota = 1;
    let doctor = world.xtask(&["doctor"]).await;
    assert_eq!(doctor.status, 1, "{doctor:?}");
    doctor.says("NO  accounts").says("2 to be made; the quota is 1: ask for more");

    world.sandbox.world().settings.account_quota = 40;
    world.xtask(&["doctor"]).await.good().says("2 to be made; the quota is 40");
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.xtask(&["doctor"]).await.good().says("3 in the organization, 0 to be made; the quota is 40");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_knows_which_accounts_are_new() {
    let world = start().await;
    let runner = FOOTHOLD.replace("account = \"dev\"", "account = \"dev\"\nplatform = \"app-runner\"");
    world.write("foothold.toml", &runner.replace("eu-west-1", "me-south-1"));
    let doctor = world.xtask(&["doctor"]).await;
    assert_eq!(doctor.status, 1, "{doctor:?}");
    doctor.says("credentials these are in me-south-1").says("that Region is off in its account");
    world.write("foothold.toml", &runner);
    let doctor = world.xtask(&["doctor"]).await;
    assert_eq!(doctor.status, 1, "{doctor:?}");
    doctor.says("NO  App Runner").says("dev is to be made");

    world.write("foothold.toml", FOOTHOLD);
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.write("foothold.toml", &runner);
    world.xtask(&["doctor"]).await.good().says("ok  Region").says("ok  App Runner");
}
