//! Roles from birth to deletion, and IAM's traps.

use crate::world;
use aws_sdk_iam::Client;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value, json};

fn trust(principal: Value) -> String {
    let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn allow(action: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
        .to_string()
}

async fn make(iam: &Client, name: &str, trust: &str) -> Result<String, (String, String)> {
    let request =
        iam.create_role().role_name(name).path("/foothold/story/").assume_role_policy_document(trust);
    match request.send().await {
        Ok(made) => Ok(made.role.expect("the role").arn),
        Err(e) => Err((e.code().unwrap_or_default().to_owned(), e.message().unwrap_or_default().to_owned())),
    }
}

#[tokio::test]
async fn deletion_wants_policies_removed_and_detached_first() {
    let aws = world::start().await;
    let iam = Client::new(&aws.admin().await);
    make(&iam, "app", &trust(json!({"Service": "ecs-tasks.amazonaws.com"}))).await.expect("a role");
    let managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    let inline = iam.put_role_policy().role_name("app").policy_name("p").policy_document(allow("ecr:*"));
    inline.send().await.expect("an inline policy");
    iam.attach_role_policy().role_name("app").policy_arn(managed).send().await.expect("attached");

    let delete = iam.delete_role().role_name("app");
    assert_eq!(delete.clone().send().await.expect_err("conflict").code(), Some("DeleteConflict"));
    iam.delete_role_policy().role_name("app").policy_name("p").send().await.expect("deleted");
    assert_eq!(delete.clone().send().await.expect_err("conflict").code(), Some("DeleteConflict"));
    iam.detach_role_policy().role_name("app").policy_arn(managed).send().await.expect("detached");
    delete.clone().send().await.expect("deleted");
    assert_eq!(delete.send().await.expect_err("gone").code(), Some("NoSuchEntity"));
}

#[tokio::test]
async fn documents_come_back_url_encoded_and_unchanged() {
    let aws = world::start().await;
    let iam = Client::new(&aws.admin().await);
    make(&iam, "app", &trust(json!({"Service": "ecs-tasks.amazonaws.com"}))).await.expect("a role");
    let given = "{\n \"Version\": \"2012-10-17\",\n \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"}}";
    let put = iam.put_role_policy().role_name("app").policy_name("p").policy_document(given);
    put.send().await.expect("an inline policy");
    let shown = iam.get_role_policy().role_name("app").policy_name("p").send().await.expect("the policy");
    assert!(shown.policy_document().starts_with("%7B%0A%20%22Version%22"), "{}", shown.policy_document());
}

#[tokio::test]
async fn a_trusted_role_must_exist_and_be_visible() {
    let aws = world::start().await;
    let iam = Client::new(&aws.admin().await);
    let nobody = json!({"AWS": "arn:aws:iam::999999999999:role/nobody"});
    let (code, words) = make(&iam, "reader", &trust(nobody)).await.expect_err("no such principal");
    assert_eq!(code, "MalformedPolicyDocument");
    assert_eq!(words, "Invalid principal in policy: \"AWS\":\"arn:aws:iam::999999999999:role/nobody\"");
    let stranger = json!({"AWS": "123456789012"});
    assert_eq!(
        make(&iam, "reader", &trust(stranger)).await.expect_err("no such account").0,
        "MalformedPolicyDocument"
    );
}

#[tokio::test]
async fn a_trusted_role_made_anew_is_not_trusted() {
    let aws = world::start().await;
    let admin = aws.admin().await;
    let iam = Client::new(&admin);
    let root = trust(json!({"AWS": "arn:aws:iam::999999999999:root"}));
    let app = make(&iam, "app", &root).await.expect("a role");
    aws.sandbox.advance(60.0);
    let reader = make(&iam, "reader", &trust(json!({"AWS": app}))).await.expect("a role");
    aws.sandbox.advance(60.0);
    let may = |session| {
        let sts = aws_sdk_sts::Client::new(&session);
        let request = sts.assume_role().role_arn(&reader).role_session_name("story");
        async move { request.send().await.is_ok() }
    };
    assert!(
        may(aws.assume(&admin, &app).await).await,
        "a trusted role needs nothing more within its account"
    );

    iam.delete_role().role_name("app").send().await.expect("deleted");
    assert_eq!(make(&iam, "app", &root).await, Ok(app.clone()));
    aws.sandbox.advance(60.0);
    assert!(!may(aws.assume(&admin, &app).await).await, "the new one is another principal");
    let shown = iam.get_role().role_name("reader").send().await.expect("the role").role.expect("the role");
    let document = shown.assume_role_policy_document.expect("a trust policy");
    assert!(document.contains("AROA"), "what is gone is shown by its id: {document}");
}

#[tokio::test]
async fn roles_are_found_by_their_path_page_by_page() {
    let aws = world::start().await;
    let iam = Client::new(&aws.admin().await);
    for name in ["one", "two", "three"] {
        make(&iam, name, &trust(json!({"Service": "ecs-tasks.amazonaws.com"}))).await.expect("a role");
    }
    let first = iam.list_roles().path_prefix("/foothold/").max_items(2).send().await.expect("a page");
    assert_eq!((first.roles.len(), first.is_truncated), (2, true));
    let marker = first.marker.expect("a marker");
    let second = iam.list_roles().path_prefix("/foothold/").marker(marker).send().await.expect("a page");
    assert_eq!((second.roles.len(), second.is_truncated), (1, false));
    assert!(iam.list_roles().path_prefix("/other/").send().await.expect("a page").roles.is_empty());
}

#[tokio::test]
async fn limits_are_iams() {
    let aws = world::start().await;
    let iam = Client::new(&aws.admin().await);
    let ecs = trust(json!({"Service": "ecs-tasks.amazonaws.com"}));
    make(&iam, "app", &ecs).await.expect("a role");
    assert_eq!(make(&iam, "APP", &ecs).await.expect_err("taken").0, "EntityAlreadyExists");
    let services: Vec<String> = (0..90).map(|i| format!("service-{i}.amazonaws.com")).collect();
    let long = trust(json!({"Service": services}));
    assert_eq!(make(&iam, "long", &long).await.expect_err("too long").0, "LimitExceeded");
    let actions: Vec<String> = (0..800).map(|i| format!("service:Action{i}")).collect();
    let big = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}});
    let put = iam.put_role_policy().role_name("app").policy_name("big").policy_document(big.to_string());
    assert_eq!(put.send().await.expect_err("too big").code(), Some("LimitExceeded"));
}
