//! Images as the API sees them.

use super::repositories::Repository;
use super::store::{Image, Put, put_manifest};
use super::{Name, named, page};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};

/// An image as a request names it: by digest, by tag, or by both.
struct Wanted {
    digest: Option<String>,
    tag: Option<String>,
}

impl Wanted {
    fn new(id: &Value) -> Self {
        let text = |member: &str| id[member].as_str().map(str::to_owned);
        Self { digest: text("imageDigest"), tag: text("imageTag") }
    }

    fn find<'r>(&self, repository: &'r Repository) -> Result<&'r Image, (&'static str, &'static str)> {
        let by_tag = |tag: &String| repository.images.values().find(|image| image.tags.contains(tag));
        let found = match (&self.digest, &self.tag) {
            (None, None) => {
                return Err((
                    "MissingDigestAndTag",
                    "Invalid request parameters: both tag and digest cannot be null",
                ));
            }
            (Some(digest), _) if !digest.starts_with("sha256:") => {
                return Err((
                    "InvalidImageDigest",
                    "Invalid request parameters: image digest should satisfy the regex",
                ));
            }
            (Some(digest), None) => repository.images.get(digest),
            (None, Some(tag)) => by_tag(tag),
            (Some(digest), Some(tag)) => match by_tag(tag) {
                Some(image) if image.digest != *digest => {
                    return Err(("ImageTagDoesNotMatchDigest", "Requested image tag does not match digest"));
                }
                found => found,
            },
        };
        found.ok_or(("ImageNotFound", "Requested image not found"))
    }

    fn id(&self) -> Value {
        json!({"imageDigest": self.digest, "imageTag": self.tag})
    }
}

fn wanted(call: &Call) -> Vec<Wanted> {
    call.list("imageIds").iter().map(Wanted::new).collect()
}

fn failure(wanted: &Wanted, (code, reason): (&str, &str)) -> Value {
    json!({"imageId": wanted.id(), "failureCode": code, "failureReason": reason})
}

fn output(name: &Name, image: &Image, tag: Option<&str>) -> Value {
    json!({
        "registryId": name.account,
        "repositoryName": name.name,
        "imageId": {"imageDigest": image.digest, "imageTag": tag},
        "imageManifest": image.manifest,
        "imageManifestMediaType": image.media_type,
    })
}

/// Whether the request's filter lets an image through that has tags, or has none.
fn filtered(call: &Call, tagged: bool) -> bool {
    let status = call.input.get("filter").and_then(|filter| filter["tagStatus"].as_str());
    match status {
        Some("TAGGED") => tagged,
        Some("UNTAGGED") => !tagged,
        _ => true,
    }
}

pub(super) fn list(call: &mut Call) -> Answer {
    let name = named(call)?;
    let repository = name.repository(call.world)?.clone();
    let images = repository.images.values().filter(|image| filtered(call, !image.tags.is_empty()));
    let ids = images.flat_map(|image| {
        let tags = image.tags.iter().map(|tag| json!({"imageDigest": image.digest, "imageTag": tag}));
        let untagged = image.tags.is_empty().then(|| json!({"imageDigest": image.digest}));
        tags.chain(untagged).collect::<Vec<_>>()
    });
    let (ids, next) = page(call, ids.collect())?;
    Ok(json!({"imageIds": ids, "nextToken": next}))
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let name = named(call)?;
    let repository = name.repository(call.world)?.clone();
    let wanted = wanted(call);
    let images: Vec<&Image> = if wanted.is_empty() {
        repository.images.values().filter(|image| filtered(call, !image.tags.is_empty())).collect()
    } else {
        let found = wanted.iter().map(|it| it.find(&repository).map_err(|_| not_found(&name, it)));
        found.collect::<Result<_, Fault>>()?
    };
    let details = images.into_iter().map(|image| detail(&name, image)).collect();
    let (details, next) = page(call, details)?;
    Ok(json!({"imageDetails": details, "nextToken": next}))
}

fn detail(name: &Name, image: &Image) -> Value {
    let manifest = image.document();
    let artifact = manifest["artifactType"].as_str().or(manifest["config"]["mediaType"].as_str());
    json!({
        "registryId": name.account,
        "repositoryName": name.name,
        "imageDigest": image.digest,
        "imageTags": (!image.tags.is_empty()).then_some(&image.tags),
        "imageSizeInBytes": image.size(),
        "imagePushedAt": image.pushed,
        "imageManifestMediaType": image.media_type,
        "artifactMediaType": artifact,
    })
}

