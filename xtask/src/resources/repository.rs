//! An ECR repository: its tags stay where they are, but for those that say what is live.

use anyhow::{Context, Result};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter as Filter, ImageTagMutabilityExclusionFilterType as FilterType,
    Repository as Found, Tag,
};
use serde::Serialize;

use super::Account;
use crate::aws::{Access, Aws, Mark, gone, read, wrote};
use crate::graph::{Key, Node};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// A private repository.
#[derive(Serialize)]
pub(crate) struct Repository {
    pub(crate) account: Key<Account>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
}

#[derive(PartialEq, Serialize)]
pub(crate) struct Owned {
    tag_mutability: String,
    mutable_tags: Vec<String>,
    scan_on_push: bool,
    encryption: String,
}

pub(crate) struct Learned {
    /// `REGISTRY/NAME`, to push to and to pull from.
    pub(crate) uri: String,
    /// The account whose registry it is in.
    pub(crate) registry: String,
    pub(crate) name: String,
    pub(crate) access: Access,
    arn: String,
}

impl Resource for Repository {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "repository";
    const CREATE_ONLY: &'static [&'static str] = &["encryption"];

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.account.node())
    }

    fn desired(&self, _: &Known<'_>) -> Result<Owned> {
        Ok(Owned {
            tag_mutability: ImageTagMutability::ImmutableWithExclusion.as_str().to_owned(),
            mutable_tags: vec![LIVE.to_owned()],
            scan_on_push: true,
            encryption: EncryptionType::Aes256.as_str().to_owned(),
        })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let account = cx.known.of(&self.account)?;
        let client = cx.world.door(&account.id, &account.access).await?.ecr();
        let answer = client.describe_repositories().repository_names(&self.name).send().await;
        let found = read(answer, &[ABSENT])?.and_then(|answer| answer.repositories).unwrap_or_default();
        let Some(found) = found.into_iter().next() else { return Ok(None) };
        let owned = owned(&found);
        let learned = Learned {
            uri: found.repository_uri.context("the repository has no URI")?,
            registry: found.registry_id.context("the repository has no registry")?,
            name: self.name.clone(),
            access: account.access.clone(),
            arn: found.repository_arn.context("the repository has no ARN")?,
        };
        let tags = client.list_tags_for_resource().resource_arn(&learned.arn).send().await;
        let tags = read(tags, &[ABSENT])?.and_then(|answer| answer.tags).unwrap_or_default();
        let ours = self.mark.is_on(tags.iter().map(|tag| (tag.key(), tag.value())));
        Ok(Some(Seen { owned, learned, ours, state: State::Ready }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let client = self.client(cx).await?;
        match current {
            None => self.create(&client).await,
            Some(repository) => self.change(&client, repository, desired).await,
        }
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let request = self.client(cx).await?.delete_repository().repository_name(&self.name);
        // With its images, which nothing runs any more.
        gone(request.force(true).send().await, &[ABSENT], &[])
    }
}

/// What ECR says of what is not there.
pub(super) const ABSENT: &str = "RepositoryNotFoundException";
/// The tags that move.
const LIVE: &str = "live-*";

impl Repository {
    async fn client(&self, cx: &Cx<'_, Aws>) -> Result<Client> {
        let account = cx.known.of(&self.account)?;
        Ok(cx.world.door(&account.id, &account.access).await?.ecr())
    }

    fn tags(&self) -> Result<Vec<Tag>> {
        self.mark.tags().map(|(key, value)| Ok(Tag::builder().key(key).value(value).build()?)).collect()
    }

    async fn create(&self, client: &Client) -> Result<()> {
        let encryption =
            EncryptionConfiguration::builder().encryption_type(EncryptionType::Aes256).build()?;
        let request = client.create_repository().repository_name(&self.name).set_tags(Some(self.tags()?));
        let request = request.encryption_configuration(encryption).image_scanning_configuration(scanning());
        let request = request.image_tag_mutability(ImageTagMutability::ImmutableWithExclusion);
        let answer = request.image_tag_mutability_exclusion_filters(live()?).send().await;
        wrote(answer, &["RepositoryAlreadyExistsException"]).map(drop)
    }

    async fn change(&self, client: &Client, current: &SeenBy<Self>, desired: &Owned) -> Result<()> {
        if !current.ours {
            let request = client.tag_resource().resource_arn(&current.learned.arn);
            wrote(request.set_tags(Some(self.tags()?)).send().await, &[])?;
        }
        let (before, after) = (&current.owned, desired);
        if (&before.tag_mutability, &before.mutable_tags) != (&after.tag_mutability, &after.mutable_tags) {
            let request = client.put_image_tag_mutability().repository_name(&self.name);
            let request = request.image_tag_mutability(ImageTagMutability::ImmutableWithExclusion);
            wrote(request.image_tag_mutability_exclusion_filters(live()?).send().await, &[])?;
        }
        if before.scan_on_push != after.scan_on_push {
            let request = client.put_image_scanning_configuration().repository_name(&self.name);
            wrote(request.image_scanning_configuration(scanning()).send().await, &[])?;
        }
        Ok(())
    }
}

fn scanning() -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder().scan_on_push(true).build()
}

fn live() -> Result<Filter> {
    Ok(Filter::builder().filter_type(FilterType::Wildcard).filter(LIVE).build()?)
}

fn owned(found: &Found) -> Owned {
    let mutability = found.image_tag_mutability().unwrap_or(&ImageTagMutability::Mutable);
    let scanning = found.image_scanning_configuration();
    let encryption = found.encryption_configuration().map(EncryptionConfiguration::encryption_type);
    Owned {
        tag_mutability: mutability.as_str().to_owned(),
        mutable_tags: found
            .image_tag_mutability_exclusion_filters()
            .iter()
            .map(|filter| filter.filter.clone())
            .collect(),
        scan_on_push: scanning.is_some_and(ImageScanningConfiguration::scan_on_push),
        encryption: encryption.unwrap_or(&EncryptionType::Aes256).as_str().to_owned(),
    }
}
