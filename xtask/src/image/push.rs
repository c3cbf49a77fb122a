//! Pushes images to a registry, and reads back what it has.
//!
//! Each blob is asked for first and sent in one piece: ECR loses the second and later pieces of a chunked upload.
//! The tag comes last, so that a tag that is there means that everything is there. A push that was cut is simply
//! run again; what arrived is not sent twice.

mod error;

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::HeaderValue;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciImageIndex;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::oci::{Blob, Digest, Image, MANIFEST};

pub(crate) use error::PushError;

/// A registry that says nothing for this long, while we send nothing either, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How often one blob is sent before the push gives up.
const ATTEMPTS: u32 = 3;
/// The granularity of the progress.
const PIECE: usize = 64 * 1024;

/// A repository in a registry, and who we are there.
#[derive(Clone)]
pub(crate) struct Registry {
    host: String,
    plain_http: bool,
    repository: String,
    username: String,
    password: String,
}

/// Bytes that arrived (or were there already) of the bytes to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PushProgress {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

impl Registry {
    /// `base` is a URL or a host, as ECR's `proxyEndpoint`; only `http://` leaves TLS out.
    pub(crate) fn new(base: &str, repository: &str, username: &str, password: &str) -> Self {
        let plain = base.strip_prefix("http://");
        let host = plain
            .or(base.strip_prefix("https://"))
            .unwrap_or(base)
            .trim_end_matches('/');
        Registry {
            host: host.into(),
            plain_http: plain.is_some(),
            repository: repository.into(),
            username: username.into(),
            password: password.into(),
        }
    }

    /// The name under which everybody finds a digest: `host/repository@sha256:…`.
    pub(crate) fn name(&self, digest: &Digest) -> String {
        format!("{}/{}@{digest}", self.host, self.repository)
    }

    fn tagged(&self, tag: &str) -> Reference {
        Reference::with_tag(self.host.clone(), self.repository.clone(), tag.into())
    }

    /// A manifest named by digest, but as a tag: oci-client panics on a reference by digest when the registry answers
    /// without `Location`, as ECR does.
    fn at(&self, digest: &Digest) -> Reference {
        self.tagged(digest.as_str())
    }

    fn auth(&self) -> RegistryAuth {
        RegistryAuth::Basic(self.username.clone(), self.password.clone())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.username, self.host, self.repository)
    }
}

/// The digest that a tag (or `sha256:…`) names in the registry; None when it has no such image.
pub(crate) async fn find(registry: &Registry, tag: &str) -> Result<Option<Digest>, PushError> {
    let client = connect(registry).await?;
    lookup(&client, registry, tag).await
}

/// Brings `image` to the registry under `tag` and returns the digest that both sides computed.
///
/// A tag that is there already with the same content is success; with other content, an error.
pub(crate) async fn push(
    registry: &Registry,
    image: &Image,
    tag: &str,
    progress: &dyn Fn(PushProgress),
) -> Result<Digest, PushError> {
    let client = connect(registry).await?;
    match lookup(&client, registry, tag).await {
        Ok(Some(there)) if there == *image.digest() => return Ok(there),
        Ok(Some(there)) => return Err(PushError::taken(tag, &there, image.digest())),
        // A registry that makes repositories at their first push knows none yet; ECR says so again at the upload.
        Ok(None) | Err(PushError::NoRepository { .. }) => {}
        Err(error) => return Err(error),
    }
    let total = blobs(image).map(|it| it.data.len() as u64).sum();
    let mut done = 0;
    for blob in blobs(image) {
        send(&client, registry, blob, &|sent| {
            progress(PushProgress {
                done: done + sent,
                total,
            })
        })
        .await?;
        done += blob.data.len() as u64;
        progress(PushProgress { done, total });
    }
    put(&client, &registry.at(image.digest()), &image.manifest).await?;
    attach(&client, registry, image).await?;
    put(&client, &registry.tagged(tag), &image.manifest).await?;
    confirm(&client, registry, tag, image.digest()).await
}

/// Lets `tag` name an image that the registry has, whatever it named before.
pub(crate) async fn move_tag(registry: &Registry, digest: &Digest, tag: &str) -> Result<(), PushError> {
    let client = connect(registry).await?;
    let (at, auth) = (registry.at(digest), registry.auth());
    let (manifest, _) = heard(client.pull_manifest_raw(&at, &auth, &[MANIFEST])).await?;
    put(&client, &registry.tagged(tag), &Blob::new(MANIFEST, manifest)).await?;
    confirm(&client, registry, tag, digest).await?;
    Ok(())
}

async fn connect(registry: &Registry) -> Result<Client, PushError> {
    // Only the first of the process counts, and all want the same.
    rustls::crypto::ring::default_provider().install_default().ok();
    let protocol = if registry.plain_http {
        ClientProtocol::Http
    } else {
        ClientProtocol::Https
    };
    let config = ClientConfig {
        protocol,
        use_monolithic_push: true,
        connect_timeout: Some(Duration::from_secs(10)),
        ..ClientConfig::default()
    };
    let client = Client::try_from(config)?;
    // Left to itself, oci-client takes a cut connection here for a registry that wants no password.
    for operation in [RegistryOperation::Pull, RegistryOperation::Push] {
        heard(client.auth(&registry.tagged("latest"), &registry.auth(), operation)).await?;
    }
    Ok(client)
}