fn not_found(name: &Name, wanted: &Wanted) -> Fault {
    let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "null".to_owned());
    let why = format!(
        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name \
         '{}' in the registry with id '{}'",
        text(&wanted.digest),
        text(&wanted.tag),
        name.name,
        name.account
    );
    Fault::new("ImageNotFoundException", why)
}

pub(super) fn get(call: &mut Call) -> Answer {
    let name = named(call)?;
    let repository = name.repository(call.world)?.clone();
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for wanted in wanted(call) {
        match wanted.find(&repository) {
            Ok(image) => images.push(output(&name, image, wanted.tag.as_deref())),
            Err(why) => failures.push(failure(&wanted, why)),
        }
    }
    Ok(json!({"images": images, "failures": failures}))
}

/// By tag: the tag goes, and the image with its last one. By digest: the image goes with all its tags.
pub(super) fn delete(call: &mut Call) -> Answer {
    let name = named(call)?;
    let wanted = wanted(call);
    let repository = name.repository(call.world)?;
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for wanted in wanted {
        match remove(repository, &wanted) {
            Ok(ids) => deleted.extend(ids),
            Err((code, reason)) => failures.push(failure(&wanted, (code, &reason))),
        }
    }
    Ok(json!({"imageIds": deleted, "failures": failures}))
}

fn remove(repository: &mut Repository, wanted: &Wanted) -> Result<Vec<Value>, (&'static str, String)> {
    let found = wanted.find(repository).map_err(|(code, reason)| (code, reason.to_owned()))?;
    let (digest, tags) = (found.digest.clone(), found.tags.clone());
    let id = |tag: &String| json!({"imageDigest": digest, "imageTag": tag});
    if let Some(tag) = wanted.tag.as_ref().filter(|_| tags.len() > 1) {
        repository.images.entry(digest.clone()).and_modify(|image| _ = image.tags.remove(tag));
        return Ok(vec![id(tag)]);
    }
    // A referrer names its subject, too, and does not hold it back.
    let lists = |image: &&Image| {
        let document = image.document();
        document["manifests"]
            .as_array()
            .is_some_and(|list| list.iter().any(|it| it["digest"] == digest.as_str()))
    };
    if let Some(index) = repository.images.values().find(lists) {
        let reason = format!("Requested image referenced by manifest list: [{}]", index.digest);
        return Err(("ImageReferencedByManifestList", reason));
    }
    repository.images.remove(&digest);
    Ok(if tags.is_empty() { vec![json!({"imageDigest": digest})] } else { tags.iter().map(id).collect() })
}

pub(super) fn put(call: &mut Call) -> Answer {
    let name = named(call)?;
    let text = |member: &str| call.opt_text(member).map(str::to_owned);
    let (tag, digest) = (text("imageTag"), text("imageDigest"));
    let (manifest, media_type) = (call.text("imageManifest").to_owned(), text("imageManifestMediaType"));
    let known = super::digest_of(manifest.as_bytes());
    let repository = name.repository(call.world)?;
    let same = repository.images.get(&known);
    if same.is_some_and(|image| tag.as_ref().is_none_or(|tag| image.tags.contains(tag))) {
        let tag = tag.as_deref().unwrap_or("null");
        let why = format!(
            "Image with digest '{known}' and tag '{tag}' already exists in the repository with name '{}' in registry \
             with id '{}'",
            name.name, name.account
        );
        return Err(Fault::new("ImageAlreadyExistsException", why));
    }
    let put = Put {
        manifest: &manifest,
        media_type: media_type.as_deref(),
        tag: tag.as_deref(),
        digest: digest.as_deref(),
    };
    let image = put_manifest(call.world, &name, &put)?;
    Ok(json!({"image": output(&name, &image, tag.as_deref())}))
}

pub(super) fn check_layers(call: &mut Call) -> Answer {
    let name = named(call)?;
    let digests = call.texts("layerDigests");
    let repository = name.repository(call.world)?;
    let (mut layers, mut failures) = (Vec::new(), Vec::new());
    for digest in digests {
        match repository.blobs.get(&digest) {
            Some(size) => layers.push(json!({
                "layerDigest": digest,
                "layerAvailability": "AVAILABLE",
                "layerSize": size,
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            })),
            None => failures.push(json!({
                "layerDigest": digest,
                "failureCode": "MissingLayerDigest",
                "failureReason": "The specified layer does not exist",
            })),
        }
    }
    Ok(json!({"layers": layers, "failures": failures}))
}
