//! Who may do what where: Identity Center, where the organization has it.

use crate::world;

#[tokio::test(flavor = "multi_thread")]
async fn without_identity_center_it_is_said_how_to_switch_it_on_and_all_else_is_made() {
    let world = world::start().await;
    let plan = world.xtask(&["plan"]).await.good();
    plan.says("no API can")
        .says("https://eu-west-1.console.aws.amazon.com/singlesignon/home?region=eu-west-1");
}
