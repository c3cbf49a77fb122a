//! Manifests as the API and the registry both put them.

use super::Name;
use super::repositories::Repository;
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// An image, or an index of images, or anything else that has a manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    pub digest: String,
    /// The bytes that the digest is of.
    pub manifest: String,
    pub media_type: String,
    pub pushed: Time,
    pub tags: BTreeSet<String>,
}

impl Image {
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.manifest).unwrap_or_default()
    }

    /// The sum of what its layers and its configuration weigh.
    pub(super) fn size(&self) -> i64 {
        let manifest = self.document();
        let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
        let parts = layers.iter().chain(manifest.get("config"));
        parts.filter_map(|part| part["size"].as_i64()).sum()
    }
}

/// What is put: a manifest, and what to call it.
pub struct Put<'a> {
    pub manifest: &'a str,
    /// As the request says; else as the manifest says.
    pub media_type: Option<&'a str>,
    pub tag: Option<&'a str>,
    /// What the client believes the digest to be.
    pub digest: Option<&'a str>,
}

/// `sha256:…` of these bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// The digests that a manifest requires: blobs, and other manifests.
pub fn requires(manifest: &Value) -> (Vec<String>, Vec<String>) {
    let digests = |list: &str| -> Vec<String> {
        let parts = manifest[list].as_array().into_iter().flatten();
        parts.filter_map(|part| part["digest"].as_str().map(str::to_owned)).collect()
    };
    let config = manifest["config"]["digest"].as_str().map(str::to_owned);
    (config.into_iter().chain(digests("layers")).collect(), digests("manifests"))
}

/// Puts a manifest into a repository, which its blobs are in already. Nobody is asked for permission here.
pub fn put_manifest(world: &mut World, name: &Name, put: &Put) -> Result<Image, Fault> {
    let now = world.clock.now();
    let repository = name.repository(world)?;
    let manifest: Value =
        serde_json::from_str(put.manifest).map_err(|_| unfit("the manifest is not JSON"))?;
    if manifest["schemaVersion"] != 2 {
        return Err(unfit("schemaVersion must be 2"));
    }
    let digest = digest_of(put.manifest.as_bytes());
    if let Some(expected) = put.digest.filter(|expected| *expected != digest) {
        let why = format!("The image digest {digest} does not match the given {expected}");
        return Err(Fault::new("ImageDigestDoesNotMatchException", why));
    }
    complete(repository, name, &manifest)?;
    free(repository, name, put.tag)?;
    let declared = put.media_type.or(manifest["mediaType"].as_str());
    let media_type = declared.unwrap_or("application/vnd.oci.image.manifest.v1+json").to_owned();
    if let Some(tag) = put.tag {
        repository.images.values_mut().for_each(|image| _ = image.tags.remove(tag));
    }
    let fresh = Image {
        digest: digest.clone(),
        manifest: put.manifest.to_owned(),
        media_type,
        pushed: now,
        tags: BTreeSet::new(),
    };
    let image = repository.images.entry(digest).or_insert(fresh);
    image.tags.extend(put.tag.map(str::to_owned));
    Ok(image.clone())
}

fn unfit(why: &str) -> Fault {
    Fault::new("InvalidParameterException", format!("Invalid parameter at 'ImageManifest': {why}"))
}

/// Refuses a manifest whose parts are not there.
fn complete(repository: &Repository, name: &Name, manifest: &Value) -> Result<(), Fault> {
    let (blobs, images) = requires(manifest);
    let there = |kind: &str, code: &str, missing: Vec<String>| {
        if missing.is_empty() {
            return Ok(());
        }
        let why = format!(
            "{kind} with digests '[{}]' required for pushing image into repository with name '{}' in the registry \
             with id '{}' do not exist",
            missing.join(", "),
            name.name,
            name.account
        );
        Err(Fault::new(code, why))
    };
    let missing =
        |all: Vec<String>, has: &dyn Fn(&String) -> bool| all.into_iter().filter(|it| !has(it)).collect();
    let layers = missing(blobs, &|digest| repository.blobs.contains_key(digest));
    there("Layers", "LayersNotFoundException", layers)?;
    let images = missing(images, &|digest| repository.images.contains_key(digest));
    there("Images", "ReferencedImagesNotFoundException", images)
}

/// Refuses a tag that is there and must stay where it is, even if it would stay: ECR does not look at the digest.
fn free(repository: &Repository, name: &Name, tag: Option<&str>) -> Result<(), Fault> {
    let taken = |tag: &&str| repository.images.values().any(|image| image.tags.contains(*tag));
    match tag.filter(taken).filter(|tag| repository.is_immutable(tag)) {
        None => Ok(()),
        Some(tag) => Err(Fault::new(
            "ImageTagAlreadyExistsException",
            format!(
                "The image tag '{tag}' already exists in the '{}' repository and cannot be overwritten because the \
                 tag is immutable.",
                name.name
            ),
        )),
    }
}
