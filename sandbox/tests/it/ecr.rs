//! ECR: its API with the SDK, its registry with plain HTTP and with skopeo.

use crate::world;
use aws_config::SdkConfig;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::ProvideErrorMetadata;
use aws_sdk_ecr::types::{
    ImageIdentifier, ImageTagMutability, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::process::Command;

/// A repository `app` whose tags are immutable except `live-*`, and a token for its registry.
struct Registry {
    aws: world::Aws,
    client: Client,
    http: Http<HttpConnector, Full<Bytes>>,
    /// `127.0.0.1:PORT/ACCOUNT/REGION/app`.
    uri: String,
    authorization: String,
}

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn error(&self) -> (u16, String) {
        (self.status, self.json()["errors"][0]["code"].as_str().expect("a code").to_owned())
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Registry {
    async fn new() -> Self {
        let aws = world::start().await;
        let config: SdkConfig = aws.admin().await;
        let client = Client::new(&config);
        let filter = ImageTagMutabilityExclusionFilter::builder()
            .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
            .filter("live-*")
            .build();
        let created = client
            .create_repository()
            .repository_name("app")
            .image_tag_mutability(ImageTagMutability::ImmutableWithExclusion)
            .image_tag_mutability_exclusion_filters(filter.expect("a filter"));
        let created = created.send().await.expect("a repository").repository.expect("a repository");
        let token = client.get_authorization_token().send().await.expect("a token");
        let token = token.authorization_data()[0].authorization_token().expect("a token").to_owned();
        let http = Http::builder(TokioExecutor::new()).build_http();
        let uri = created.repository_uri.expect("a URI");
        Self { aws, client, http, uri, authorization: format!("Basic {token}") }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let (host, repository) = self.uri.split_once('/').expect("a host");
        let url = match path.strip_prefix("http") {
            Some(_) => path.to_owned(),
            None => format!("http://{host}/v2/{repository}{path}"),
        };
        let mut request = http::Request::builder().method(method).uri(url);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", &self.authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
        let answer = self.http.request(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Pushes a blob in one piece, and returns its digest.
    async fn blob(&self, bytes: &[u8]) -> String {
        let started = self.ask("POST", "/blobs/uploads/", &[], b"").await;
        assert_eq!(started.status, 202);
        let digest = digest(bytes);
        let url = format!("{}?digest={digest}", started.header("location"));
        let done = self.ask("PUT", &url, &[], bytes).await;
        assert_eq!(done.status, 201, "{:?}", done.body);
        digest
    }

    /// A manifest of one layer whose parts have been pushed.
    async fn manifest(&self, layer: &[u8]) -> String {
        let config = br#"{"architecture": "amd64", "os": "linux"}"#;
        manifest(&self.blob(config).await, config.len(), &self.blob(layer).await, layer.len())
    }

    async fn tag(&self, tag: &str, manifest: &str) -> Answer {
        let media_type = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
        self.ask("PUT", &format!("/manifests/{tag}"), &media_type, manifest.as_bytes()).await
    }
}

fn manifest(config: &str, config_size: usize, layer: &str, layer_size: usize) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size,
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": layer_size,
        }],
    })
    .to_string()
}

#[tokio::test]
async fn without_a_token_the_registry_asks_for_basic_authorization() {
    let registry = Registry::new().await;
    for wrong in ["", "Basic QVdTOm5vdGhpbmc=", "Bearer token"] {
        let answer = registry.ask("GET", "/tags/list", &[("authorization", wrong)], b"").await;
        assert_eq!(answer.status, 401, "{wrong}");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.starts_with("Basic realm=") && challenge.ends_with("service=\"ecr.amazonaws.com\"")
        );
    }
}

