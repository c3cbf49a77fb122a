//! An image as the OCI describes it: blobs named by their checksum, and a manifest that lists them.

use std::fmt;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use oci_client::manifest::{OCI_IMAGE_INDEX_MEDIA_TYPE, OciImageIndex};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Digest(String);

/// Bytes that a registry keeps under their digest.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) data: Bytes,
}

/// A whole image, ready to be pushed.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) config: Blob,
    pub(crate) layers: Vec<Blob>,
    pub(crate) manifest: Blob,
    /// What it is made of, attached to the image as a referrer.
    pub(crate) sbom: Option<Blob>,
}

/// Something attached to an image: its own manifest, with the image as its subject.
pub(crate) struct Referrer {
    pub(crate) empty: Blob,
    pub(crate) manifest: Blob,
}

impl Digest {
    pub(crate) fn of(data: &[u8]) -> Self {
        Digest(format!("sha256:{}", hex::encode(Sha256::digest(data))))
    }

    /// A digest that somebody else computed, as `sha256:…`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let valid = hex.len() == 64 && hex.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| Digest(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Blob {
    pub(crate) fn new(media_type: &str, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        Blob { media_type: media_type.into(), digest: Digest::of(&data), data }
    }

    pub(crate) fn json(media_type: &str, value: &Value) -> Result<Self> {
        Ok(Blob::new(media_type, serde_json::to_vec(value)?))
    }

    /// The list of what refers to an image, with this manifest added.
    pub(crate) fn listed(&self, mut list: OciImageIndex, artifact_type: &str) -> Result<Blob> {
        list.media_type = Some(OCI_IMAGE_INDEX_MEDIA_TYPE.into());
        let mut index = serde_json::to_value(&list)?;
        let mut entry = self.descriptor();
        entry["artifactType"] = artifact_type.into();
        index["manifests"].as_array_mut().context("read the list of referrers")?.push(entry);
        Blob::json(OCI_IMAGE_INDEX_MEDIA_TYPE, &index)
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest.as_str(), "size": self.data.len() })
    }
}

impl Image {
    pub(crate) fn new(config: Blob, layers: Vec<Blob>) -> Result<Self> {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        Ok(Image { manifest: Blob::json(MANIFEST, &manifest)?, config, layers, sbom: None })
    }

    /// The image's name: what is deployed, and what two builds of one source have in common.
    pub(crate) fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// What a pull transfers, in bytes.
    pub(crate) fn compressed_size(&self) -> usize {
        self.manifest.data.len()
            + self.config.data.len()
            + self.layers.iter().map(|it| it.data.len()).sum::<usize>()
    }

    /// What attaches `attachment` to this image.
    pub(crate) fn referrer(&self, attachment: &Blob) -> Result<Referrer> {
        let empty = Blob::new(EMPTY, "{}");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": attachment.media_type,
            "config": empty.descriptor(),
            "layers": [attachment.descriptor()],
            "subject": self.manifest.descriptor(),
        });
        Ok(Referrer { manifest: Blob::json(MANIFEST, &manifest)?, empty })
    }
}
