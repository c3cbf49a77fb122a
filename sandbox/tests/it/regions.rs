//! What a signature is for: one service, in one Region that the account has.

use crate::world::{self, Aws};
use aws_config::Region;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sandbox::auth::{Keys, sign};
use sandbox::services::iam;

/// A request as each protocol has it: headers, path and body.
type Asked = (&'static [(&'static str, &'static str)], &'static str, &'static str);

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
const LIST_ROLES: Asked = (FORM, "/", "Action=ListRoles&Version=2010-05-08");
const WHO_AM_I: Asked = (FORM, "/", "Action=GetCallerIdentity&Version=2011-06-15");
const ROOTS: Asked = (&[("x-amz-target", "AWSOrganizationsV20161128.ListRoots")], "/", "{}");
const REPOSITORIES: Asked =
    (&[("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")], "/", "{}");
const INSTANCES: Asked = (&[("x-amz-target", "SWBExternalService.ListInstances")], "/", "{}");
const ENABLE: Asked = (&[], "/enableRegion", r#"{"RegionName": "af-south-1"}"#);

/// Signed by hand with the admin's key: status and body.
async fn send(aws: &Aws, (service, region): (&str, &str), (headers, path, body): Asked) -> (u16, String) {
    let keys = iam::admin_keys(&aws.sandbox.world());
    let keys = Keys { id: keys.access_key_id, secret: keys.secret_access_key, token: None };
    let mut request = Request::post(format!("{}{path}", aws.sandbox.endpoint()));
    request = request.header("host", aws.sandbox.address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).expect("a request").into_parts();
    sign(&mut parts, body.as_bytes(), &keys, region, service).expect("signed");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let body = Full::new(bytes::Bytes::from(body));
    let answer = client.request(Request::from_parts(parts, body)).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

async fn organized() -> Aws {
    world::start_with(|options| {
        options.scale = 1.0;
        options.settings.throttles = false;
        options.settings.organization = true;
    })
    .await
}

async fn refused(aws: &Aws, scope: (&str, &str), asked: Asked, status: u16, words: &[&str]) {
    let (found, body) = send(aws, scope, asked).await;
    assert_eq!(found, status, "{scope:?}: {body}");
    words.iter().for_each(|word| assert!(body.contains(word), "{scope:?}: no {word} in {body}"));
}

async fn answered(aws: &Aws, scope: (&str, &str), asked: Asked) {
    let (status, body) = send(aws, scope, asked).await;
    assert_eq!(status, 200, "{scope:?}: {body}");
}

#[tokio::test]
async fn a_signature_for_another_service_is_refused_in_each_protocols_form() {
    let aws = organized().await;
    let wrong = ("s3", "us-east-1");
    let words = |service: &'static str| {
        move |code: &'static str| [code, service, "Credential should be scoped to correct service: "]
    };
    refused(&aws, wrong, LIST_ROLES, 403, &words("'iam'. ")("<Code>SignatureDoesNotMatch</Code>")).await;
    refused(&aws, wrong, REPOSITORIES, 400, &words("'ecr'. ")("InvalidSignatureException")).await;
    refused(&aws, wrong, ENABLE, 403, &words("'account'. ")("Credential")).await;
    // What is asked is signed for by its signing name, not by what its model is called.
    refused(&aws, ("sso-admin", "eu-west-1"), INSTANCES, 400, &words("'sso'. ")("InvalidSignature")).await;
    answered(&aws, ("sso", "eu-west-1"), INSTANCES).await;
}

#[tokio::test]
async fn a_global_service_is_signed_for_us_east_1() {
    let aws = organized().await;
    let said = "Credential should be scoped to a valid region, not 'eu-west-1'. ";
    for (service, asked, status, code) in [
        ("iam", LIST_ROLES, 403, "<Code>SignatureDoesNotMatch</Code>"),
        ("organizations", ROOTS, 400, "InvalidSignatureException"),
        ("account", ENABLE, 403, said),
    ] {
        refused(&aws, (service, "eu-west-1"), asked, status, &[code, said]).await;
        answered(&aws, (service, "us-east-1"), asked).await;
    }
    let both = format!("{said}Credential should be scoped to correct service: 'iam'. ");
    refused(&aws, ("s3", "eu-west-1"), LIST_ROLES, 403, &[&both]).await;
}

#[tokio::test]
async fn an_sdk_that_was_told_an_endpoint_says_so_and_its_region_does_not_matter_to_a_global_service() {
    let aws = organized().await;
    for (region, good) in [("eu-west-1", true), ("af-south-1", true), ("xx-nowhere-1", false)] {
        let config = aws.admin().await.into_builder().region(Region::new(region)).build();
        let listed = aws_sdk_iam::Client::new(&config).list_roles().send().await;
        assert_eq!(listed.is_ok(), good, "{region}: {listed:?}");
    }
    let asked = aws.sandbox.requests();
    let regions: Vec<_> = asked.iter().filter(|r| r.error.is_none()).map(|r| r.region.as_str()).collect();
    assert_eq!(regions, ["us-east-1", "us-east-1"]);
}

#[tokio::test]
async fn nobody_is_known_in_a_region_that_the_account_has_not_enabled_until_it_has() {
    let aws = organized().await;
    let said = "The security token included in the request is invalid";
    let shut = async |region: &'static str| {
        refused(&aws, ("ecr", region), REPOSITORIES, 400, &["UnrecognizedClientException", said]).await;
        refused(&aws, ("sts", region), WHO_AM_I, 403, &["<Code>InvalidClientTokenId</Code>", said]).await;
    };
    shut("af-south-1").await;
    shut("xx-nowhere-1").await;
    answered(&aws, ("account", "us-east-1"), ENABLE).await;
    shut("af-south-1").await;
    aws.sandbox.advance(180.0);
    answered(&aws, ("ecr", "af-south-1"), REPOSITORIES).await;
    answered(&aws, ("sts", "af-south-1"), WHO_AM_I).await;
    shut("me-south-1").await;
}

#[tokio::test]
async fn a_role_is_assumed_where_its_account_has_the_region_too() {
    let aws = organized().await;
    let dev =
        sandbox::services::organizations::new_account(&mut aws.sandbox.world(), "dev", "dev@example.com");
    answered(&aws, ("account", "us-east-1"), ENABLE).await;
    aws.sandbox.advance(180.0);
    let config = aws.admin().await.into_builder().region(Region::new("af-south-1")).build();
    let sts = aws_sdk_sts::Client::new(&config);
    let request =
        sts.assume_role().role_arn(format!("arn:aws:iam::{dev}:role/any")).role_session_name("story");
    let refused = request.send().await.expect_err("not enabled there");
    assert_eq!(refused.code(), Some("RegionDisabledException"));
    assert!(refused.message().is_some_and(|words| words.contains(&dev)), "{refused:?}");
}