#[tokio::test]
async fn a_token_lives_twelve_hours() {
    let registry = Registry::new().await;
    registry.aws.sandbox.advance(11.0 * 3600.0);
    assert_eq!(registry.ask("GET", "/tags/list", &[], b"").await.status, 200);
    registry.aws.sandbox.advance(2.0 * 3600.0);
    let late = registry.ask("GET", "/tags/list", &[], b"").await;
    assert_eq!(late.error(), (403, "DENIED".to_owned()));
    assert!(late.json()["errors"][0]["message"].as_str().unwrap_or_default().contains("has expired"));
}

#[tokio::test]
async fn a_monolithic_upload_is_found_and_downloaded_by_a_signed_link() {
    let registry = Registry::new().await;
    let bytes = vec![7; 300_000];
    let digest = registry.blob(&bytes).await;
    let head = registry.ask("HEAD", &format!("/blobs/{digest}"), &[], b"").await;
    assert_eq!((head.status, head.header("content-length")), (200, "300000"));
    let redirect = registry.ask("GET", &format!("/blobs/{digest}"), &[], b"").await;
    assert_eq!(redirect.status, 307);
    let link = redirect.header("location");
    let blob = registry.ask("GET", link, &[("authorization", "")], b"").await;
    assert_eq!((blob.status, blob.body.as_ref()), (200, bytes.as_slice()));
    let forged = link.replace(&digest, &self::digest(b"another"));
    assert_eq!(registry.ask("GET", &forged, &[], b"").await.status, 403);
    registry.aws.sandbox.advance(3601.0);
    assert_eq!(registry.ask("GET", link, &[], b"").await.status, 403);
}

#[tokio::test]
async fn a_layer_with_another_digest_is_refused() {
    let registry = Registry::new().await;
    let started = registry.ask("POST", "/blobs/uploads/", &[], b"").await;
    let url = format!("{}?digest={}", started.header("location"), digest(b"something else"));
    let answer = registry.ask("PUT", &url, &[], b"something").await;
    assert_eq!(answer.error(), (400, "DIGEST_INVALID".to_owned()));
}

#[tokio::test]
async fn chunked_upload_is_as_broken_as_ecrs() {
    let registry = Registry::new().await;
    let started = registry.ask("POST", "/blobs/uploads/", &[], b"").await;
    let url = started.header("location");
    let first = registry.ask("PATCH", url, &[("content-range", "0-3")], b"abcd").await;
    assert_eq!((first.status, first.header("range")), (201, "0-3"), "201 instead of 202");
    let second = registry.ask("PATCH", url, &[("content-range", "4-7")], b"efgh").await;
    assert_eq!((second.status, second.header("range")), (201, "0-3"), "the range does not advance");
    let believing = registry.ask("PATCH", url, &[("content-range", "4-7")], b"efgh").await;
    assert_eq!(believing.error(), (416, "BLOB_UPLOAD_INVALID".to_owned()));
    assert_eq!(registry.ask("GET", url, &[], b"").await.status, 404, "nor does it tell how far it is");
    let done = registry.ask("PUT", &format!("{url}?digest={}", digest(b"abcdefgh")), &[], b"").await;
    assert_eq!(done.status, 201, "every chunk was kept all the same");
}

#[tokio::test]
async fn a_mount_is_not_one() {
    let registry = Registry::new().await;
    let blob = registry.blob(b"layer").await;
    let mount = format!("/blobs/uploads/?mount={blob}&from=elsewhere");
    assert_eq!(registry.ask("POST", &mount, &[], b"").await.status, 202);
}

#[tokio::test]
async fn a_push_to_a_repository_that_is_not_there_is_refused() {
    let registry = Registry::new().await;
    let url = format!("http://{}-not/blobs/uploads/", registry.uri.replacen('/', "/v2/", 1));
    let answer = registry.ask("POST", &url, &[], b"").await;
    assert_eq!(answer.error(), (404, "NAME_UNKNOWN".to_owned()));
}

#[tokio::test]
async fn a_manifest_needs_its_blobs() {
    let registry = Registry::new().await;
    let absent = digest(b"absent");
    let answer = registry.tag("v1", &manifest(&absent, 1, &absent, 1)).await;
    assert_eq!(answer.error(), (404, "MANIFEST_BLOB_UNKNOWN".to_owned()));
    let index = json!({"schemaVersion": 2, "manifests": [{"digest": absent}]}).to_string();
    assert_eq!(registry.tag("v1", &index).await.error(), (404, "MANIFEST_BLOB_UNKNOWN".to_owned()));
}

