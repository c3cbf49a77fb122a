//! Pushed, found again, cut and finished, accepted by others' tools.

use std::process::Command;
use std::sync::Mutex;

use futures::StreamExt as _;
use serde_json::Value;

use super::fixture::image;
use super::registry::{Cut, DebianRegistry, PASSWORD, Proxy, at};
use crate::image::Image;
use crate::image::push::{PushError, PushProgress, Registry, find, move_tag, push};

fn quiet(_: PushProgress) {}

fn skopeo(arguments: &[&str]) -> String {
    let output =
        Command::new("skopeo").args(arguments).output().expect("skopeo is missing: apt-get install skopeo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn inspect(registry: &DebianRegistry, reference: &str, how: &[&str]) -> Value {
    let credentials = format!("AWS:{PASSWORD}");
    let url = format!("docker://{}/{reference}", registry.address);
    let fixed = ["inspect", "--tls-verify=false", "--creds", &credentials];
    serde_json::from_str(&skopeo(&[&fixed, how, &[&url]].concat())).unwrap()
}

#[tokio::test]
async fn pushed_and_accepted_by_skopeo() {
    let registry = DebianRegistry::start();
    let (repository, image) = (registry.repository("app"), image("app"));
    let seen = Mutex::new(Vec::new());

    let digest = push(&repository, &image, "src-1", &|it| seen.lock().unwrap().push(it)).await.unwrap();

    assert_eq!(digest, *image.digest());
    assert_eq!(find(&repository, "src-1").await.unwrap(), Some(digest.clone()));
    let told = inspect(&registry, "app:src-1", &[]);
    assert_eq!(told["Digest"], digest.as_str());
    assert_eq!(told["Labels"]["org.opencontainers.image.revision"], "0123abc");
    assert_eq!(told["Created"], "2026-01-02T03:04:05Z");
    let config = inspect(&registry, "app:src-1", &["--config"]);
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"][0], "/app");
    progress_only_grows_to_the_whole(&seen.into_inner().unwrap(), &image);
    copied_by_skopeo(&registry, &image);
}

fn progress_only_grows_to_the_whole(seen: &[PushProgress], image: &Image) {
    assert!(seen.is_sorted_by_key(|it| it.done));
    let last = seen.last().unwrap();
    assert_eq!(last.done, last.total);
    assert!(seen.len() > image.layers[1].data.len() / (64 * 1024), "one step per piece");
}

fn copied_by_skopeo(registry: &DebianRegistry, image: &Image) {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (format!("docker://{}/app:src-1", registry.address), directory.path().join("copy"));
    let credentials = format!("AWS:{PASSWORD}");
    let to = format!("oci:{}", to.display());
    skopeo(&["copy", "--src-tls-verify=false", "--src-creds", &credentials, &from, &to]);
    let manifest = image.digest().as_str().replace(':', "/");
    let copied = std::fs::read(directory.path().join("copy/blobs").join(manifest)).unwrap();
    assert_eq!(copied, image.manifest.data);
}

#[tokio::test]
async fn its_bill_of_materials_refers_to_it() {
    let registry = DebianRegistry::start();
    let image = image("app");
    push(&registry.repository("app"), &image, "src-1", &quiet).await.unwrap();

    // This registry does not list referrers itself, so the list is a tag.
    let list = inspect(&registry, &format!("app:{}", image.digest().as_str().replace(':', "-")), &["--raw"]);
    let entry = &list["manifests"][0];
    assert_eq!(entry["artifactType"], "application/vnd.cyclonedx+json");
    let referrer = inspect(&registry, &format!("app@{}", entry["digest"].as_str().unwrap()), &["--raw"]);
    assert_eq!(referrer["subject"]["digest"], image.digest().as_str());
    assert_eq!(referrer["layers"][0]["digest"], image.sbom.unwrap().digest.as_str());
}

#[tokio::test]
async fn what_is_there_is_not_sent_again() {
    let registry = DebianRegistry::start();
    let image = image("app");
    push(&registry.repository("app"), &image, "src-1", &quiet).await.unwrap();

    for tag in ["src-1", "src-2"] {
        let proxy = Proxy::cutting_after(&registry.address, u64::MAX).await;
        push(&at(&proxy.address, "app"), &image, tag, &quiet).await.unwrap();
        let sent = proxy.sent();
        assert!(sent < 16 * 1024, "{tag} sent {sent} bytes");
    }
}

#[tokio::test]
async fn cut_anywhere_nothing_is_tagged_and_the_next_push_finishes() {
    let registry = DebianRegistry::start();
    let image = image("app");
    let whole = {
        let proxy = Proxy::cutting_after(&registry.address, u64::MAX).await;
        push(&at(&proxy.address, "whole"), &image, "src-1", &quiet).await.unwrap();
        proxy.sent()
    };
    let (system, binary) = (image.layers[0].data.len() as u64, image.layers[1].data.len() as u64);
    let tail = whole - system - binary;
    let ends = (0..12).map(|it| system + binary + tail * it / 12);
    let cuts = [1, 300, system / 2, system, system + 1000, system + binary / 2].into_iter().chain(ends);
    for (number, cut) in cuts.enumerate() {
        let repository = format!("cut-{number}");
        let direct = registry.repository(&repository);
        let proxy = Proxy::cutting_after(&registry.address, cut).await;

        let error = push(&at(&proxy.address, &repository), &image, "src-1", &quiet).await.unwrap_err();
        assert!(matches!(error, PushError::Cut(_)), "cut after {cut}: {error:?}");
        assert_eq!(find(&direct, "src-1").await.unwrap(), None, "cut after {cut}");

        assert_eq!(push(&direct, &image, "src-1", &quiet).await.unwrap(), *image.digest());
        let told = inspect(&registry, &format!("{repository}:src-1"), &[]);
        assert_eq!(told["Digest"], image.digest().as_str());
    }
}

/// A sequence that looks random and is the same in every run.
fn seeded(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |it| {
        Some(it.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
    .map(|it| it >> 33)
    .skip(1)
}

#[tokio::test]
async fn cut_at_any_byte_it_is_whole_in_the_end_or_not_there_and_the_error_is_clear() {
    let registry = DebianRegistry::start();
    let image = image("app");
    let whole = {
        let proxy = Proxy::cutting_after(&registry.address, u64::MAX).await;
        push(&at(&proxy.address, "whole"), &image, "src-1", &quiet).await.unwrap();
        proxy.sent()
    };
    let attempt = async |(number, cut): (usize, Cut)| {
        let repository = format!("cut-{number}");
        let proxy = Proxy::cutting(&registry.address, cut).await;
        let pushed = push(&at(&proxy.address, &repository), &image, "src-1", &quiet).await;
        let there = find(&registry.repository(&repository), "src-1").await.unwrap();
        match (&pushed, cut) {
            (Ok(digest), _) => assert_eq!(there.as_ref(), Some(digest), "{cut:?}"),
            // Cut at the very end, all of it is there and only nobody knows.
            (Err(PushError::Cut(_)), Cut::ForGood(_)) => {
                assert!(there.is_none_or(|it| it == *image.digest()), "{cut:?}");
            }
            _ => panic!("{cut:?}: {pushed:?}"),
        }
        push(&registry.repository(&repository), &image, "src-1", &quiet).await.unwrap();
        let (name, credentials) = (format!("{repository}:src-1"), format!("AWS:{PASSWORD}"));
        let from = format!("docker://{}/{name}", registry.address);
        // It takes every blob, and checks its digest.
        let copy = tempfile::tempdir().unwrap();
        let to = format!("oci:{}", copy.path().join("image").display());
        skopeo(&["copy", "--src-tls-verify=false", "--src-creds", &credentials, &from, &to]);
    };
    let bytes = seeded(20_261_125).map(|it| it % whole).take(40);
    let cuts =
        bytes.enumerate().map(|(n, at)| (n, if n % 2 == 0 { Cut::ForGood(at) } else { Cut::Once(at) }));
    futures::stream::iter(cuts).for_each_concurrent(8, attempt).await;
}

#[tokio::test]
async fn a_tag_with_other_content_is_refused_but_can_be_moved_on_purpose() {
    let registry = DebianRegistry::start();
    let (repository, first, second) = (registry.repository("app"), image("app"), image("other"));
    push(&repository, &first, "src-1", &quiet).await.unwrap();

    let error = push(&repository, &second, "src-1", &quiet).await.unwrap_err();
    assert!(matches!(error, PushError::TagTaken { .. }), "{error:?}");
    assert_eq!(find(&repository, "src-1").await.unwrap().as_ref(), Some(first.digest()));

    push(&repository, &second, "src-2", &quiet).await.unwrap();
    for image in [&first, &second] {
        move_tag(&repository, image.digest(), "live-development").await.unwrap();
        assert_eq!(find(&repository, "live-development").await.unwrap().as_ref(), Some(image.digest()));
    }
}

#[tokio::test]
async fn a_wrong_password_is_said() {
    let registry = DebianRegistry::start();
    let stranger = Registry::new(&format!("http://{}", registry.address), "app", "AWS", "expired");
    let error = push(&stranger, &image("app"), "src-1", &quiet).await.unwrap_err();
    assert!(matches!(error, PushError::Unauthorized(_)), "{error:?}");
}
