//! One registry and the client that speaks to it: every request bounded in time, every refusal in our words.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::HeaderValue;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciImageIndex,
};
use oci_client::{Client, Reference, RegistryOperation};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{Blob, Digest, PushError, Registry};
use crate::proxy;

/// How often the same is asked, or one blob sent, before the push gives up.
const ATTEMPTS: u32 = 3;
/// The shortest time between two attempts.
const PAUSE: Duration = Duration::from_millis(300);
/// The granularity of the progress.
const PIECE: usize = 64 * 1024;

/// The forms in which engines push images. A registry that was not asked for them all would convert one into another,
/// and so into another digest.
const MANIFESTS: [&str; 4] = [
    OCI_IMAGE_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

/// What a manifest says of itself; that it may leave out when it is the OCI's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    media_type: Option<String>,
}

pub(super) struct Connection<'registry> {
    client: Client,
    registry: &'registry Registry,
}

impl<'registry> Connection<'registry> {
    /// Shows our password. Left to itself, oci-client takes a connection cut at this moment for a registry that wants
    /// none.
    pub(super) async fn open(registry: &'registry Registry) -> Result<Self, PushError> {
        super::provide_crypto();
        let config = ClientConfig {
            protocol: if registry.plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
            use_monolithic_push: true,
            user_agent: "app/foothold",
            connect_timeout: Some(Duration::from_secs(10)),
            ..ClientConfig::default()
        };
        let here = proxy::is_here(&format!("http://{}", registry.host));
        let config = if here { without_proxy(config) } else { config };
        let connection = Connection { client: Client::try_from(config)?, registry };
        let (any, auth) = (registry.reference("latest"), registry.auth());
        for operation in [RegistryOperation::Pull, RegistryOperation::Push] {
            connection.heard(async || connection.client.auth(&any, &auth, operation).await).await?;
        }
        Ok(connection)
    }

    /// The digest of what `tag` names.
    pub(super) async fn find(&self, tag: &str) -> Result<Option<Digest>, PushError> {
        let (reference, auth) = (self.registry.reference(tag), self.registry.auth());
        match self.heard(async || self.client.fetch_manifest_digest(&reference, &auth).await).await {
            Ok(digest) => Ok(Some(Digest::parse(&digest).context("read the registry's digest")?)),
            Err(PushError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The manifest of that digest as it was pushed.
    pub(super) async fn manifest(&self, digest: &Digest) -> Result<Blob, PushError> {
        let (reference, auth) = (self.registry.reference(digest.as_str()), self.registry.auth());
        let (manifest, _) =
            self.heard(async || self.client.pull_manifest_raw(&reference, &auth, &MANIFESTS).await).await?;
        let typed: Typed = serde_json::from_slice(&manifest).context("read a manifest")?;
        Ok(Blob::new(typed.media_type.as_deref().unwrap_or(OCI_IMAGE_MEDIA_TYPE), manifest))
    }

    /// A blob that is small enough to be held.
    pub(super) async fn blob(&self, digest: &str) -> Result<Vec<u8>, PushError> {
        let reference = self.registry.reference(digest);
        self.heard(async || {
            let mut data = Vec::new();
            self.client.pull_blob(&reference, digest, &mut data).await.map(|()| data)
        })
        .await
    }

    /// What the registry says refers to an image, by its own list or by the tag that stands in for one.
    pub(super) async fn referrers(&self, image: &Digest) -> Result<OciImageIndex, PushError> {
        let (host, repository) = (self.registry.host.clone(), self.registry.repository.clone());
        let reference = Reference::with_digest(host, repository, image.to_string());
        self.heard(async || self.client.pull_referrers(&reference, None).await).await
    }

    pub(super) async fn put(&self, tag: &str, manifest: &Blob) -> Result<(), PushError> {
        let media_type = HeaderValue::from_str(&manifest.media_type).context("name a manifest's type")?;
        let reference = self.registry.reference(tag);
        let put = async || {
            let (data, media_type) = (manifest.data.clone(), media_type.clone());
            self.client.push_manifest_raw(&reference, data, media_type).await
        };
        self.heard(put).await?;
        Ok(())
    }

    /// Sends a blob unless it is there, again when the connection is cut.
    pub(super) async fn send(&self, blob: &Blob, progress: &dyn Fn(u64)) -> Result<(), PushError> {
        let reference = self.registry.reference(blob.digest.as_str());
        let mut attempt = 1;
        let exists = async || self.client.blob_exists(&reference, blob.digest.as_str()).await;
        while !self.heard(exists).await? {
            match self.upload(&reference, blob, progress).await {
                Err(error) if error.passes() && attempt < ATTEMPTS => {
                    sleep(PAUSE * attempt).await;
                }
                other => return other,
            }
            attempt += 1;
        }
        Ok(())
    }

    async fn upload(
        &self,
        reference: &Reference,
        blob: &Blob,
        progress: &dyn Fn(u64),
    ) -> Result<(), PushError> {
        let (tell, mut told) = mpsc::unbounded_channel();
        let body = pieces(blob.data.clone()).map(move |piece| {
            tell.send(piece.len() as u64).ok();
            Ok(piece)
        });
        let size = Some(blob.data.len() as u64);
        let mut upload =
            std::pin::pin!(self.client.push_blob_stream(reference, body, blob.digest.as_str(), size));
        let mut sent = 0;
        loop {
            tokio::select! {
                result = &mut upload => return result.map(drop).map_err(|it| self.refused(it)),
                Some(piece) = told.recv() => {
                    sent += piece;
                    progress(sent);
                }
                () = sleep(self.registry.patience) => return Err(PushError::Silent),
            }
        }
    }

    /// Waits for an answer, but not for ever; asks again when the connection is cut or the registry is not well.
    async fn heard<T>(
        &self,
        request: impl AsyncFn() -> Result<T, OciDistributionError>,
    ) -> Result<T, PushError> {
        let mut attempt = 1;
        loop {
            let Ok(answer) = timeout(self.registry.patience, request()).await else {
                return Err(PushError::Silent);
            };
            match answer.map_err(|it| self.refused(it)) {
                Err(error) if error.passes() && attempt < ATTEMPTS => sleep(PAUSE * attempt).await,
                answer => return answer,
            }
            attempt += 1;
        }
    }

    fn refused(&self, error: OciDistributionError) -> PushError {
        PushError::from(error).of(&self.registry.repository)
    }
}

/// A proxy that is not for this machine takes the place of the one that the environment names.
fn without_proxy(config: ClientConfig) -> ClientConfig {
    let nobody = || Some("http://127.0.0.1:9".to_owned());
    let here = Some("localhost,127.0.0.0/8,::1".to_owned());
    ClientConfig { http_proxy: nobody(), https_proxy: nobody(), no_proxy: here, ..config }
}

fn pieces(data: Bytes) -> impl stream::Stream<Item = Bytes> + Send + 'static {
    stream::iter((0..data.len()).step_by(PIECE).map(move |at| data.slice(at..data.len().min(at + PIECE))))
}
