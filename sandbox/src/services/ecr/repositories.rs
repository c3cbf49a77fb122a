//! Repositories and their settings.

use super::store::Image;
use super::{Name, TAGS, allow, invalid, named, page, registry_id};
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::tags::{self, Tags};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Repository {
    pub name: String,
    pub account: String,
    pub region: String,
    pub created: Time,
    pub mutability: String,
    /// Wildcards of the tags that are the exception.
    pub exclusions: Vec<String>,
    pub scan_on_push: bool,
    pub encryption: Value,
    pub tags: Tags,
    /// As it was given.
    pub policy: Option<String>,
    pub lifecycle: Option<String>,
    /// By digest.
    pub images: BTreeMap<String, Image>,
    /// Sizes of layers and configurations, by digest. Their bytes are files.
    pub blobs: BTreeMap<String, u64>,
    pub uploads: BTreeMap<String, Upload>,
}

/// A layer on its way, by the bytes that have come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Upload {
    /// Bytes that are in the upload's file.
    pub size: u64,
    /// Where the first chunk ended, which is all that ECR ever tells.
    pub told: Option<u64>,
}

impl Repository {
    pub(super) fn policy_document(&self) -> Option<Value> {
        self.policy.as_deref().and_then(|policy| serde_json::from_str(policy).ok())
    }

    /// Whether a tag that is there stays where it is.
    pub fn is_immutable(&self, tag: &str) -> bool {
        let excluded = self.exclusions.iter().any(|filter| matches(filter, tag));
        match self.mutability.as_str() {
            "IMMUTABLE" => true,
            "IMMUTABLE_WITH_EXCLUSION" => !excluded,
            "MUTABLE_WITH_EXCLUSION" => excluded,
            _ => false,
        }
    }

    fn output(&self, endpoint: &str) -> Value {
        let host = endpoint.trim_start_matches("http://");
        json!({
            "repositoryArn": format!("arn:aws:ecr:{}:{}:repository/{}", self.region, self.account, self.name),
            "registryId": self.account,
            "repositoryName": self.name,
            "repositoryUri": format!("{host}/{}/{}/{}", self.account, self.region, self.name),
            "createdAt": self.created,
            "imageTagMutability": self.mutability,
            "imageTagMutabilityExclusionFilters": self.exclusion_filters(),
            "imageScanningConfiguration": {"scanOnPush": self.scan_on_push},
            "encryptionConfiguration": self.encryption,
        })
    }

    fn exclusion_filters(&self) -> Option<Vec<Value>> {
        let filters =
            self.exclusions.iter().map(|filter| json!({"filterType": "WILDCARD", "filter": filter}));
        (!self.exclusions.is_empty()).then(|| filters.collect())
    }
}

/// Whether a tag matches a filter in which `*` stands for anything.
fn matches(filter: &str, tag: &str) -> bool {
    match filter.split_once('*') {
        None => filter == tag,
        Some((start, rest)) => tag.strip_prefix(start).is_some_and(|tail| {
            let places = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            places.into_iter().any(|at| matches(rest, &tail[at..]))
        }),
    }
}

pub(super) fn create(call: &mut Call) -> Answer {
    let mut given = Tags::new();
    TAGS.merge(&mut given, &call.list("tags"))?;
    let (account, region, name) =
        (registry_id(call), call.region.to_owned(), call.text("repositoryName").to_owned());
    let named = Name { account: account.clone(), region: region.clone(), name: name.clone() };
    let context = tags::requested(&given);
    call.allow_with("ecr:CreateRepository", &named.arn(), &tags::borrowed(&context), None)?;
    if named.find(call.world).is_some() {
        let why =
            format!("The repository with name '{name}' already exists in the registry with id '{account}'");
        return Err(Fault::new("RepositoryAlreadyExistsException", why));
    }
    let (mutability, exclusions) = mutability(call)?;
    let repository = Repository {
        name: name.clone(),
        account,
        region,
        created: call.now(),
        mutability,
        exclusions,
        scan_on_push: scan_on_push(call),
        encryption: encryption(call),
        tags: given,
        policy: None,
        lifecycle: None,
        images: BTreeMap::new(),
        blobs: BTreeMap::new(),
        uploads: BTreeMap::new(),
    };
    let output = repository.output(&call.world.settings.endpoint);
    call.world.ecr.entry(named.place()).or_default().repositories.insert(name, repository);
    Ok(json!({"repository": output}))
}

fn mutability(call: &Call) -> Result<(String, Vec<String>), Fault> {
    let mutability = call.opt_text("imageTagMutability").unwrap_or("MUTABLE").to_owned();
    let filters = call.list("imageTagMutabilityExclusionFilters");
    let filters = filters.iter().filter_map(|it| it["filter"].as_str().map(str::to_owned));
    let filters: Vec<String> = filters.collect();
    let member = "imageTagMutabilityExclusionFilters";
    match (mutability.ends_with("_WITH_EXCLUSION"), filters.is_empty()) {
        (true, true) => Err(invalid(member, &format!("{mutability} needs at least one exclusion filter"))),
        (false, false) => Err(invalid(member, &format!("{mutability} takes no exclusion filters"))),
        _ if filters.iter().any(|filter| filter.matches('*').count() > 2) => {
            Err(invalid(member, "a filter has at most two wildcards"))
        }
        _ => Ok((mutability, filters)),
    }
}

