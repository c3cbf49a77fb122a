//! Sessions: whose they are, how long they last, and what AWS says to wrong ones.

use crate::world;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sandbox::services::iam;
use serde_json::json;

const DEV: &str = "111111111111";

fn trusted_by_management(name: &str) -> iam::NewRole<'_> {
    let statement = json!({
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
        "Action": "sts:AssumeRole",
    });
    iam::NewRole {
        account: DEV,
        path: "/",
        name,
        trust: json!({"Version": "2012-10-17", "Statement": statement}),
        attached: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
        inline: Vec::new(),
    }
}

#[tokio::test]
async fn everyone_may_ask_who_they_are() {
    let aws = world::start().await;
    for (config, end) in [(aws.admin().await, ":user/admin"), (aws.root().await, ":root")] {
        let me = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.expect("an answer");
        assert_eq!(me.account(), Some("999999999999"));
        assert!(me.arn().is_some_and(|arn| arn.ends_with(end)), "{me:?}");
    }
}

#[tokio::test]
async fn a_new_role_cannot_be_assumed_before_it_has_propagated() {
    let aws = world::start_with(|options| options.scale = 1.0).await;
    let arn = iam::make_role(&mut aws.sandbox.world(), trusted_by_management("late"));
    let sts = aws_sdk_sts::Client::new(&aws.admin().await);
    let request = sts.assume_role().role_arn(&arn).role_session_name("story");
    let refused = request.clone().send().await.expect_err("too early");
    assert_eq!(refused.code(), Some("AccessDenied"));
    aws.sandbox.advance(10.0);
    assert!(request.send().await.is_ok());
}

#[tokio::test]
async fn role_chaining_is_limited_to_one_hour() {
    let aws = world::start().await;
    let arn = iam::make_role(&mut aws.sandbox.world(), trusted_by_management("first"));
    aws.sandbox.advance(60.0);
    let session = aws.assume(&aws.admin().await, &arn).await;
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": DEV}, "Action": "sts:AssumeRole"});
    let second = iam::NewRole {
        trust: json!({"Version": "2012-10-17", "Statement": statement}),
        ..trusted_by_management("second")
    };
    let arn = iam::make_role(&mut aws.sandbox.world(), second);
    aws.sandbox.advance(60.0);
    let request = aws_sdk_sts::Client::new(&session).assume_role().role_arn(&arn).role_session_name("story");
    assert!(request.clone().duration_seconds(3600).send().await.is_ok());
    let refused = request.duration_seconds(3601).send().await.expect_err("too long");
    assert_eq!(refused.code(), Some("ValidationError"));
    assert!(refused.message().is_some_and(|m| m.contains("role chaining")), "{refused:?}");
}

#[tokio::test]
async fn a_session_expires_and_says_so() {
    let aws = world::start().await;
    let arn = iam::make_role(&mut aws.sandbox.world(), trusted_by_management("short"));
    aws.sandbox.advance(60.0);
    let session = aws.assume(&aws.admin().await, &arn).await;
    aws.sandbox.advance(3601.0);
    let query = aws_sdk_sts::Client::new(&session).get_caller_identity().send().await.expect_err("expired");
    assert_eq!(query.code(), Some("ExpiredToken"));
    let ecr = aws_sdk_ecr::Client::new(&session).describe_repositories().send().await.expect_err("expired");
    assert_eq!(ecr.code(), Some("ExpiredTokenException"));
}

#[tokio::test]
async fn wrong_credentials_are_refused_by_each_protocol_in_its_words() {
    let aws = world::start().await;
    let keys = iam::admin_keys(&aws.sandbox.world());
    let cases = [
        (
            world::long_term("AKIAAAAAAAAAAAAAAAAA", "x"),
            "InvalidClientTokenId",
            "UnrecognizedClientException",
        ),
        (world::long_term(&keys.access_key_id, "x"), "SignatureDoesNotMatch", "InvalidSignatureException"),
    ];
    for (credentials, query, json) in cases {
        let config = aws.config(credentials).await;
        let refused =
            aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.expect_err("refused");
        assert_eq!(refused.code(), Some(query));
        let refused =
            aws_sdk_ecr::Client::new(&config).describe_repositories().send().await.expect_err("refused");
        assert_eq!(refused.code(), Some(json));
    }
}

#[tokio::test]
async fn a_disabled_region_gives_no_credentials() {
    let aws = world::start().await;
    let arn = iam::make_role(&mut aws.sandbox.world(), trusted_by_management("far"));
    aws.sandbox.advance(60.0);
    let config = aws.admin().await.into_builder().region(aws_config::Region::new("af-south-1")).build();
    let request = aws_sdk_sts::Client::new(&config).assume_role().role_arn(&arn).role_session_name("story");
    assert_eq!(request.send().await.expect_err("refused").code(), Some("RegionDisabledException"));
}
