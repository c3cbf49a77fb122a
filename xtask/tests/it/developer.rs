//! A developer at work: signed in, and without credentials of the management account.

use crate::browser::decide;
use crate::deploy::program;
use crate::people::{PEOPLE, with_an_organization};
use crate::person::Person;
use crate::world::{FOOTHOLD, World, get};

/// Everything is made, and Ada has signed in.
async fn at_work() -> (World, Person, String) {
    let world = with_an_organization().await;
    world.write("foothold.toml", &format!("{FOOTHOLD}{PEOPLE}"));
    let url = world.xtask(&["bootstrap", "--yes", "--confirm", "production"]).await.good().url();
    let ada = world.person("ada");
    let signed_in = ada.login(&[], |link| drop(decide(link, "ada@example.com", "allow"))).await.good();
    signed_in.says("Profiles: config, config-ListServices-config-testing, dev, prod, prod-");
    (world, ada, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_sees_and_changes_development_and_is_denied_production_by_aws() {
    let (world, ada, url) = at_work().await;
    world.sandbox.forget_requests();

    let status = ada.xtask(&["status"]).await.good();
    assert!(status.stdout.contains(&url) && !status.stdout.contains("+ "), "{}", status.stdout);
    for unseen in ["organization ListServices", "permission set ListServices-developer"] {
        let line = status.stdout.lines().find(|line| line.contains(unseen));
        assert!(line.is_some_and(|line| line.contains("not visible to you")), "{}", status.stdout);
    }

    let stage = ["--stage", "development", "--yes"];
    let set = ["config", "set", "boolEnableLimitResults=true", "intResultLimit=7"];
    ada.xtask(&[&set[..], &stage].concat()).await.good().says("Live in ");
    assert!(get(&url).await.1.contains("\"limit\":7"));

    let other = program(&world, "another", |bytes| bytes.extend(b"another"));
    let other = other.to_str().expect("a path");
    let deploy = ["deploy", "--binary", other];
    ada.xtask(&[&deploy[..], &stage].concat()).await.good().says("Live in ");

    let production = ["--stage", "production", "--confirm", "production"];
    let denied = ada.xtask(&[&deploy[..], &production].concat()).await;
    assert_eq!(denied.status, 1, "{denied:?}");
    denied.says("is not authorized to perform: ecs:UpdateExpressGatewayService");
    let denied = ada.xtask(&[&set[..], &production].concat()).await;
    assert_eq!(denied.status, 1, "{denied:?}");
    denied.says("is not authorized to perform: appconfig:");

    let management = world.sandbox.world().settings.management.clone();
    let hers = world.sandbox.requests().into_iter().filter(|it| it.user_agent.contains("app/foothold"));
    let mut there = hers.filter(|request| request.account == management);
    assert!(there.all(|request| request.status != 200), "nothing is done in the management account");
}
