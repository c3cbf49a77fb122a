//! The tag that names the image a stage runs, so that no lifecycle rule removes it.

use anyhow::Result;
use aws_sdk_ecr::types::ImageIdentifier;
use serde::Serialize;

use super::Repository;
use super::image::{LIVE, mark_live, tags_of};
use super::repository::ABSENT;
use super::repository_policy::client;
use super::serving::digest;
use crate::aws::{Aws, gone, read};
use crate::graph::{Input, Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// `live-STAGE`, which follows what the stage's service runs.
#[derive(Serialize)]
pub(crate) struct LiveTag {
    pub(crate) repository: Key<Repository>,
    pub(crate) stage: String,
    /// The image that the service runs, by its digest.
    pub(crate) runs: Input<Option<String>>,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    digest: Option<String>,
}

pub(crate) struct Learned;

impl Resource for LiveTag {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "image tag";

    fn name(&self) -> String {
        format!("{LIVE}{}", self.stage)
    }

    fn place(&self) -> Option<Node> {
        Some(self.repository.node())
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        let runs = known.value(&self.runs)?;
        Ok(Owned { digest: runs.as_deref().and_then(digest).map(str::to_owned) })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let (client, name) = client(cx, &self.repository).await?;
        let request = client.describe_images().repository_name(name).image_ids(self.tag());
        let found = read(request.send().await, &[NO_IMAGE, ABSENT])?.and_then(|answer| answer.image_details);
        let digest = found.unwrap_or_default().into_iter().find_map(|image| image.image_digest);
        let seen = |digest| Seen {
            owned: Owned { digest: Some(digest) },
            learned: Learned,
            ours: true,
            state: State::Ready,
        };
        Ok(digest.map(seen))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let repository = cx.known.of(&self.repository)?;
        let door = cx.world.door(&repository.registry, &repository.access).await?;
        match &desired.digest {
            Some(digest) => mark_live(&door, repository, digest, &self.stage).await,
            None => Ok(()),
        }
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let (client, name) = client(cx, &self.repository).await?;
        let ids = tags_of(&self.stage).map(|tag| ImageIdentifier::builder().image_tag(tag).build());
        let request = client.batch_delete_image().repository_name(name).set_image_ids(Some(ids.into()));
        gone(request.send().await, &[NO_IMAGE, ABSENT], &[])
    }
}

const NO_IMAGE: &str = "ImageNotFoundException";

impl LiveTag {
    fn tag(&self) -> ImageIdentifier {
        ImageIdentifier::builder().image_tag(self.name()).build()
    }
}
