//! Elastic Container Registry: its API. What image tools speak is in [`crate::registry`], on the same state.
//!
//! A repository's URI is `<host:port>/<account>/<region>/<name>`. This is the one place where the sandbox differs from
//! ECR's names: ECR has a host for each account and Region, and the sandbox has one loopback port.

use crate::auth::{self, Caller, Question};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::tags::{self, Form};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

mod access;
mod images;
mod lifecycle;
mod policy;
mod pull;
mod registry;
mod repositories;
mod store;

pub use access::{Token, link, opens, token};
pub use pull::{Pull, pull};
pub use repositories::Repository;
pub use store::{Image, Put, digest_of, put_manifest, requires};

/// How ECR writes tags.
const TAGS: Form = Form {
    key: "Key",
    value: "Value",
    invalid: "InvalidTagParameterException",
    too_many: "TooManyTagsException",
};

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub repositories: BTreeMap<String, Repository>,
    pub scanning: registry::Scanning,
    /// Account settings that were set, by name.
    pub settings: BTreeMap<String, String>,
}

pub fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "CreateRepository" => repositories::create(call),
        "DescribeRepositories" => repositories::describe(call),
        "DeleteRepository" => repositories::delete(call),
        "PutImageTagMutability" => repositories::put_mutability(call),
        "PutImageScanningConfiguration" => repositories::put_scanning(call),
        "TagResource" => repositories::tag(call),
        "UntagResource" => repositories::untag(call),
        "ListTagsForResource" => repositories::list_tags(call),
        "SetRepositoryPolicy" => policy::set(call),
        "GetRepositoryPolicy" => policy::get(call),
        "DeleteRepositoryPolicy" => policy::delete(call),
        "PutLifecyclePolicy" => lifecycle::put(call),
        "GetLifecyclePolicy" => lifecycle::get(call),
        "DeleteLifecyclePolicy" => lifecycle::delete(call),
        "GetAuthorizationToken" => access::get_authorization_token(call),
        "GetDownloadUrlForLayer" => access::get_download_url(call),
        "BatchCheckLayerAvailability" => images::check_layers(call),
        "ListImages" => images::list(call),
        "DescribeImages" => images::describe(call),
        "BatchGetImage" => images::get(call),
        "BatchDeleteImage" => images::delete(call),
        "PutImage" => images::put(call),
        "DescribeRegistry" => registry::describe(call),
        "GetRegistryScanningConfiguration" => registry::get_scanning(call),
        "PutRegistryScanningConfiguration" => registry::put_scanning(call),
        "BatchGetRepositoryScanningConfiguration" => registry::batch_get_scanning(call),
        "GetAccountSetting" => registry::get_setting(call),
        "PutAccountSetting" => registry::put_setting(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// A repository by the names that requests use for it.
#[derive(Clone, Debug)]
pub struct Name {
    pub account: String,
    pub region: String,
    pub name: String,
}

impl Name {
    /// From `ACCOUNT/REGION/NAME`.
    pub fn parse(path: &str) -> Option<Self> {
        let (account, rest) = path.split_once('/')?;
        let (region, name) = rest.split_once('/')?;
        let own = |text: &str| text.to_owned();
        Some(Self { account: own(account), region: own(region), name: own(name) })
    }

    pub fn arn(&self) -> String {
        format!("arn:aws:ecr:{}:{}:repository/{}", self.region, self.account, self.name)
    }

    /// The key of the registry that it is in.
    pub fn place(&self) -> String {
        format!("{}/{}", self.account, self.region)
    }

    pub fn find<'w>(&self, world: &'w World) -> Option<&'w Repository> {
        world.ecr.get(&self.place())?.repositories.get(&self.name)
    }

    pub fn find_mut<'w>(&self, world: &'w mut World) -> Option<&'w mut Repository> {
        world.ecr.get_mut(&self.place())?.repositories.get_mut(&self.name)
    }

    /// The repository, or ECR's words about its absence.
    pub fn repository<'w>(&self, world: &'w mut World) -> Result<&'w mut Repository, Fault> {
        self.find_mut(world).ok_or_else(|| self.unknown())
    }

    pub fn unknown(&self) -> Fault {
        let why = format!(
            "The repository with name '{}' does not exist in the registry with id '{}'",
            self.name, self.account
        );
        Fault::new("RepositoryNotFoundException", why)
    }

    /// Asks for an action as ECR does: with the caller's policies, and with the repository's.
    pub fn allow(&self, world: &World, caller: &Caller, action: &str) -> Result<(), Fault> {
        let repository = self.find(world);
        let policy = repository.and_then(Repository::policy_document);
        let context = repository.map(|it| tags::of_resource(&it.tags)).unwrap_or_default();
        let question = Question {
            action,
            resource: &self.arn(),
            context: &tags::borrowed(&context),
            policy: policy.as_ref(),
        };
        auth::allow(world, Some(caller), &self.region, &question)
    }
}

/// The repository that the request names, in the caller's registry or in `registryId`'s, after asking for the action.
fn named(call: &mut Call) -> Result<Name, Fault> {
    let name = Name {
        account: registry_id(call),
        region: call.region.to_owned(),
        name: call.text("repositoryName").to_owned(),
    };
    allow(call, &name)?;
    Ok(name)
}

/// Asks for the operation's action on a repository.
fn allow(call: &mut Call, name: &Name) -> Result<(), Fault> {
    call.authorized = true;
    let action = format!("ecr:{}", call.operation);
    match &call.caller {
        Some(caller) => name.allow(call.world, caller, &action),
        None => call.allow(&action, &name.arn()),
    }
}

fn registry_id(call: &Call) -> String {
    call.opt_text("registryId").map_or_else(|| call.account(), str::to_owned)
}

/// ECR's words for a parameter that it does not take.
fn invalid(parameter: &str, why: &str) -> Fault {
    let message = format!("Invalid parameter at '{parameter}' failed to satisfy constraint: '{why}'");
    Fault::new("InvalidParameterException", message)
}

/// A page of a listing, 100 by default and 1000 at most.
fn page(call: &Call, items: Vec<Value>) -> Result<(Vec<Value>, Option<String>), Fault> {
    call.page(items, ("maxResults", 100), "nextToken", "InvalidParameterException")
}
