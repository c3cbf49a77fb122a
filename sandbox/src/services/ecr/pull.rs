//! What a task's pull finds.

use super::Name;
use super::store::Image;
use crate::auth::{self, Caller, Question};
use crate::fault::Fault;
use crate::world::World;
use serde_json::Value;

/// An image that may be pulled: its manifest and where its blobs are.
pub struct Pull {
    /// `sha256:…` of the manifest.
    pub digest: String,
    pub manifest: Value,
}

/// The last one is App Runner's alone.
const PULLS: [&str; 4] = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:DescribeImages",
];

/// Resolves `HOST/ACCOUNT/REGION/NAME@sha256:…` or `…:TAG` as the caller's pull would: both sides' policies are asked.
///
/// What is asked for is what AWS's own policies for pulling allow, which differ: App Runner looks at the image, too.
/// Of an index it is the image for Linux on this machine's architecture that is pulled.
pub fn pull(world: &mut World, image: &str, caller: &Caller, by_app_runner: bool) -> Result<Pull, Fault> {
    let (name, reference) = parse(image).ok_or_else(|| cannot(image, "invalid reference format"))?;
    let anywhere =
        Question { action: "ecr:GetAuthorizationToken", resource: "*", context: &[], policy: None };
    auth::allow(world, Some(caller), &name.region, &anywhere)?;
    for action in if by_app_runner { &PULLS[..] } else { &PULLS[..3] } {
        name.allow(world, caller, action)?;
    }
    let repository = name.find(world).ok_or_else(|| cannot(image, "repository does not exist"))?;
    let found = repository.images.values().find(|it| it.digest == reference || it.tags.contains(&reference));
    let found = found.ok_or_else(|| cannot(image, "not found"))?;
    let found = match for_this_machine(&found.document()) {
        None => found,
        Some(digest) => digest
            .and_then(|digest| repository.images.get(&digest))
            .ok_or_else(|| cannot(image, &no_platform()))?,
    };
    Ok(Pull { digest: found.digest.clone(), manifest: Image::document(found) })
}

/// The repository, and a digest or tag.
fn parse(image: &str) -> Option<(Name, String)> {
    let (_host, path) = image.trim_start_matches("http://").split_once('/')?;
    let (path, reference) = match path.split_once('@') {
        Some((path, digest)) => (path.split(':').next()?, digest),
        None => path.rsplit_once(':').unwrap_or((path, "latest")),
    };
    Some((Name::parse(path)?, reference.to_owned()))
}

/// `None`: this is not an index. `Some(None)`: it is one without an image for this machine.
fn for_this_machine(manifest: &Value) -> Option<Option<String>> {
    let images = manifest["manifests"].as_array()?;
    let fits = |image: &&Value| {
        image["platform"]["os"] == "linux" && image["platform"]["architecture"] == architecture()
    };
    Some(images.iter().find(fits).and_then(|image| image["digest"].as_str().map(str::to_owned)))
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn no_platform() -> String {
    format!("image Manifest does not contain descriptor matching platform 'linux/{}'", architecture())
}

fn cannot(image: &str, why: &str) -> Fault {
    Fault::new("CannotPullContainerError", format!("failed to resolve ref {image}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn references_name_an_account_a_region_and_a_repository() {
        let (name, reference) = parse("127.0.0.1:4566/111111111111/eu-west-1/team/app@sha256:abc").unwrap();
        assert_eq!((name.place().as_str(), name.name.as_str()), ("111111111111/eu-west-1", "team/app"));
        assert_eq!(reference, "sha256:abc");
        let (name, reference) = parse("127.0.0.1:4566/111111111111/eu-west-1/app:v1").unwrap();
        assert_eq!((name.name.as_str(), reference.as_str()), ("app", "v1"));
        let (name, reference) = parse("127.0.0.1:4566/111111111111/eu-west-1/app:v1@sha256:abc").unwrap();
        assert_eq!((name.name.as_str(), reference.as_str()), ("app", "sha256:abc"));
        assert!(parse("app:v1").is_none());
    }
}
