//! The wire itself: what is malformed is refused in AWS's form, and nothing breaks.

use crate::world;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

async fn post(aws: &world::Aws, headers: &[(&str, &str)], body: &'static str) -> (u16, String) {
    let mut request = http::Request::post(aws.sandbox.endpoint());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = request.body(Full::new(bytes::Bytes::from(body))).expect("a request");
    let answer = client.request(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn an_operation_that_aws_has_and_the_sandbox_has_not_is_501_with_its_name() {
    let aws = world::start().await;
    let target = [("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.StartImageScan")];
    let (status, body) = post(&aws, &target, "{}").await;
    assert_eq!(status, 501);
    assert!(body.contains("ecr StartImageScan"), "{body}");
    let scope = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host";
    let target = [("authorization", scope), ("x-amz-target", "DynamoDB_20120810.ListTables")];
    let (status, body) = post(&aws, &target, "{}").await;
    assert_eq!((status, body.contains("dynamodb")), (501, true), "{body}");
}

#[tokio::test]
async fn an_operation_that_aws_has_not_is_unknown() {
    let aws = world::start().await;
    let target = [("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.Frobnicate")];
    let (status, body) = post(&aws, &target, "{}").await;
    assert_eq!((status, body.contains("UnknownOperationException")), (400, true), "{body}");
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused() {
    let aws = world::start().await;
    let target = [("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")];
    let (status, body) = post(&aws, &target, "{}").await;
    assert_eq!((status, body.contains("MissingAuthenticationToken")), (400, true), "{body}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let aws = world::start().await;
    let (status, _) = post(&aws, &[], Box::leak("x".repeat(7 << 20).into_boxed_str())).await;
    assert_eq!(status, 413);
}
