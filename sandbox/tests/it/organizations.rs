//! Organizations: accounts are made slowly, can be entered later still, and are never quite gone.

use crate::world::{self, Aws};
use aws_sdk_organizations::Client;
use aws_sdk_organizations::error::ProvideErrorMetadata;
use aws_sdk_organizations::types::{AccountState, CreateAccountState, CreateAccountStatus};

/// At AWS's own pace: time passes when a story says so.
async fn start() -> (Aws, Client) {
    let aws = world::start_with(|options| {
        options.scale = 1.0;
        options.settings.throttles = false;
        options.settings.organization = true;
    })
    .await;
    let client = Client::new(&aws.admin().await);
    (aws, client)
}

async fn asked(client: &Client, email: &str) -> CreateAccountStatus {
    let request = client.create_account().email(email).account_name(email);
    let answer = request.send().await.expect("create the account");
    answer.create_account_status.expect("a status")
}

async fn polled(client: &Client, id: &str) -> CreateAccountStatus {
    let request = client.describe_create_account_status().create_account_request_id(id);
    let answer = request.send().await.expect("describe the creation");
    answer.create_account_status.expect("a status")
}

/// Makes an account and waits until it is there: its id.
async fn account(aws: &Aws, client: &Client, email: &str) -> String {
    let begun = asked(client, email).await;
    aws.sandbox.advance(61.0);
    let done = polled(client, begun.id().expect("an id")).await;
    assert_eq!(done.state(), Some(&CreateAccountState::Succeeded));
    done.account_id.expect("an account")
}

async fn state(client: &Client, id: &str) -> Option<AccountState> {
    let answer = client.describe_account().account_id(id).send().await.expect("describe the account");
    answer.account.expect("an account").state
}