#[tokio::test]
async fn an_immutable_tag_stays_and_an_excluded_one_moves() {
    let registry = Registry::new().await;
    let (one, two) = (registry.manifest(b"one").await, registry.manifest(b"two").await);
    for tag in ["v1", "live-development"] {
        assert_eq!(registry.tag(tag, &one).await.status, 201);
    }
    let refused = registry.tag("v1", &two).await;
    assert_eq!(refused.error(), (400, "TAG_INVALID".to_owned()));
    assert!(refused.json()["errors"][0]["message"].as_str().unwrap_or_default().contains("immutable"));
    assert_eq!(registry.tag("live-development", &two).await.status, 201);
    let moved = registry.ask("HEAD", "/manifests/live-development", &[], b"").await;
    assert_eq!(moved.header("docker-content-digest"), digest(two.as_bytes()));
}

#[tokio::test]
async fn a_manifest_is_found_by_tag_and_digest_and_never_deleted_here() {
    let registry = Registry::new().await;
    let manifest = registry.manifest(b"one").await;
    let put = registry.tag("v1", &manifest).await;
    assert_eq!((put.status, put.header("location")), (201, ""), "ECR gives no location");
    let digest = digest(manifest.as_bytes());
    for reference in ["v1", &digest] {
        let found = registry.ask("GET", &format!("/manifests/{reference}"), &[], b"").await;
        assert_eq!((found.status, found.body.as_ref()), (200, manifest.as_bytes()));
        assert_eq!(found.header("docker-content-digest"), digest);
    }
    let absent = registry.ask("GET", "/manifests/absent", &[], b"").await;
    assert_eq!(absent.error(), (404, "MANIFEST_UNKNOWN".to_owned()));
    let deleted = registry.ask("DELETE", &format!("/manifests/{digest}"), &[], b"").await;
    assert_eq!(deleted.error(), (405, "UNSUPPORTED".to_owned()));
}

#[tokio::test]
async fn what_refers_to_an_image_is_listed() {
    let registry = Registry::new().await;
    let image = registry.manifest(b"one").await;
    registry.tag("v1", &image).await;
    let subject = digest(image.as_bytes());
    let mut note: Value = serde_json::from_str(&registry.manifest(b"note").await).expect("JSON");
    note["subject"] = json!({"digest": subject});
    note["artifactType"] = json!("application/note");
    let note = note.to_string();
    let put = registry.tag(&digest(note.as_bytes()), &note).await;
    assert_eq!(put.header("oci-subject"), subject);
    let listed = registry.ask("GET", &format!("/referrers/{subject}"), &[], b"").await.json();
    assert_eq!(listed["manifests"][0]["digest"], digest(note.as_bytes()));
    let other = registry.ask("GET", &format!("/referrers/{subject}?artifactType=other"), &[], b"").await;
    assert_eq!(other.json()["manifests"], json!([]));
    assert_eq!(other.header("oci-filters-applied"), "artifactType");
}

#[tokio::test]
async fn the_api_sees_what_was_pushed_and_deletes_it() {
    let registry = Registry::new().await;
    let manifest = registry.manifest(b"one").await;
    for tag in ["v1", "live-a"] {
        registry.tag(tag, &manifest).await;
    }
    let client = &registry.client;
    let described = client.describe_images().repository_name("app").send().await.expect("images");
    let image = &described.image_details()[0];
    assert_eq!(image.image_tags(), ["live-a", "v1"]);
    assert_eq!(image.image_digest(), Some(digest(manifest.as_bytes()).as_str()));
    let refused = client.delete_repository().repository_name("app").send().await.expect_err("not empty");
    assert!(refused.into_service_error().is_repository_not_empty_exception());
    let by_tag = |tag: &str| ImageIdentifier::builder().image_tag(tag).build();
    for tag in ["v1", "live-a"] {
        let deleted = client.batch_delete_image().repository_name("app").image_ids(by_tag(tag));
        assert_eq!(deleted.send().await.expect("an answer").image_ids().len(), 1);
    }
    let gone = client.describe_images().repository_name("app").image_ids(by_tag("v1")).send().await;
    assert!(gone.expect_err("gone").into_service_error().is_image_not_found_exception());
    client.delete_repository().repository_name("app").send().await.expect("empty now");
}

