//! Who may do what where: Identity Center, where the organization has it.

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use sandbox::services::identity;
use serde_json::{Value, json};

use crate::hand::Hand;
use crate::world::{self, FOOTHOLD, World};

pub(crate) const PEOPLE: &str = r#"
[[stage]]
name = "production"
account = "prod"
protected = true

[[people]]
email = "ada@example.com"
name = "Ada Lovelace"
groups = ["developers"]

[[people]]
email = "grace@example.com"
name = "Grace Hopper"
groups = ["operators"]

[[people]]
email = "mary@example.com"
name = "Mary Jackson"
groups = ["administrators"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn without_identity_center_it_is_said_how_to_switch_it_on_and_all_else_is_planned() {
    let world = world::start().await;
    let plan = world.xtask(&["plan"]).await.good();
    plan.says("no API can")
        .says("https://eu-west-1.console.aws.amazon.com/singlesignon/home?region=eu-west-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_an_external_source_has_not_is_an_error_before_anything_is_written() {
    let world = with_an_organization().await;
    world.write("foothold.toml", &format!("identity_source = \"external\"\n{FOOTHOLD}"));
    let (ended, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    ended.says("the external identity source has brought no group `developers`");
    let writes: Vec<_> = requests.iter().filter(|r| !sandbox::faults::reads(&r.operation)).collect();
    assert!(writes.iter().all(|r| r.operation == "GetCallerIdentity"), "{writes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_an_external_source_are_looked_up_and_neither_they_nor_people_are_made() {
    let world = with_an_organization().await;
    identity::synchronize(&mut world.sandbox.world(), "ada@example.com", &["developers"]);
    identity::synchronize(&mut world.sandbox.world(), "mary@example.com", &["operators", "administrators"]);
    world.write("foothold.toml", &format!("identity_source = \"external\"\n{FOOTHOLD}"));
    let (ended, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    ended.good();
    let kept_there = |request: &&sandbox::record::Record| request.service == "identitystore";
    let asked = requests.iter().filter(kept_there).map(|request| request.operation.as_str());
    assert_eq!(asked.collect::<BTreeSet<_>>(), BTreeSet::from(["DescribeGroup", "GetGroupId"]));
    let token = sign_in(&world, "ada@example.com").await;
    let dev = account(&world, "dev");
    let answer = role_credentials(&world, &token, &dev, "ListServices-developer").await;
    assert_eq!(caller(&world, &answer).await, dev);
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_reaches_what_is_declared_and_nothing_else() {
    let world = with_an_organization().await;
    world.write("foothold.toml", &format!("{FOOTHOLD}{PEOPLE}"));
    let made = world.xtask(&["bootstrap", "--yes", "--confirm", "production"]).await.good();
    made.says("People who were made have no password yet");

    let (second, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    second.good().says("unchanged");
    let writes: Vec<_> = requests.iter().filter(|r| !sandbox::faults::reads(&r.operation)).collect();
    assert!(writes.iter().all(|r| r.operation == "GetCallerIdentity"), "{writes:?}");

    let cells = matrix(&world, &["access", "--json"]).await;
    assert!(cells.iter().all(|cell| cell["declared"] == true && cell["there"] == true), "{cells:#?}");
    let sets: BTreeSet<(String, String)> = cells.iter().map(|cell| place(&world, cell)).collect();
    let people = [("ada", "developers"), ("grace", "operators"), ("mary", "administrators")];
    for (email, group) in people.map(|(name, group)| (format!("{name}@example.com"), group)) {
        let email = email.as_str();
        let token = sign_in(&world, email).await;
        let own = matrix(&world, &["access", "--json", "--person", email]).await;
        assert!(!own.is_empty() && own.iter().all(|cell| cell["who"] == group), "{own:#?}");
        let own: BTreeSet<_> = own.iter().map(|cell| place(&world, cell)).collect();
        for (account, set) in &sets {
            let answer = role_credentials(&world, &token, account, set).await;
            match own.contains(&(account.clone(), set.clone())) {
                true => assert_eq!(caller(&world, &answer).await, *account),
                false => assert_eq!(answer["message"], "No access", "{email} {account} {set}: {answer}"),
            }
        }
    }
    denied_by_aws(&world).await;
    drift(&world).await;

    world.xtask(&["teardown", "--stage", "production", "--confirm", "production"]).await.good();
    let left = world.snapshot()["identity"].to_string();
    assert!(!left.contains("config-production") && left.contains("config-development"), "{left}");
    let gone = world.xtask(&["teardown", "--yes", "--confirm", "ListServices"]).await.good();
    gone.says("\n-[profile dev]\n");
    let left = world.snapshot()["identity"].to_string();
    for ours in ["ListServices", "ada@example.com", "developers"] {
        assert!(!left.contains(ours), "{ours} in {left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_that_waits_goes_on_when_somebody_has_switched_it_on() {
    let world = world::start().await;
    let asked = || world.sandbox.requests().iter().filter(|r| r.operation == "ListInstances").count() > 5;
    let somebody = async {
        while !asked() {
            tokio::task::yield_now().await;
        }
        identity::switch(&mut world.sandbox.world(), true);
    };
    let (ended, ()) = tokio::join!(world.xtask(&["bootstrap", "--yes", "--wait"]), somebody);
    ended.good();
    let cells = matrix(&world, &["access", "--json"]).await;
    assert!(!cells.is_empty() && cells.iter().all(|cell| cell["there"] == true), "{cells:#?}");

    // A changed document reaches the accounts, and nothing else is touched.
    let changed = world.read("policies/developer.json").replace("GiveOurRoles", "HandOurRoles");
    world.write("policies/developer.json", &changed);
    let (ended, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    ended.good();
    let writes: Vec<&str> = requests.iter().map(|r| r.operation.as_str()).collect();
    for write in ["PutInlinePolicyToPermissionSet", "ProvisionPermissionSet"] {
        assert_eq!(writes.iter().filter(|operation| **operation == write).count(), 1, "{write}: {writes:?}");
    }
    world.xtask(&["plan", "--check"]).await.good();

    // Switched off, nothing of it is declared; switched on again, everything of it is made again.
    identity::switch(&mut world.sandbox.world(), false);
    world.xtask(&["plan", "--check"]).await.good().says("no API can");
    identity::switch(&mut world.sandbox.world(), true);
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let cells = matrix(&world, &["access", "--json"]).await;
    assert!(cells.iter().all(|cell| cell["declared"] == true && cell["there"] == true), "{cells:#?}");
}

/// A support group, and somebody who is in two groups.
const BEFORE: &str = r#"
[[people]]
email = "ada@example.com"
name = "Ada Lovelace"
groups = ["developers", "operators"]

[[people]]
email = "grace@example.com"
name = "Grace Hopper"
groups = ["support"]

[[permission_set]]
name = "support"
managed = ["ViewOnlyAccess"]

[[assignment]]
group = "support"
permission_set = "support"
accounts = ["unprotected"]
"#;

/// The same without them, and with less for the operators.
const AFTER: &str = r#"
[[people]]
email = "ada@example.com"
name = "Ada Lovelace"
groups = ["operators"]

[[assignment]]
group = "operators"
permission_set = "operator"
accounts = ["development"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn who_left_the_file_is_shown_and_goes_when_that_is_asked_for_and_what_was_made_by_hand_stays() {
    let world = with_an_organization().await;
    let groups = "groups = [\"developers\", \"operators\", \"administrators\", \"support\"]\n";
    world.write("foothold.toml", &format!("{groups}{FOOTHOLD}{BEFORE}"));
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let plan = world.xtask(&["plan", "--check"]).await.good();
    assert!(!plan.stdout.contains("No longer"), "{}", plan.stdout);
    assign_by_hand(&world, "ada@example.com", "ListServices-administrator").await;

    world.write("foothold.toml", &format!("{FOOTHOLD}{AFTER}"));
    let plan = world.xtask(&["plan", "--check"]).await.good();
    let (_, left) = plan.stdout.split_once("No longer in foothold.toml").expect("what left the file");
    let gone: Vec<String> = left.lines().filter(|line| line.starts_with("  - ")).map(words).collect();
    let expected = [
        "- group support in identity center ListServices delete",
        "- user grace@example.com in identity center ListServices delete",
        "- membership ada@example.com in group developers in identity center ListServices delete",
        "- permission set ListServices-support in identity center ListServices delete",
        "- account assignment operators as ListServices-config-development delete",
        "- account assignment operators as ListServices-config-testing delete",
    ];
    let sorted = |lines: Vec<String>| BTreeSet::from_iter(lines);
    assert_eq!(sorted(gone), sorted(expected.map(str::to_owned).to_vec()), "{left}");
    let access = world.xtask(&["access"]).await.good();
    access.says("no longer declared: `cargo xtask teardown --orphans` removes it");
    let (kept, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
    kept.good();
    assert_eq!(world::writes_of(&requests), [] as [&str; 0]);

    world.xtask(&["teardown", "--orphans", "--confirm", "ListServices"]).await.good();
    let plan = world.xtask(&["plan", "--check"]).await.good();
    assert!(!plan.stdout.contains("No longer"), "{}", plan.stdout);
    let cells = matrix(&world, &["access", "--json"]).await;
    let odd: Vec<_> = cells.iter().filter(|cell| cell["declared"] != cell["there"]).collect();
    assert!(odd.len() == 1 && odd[0]["who"] == "ada@example.com", "{odd:#?}");
    world.xtask(&["access"]).await.good().says("not declared: made by hand, and left alone");

    world.write("foothold.toml", FOOTHOLD);
    let pruned = world.xtask(&["bootstrap", "--prune", "--yes", "--confirm", "ListServices"]).await.good();
    pruned.says("user `ada@example.com`").says(": deleted");
    assert!(!world.snapshot()["identity"].to_string().contains("ada@example.com"));
}

/// A line with single spaces.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Gives somebody a permission set in dev, as one does in the console.
async fn assign_by_hand(world: &World, email: &str, permission_set: &str) {
    let hand = Hand::of(world).await;
    let (sso, store) =
        (aws_sdk_ssoadmin::Client::new(&hand.admin), aws_sdk_identitystore::Client::new(&hand.admin));
    let instance = sso.list_instances().send().await.expect("instances").instances()[0].clone();
    let (arn, id) =
        (instance.instance_arn().expect("an ARN"), instance.identity_store_id().expect("a store"));
    let users = store.list_users().identity_store_id(id).send().await.expect("users");
    let user = users.users().iter().find(|user| user.user_name() == Some(email)).expect("a user").user_id();
    for set in sso.list_permission_sets().instance_arn(arn).send().await.expect("sets").permission_sets() {
        let asked = sso.describe_permission_set().instance_arn(arn).permission_set_arn(set).send().await;
        if asked.expect("a set").permission_set().and_then(|set| set.name()) != Some(permission_set) {
            continue;
        }
        let request = sso.create_account_assignment().instance_arn(arn).permission_set_arn(set);
        let request = request.target_type(aws_sdk_ssoadmin::types::TargetType::AwsAccount);
        let request = request.target_id(account(world, "dev")).principal_id(user);
        let request = request.principal_type(aws_sdk_ssoadmin::types::PrincipalType::User);
        request.send().await.expect("an assignment");
        world.sandbox.advance(60.0);
    }
}

/// A developer may not change production; the editor of one stage does not reach another's environment.
async fn denied_by_aws(world: &World) {
    let token = sign_in(world, "ada@example.com").await;
    let account = account(world, "prod");
    let keys = role_credentials(world, &token, &account, "ListServices-read-only").await;
    let ecs = aws_sdk_ecs::Client::new(&config(world, &keys));
    let arn = format!("arn:aws:ecs:eu-west-1:{account}:service/default/ListServices");
    let update = ecs.update_express_gateway_service().service_arn(arn).cpu("512").send().await;
    let error = update.expect_err("a denial").into_service_error();
    let message = error.meta().message().unwrap_or_default().to_owned();
    assert!(message.contains("is not authorized to perform: ecs:UpdateExpressGatewayService"), "{message}");

    // Who may see the bill, or DNS, sees nothing else by it.
    for set in ["ListServices-billing-view", "ListServices-dns-read-only"] {
        let keys = role_credentials(world, &token, &account, set).await;
        let ecs = aws_sdk_ecs::Client::new(&config(world, &keys));
        let error = ecs.list_clusters().send().await.expect_err("a denial").into_service_error();
        let message = error.meta().message().unwrap_or_default().to_owned();
        assert!(message.contains("is not authorized to perform: ecs:ListClusters"), "{set}: {message}");
    }

    let account = self::account(world, "config");
    let keys = role_credentials(world, &token, &account, "ListServices-config-development").await;
    let appconfig = aws_sdk_appconfig::Client::new(&config(world, &keys));
    let applications = appconfig.list_applications().send().await.expect("applications");
    let application = applications.items()[0].id().expect("an id").to_owned();
    let environments = appconfig.list_environments().application_id(&application).send().await;
    let environments = environments.expect("environments");
    assert_eq!(environments.items().len(), 3);
    for environment in environments.items() {
        let request = appconfig.list_deployments().application_id(&application);
        let answer = request.environment_id(environment.id().expect("an id")).send().await;
        let own = environment.name() == Some("development");
        assert_eq!(answer.is_ok(), own, "{environment:?}: {answer:?}");
    }
}

/// What somebody has assigned by hand is shown and stays; what of ours is gone comes back.
async fn drift(world: &World) {
    let keys = sandbox::services::iam::admin_keys(&world.sandbox.world());
    let admin = json!({"roleCredentials": {
        "accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret_access_key
    }});
    let sso = aws_sdk_ssoadmin::Client::new(&config(world, &admin));
    let instance = sso.list_instances().send().await.expect("instances").instances()[0].clone();
    let instance = instance.instance_arn().expect("an ARN");
    let made = sso.create_permission_set().instance_arn(instance).name("ByHand").send().await.expect("a set");
    let set = made.permission_set().and_then(|set| set.permission_set_arn()).expect("an ARN").to_owned();
    let dev = account(world, "dev");
    let listed = sso.list_permission_sets_provisioned_to_account().instance_arn(instance).account_id(&dev);
    let ours = listed.send().await.expect("sets").permission_sets()[0].clone();
    let of = sso.list_account_assignments().instance_arn(instance).account_id(&dev).permission_set_arn(&ours);
    let one = of.send().await.expect("assignments").account_assignments()[0].clone();
    let kind = one.principal_type().expect("a kind").clone();
    let principal = one.principal_id().expect("a principal").to_owned();
    let target = aws_sdk_ssoadmin::types::TargetType::AwsAccount;
    let request = sso.create_account_assignment().instance_arn(instance).permission_set_arn(set);
    let request = request.target_type(target.clone()).target_id(&dev);
    request.principal_type(kind.clone()).principal_id(&principal).send().await.expect("an assignment");
    let request = sso.delete_account_assignment().instance_arn(instance).permission_set_arn(&ours);
    let request = request.target_type(target).target_id(&dev).principal_type(kind).principal_id(&principal);
    request.send().await.expect("a removal");
    world.sandbox.advance(60.0);
    let more = sso.attach_managed_policy_to_permission_set().instance_arn(instance).permission_set_arn(&ours);
    let policy = "arn:aws:iam::aws:policy/AWSBillingReadOnlyAccess";
    more.managed_policy_arn(policy).send().await.expect("one policy more");
    let plan = world.xtask(&["plan"]).await.good();
    plan.says("~ permission set ListServices-").says(policy);

    let seen = world.xtask(&["access"]).await.good();
    let seen = seen.says("ByHand").says("not declared: made by hand, and left alone");
    seen.says("missing: bootstrap makes it");
    world.xtask(&["bootstrap", "--yes", "--confirm", "production"]).await.good();
    let cells = matrix(world, &["access", "--json"]).await;
    world.xtask(&["plan", "--check"]).await.good();
    let odd: Vec<_> = cells.iter().filter(|cell| cell["declared"] != cell["there"]).collect();
    assert!(odd.len() == 1 && odd[0]["permission_set"] == "ByHand" && odd[0]["there"] == true, "{odd:#?}");
}

/// A world whose organization has Identity Center already.
pub(crate) async fn with_an_organization() -> World {
    with_an_organization_where(|_| ()).await
}

pub(crate) async fn with_an_organization_where(change: impl FnOnce(&mut sandbox::Options)) -> World {
    let world = world::start_with(|options| {
        options.settings.identity_center = true;
        change(options);
    })
    .await;
    let keys = sandbox::services::iam::admin_keys(&world.sandbox.world());
    let admin = json!({"roleCredentials": {
        "accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret_access_key
    }});
    let organizations = aws_sdk_organizations::Client::new(&config(&world, &admin));
    organizations.create_organization().send().await.expect("an organization");
    identity::switch(&mut world.sandbox.world(), true);
    world
}

async fn matrix(world: &World, arguments: &[&str]) -> Vec<Value> {
    let ended = world.xtask(arguments).await.good();
    serde_json::from_str(ended.stdout.trim()).expect("one line of JSON")
}

/// The account's id and the permission set of a cell.
fn place(world: &World, cell: &Value) -> (String, String) {
    let text = |name: &str| cell[name].as_str().expect("a text").to_owned();
    (account(world, &text("account")), text("permission_set"))
}

fn account(world: &World, label: &str) -> String {
    let world = world.sandbox.world();
    if label == "management" {
        return world.settings.management.clone();
    }
    let name = format!("listservices-{label}");
    let found = world.organizations.accounts.iter().find(|(_, account)| account.name == name);
    found.expect("an account").0.clone()
}

/// Signs in as a person does, by device and browser. Gives the access token.
async fn sign_in(world: &World, email: &str) -> String {
    let client = post(
        world,
        "/client/register",
        &json!({
            "clientName": "story", "clientType": "public", "scopes": ["sso:account:access"]
        }),
    )
    .await;
    let start = world.sandbox.world().identity.instance.as_ref().expect("an instance").start_url();
    let device = post(
        world,
        "/device_authorization",
        &json!({
            "clientId": client["clientId"], "clientSecret": client["clientSecret"], "startUrl": start
        }),
    )
    .await;
    let page = device["verificationUri"].as_str().expect("a page");
    let code = format!("user_code={}", device["userCode"].as_str().expect("a code"));
    let approved =
        curl(&["-d", &code, "--data-urlencode", &format!("user={email}"), "-d", "decision=allow", page])
            .await;
    assert!(approved.contains("approved"), "{approved}");
    let token = post(
        world,
        "/token",
        &json!({
            "clientId": client["clientId"], "clientSecret": client["clientSecret"],
            "grantType": "urn:ietf:params:oauth:grant-type:device_code", "deviceCode": device["deviceCode"]
        }),
    )
    .await;
    token["accessToken"].as_str().unwrap_or_else(|| panic!("{token}")).to_owned()
}

async fn role_credentials(world: &World, token: &str, account: &str, set: &str) -> Value {
    let endpoint = world.sandbox.endpoint();
    let url = format!("{endpoint}/federation/credentials?account_id={account}&role_name={set}");
    let answer = curl(&["-H", &format!("x-amz-sso_bearer_token: {token}"), &url]).await;
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"))
}

async fn post(world: &World, path: &str, body: &Value) -> Value {
    let url = format!("{}{path}", world.sandbox.endpoint());
    let answer = curl(&["-H", "content-type: application/json", "-d", &body.to_string(), &url]).await;
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"))
}

async fn curl(arguments: &[&str]) -> String {
    let out = tokio::process::Command::new("curl").arg("-s").args(arguments).output().await.expect("curl");
    String::from_utf8(out.stdout).expect("text")
}

/// The account whose credentials these are.
async fn caller(world: &World, answer: &Value) -> String {
    let sts = aws_sdk_sts::Client::new(&config(world, answer));
    let identity = sts.get_caller_identity().send().await.expect("an identity");
    identity.account.expect("an account")
}

fn config(world: &World, answer: &Value) -> aws_types::SdkConfig {
    let keys = &answer["roleCredentials"];
    let text = |name: &str| keys[name].as_str().map(str::to_owned);
    let (id, secret) = (text("accessKeyId"), text("secretAccessKey"));
    let (id, secret) = (id.unwrap_or_else(|| panic!("{answer}")), secret.expect("a secret"));
    let keys = Credentials::new(id, secret, text("sessionToken"), None, "story");
    aws_types::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(keys))
        .region(aws_types::region::Region::new("eu-west-1"))
        .endpoint_url(world.sandbox.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}
