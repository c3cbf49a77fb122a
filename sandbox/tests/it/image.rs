//! An image for stories: a tiny static server, pushed to the sandbox's registry as any client would.

use crate::world::Aws;
use aws_config::SdkConfig;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The image's only file, compiled once; linked statically, because nothing else is in the image.
fn program() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/image/server.rs");
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let mut command = std::process::Command::new(rustc);
        command.args(["--edition=2024", "-Ctarget-feature=+crt-static", "-o", "server"]).arg(source);
        let done = command.current_dir(&directory).status().expect("run rustc");
        assert!(done.success(), "the image's program compiles");
        std::fs::read(directory.path().join("server")).expect("the program")
    })
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn layer() -> (Vec<u8>, String) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(program().len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, "server", program()).expect("a layer");
    let tar = tar.into_inner().expect("a layer");
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&tar).expect("a compressed layer");
    (gz.finish().expect("a compressed layer"), digest(&tar))
}

pub(crate) async fn http(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = request.body(Full::new(Bytes::from(body))).expect("a request");
    let (parts, body) = client.request(request).await.expect("an answer").into_parts();
    Response::from_parts(parts, body.collect().await.expect("a body").to_bytes())
}

/// Status and text of a page.
pub(crate) async fn get(url: &str) -> (u16, String) {
    let answer = http(Method::GET, url, &[], Vec::new()).await;
    (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
}

/// Makes the repository `hello` in the account of `config`, pushes the image, and returns `URI@sha256:…`.
pub(crate) async fn push(aws: &Aws, config: &SdkConfig, architecture: &str) -> String {
    let ecr = aws_sdk_ecr::Client::new(config);
    let made = ecr.create_repository().repository_name("hello").send().await.expect("a repository");
    let uri = made.repository.and_then(|r| r.repository_uri).expect("its URI");
    let token = ecr.get_authorization_token().send().await.expect("a token").authorization_data;
    let token = token.and_then(|t| t.into_iter().next()?.authorization_token).expect("a token");
    let base = format!("{}/v2/{}", aws.sandbox.endpoint(), uri.split_once('/').expect("a path").1);
    let (layer, diff) = layer();
    let config = json!({
        "architecture": architecture, "os": "linux",
        "config": {"Entrypoint": ["/server"]}, "rootfs": {"type": "layers", "diff_ids": [diff]},
    });
    let config = config.to_string().into_bytes();
    let described =
        |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "size": bytes.len(), "digest": digest(bytes)});
    let manifest: Value = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described("application/vnd.oci.image.config.v1+json", &config),
        "layers": [described("application/vnd.oci.image.layer.v1.tar+gzip", &layer)],
    });
    let login = format!("Basic {token}");
    for blob in [layer, config] {
        upload(aws, &base, &login, blob).await;
    }
    let manifest = manifest.to_string().into_bytes();
    let digest = digest(&manifest);
    let headers = [("authorization", login.as_str()), ("content-type", MANIFEST)];
    let put = http(Method::PUT, &format!("{base}/manifests/v1"), &headers, manifest).await;
    assert_eq!(put.status(), 201, "{:?}", put.body());
    format!("{uri}@{digest}")
}

async fn upload(aws: &Aws, base: &str, login: &str, blob: Vec<u8>) {
    let headers = [("authorization", login)];
    let begun = http(Method::POST, &format!("{base}/blobs/uploads/"), &headers, Vec::new()).await;
    let place = begun.headers()["location"].to_str().expect("a location").to_owned();
    let place = if place.starts_with('/') { format!("{}{place}", aws.sandbox.endpoint()) } else { place };
    let mark = if place.contains('?') { '&' } else { '?' };
    let done = http(Method::PUT, &format!("{place}{mark}digest={}", digest(&blob)), &headers, blob).await;
    assert_eq!(done.status(), 201, "{:?}", done.body());
}
