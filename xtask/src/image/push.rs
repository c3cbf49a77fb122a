//! Pushes images to a registry, and reads back what it has.
//!
//! Each blob is asked for first and sent in one piece: ECR loses the second and later pieces of a chunked upload.
//! The tag comes last, so that a tag that is there means that everything is there. A push that was cut is simply
//! run again; what arrived is not sent twice.

mod connection;
mod error;

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;

use serde_json::Value;

use super::Platform;
use super::oci::{Blob, Digest, Image};
use connection::Connection;

pub(crate) use error::PushError;

const PATIENCE: Duration = Duration::from_secs(60);

/// A repository in a registry, and who we are there.
#[derive(Clone)]
pub(crate) struct Registry {
    host: String,
    plain_http: bool,
    repository: String,
    username: String,
    password: String,
    /// A registry that says nothing for this long, while we send nothing either, is gone.
    pub(crate) patience: Duration,
}

/// Bytes that arrived (or were there already) of the bytes to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PushProgress {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// The digest that a tag (or `sha256:…`) names in the registry; None when it has no such image.
pub(crate) async fn find(registry: &Registry, tag: &str) -> Result<Option<Digest>, PushError> {
    Connection::open(registry).await?.find(tag).await
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
    let connection = Connection::open(registry).await?;
    match connection.find(tag).await {
        Ok(Some(there)) if there == *image.digest() => return Ok(there),
        Ok(Some(there)) => return Err(PushError::taken(tag, &there, image.digest())),
        // A registry that makes repositories at their first push knows none yet; ECR says so again at the upload.
        Ok(None) | Err(PushError::NoRepository { .. }) => {}
        Err(error) => return Err(error),
    }
    send_blobs(&connection, image, progress).await?;
    connection.put(image.digest().as_str(), &image.manifest).await?;
    if let Some(sbom) = &image.sbom {
        attach(&connection, image, sbom).await?;
    }
    match connection.put(tag, &image.manifest).await {
        // ECR refuses a tag that is there even for the same content, as after an answer that was lost.
        Err(PushError::Immutable(said)) => match connection.find(tag).await? {
            Some(there) if there == *image.digest() => Ok(there),
            Some(there) => Err(PushError::taken(tag, &there, image.digest())),
            None => Err(PushError::Immutable(said)),
        },
        sent => sent.and(confirm(&connection, tag, image.digest()).await),
    }
}

/// Lets `tag` name an image that the registry has, whatever it named before.
pub(crate) async fn move_tag(registry: &Registry, digest: &Digest, tag: &str) -> Result<(), PushError> {
    let connection = Connection::open(registry).await?;
    let manifest = connection.manifest(digest).await?;
    connection.put(tag, &manifest).await?;
    confirm(&connection, tag, digest).await?;
    Ok(())
}

/// What an image of the registry was made for; None when it is not there, and when it is several for several platforms.
pub(crate) async fn platform(registry: &Registry, digest: &Digest) -> Result<Option<Platform>, PushError> {
    let connection = Connection::open(registry).await?;
    let manifest = match connection.manifest(digest).await {
        Err(PushError::NotFound) => return Ok(None),
        answer => answer?,
    };
    let manifest: Value = serde_json::from_slice(&manifest.data).context("read a manifest")?;
    let Some(config) = manifest["config"]["digest"].as_str() else { return Ok(None) };
    let config = connection.blob(config).await?;
    let config: Value = serde_json::from_slice(&config).context("read an image's configuration")?;
    let name = config["architecture"].as_str().unwrap_or_default();
    let platform = Platform::of_oci(name);
    Ok(Some(platform.ok_or_else(|| anyhow!("the image {digest} is for `{name}`, on which no service runs"))?))
}

/// Sends everything that the manifests name, before they do.
async fn send_blobs(
    connection: &Connection<'_>,
    image: &Image,
    progress: &dyn Fn(PushProgress),
) -> Result<(), PushError> {
    let blobs: Vec<&Blob> = image.layers.iter().chain([&image.config]).chain(&image.sbom).collect();
    let total = blobs.iter().map(|it| it.data.len() as u64).sum();
    let mut done = 0;
    for blob in blobs {
        connection.send(blob, &|sent| progress(PushProgress { done: done + sent, total })).await?;
        done += blob.data.len() as u64;
        progress(PushProgress { done, total });
    }
    Ok(())
}

/// Attaches the bill of materials to the image, and makes it findable: a registry that does not list referrers itself
/// gets the list as a tag, as the distribution specification asks for.
async fn attach(connection: &Connection<'_>, image: &Image, sbom: &Blob) -> Result<(), PushError> {
    let referrer = image.referrer(sbom)?;
    connection.send(&referrer.empty, &|_| ()).await?;
    connection.put(referrer.manifest.digest.as_str(), &referrer.manifest).await?;
    let list = connection.referrers(image.digest()).await?;
    if list.manifests.iter().any(|it| it.digest == referrer.manifest.digest.as_str()) {
        return Ok(());
    }
    let list = referrer.manifest.listed(list, &sbom.media_type)?;
    connection.put(&image.digest().as_str().replace(':', "-"), &list).await
}

/// What the registry says it has must be what we made.
async fn confirm(connection: &Connection<'_>, tag: &str, ours: &Digest) -> Result<Digest, PushError> {
    match connection.find(tag).await? {
        Some(there) if there == *ours => Ok(there),
        there => Err(PushError::Different { tag: tag.into(), there, ours: ours.clone() }),
    }
}

impl Registry {
    /// `base` is a URL or a host, as ECR's `proxyEndpoint`; only `http://` leaves TLS out.
    pub(crate) fn new(base: &str, repository: &str, username: &str, password: &str) -> Self {
        let plain = base.strip_prefix("http://");
        let host = plain.or(base.strip_prefix("https://")).unwrap_or(base).trim_end_matches('/');
        Registry {
            host: host.into(),
            plain_http: plain.is_some(),
            repository: repository.into(),
            username: username.into(),
            password: password.into(),
            patience: PATIENCE,
        }
    }

    /// The name under which everybody finds a digest: `host/repository@sha256:…`.
    #[cfg(test)]
    pub(crate) fn name(&self, digest: &Digest) -> String {
        format!("{}/{}@{digest}", self.host, self.repository)
    }

    /// A manifest by tag or digest. The digest too goes in as a tag: oci-client panics on a push by digest when the
    /// registry answers without `Location`, as ECR does.
    fn reference(&self, tag: &str) -> Reference {
        Reference::with_tag(self.host.clone(), self.repository.clone(), tag.into())
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

/// Gives rustls its cryptography. Only the first call of the process counts, and all want the same.
pub(crate) fn provide_crypto() {
    rustls::crypto::ring::default_provider().install_default().ok();
}