#[tokio::test]
async fn put_image_says_that_the_image_is_there_already() {
    let registry = Registry::new().await;
    let manifest = registry.manifest(b"one").await;
    let put = |tag: &str| {
        registry.client.put_image().repository_name("app").image_manifest(&manifest).image_tag(tag)
    };
    put("v1").send().await.expect("an image");
    let again = put("v1").send().await.expect_err("there already").into_service_error();
    assert!(again.is_image_already_exists_exception(), "{again:?}");
}

#[tokio::test]
async fn a_repository_is_made_once_and_gives_its_policies_back() {
    let registry = Registry::new().await;
    let client = &registry.client;
    let again = client.create_repository().repository_name("app").send().await.expect_err("there already");
    assert!(again.into_service_error().is_repository_already_exists_exception());
    let none = client.get_repository_policy().repository_name("app").send().await.expect_err("no policy");
    assert!(none.into_service_error().is_repository_policy_not_found_exception());
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    }]});
    let set = client.set_repository_policy().repository_name("app").policy_text(policy.to_string());
    set.send().await.expect("a policy");
    let kept = client.get_repository_policy().repository_name("app").send().await.expect("the policy");
    let kept = kept.policy_text.expect("a policy");
    assert_ne!(kept, policy.to_string(), "ECR lays it out anew");
    assert_eq!(serde_json::from_str::<Value>(&kept).expect("JSON"), policy);
}

#[tokio::test]
async fn a_role_that_is_not_there_is_no_principal() {
    let registry = Registry::new().await;
    for principal in
        [json!({"AWS": "arn:aws:iam::111111111111:role/absent"}), json!({"AWS": "nobody"}), Value::Null]
    {
        let mut statement = json!({"Effect": "Allow", "Action": "ecr:BatchGetImage", "Principal": principal});
        if principal.is_null() {
            statement.as_object_mut().expect("an object").remove("Principal");
        }
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let set = registry.client.set_repository_policy().repository_name("app").policy_text(policy);
        let refused = set.send().await.expect_err("an invalid policy").into_service_error();
        assert_eq!(refused.code(), Some("InvalidParameterException"), "{principal}");
    }
}

#[tokio::test]
async fn another_account_pulls_what_the_repositorys_policy_admits_and_pushes_nothing() {
    let mut registry = Registry::new().await;
    registry.tag("v1", &registry.manifest(b"one").await).await;
    let (account, token) = another_account(&registry).await;
    registry.authorization = format!("Basic {token}");
    let denied = registry.ask("GET", "/manifests/v1", &[], b"").await;
    assert_eq!(denied.error(), (403, "DENIED".to_owned()), "its own policies are not enough");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
    }]});
    let set = registry.client.set_repository_policy().repository_name("app").policy_text(policy.to_string());
    set.send().await.expect("a policy");
    let manifest = registry.ask("GET", "/manifests/v1", &[], b"").await;
    assert_eq!(manifest.status, 200);
    let layer = manifest.json()["layers"][0]["digest"].as_str().expect("a layer").to_owned();
    assert_eq!(registry.ask("GET", &format!("/blobs/{layer}"), &[], b"").await.status, 307);
    let push = registry.ask("POST", "/blobs/uploads/", &[], b"").await;
    assert_eq!(push.error(), (403, "DENIED".to_owned()));
    let words = push.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(words.contains("ecr:InitiateLayerUpload") && words.contains(":repository/app"), "{words}");
}

