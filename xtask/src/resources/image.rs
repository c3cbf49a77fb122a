//! The app's first image in the repository.
//!
//! Bootstrap brings the first one only, later ones are `deploy`'s: any image that a stage runs will do. One that no
//! stage ever ran is of no use when the source has changed since.

mod source;

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{ImageDetail, ImageIdentifier};
use base64::Engine as _;
use serde::Serialize;

pub(crate) use source::ImageSource;

use super::repository::ABSENT;
use super::repository_policy::client;
use super::serving::digest;
use super::{Repository, repository};
use crate::aws::{Aws, Door, Meter, read, wrote};
use crate::graph::{Key, Node};
use crate::image::push::{self, PushProgress, Registry, find, move_tag, push};
use crate::image::{BuildProgress, Digest, Platform};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// An image under the tag that its source's fingerprint gives.
#[derive(Serialize)]
pub(crate) struct Image {
    pub(crate) repository: Key<Repository>,
    pub(crate) tag: String,
    #[serde(skip)]
    pub(crate) source: Rc<ImageSource>,
}

/// Nothing: it is only ever brought.
#[derive(Serialize)]
pub(crate) struct Owned {}

pub(crate) struct Learned {
    /// `REGISTRY/NAME@sha256:…`, to pull from.
    reference: String,
    /// The tags of what stages run, each with what to pull.
    live: Vec<(String, String)>,
    /// Whether it was made from the source as it is here.
    pub(crate) current: bool,
}

impl Learned {
    /// What a service of this stage begins with: what the stage ran, for only `deploy` brings another, or any image.
    pub(crate) fn of(&self, stage: Option<&str>) -> &str {
        let tag = stage.map(|stage| format!("{LIVE}{stage}"));
        let runs = self.live.iter().find(|(live, _)| Some(live) == tag.as_ref());
        runs.map_or(&self.reference, |(_, reference)| reference)
    }
}

impl Resource for Image {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "image";

