//! Manifests, tags, and what refers to what.

use super::Asked;
use crate::fault::Fault;
use crate::server::{Cut, Shared};
use crate::services::ecr::{self, Image, Put, Repository};
use crate::wire::Reply;
use crate::world::World;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

/// Bytes that a manifest may have.
const LIMIT: usize = 4 << 20;

pub(super) fn get(world: &World, asked: &Asked, reference: &str) -> Result<Reply, Fault> {
    asked.allow(world, "ecr:BatchGetImage")?;
    let image = asked.name.find(world).and_then(|repository| find(repository, reference));
    let image = image.ok_or_else(|| Fault::new("ImageNotFoundException", "Requested image not found"))?;
    let mut reply = Reply::new(200, &image.media_type, image.manifest.clone());
    reply.headers.push(("docker-content-digest".to_owned(), image.digest.clone()));
    reply.headers.push(("content-length".to_owned(), image.manifest.len().to_string()));
    Ok(reply)
}

fn find<'r>(repository: &'r Repository, reference: &str) -> Option<&'r Image> {
    repository.images.values().find(|it| it.digest == reference || it.tags.contains(reference))
}

pub(super) async fn put(
    shared: &Shared,
    asked: &Asked,
    reference: &str,
    body: Incoming,
) -> Result<Result<Reply, Fault>, Cut> {
    let body = match Limited::new(body, LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(Err(Fault::new("SIZE_INVALID", "the manifest is too large").status(413)));
        }
        Err(_) => return Err(Cut),
    };
    Ok(store(&mut shared.world(), asked, reference, &body))
}

fn store(world: &mut World, asked: &Asked, reference: &str, body: &Bytes) -> Result<Reply, Fault> {
    asked.allow(world, "ecr:PutImage")?;
    let unreadable = |_| Fault::new("MANIFEST_INVALID", "the manifest is not text").status(400);
    let manifest = std::str::from_utf8(body).map_err(unreadable)?;
    let by_digest = reference.starts_with("sha256:");
    let put = Put {
        manifest,
        media_type: asked.header("content-type"),
        tag: (!by_digest).then_some(reference),
        digest: by_digest.then_some(reference),
    };
    let image = ecr::put_manifest(world, &asked.name, &put)?;
    let mut reply = Reply::new(201, "text/plain", "");
    if let Some(subject) = image.document()["subject"]["digest"].as_str() {
        reply.headers.push(("oci-subject".to_owned(), subject.to_owned()));
    }
    reply.headers.push(("docker-content-digest".to_owned(), image.digest));
    Ok(reply)
}

pub(super) fn tags(world: &World, asked: &Asked) -> Result<Reply, Fault> {
    asked.allow(world, "ecr:ListImages")?;
    let repository = asked.name.find(world).ok_or_else(|| asked.name.unknown())?;
    let mut tags: Vec<&str> =
        repository.images.values().flat_map(|it| &it.tags).map(String::as_str).collect();
    tags.sort_unstable();
    let last = asked.parameter("last").unwrap_or_default();
    tags.retain(|tag| *tag > last);
    let limit = asked.parameter("n").and_then(|n| n.parse().ok()).unwrap_or(1000).clamp(1, 1000);
    let more = tags.len() > limit;
    tags.truncate(limit);
    let name = format!("{}/{}", asked.name.place(), asked.name.name);
    let mut reply = Reply::new(200, "application/json", json!({"name": name, "tags": tags}).to_string());
    if let Some(last) = tags.last().filter(|_| more) {
        let link = format!("</v2/{name}/tags/list?last={last}&n={limit}>; rel=\"next\"");
        reply.headers.push(("link".to_owned(), link));
    }
    Ok(reply)
}

/// An index of what names this digest as its subject. Nothing is an empty index, not a 404.
pub(super) fn referrers(world: &World, asked: &Asked, digest: &str) -> Result<Reply, Fault> {
    asked.allow(world, "ecr:BatchGetImage")?;
    let repository = asked.name.find(world).ok_or_else(|| asked.name.unknown())?;
    let wanted = asked.parameter("artifactType");
    let manifests: Vec<Value> = repository
        .images
        .values()
        .filter(|image| image.document()["subject"]["digest"] == digest)
        .map(descriptor)
        .filter(|it| wanted.is_none_or(|wanted| it["artifactType"] == wanted))
        .collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    let mut reply = Reply::new(200, media_type, index.to_string());
    if wanted.is_some() {
        reply.headers.push(("oci-filters-applied".to_owned(), "artifactType".to_owned()));
    }
    Ok(reply)
}

fn descriptor(image: &Image) -> Value {
    let manifest = image.document();
    let artifact = manifest["artifactType"].as_str().or(manifest["config"]["mediaType"].as_str());
    let mut descriptor = json!({
        "mediaType": image.media_type,
        "digest": image.digest,
        "size": image.manifest.len(),
        "artifactType": artifact,
    });
    if let Some(annotations) = manifest.get("annotations") {
        descriptor["annotations"] = annotations.clone();
    }
    descriptor
}
