//! The image around a binary: certificates, users, a place for temporary files, and nothing to run but the binary.

use anyhow::Result;
use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::layer::{Entry, Layer, pack};
use super::oci::{Blob, CONFIG, Digest, Image};
use super::{Commit, PORT, Platform, Source};

const USER: &str = "65532:65532";
const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";
const NSSWITCH: &str = "hosts: files dns\n";
const BEGINNING_OF_TIME: &str = "1970-01-01T00:00:00Z";

/// What an image is assembled from.
pub(crate) struct Contents {
    /// The binary's name, and the image's title.
    pub(crate) name: String,
    pub(crate) binary: Vec<u8>,
    pub(crate) platform: Platform,
    /// Known when the sources are committed as they stand.
    pub(crate) commit: Option<Commit>,
}

/// Assembles the image: equal contents give equal bytes. Compresses, so it belongs on a thread that may be busy.
pub(crate) fn assemble(contents: &Contents) -> Result<Image> {
    let path = contents.name.clone();
    let binary = pack(&[Entry { path: &path, mode: 0o755, data: &contents.binary }])?;
    let layers = [system()?, binary];
    let config = Blob::json(CONFIG, &config(contents, &layers))?;
    Image::new(config, layers.into_iter().map(|it| it.blob).collect())
}

/// Everything but the binary that decides what [`assemble`] makes, for the fingerprint.
pub(crate) fn settings(source: &Source) -> String {
    let certificates: Vec<&[u8]> =
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(AsRef::as_ref).collect();
    let certificates = Digest::of(&certificates.concat());
    let run = run(&source.package);
    format!("{run} {PASSWD} {GROUP} {NSSWITCH} {certificates}")
}

/// What every binary needs around it. It rarely changes, so registries and hosts mostly have it already.
fn system() -> Result<Layer> {
    let certificates = certificates();
    let file = |path, data| Entry { path, mode: 0o644, data };
    let directory = |path, mode| Entry { path, mode, data: &[] };
    pack(&[
        directory("etc/", 0o755),
        directory("etc/ssl/", 0o755),
        directory("etc/ssl/certs/", 0o755),
        directory("tmp/", 0o1777),
        file("etc/ssl/certs/ca-certificates.crt", certificates.as_bytes()),
        file("etc/passwd", PASSWD.as_bytes()),
        file("etc/group", GROUP.as_bytes()),
        file("etc/nsswitch.conf", NSSWITCH.as_bytes()),
    ])
}

/// Mozilla's certificate authorities, as the PEM file that every TLS library looks for.
fn certificates() -> String {
    const LINE: usize = 64;
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let encoded = base64::engine::general_purpose::STANDARD.encode(certificate);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in encoded.as_bytes().chunks(LINE) {
            pem.extend(line.iter().map(|it| char::from(*it)));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}

fn config(contents: &Contents, layers: &[Layer]) -> Value {
    let created = contents.commit.as_ref().map_or(BEGINNING_OF_TIME, |it| &it.created);
    let mut run = run(&contents.name);
    run["Labels"] = labels(&contents.name, contents.commit.as_ref()).into();
    if let Some(commit) = &contents.commit {
        run["Env"] = json!([format!("{REVISION}={}", commit.revision)]);
    }
    json!({
        "created": created,
        "architecture": contents.platform.oci(),
        "os": "linux",
        "config": run,
        "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|it| it.diff_id.as_str()).collect::<Vec<_>>() },
        "history": [
            { "created": created, "comment": "certificates, users, /tmp" },
            { "created": created, "comment": format!("/{}", contents.name) },
        ],
    })
}

fn run(name: &str) -> Value {
    json!({
        "User": USER,
        "ExposedPorts": { format!("{PORT}/tcp"): {} },
        "Entrypoint": [format!("/{name}")],
        "WorkingDir": "/",
    })
}

/// The variable that tells the program what it was built from.
pub(super) const REVISION: &str = "REVISION";

/// The OCI's labels of an image; of the commit only when it is what the sources are.
pub(super) fn labels(name: &str, commit: Option<&Commit>) -> Map<String, Value> {
    let mut labels = Map::new();
    labels.insert("org.opencontainers.image.title".into(), name.into());
    if let Some(commit) = commit {
        labels.insert("org.opencontainers.image.revision".into(), commit.revision.clone().into());
        labels.insert("org.opencontainers.image.created".into(), commit.created.clone().into());
    }
    labels
}