/// A new account of the organization, and a token of its administrator's.
async fn another_account(registry: &Registry) -> (String, String) {
    let config = registry.aws.admin().await;
    let organizations = aws_sdk_organizations::Client::new(&config);
    organizations.create_organization().send().await.expect("an organization");
    registry.aws.sandbox.advance(3600.0);
    let create = organizations.create_account().account_name("dev").email("dev@example.com");
    let status = create.send().await.expect("a request").create_account_status.expect("a status");
    registry.aws.sandbox.advance(10.0);
    let done =
        organizations.describe_create_account_status().create_account_request_id(status.id.expect("an id"));
    let done = done.send().await.expect("a status").create_account_status.expect("a status");
    let account = done.account_id.expect("an account");
    registry.aws.sandbox.advance(10.0);
    let role = format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole");
    let client = Client::new(&registry.aws.assume(&config, &role).await);
    let token = client.get_authorization_token().send().await.expect("a token");
    (account, token.authorization_data()[0].authorization_token().expect("a token").to_owned())
}

#[tokio::test]
async fn skopeo_copies_in_inspects_and_copies_out() {
    let registry = Registry::new().await;
    let directory = TempDir::new().expect("a directory");
    let layout = directory.path().join("in");
    write_layout(&layout);
    let (from, back) = (format!("oci:{}:v1", layout.display()), directory.path().join("out"));
    let image = format!("docker://{}:v1", registry.uri);
    let login = registry.client.get_authorization_token().send().await.expect("a token");
    let token = login.authorization_data()[0].authorization_token().expect("a token").to_owned();
    let auth = directory.path().join("auth.json");
    let host = registry.uri.split('/').next().expect("a host");
    std::fs::write(&auth, json!({"auths": {host: {"auth": token}}}).to_string()).expect("written");
    let auth = auth.display().to_string();

    let copy = ["copy", "--authfile", &auth, "--dest-tls-verify=false", &from, &image];
    skopeo(&copy).await;
    let inspected = skopeo(&["inspect", "--authfile", &auth, "--tls-verify=false", &image]).await;
    let inspected: Value = serde_json::from_str(&inspected).expect("JSON");
    assert_eq!(inspected["RepoTags"], json!(["v1"]));
    let to = format!("oci:{}:v1", back.display());
    skopeo(&["copy", "--authfile", &auth, "--src-tls-verify=false", &image, &to]).await;
    let described = registry.client.describe_images().repository_name("app").send().await.expect("images");
    let pushed = described.image_details()[0].image_digest().expect("a digest").to_owned();
    assert_eq!(inspected["Digest"], pushed);
    let blob = back.join("blobs/sha256").join(pushed.trim_start_matches("sha256:"));
    assert!(blob.exists(), "what came out is what went in");
}

/// An OCI layout of one image with one layer.
fn write_layout(directory: &std::path::Path) {
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("a directory");
    let keep = |bytes: &[u8]| {
        let digest = digest(bytes);
        std::fs::write(blobs.join(digest.trim_start_matches("sha256:")), bytes).expect("written");
        digest
    };
    let layer = tar::Builder::new(Vec::new()).into_inner().expect("a tar");
    let layer_digest = keep(&layer);
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    })
    .to_string();
    let manifest = manifest(&keep(config.as_bytes()), config.len(), &layer_digest, layer.len())
        .replace("tar+gzip", "tar");
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": keep(manifest.as_bytes()),
        "size": manifest.len(),
        "annotations": {"org.opencontainers.image.ref.name": "v1"},
    }]});
    std::fs::write(directory.join("index.json"), index.to_string()).expect("written");
    std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).expect("written");
}

async fn skopeo(arguments: &[&str]) -> String {
    let done = Command::new("skopeo").arg("--insecure-policy").args(arguments).output();
    let done = done.await.expect("skopeo is installed");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "skopeo {arguments:?}: {errors}");
    String::from_utf8(done.stdout).expect("text")
}