    fn name(&self) -> String {
        self.tag.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.repository.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned {})
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let images = self.images(cx).await?;
        let usable = images.iter().filter(|it| tagged(it, &self.tag) || live(it));
        let Some(best) = usable.max_by_key(|it| (tagged(it, &self.tag), live(it), pushed(it))) else {
            return Ok(None);
        };
        let uri = &cx.known.of(&self.repository)?.uri;
        let reference = |image: &ImageDetail| format!("{uri}@{}", image.image_digest().unwrap_or_default());
        let live = images.iter().flat_map(|image| {
            let tags = image.image_tags().iter().filter(|tag| tag.starts_with(LIVE));
            tags.map(|tag| (tag.clone(), reference(image)))
        });
        let learned =
            Learned { reference: reference(best), live: live.collect(), current: tagged(best, &self.tag) };
        Ok(Some(Seen { owned: Owned {}, learned, ours: true, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, _: &Owned) -> Result<()> {
        let meter = |what: &str, done, total| (cx.world.meter.borrow())(what, done, total);
        let image = self.source.made(&building(&meter)).await?;
        let (client, name) = client(cx, &self.repository).await?;
        let uri = &cx.known.of(&self.repository)?.uri;
        // What is in the URI behind the host, which in AWS is the name.
        let path = uri.split_once('/').map_or(name, |(_, path)| path);
        let registry = registry(&client, path).await?;
        push(&registry, image, &self.tag, &pushing(&meter)).await?;
        Ok(())
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let (client, name) = client(cx, &self.repository).await?;
        let images = self.images(cx).await?;
        let ids = images.into_iter().filter_map(|it| it.image_digest);
        let ids: Vec<_> = ids.map(|digest| ImageIdentifier::builder().image_digest(digest).build()).collect();
        for some in ids.chunks(AT_ONCE) {
            let request =
                client.batch_delete_image().repository_name(name).set_image_ids(Some(some.to_vec()));
            let answer = read(request.send().await, &[ABSENT])?;
            let failures = answer.and_then(|answer| answer.failures).unwrap_or_default();
            if let Some(why) = failures.iter().find_map(|failure| failure.failure_reason()) {
                bail!("ECR does not delete every image: {why}");
            }
        }
        Ok(())
    }

    /// A cold build takes minutes, and a push over a slow line too; none of that is waiting.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// Tags of what is made from a source, and of what a stage runs.
const SOURCE: &str = "src-";
pub(super) const LIVE: &str = "live-";
const BEFORE: &str = ".before";
/// How many images ECR deletes in one request.
const AT_ONCE: usize = 100;

impl Image {
    /// Everything of ours that the repository holds.
    async fn images(&self, cx: &Cx<'_, Aws>) -> Result<Vec<ImageDetail>> {
        let (client, name) = client(cx, &self.repository).await?;
        let found = client.describe_images().repository_name(name).into_paginator().items().send();
        let found = read(found.collect::<Result<Vec<_>, _>>().await, &[ABSENT])?.unwrap_or_default();
        Ok(found.into_iter().filter(|it| tagged(it, SOURCE) || tagged(it, LIVE)).collect())
    }
}

/// The reference of the image of that tag, which is made and pushed if the repository does not have it; `tell` hears
/// what builds it.
pub(crate) async fn ensure(
    door: &Door,
    repository: &repository::Learned,
    tag: &str,
    source: &ImageSource,
    meter: &Meter,
    tell: &dyn Fn(&str),
) -> Result<String> {
    let registry = registry_of(door, repository).await?;
    let digest = match find(&registry, tag).await? {
        Some(digest) => digest,
        None => {
            source.builder().into_iter().for_each(tell);
            push(&registry, source.made(&building(meter)).await?, tag, &pushing(meter)).await?
        }
    };
    Ok(format!("{}@{digest}", repository.uri))
}

/// Shows what a builder is at. Nobody knows how many steps it has.
pub(crate) fn building(meter: &dyn Fn(&str, u64, u64)) -> impl Fn(BuildProgress) {
    move |it| meter(&it.what, it.step, 0)
}

fn pushing(meter: &dyn Fn(&str, u64, u64)) -> impl Fn(PushProgress) {
    move |it| meter("pushing the image", it.done, it.total)
}

/// The reference of an image that the repository has, by a tag, a digest, or a whole reference.
pub(crate) async fn named(
    door: &Door,
    repository: &repository::Learned,
    name: &str,
) -> Result<Option<String>> {
    let name = name.strip_prefix(&repository.uri).map_or(name, |rest| rest.trim_start_matches([':', '@']));
    let found = find(&registry_of(door, repository).await?, name).await?;
    Ok(found.map(|digest| format!("{}@{digest}", repository.uri)))
}

/// What an image was made for; None when it is for several platforms, or in another repository.
pub(crate) async fn platform(
    door: &Door,
    repository: &repository::Learned,
    reference: &str,
) -> Result<Option<Platform>> {
    let digest = digest(reference).and_then(Digest::parse);
    let digest = digest.with_context(|| format!("`{reference}` names no digest"))?;
    Ok(push::platform(&registry_of(door, repository).await?, &digest).await?)
}

/// Lets the tag `live-STAGE` name what a stage runs, so that no lifecycle rule removes it, and `live-STAGE.before` what
/// it ran until then.
pub(crate) async fn mark_live(
    door: &Door,
    repository: &repository::Learned,
    digest: &str,
    stage: &str,
) -> Result<()> {
    let digest = Digest::parse(digest).with_context(|| format!("`{digest}` is no digest"))?;
    let (registry, [live, before]) = (registry_of(door, repository).await?, tags_of(stage));
    if let Some(there) = find(&registry, &live).await?.filter(|there| *there != digest) {
        move_tag(&registry, &there, &before).await?;
    }
    Ok(move_tag(&registry, &digest, &live).await?)
}

/// The images that those tags name: what a stage runs, as far as we know, and what it ran before.
pub(crate) async fn lived(door: &Door, repository: &repository::Learned, stage: &str) -> Result<Vec<String>> {
    let registry = registry_of(door, repository).await?;
    let mut images = Vec::new();
    for tag in tags_of(stage) {
        images.extend(find(&registry, &tag).await?.map(|digest| format!("{}@{digest}", repository.uri)));
    }
    Ok(images)
}

/// The tags of what a stage runs and of what it ran before. No stage has a dot in its name.
pub(super) fn tags_of(stage: &str) -> [String; 2] {
    [format!("{LIVE}{stage}"), format!("{LIVE}{stage}{BEFORE}")]
}

async fn registry_of(door: &Door, repository: &repository::Learned) -> Result<Registry> {
    // What is in the URI behind the host, which in AWS is the name.
    let path = repository.uri.split_once('/').map_or(repository.name.as_str(), |(_, path)| path);
    registry(&door.ecr(), path).await
}

fn tagged(image: &ImageDetail, beginning: &str) -> bool {
    image.image_tags().iter().any(|tag| tag.starts_with(beginning))
}

/// Whether a stage runs it now.
fn live(image: &ImageDetail) -> bool {
    image.image_tags().iter().any(|tag| tag.starts_with(LIVE) && !tag.ends_with(BEFORE))
}

fn pushed(image: &ImageDetail) -> i64 {
    image.image_pushed_at().map_or(0, |at| at.secs())
}

/// The registry as one pushes to it, with a token for twelve hours.
pub(crate) async fn registry(client: &Client, repository: &str) -> Result<Registry> {
    let answer = wrote(client.get_authorization_token().send().await, &[])?;
    let given = answer.authorization_data().first().context("ECR gives no token")?;
    let (token, endpoint) = (given.authorization_token(), given.proxy_endpoint());
    // What is wrong with it is not said: it is a secret.
    let decoded = base64::engine::general_purpose::STANDARD.decode(token.context("ECR gives no token")?).ok();
    let token = decoded.and_then(|token| String::from_utf8(token).ok());
    let token = token.context("read the token that ecr:GetAuthorizationToken gave: it is none")?;
    let (user, password) = token.split_once(':').context("read ECR's token")?;
    Ok(Registry::new(endpoint.context("ECR gives no endpoint")?, repository, user, password))
}