#[tokio::test]
async fn an_account_takes_its_time_and_its_role_appears_later_still() {
    let (aws, client) = start().await;
    let begun = asked(&client, "dev@example.org").await;
    assert_eq!(begun.state(), Some(&CreateAccountState::InProgress));
    aws.sandbox.advance(61.0);
    let done = polled(&client, begun.id().expect("an id")).await;
    let id = done.account_id().expect("an account");
    let role = format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole");
    let admin = aws.admin().await;
    let sts = aws_sdk_sts::Client::new(&admin);
    let early = sts.assume_role().role_arn(&role).role_session_name("story").send().await;
    assert_eq!(early.expect_err("too early").code(), Some("AccessDenied"));
    aws.sandbox.advance(30.0);
    let member = aws.assume(&admin, &role).await;
    let who = aws_sdk_sts::Client::new(&member).get_caller_identity().send().await.expect("an identity");
    assert_eq!(who.account(), Some(id));
    let described = Client::new(&member).describe_organization().send().await.expect("describe");
    assert_eq!(described.organization().and_then(|o| o.master_account_id()), Some("999999999999"));
    let listed = Client::new(&member).list_accounts().send().await;
    assert_eq!(listed.expect_err("a member lists").code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn email_already_exists_arrives_in_the_polled_status() {
    let (aws, client) = start().await;
    account(&aws, &client, "dev@example.org").await;
    let again = asked(&client, "DEV@example.org").await;
    aws.sandbox.advance(61.0);
    let done = polled(&client, again.id().expect("an id")).await;
    let reason = done.failure_reason().map(|r| r.as_str().to_owned());
    assert_eq!(reason.as_deref(), Some("EMAIL_ALREADY_EXISTS"));
}

#[tokio::test]
async fn an_empty_page_with_a_token_is_followed_by_the_paginator() {
    let (_aws, client) = start().await;
    asked(&client, "dev@example.org").await;
    let first = client.list_accounts().send().await.expect("list");
    assert!(first.accounts().is_empty() && first.next_token().is_some());
    let pages = client.list_accounts().into_paginator().send().collect::<Result<Vec<_>, _>>().await;
    assert_eq!(pages.expect("list").iter().map(|page| page.accounts().len()).sum::<usize>(), 1);
}

#[tokio::test]
async fn a_closed_account_is_suspended_and_its_sessions_are_refused() {
    let (aws, client) = start().await;
    let id = account(&aws, &client, "dev@example.org").await;
    aws.sandbox.advance(30.0);
    let role = format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole");
    let member = aws.assume(&aws.admin().await, &role).await;
    client.close_account().account_id(&id).send().await.expect("close");
    assert_eq!(state(&client, &id).await, Some(AccountState::PendingClosure));
    aws.sandbox.advance(61.0);
    assert_eq!(state(&client, &id).await, Some(AccountState::Suspended));
    let again = client.close_account().account_id(&id).send().await;
    assert_eq!(again.expect_err("closed already").code(), Some("AccountAlreadyClosedException"));
    let called = aws_sdk_sts::Client::new(&member).get_caller_identity().send().await;
    assert_eq!(called.expect_err("suspended").code(), Some("InvalidClientTokenId"));
}

#[tokio::test]
async fn a_unit_is_found_moved_into_and_deleted_when_empty() {
    let (aws, client) = start().await;
    let id = account(&aws, &client, "dev@example.org").await;
    let roots = client.list_roots().send().await.expect("roots");
    let root = roots.roots()[0].id().expect("an id").to_owned();
    let made = client.create_organizational_unit().parent_id(&root).name("Deployments").send().await;
    let unit = made.expect("create").organizational_unit.and_then(|u| u.id).expect("an id");
    let again = client.create_organizational_unit().parent_id(&root).name("Deployments").send().await;
    assert_eq!(again.expect_err("twice").code(), Some("DuplicateOrganizationalUnitException"));
    let move_to = |from: &str, to: &str| {
        client.move_account().account_id(&id).source_parent_id(from).destination_parent_id(to).send()
    };
    move_to(&root, &unit).await.expect("move");
    let full = client.delete_organizational_unit().organizational_unit_id(&unit).send().await;
    assert_eq!(full.expect_err("not empty").code(), Some("OrganizationalUnitNotEmptyException"));
    move_to(&unit, &root).await.expect("move back");
    client.delete_organizational_unit().organizational_unit_id(&unit).send().await.expect("delete");
}

#[tokio::test]
async fn the_fourth_account_at_once_is_too_many_requests() {
    let aws = world::start_with(|options| {
        options.scale = 1.0;
        options.settings.organization = true;
    })
    .await;
    let client = Client::new(&aws.admin().await);
    for n in 0..3 {
        asked(&client, &format!("a{n}@example.org")).await;
    }
    let fourth = client.create_account().email("b@example.org").account_name("b").send().await;
    assert_eq!(fourth.expect_err("throttled").code(), Some("TooManyRequestsException"));
}

#[tokio::test]
async fn a_new_accounts_services_want_a_subscription_for_a_while() {
    let (aws, client) = start().await;
    aws.sandbox.world().settings.activation = 600.0;
    let id = account(&aws, &client, "dev@example.org").await;
    aws.sandbox.advance(30.0);
    let role = format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole");
    let member = aws.assume(&aws.admin().await, &role).await;
    aws_sdk_iam::Client::new(&member).list_roles().send().await.expect("IAM is there with the account");
    let ecr = aws_sdk_ecr::Client::new(&member);
    let early = ecr.describe_repositories().send().await.expect_err("not switched on");
    assert_eq!(early.code(), Some("SubscriptionRequiredException"));
    assert_eq!(early.message(), Some("The AWS Access Key Id needs a subscription for the service"));
    let ours = aws_sdk_ecr::Client::new(&aws.admin().await);
    ours.describe_repositories().send().await.expect("the management account is an old one");
    aws.sandbox.advance(600.0);
    ecr.describe_repositories().send().await.expect("switched on");
}
