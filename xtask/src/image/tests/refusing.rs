//! What registries answer when they do not want to, ECR's own words among them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::fixture::image;
use super::registry::at;
use crate::image::push::{PushError, push};

/// A registry that has nothing and answers uploads in one way.
async fn refusing(status: u16, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.windows(4).any(|it| it == b"\r\n\r\n") {
                if client.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let (status, body) = match &request[..] {
                it if it.starts_with(b"GET /v2/ ") => (401, ""),
                it if it.starts_with(b"POST") => (status, body),
                _ => (404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}"#),
            };
            let length = if request.starts_with(b"HEAD") { 0 } else { body.len() };
            let head = format!(
                "HTTP/1.1 {status} Said\r\nWWW-Authenticate: Basic realm=\"ecr\"\r\nConnection: close\r\n\
                 Content-Length: {length}\r\n\r\n{}",
                &body[..length]
            );
            client.write_all(head.as_bytes()).await.ok();
        }
    });
    address
}

async fn refused(status: u16, body: &'static str) -> PushError {
    let address = refusing(status, body).await;
    push(&at(&address, "listservices"), &image("app"), "src-1", &|_| ()).await.unwrap_err()
}

#[tokio::test]
async fn ecr_says_denied_for_an_expired_token() {
    let body = r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}"#;
    let error = refused(403, body).await;
    assert!(matches!(error, PushError::Unauthorized(_)), "{error:?}");
}

#[tokio::test]
async fn a_missing_repository_is_named() {
    let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository with name 'listservices' does not exist"}]}"#;
    let error = refused(404, body).await;
    assert!(
        matches!(&error, PushError::NoRepository { repository } if repository == "listservices"),
        "{error:?}"
    );
}

#[tokio::test]
async fn ecr_says_tag_invalid_for_an_immutable_tag() {
    let body = r#"{"errors":[{"code":"TAG_INVALID","message":"The image tag 'src-1' already exists and cannot be overwritten because the repository is immutable."}]}"#;
    let error = refused(400, body).await;
    assert!(matches!(error, PushError::Immutable(_)), "{error:?}");
}

#[tokio::test]
async fn a_full_registry_is_not_a_mystery() {
    let error =
        refused(500, r#"{"errors":[{"code":"UNKNOWN","message":"write: no space left on device"}]}"#).await;
    assert!(matches!(error, PushError::NoSpace(_)), "{error:?}");
    let error = refused(507, "").await;
    assert!(matches!(error, PushError::NoSpace(_)), "{error:?}");
}

#[tokio::test]
async fn a_failing_registry_is_tried_again_and_then_said() {
    let error = refused(503, "Service Unavailable").await;
    assert!(matches!(error, PushError::Unwell { status: 503, .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = push(&at(&address, "app"), &image("app"), "src-1", &|_| ()).await.unwrap_err();
    assert!(matches!(error, PushError::Cut(_)), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_falls_silent_is_not_waited_for_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let accepted = tokio::spawn(async move { listener.accept().await.unwrap().0 });
    let mut registry = at(&address, "app");
    registry.patience = std::time::Duration::from_millis(200);
    let error = push(&registry, &image("app"), "src-1", &|_| ()).await.unwrap_err();
    assert!(matches!(error, PushError::Silent), "{error:?}");
    drop(accepted);
}