async fn lookup(client: &Client, registry: &Registry, tag: &str) -> Result<Option<Digest>, PushError> {
    match heard(client.fetch_manifest_digest(&registry.tagged(tag), &registry.auth())).await {
        Ok(digest) => Ok(Digest::parse(&digest)),
        Err(PushError::NotFound) => Ok(None),
        Err(error) => Err(error.of(registry)),
    }
}

/// Everything that a push sends before the manifest.
fn blobs(image: &Image) -> impl Iterator<Item = &Blob> {
    image.layers.iter().chain([&image.config]).chain(&image.sbom)
}

/// Sends a blob unless it is there, again when the connection is cut.
async fn send(
    client: &Client,
    registry: &Registry,
    blob: &Blob,
    progress: &dyn Fn(u64),
) -> Result<(), PushError> {
    let reference = registry.at(&blob.digest);
    let mut attempt = 1;
    loop {
        if heard(client.blob_exists(&reference, blob.digest.as_str()))
            .await
            .map_err(|it| it.of(registry))?
        {
            return Ok(());
        }
        match upload(client, &reference, blob, progress).await {
            Err(error) if error.passes() && attempt < ATTEMPTS => {
                sleep(Duration::from_millis(300) * attempt).await
            }
            other => return other.map_err(|it| it.of(registry)),
        }
        attempt += 1;
    }
}

async fn upload(
    client: &Client,
    reference: &Reference,
    blob: &Blob,
    progress: &dyn Fn(u64),
) -> Result<(), PushError> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let data = blob.data.clone();
    let pieces = (0..data.len())
        .step_by(PIECE)
        .map(move |at| data.slice(at..data.len().min(at + PIECE)));
    let body = stream::iter(pieces).map(move |piece: Bytes| {
        tell.send(piece.len() as u64).ok();
        Ok(piece)
    });
    let size = blob.data.len() as u64;
    let upload = client.push_blob_stream(reference, body, blob.digest.as_str(), Some(size));
    let mut upload = std::pin::pin!(upload);
    let mut sent = 0;
    loop {
        tokio::select! {
            result = &mut upload => return Ok(result.map(drop)?),
            Some(piece) = told.recv() => {
                sent += piece;
                progress(sent);
            }
            () = sleep(SILENCE) => return Err(PushError::Silent),
        }
    }
}

async fn put(client: &Client, reference: &Reference, manifest: &Blob) -> Result<(), PushError> {
    let media_type = HeaderValue::from_str(&manifest.media_type).context("name a manifest's type")?;
    heard(client.push_manifest_raw(reference, manifest.data.clone(), media_type)).await?;
    Ok(())
}

/// Attaches the bill of materials to the image, which is in the registry already.
async fn attach(client: &Client, registry: &Registry, image: &Image) -> Result<(), PushError> {
    let Some(sbom) = &image.sbom else { return Ok(()) };
    let referrer = image.referrer(sbom)?;
    send(client, registry, &referrer.empty, &|_| ()).await?;
    put(
        client,
        &registry.at(&referrer.manifest.digest),
        &referrer.manifest,
    )
    .await?;
    list(client, registry, image, &referrer.manifest, &sbom.media_type).await
}

/// Makes the attachment findable: a registry that does not list referrers itself gets the list as a tag, as the
/// distribution specification asks for.
async fn list(
    client: &Client,
    registry: &Registry,
    image: &Image,
    referrer: &Blob,
    artifact_type: &str,
) -> Result<(), PushError> {
    let subject = image.digest().to_string();
    let by_digest = Reference::with_digest(
        registry.host.clone(),
        registry.repository.clone(),
        subject.clone(),
    );
    let index: OciImageIndex = heard(client.pull_referrers(&by_digest, None)).await?;
    if index
        .manifests
        .iter()
        .any(|it| it.digest == referrer.digest.as_str())
    {
        return Ok(());
    }
    let index = referrer.index(index, artifact_type)?;
    put(client, &registry.tagged(&subject.replace(':', "-")), &index).await
}

/// What the registry says it has must be what we made.
async fn confirm(
    client: &Client,
    registry: &Registry,
    tag: &str,
    ours: &Digest,
) -> Result<Digest, PushError> {
    match lookup(client, registry, tag).await? {
        Some(there) if there == *ours => Ok(there),
        there => Err(PushError::Different {
            tag: tag.into(),
            there,
            ours: ours.clone(),
        }),
    }
}

/// Waits for an answer, but not for ever.
async fn heard<T, E>(request: impl Future<Output = Result<T, E>>) -> Result<T, PushError>
where
    PushError: From<E>,
{
    match timeout(SILENCE, request).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(PushError::Silent),
    }
}
