//! People at work: signed in, and without any key.

use crate::browser::decide;
use crate::deploy::program;
use crate::people::{PEOPLE, with_an_organization};
use crate::person::Person;
use crate::world::{FOOTHOLD, World, get, writes_of};

/// Everything is made. Gives the address of development.
async fn made() -> (World, String) {
    let world = with_an_organization().await;
    world.write("foothold.toml", &format!("{FOOTHOLD}{PEOPLE}"));
    let url = world.xtask(&["bootstrap", "--yes", "--confirm", "production"]).await.good().url();
    (world, url)
}

/// Somebody of the file, who has signed in and is said to have these profiles.
pub(crate) async fn signed_in(world: &World, name: &str, profiles: &str) -> Person {
    let (person, email) = (world.person(name), format!("{name}@example.com"));
    let ended = person.login(&[], move |link| drop(decide(link, &email, "allow"))).await.good();
    ended.says(&format!("Profiles: {profiles}"));
    person
}

const PRODUCTION: [&str; 4] = ["--stage", "production", "--confirm", "production"];

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_sees_and_changes_development_and_is_denied_production_by_aws() {
    let (world, url) = made().await;
    let ada = signed_in(&world, "ada", "config, config-ListServices-config-testing, dev, prod, prod-").await;
    world.sandbox.forget_requests();

    let status = ada.xtask(&["status"]).await.good();
    assert!(status.stdout.contains(&url) && !status.stdout.contains("+ "), "{}", status.stdout);
    let all = ada.xtask(&["status", "-v"]).await.good().stdout;
    let unseen: Vec<_> = all.lines().filter(|line| line.starts_with("  ? ")).collect();
    for label in ["organization ListServices", "permission set ListServices-developer"] {
        assert!(unseen.iter().any(|line| line.contains(label)), "{all}");
    }
    let told = format!("{} are not visible to you; -v lists them", unseen.len());
    assert!(status.stdout.contains(&told), "{}", status.stdout);

    let access = ada.xtask(&["access"]).await.good().says("not visible to you");
    assert!(access.stdout.contains("ListServices-developer"), "{access:?}");

    let stage = ["--stage", "development", "--yes"];
    let set = ["config", "set", "boolEnableLimitResults=true", "intResultLimit=7"];
    ada.xtask(&[&set[..], &stage].concat()).await.good().says("Live in ");
    assert!(get(&url).await.1.contains("\"limit\":7"));

    let other = program(&world, "another", |bytes| bytes.extend(b"another"));
    let other = other.to_str().expect("a path");
    let deploy = ["deploy", "--binary", other];
    ada.xtask(&[&deploy[..], &stage].concat()).await.good().says("Live in ");

    let denied = ada.xtask(&[&deploy[..], &PRODUCTION].concat()).await;
    assert_eq!(denied.status, 1, "{denied:?}");
    denied.says("is not authorized to perform: ecs:UpdateExpressGatewayService");
    let denied = ada.xtask(&[&set[..], &PRODUCTION].concat()).await;
    assert_eq!(denied.status, 1, "{denied:?}");
    denied.says("is not authorized to perform: appconfig:");

    let management = world.sandbox.world().settings.management.clone();
    let hers = world.sandbox.requests().into_iter().filter(|it| it.user_agent.contains("app/foothold"));
    let mut there = hers.filter(|request| request.account == management);
    assert!(there.all(|request| request.status != 200), "nothing is done in the management account");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_changes_production_and_an_administrator_makes_everything() {
    let (world, _) = made().await;
    let grace = signed_in(&world, "grace", "config, config-ListServices-config-testing, ").await;
    let set = ["config", "set", "boolEnableLimitResults=true", "intResultLimit=7"];
    grace.xtask(&[&set[..], &PRODUCTION].concat()).await.good().says("Live in ");
    let other = program(&world, "another", |bytes| bytes.extend(b"another"));
    let deploy = ["deploy", "--binary", other.to_str().expect("a path")];
    grace.xtask(&[&deploy[..], &PRODUCTION].concat()).await.good().says("Live in ");
    let denied = grace.xtask(&["bootstrap", "--yes"]).await;
    assert_eq!(denied.status, 1, "{denied:?}");
    denied.says("not visible to you");

    // Whoever has signed in and is an administrator needs no key to make what is declared.
    let mary = signed_in(&world, "mary", "config, dev, prod, management").await;
    mary.xtask(&["plan", "--check"]).await.good();
    let (again, requests) = world.requests_of(mary.xtask(&["bootstrap", "--yes"])).await;
    again.good();
    assert_eq!(writes_of(&requests), [] as [&str; 0]);
    let testing = "name = \"testing\"\n";
    let declared = world.read("foothold.toml");
    world.write("foothold.toml", &declared.replace(testing, &format!("{testing}account = \"test\"\n")));
    mary.xtask(&["bootstrap", "--yes"]).await.good();
    mary.login(&[], |link| drop(decide(link, "mary@example.com", "allow"))).await.good().says(", test,");
    mary.xtask(&["plan", "--check"]).await.good();
}