fn scan_on_push(call: &Call) -> bool {
    let scanning = call.input.get("imageScanningConfiguration");
    scanning.and_then(|it| it["scanOnPush"].as_bool()).unwrap_or_default()
}

fn encryption(call: &Call) -> Value {
    let given = call.input.get("encryptionConfiguration").cloned();
    let mut encryption = given.unwrap_or_else(|| json!({"encryptionType": "AES256"}));
    if encryption["encryptionType"] != "AES256" && encryption.get("kmsKey").is_none() {
        let account = call.account();
        encryption["kmsKey"] = json!(format!("arn:aws:kms:{}:{account}:alias/aws/ecr", call.region));
    }
    encryption
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let (account, region) = (registry_id(call), call.region.to_owned());
    let wanted = call.texts("repositoryNames");
    let asked = if wanted.is_empty() { vec!["*".to_owned()] } else { wanted.clone() };
    let name = |name: &String| Name { account: account.clone(), region: region.clone(), name: name.clone() };
    for repository in &asked {
        allow(call, &name(repository))?;
    }
    let endpoint = call.world.settings.endpoint.clone();
    if !wanted.is_empty() {
        let found = wanted.iter().map(|it| Ok(name(it).repository(call.world)?.output(&endpoint)));
        let found: Vec<Value> = found.collect::<Result<_, Fault>>()?;
        return Ok(json!({"repositories": found}));
    }
    let state = call.world.ecr.get(&format!("{account}/{region}"));
    let all = state.into_iter().flat_map(|state| state.repositories.values());
    let (items, next) = page(call, all.map(|it| it.output(&endpoint)).collect())?;
    Ok(json!({"repositories": items, "nextToken": next}))
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let name = named(call)?;
    let (force, endpoint) = (call.flag("force"), call.world.settings.endpoint.clone());
    let repository = name.repository(call.world)?;
    if !force && !repository.images.is_empty() {
        let why = format!(
            "The repository with name '{}' in registry with id '{}' cannot be deleted because it still contains images",
            name.name, name.account
        );
        return Err(Fault::new("RepositoryNotEmptyException", why));
    }
    let output = repository.output(&endpoint);
    if let Some(state) = call.world.ecr.get_mut(&name.place()) {
        state.repositories.remove(&name.name);
    }
    Ok(json!({"repository": output}))
}

pub(super) fn put_mutability(call: &mut Call) -> Answer {
    let name = named(call)?;
    let (mutability, exclusions) = mutability(call)?;
    let repository = name.repository(call.world)?;
    (repository.mutability, repository.exclusions) = (mutability, exclusions);
    Ok(json!({
        "registryId": name.account,
        "repositoryName": name.name,
        "imageTagMutability": repository.mutability,
        "imageTagMutabilityExclusionFilters": repository.exclusion_filters(),
    }))
}

pub(super) fn put_scanning(call: &mut Call) -> Answer {
    let name = named(call)?;
    let scan_on_push = scan_on_push(call);
    name.repository(call.world)?.scan_on_push = scan_on_push;
    Ok(json!({
        "registryId": name.account,
        "repositoryName": name.name,
        "imageScanningConfiguration": {"scanOnPush": scan_on_push},
    }))
}

pub(super) fn tag(call: &mut Call) -> Answer {
    let name = by_arn(call)?;
    let given = call.list("tags");
    TAGS.merge(&mut name.repository(call.world)?.tags, &given)?;
    Ok(json!({}))
}

pub(super) fn untag(call: &mut Call) -> Answer {
    let name = by_arn(call)?;
    let keys = call.texts("tagKeys");
    tags::remove(&mut name.repository(call.world)?.tags, &keys);
    Ok(json!({}))
}

pub(super) fn list_tags(call: &mut Call) -> Answer {
    let name = by_arn(call)?;
    Ok(json!({"tags": TAGS.list(&name.repository(call.world)?.tags)}))
}

/// The repository whose ARN the request names, after asking for the action.
fn by_arn(call: &mut Call) -> Result<Name, Fault> {
    let arn = call.text("resourceArn").to_owned();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let name = match parts[..] {
        ["arn", "aws", "ecr", region, account, path] if region == call.region => {
            let name = path.strip_prefix("repository/");
            name.and_then(|name| Name::parse(&format!("{account}/{region}/{name}")))
        }
        _ => None,
    };
    let name = name.ok_or_else(|| invalid("resourceArn", "Invalid ARN"))?;
    let mut given = Tags::new();
    TAGS.merge(&mut given, &call.list("tags"))?;
    let owned = name.find(call.world).map(|it| tags::of_resource(&it.tags)).unwrap_or_default();
    let context: Vec<_> = tags::requested(&given).into_iter().chain(owned).collect();
    let policy = name.find(call.world).and_then(Repository::policy_document);
    let action = format!("ecr:{}", call.operation);
    call.allow_with(&action, &name.arn(), &tags::borrowed(&context), policy.as_ref())?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_stand_for_anything() {
        assert!(matches("live-*", "live-production"));
        assert!(matches("*-live-*", "a-live-b"));
        assert!(matches("*", ""));
        assert!(!matches("live-*", "alive-production"));
        assert!(!matches("live", "live-production"));
        assert!(!matches("*-live", "a-live-b"));
    }
}
