//! Who may do what, as a table: principal, action, resource, and AWS's answer.

use crate::world::{self, Aws};
use aws_config::SdkConfig;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sandbox::services::iam;
use serde_json::{Value, json};

const MANAGEMENT: &str = "999999999999";
const DEV: &str = "111111111111";
const CONFIG: &str = "222222222222";

/// A role in an account, trusted by the whole management account and by others by their ARNs.
async fn role(aws: &Aws, account: &str, name: &str, policy: Value, trusted: &[&str]) -> String {
    let mut principals = vec![format!("arn:aws:iam::{MANAGEMENT}:root")];
    principals.extend(trusted.iter().map(|arn| (*arn).to_owned()));
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"});
    let role = iam::NewRole {
        account,
        path: "/foothold/story/",
        name,
        trust: json!({"Version": "2012-10-17", "Statement": statement}),
        attached: Vec::new(),
        inline: vec![("policy".to_owned(), policy)],
    };
    let arn = iam::make_role(&mut aws.sandbox.world(), role);
    aws.sandbox.advance(60.0);
    arn
}

fn policy(statements: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

async fn session(aws: &Aws, account: &str, name: &str, statements: Value) -> SdkConfig {
    let arn = role(aws, account, name, policy(statements), &[]).await;
    aws.assume(&aws.admin().await, &arn).await
}

/// Assumes a role and gives AWS's refusal: code and words.
async fn refusal(from: &SdkConfig, arn: &str) -> (String, String) {
    let sts = aws_sdk_sts::Client::new(from);
    let refused = sts.assume_role().role_arn(arn).role_session_name("story").send().await;
    words(refused.expect_err("a refusal"))
}

fn words(error: impl ProvideErrorMetadata) -> (String, String) {
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn root_cannot_assume_roles() {
    let aws = world::start().await;
    let arn = role(&aws, DEV, "any", policy(json!([])), &[]).await;
    let refused = refusal(&aws.root().await, &arn).await;
    assert_eq!(refused, ("AccessDenied".into(), "Roles may not be assumed by root accounts.".into()));
}

#[tokio::test]
async fn a_role_is_assumed_only_by_whom_it_trusts_and_who_may() {
    let aws = world::start().await;
    let app = role(&aws, DEV, "app", policy(json!([])), &[]).await;
    let trusting = role(&aws, CONFIG, "reader", policy(json!([])), &[&app]).await;
    let other = role(&aws, CONFIG, "other", policy(json!([])), &[]).await;
    let app = aws.assume(&aws.admin().await, &app).await;
    let refused = refusal(&app, &trusting).await;
    let said = format!(
        "User: arn:aws:sts::{DEV}:assumed-role/app/story is not authorized to perform: sts:AssumeRole on resource: \
         {trusting}"
    );
    assert_eq!(refused, ("AccessDenied".into(), said), "trust alone is not enough across accounts");

    let may = json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]);
    let may = session(&aws, DEV, "may", may).await;
    assert_eq!(refusal(&may, &other).await.0, "AccessDenied", "permission alone is not enough");
    let missing = format!("arn:aws:iam::{CONFIG}:role/nobody");
    assert_eq!(refusal(&may, &missing).await.0, "AccessDenied", "a role that is not there looks the same");
}

#[tokio::test]
async fn iam_and_json_services_refuse_in_their_own_codes() {
    let aws = world::start().await;
    let reader = json!([
        {"Effect": "Allow", "Action": ["iam:Get*", "ecr:*"], "Resource": "*"},
        {"Effect": "Deny", "Action": "ecr:DeleteRepository", "Resource": "*"},
    ]);
    let reader = session(&aws, DEV, "reader", reader).await;
    let who = format!("User: arn:aws:sts::{DEV}:assumed-role/reader/story is not authorized to perform");

    let iam = aws_sdk_iam::Client::new(&reader);
    let refused = words(iam.delete_role().role_name("reader").send().await.expect_err("refused"));
    let arn = format!("arn:aws:iam::{DEV}:role/foothold/story/reader");
    let said = format!(
        "{who}: iam:DeleteRole on resource: {arn} because no identity-based policy allows the iam:DeleteRole action"
    );
    assert_eq!(refused, ("AccessDenied".into(), said));
    assert!(iam.get_role().role_name("reader").send().await.is_ok());

    let ecr = aws_sdk_ecr::Client::new(&reader);
    let refused = words(ecr.delete_repository().repository_name("images").send().await.expect_err("refused"));
    let arn = format!("arn:aws:ecr:eu-west-1:{DEV}:repository/images");
    let said = format!(
        "{who}: ecr:DeleteRepository on resource: {arn} with an explicit deny in an identity-based policy"
    );
    assert_eq!(refused, ("AccessDeniedException".into(), said));
}

#[tokio::test]
async fn a_boundary_bounds_what_the_policies_allow() {
    let aws = world::start().await;
    let admin = aws.admin().await;
    let iam = aws_sdk_iam::Client::new(&admin);
    let trust =
        policy(json!([{"Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": "sts:AssumeRole"}]));
    let made = iam
        .create_role()
        .role_name("bounded")
        .assume_role_policy_document(trust.to_string())
        .permissions_boundary("arn:aws:iam::aws:policy/IAMReadOnlyAccess")
        .send()
        .await
        .expect("a role");
    let arn = made.role.expect("the role").arn;
    let all = "arn:aws:iam::aws:policy/AdministratorAccess";
    iam.attach_role_policy().role_name("bounded").policy_arn(all).send().await.expect("attached");
    aws.sandbox.advance(60.0);
    let bounded = aws_sdk_iam::Client::new(&aws.assume(&admin, &arn).await);
    assert!(bounded.list_roles().send().await.is_ok());
    let (code, said) = words(bounded.delete_role().role_name("bounded").send().await.expect_err("refused"));
    assert_eq!(code, "AccessDenied");
    assert!(said.ends_with("because no permissions boundary allows the iam:DeleteRole action"), "{said}");
}

#[tokio::test]
async fn a_session_policy_scopes_a_broad_role_down() {
    let aws = world::start().await;
    let admin = aws.admin().await;
    let all = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]);
    let arn = role(&aws, DEV, "broad", policy(all), &[]).await;
    let only = policy(json!([{"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"}]));
    let sts = aws_sdk_sts::Client::new(&admin);
    let request = sts.assume_role().role_arn(&arn).role_session_name("story").policy(only.to_string());
    let given = request.send().await.expect("a session").credentials.expect("credentials");
    let iam = aws_sdk_iam::Client::new(&aws.config(world::temporary(given)).await);
    assert!(iam.list_roles().send().await.is_ok());
    let (_, said) = words(iam.list_users().send().await.expect_err("refused"));
    assert!(said.ends_with("because no session policy allows the iam:ListUsers action"), "{said}");
}
