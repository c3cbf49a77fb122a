//! AWS AppConfig: applications, environments, profiles, versions and deployments.
//!
//! The control plane takes ids only, as its documentation says, although the model's patterns would let names through.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::tags::{self, Tags};
pub(crate) use deployments::START;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod applications;
mod deployments;
mod environments;
mod profiles;
mod settings;
mod strategies;
mod tagging;
mod validation;
mod versions;

pub use applications::Application;
pub use deployments::Deployment;
pub use environments::Environment;
pub use profiles::Profile;

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub applications: BTreeMap<String, Application>,
    pub strategies: BTreeMap<String, strategies::Strategy>,
    pub settings: settings::Settings,
}

impl State {
    /// The application with this id.
    fn application(&mut self, id: &str) -> Result<&mut Application, Fault> {
        let found = self.applications.get_mut(id);
        found.ok_or_else(|| missing("application", id))
    }
}

pub fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "CreateApplication" => applications::create(call),
        "GetApplication" => applications::get(call),
        "ListApplications" => applications::list(call),
        "UpdateApplication" => applications::update(call),
        "DeleteApplication" => applications::delete(call),
        "CreateEnvironment" => environments::create(call),
        "GetEnvironment" => environments::get(call),
        "ListEnvironments" => environments::list(call),
        "UpdateEnvironment" => environments::update(call),
        "DeleteEnvironment" => environments::delete(call),
        "CreateConfigurationProfile" => profiles::create(call),
        "GetConfigurationProfile" => profiles::get(call),
        "ListConfigurationProfiles" => profiles::list(call),
        "UpdateConfigurationProfile" => profiles::update(call),
        "DeleteConfigurationProfile" => profiles::delete(call),
        "ValidateConfiguration" => versions::validate(call),
        "CreateHostedConfigurationVersion" => versions::create(call),
        "GetHostedConfigurationVersion" => versions::get(call),
        "ListHostedConfigurationVersions" => versions::list(call),
        "DeleteHostedConfigurationVersion" => versions::delete(call),
        "CreateDeploymentStrategy" => strategies::create(call),
        "GetDeploymentStrategy" => strategies::get(call),
        "ListDeploymentStrategies" => strategies::list(call),
        "UpdateDeploymentStrategy" => strategies::update(call),
        "DeleteDeploymentStrategy" => strategies::delete(call),
        "StartDeployment" => deployments::start(call),
        "GetDeployment" => deployments::get(call),
        "ListDeployments" => deployments::list(call),
        "StopDeployment" => deployments::stop(call),
        "GetAccountSettings" => settings::get(call),
        "UpdateAccountSettings" => settings::update(call),
        "TagResource" => tagging::tag(call),
        "UntagResource" => tagging::untag(call),
        "ListTagsForResource" => tagging::list(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// Lets everything happen that is due.
pub fn tick(world: &mut crate::world::World) {
    let now = world.clock.now();
    let applications = world.appconfig.values_mut().flat_map(|state| state.applications.values_mut());
    for environment in applications.flat_map(|application| application.environments.values_mut()) {
        environment.progress(now);
    }
}

/// What a deployment has brought to a client, or `None` before the first.
pub fn served<'a>(environment: &'a Environment, profile: &str, client: &str) -> Option<&'a Deployment> {
    let mut newest_first = environment.deployments.iter().rev();
    newest_first.find(|deployment| deployment.profile == profile && deployment.reaches(client))
}

/// What the caller's account has in this Region.
fn state<'a>(call: &'a mut Call) -> &'a mut State {
    let here = call.here();
    call.world.appconfig.entry(here).or_default()
}

/// The application that the request names.
fn application<'a>(call: &'a mut Call) -> Result<&'a mut Application, Fault> {
    let id = call.text("ApplicationId").to_owned();
    state(call).application(&id)
}

fn arn(call: &Call, path: &str) -> String {
    format!("arn:aws:appconfig:{}:{}:{path}", call.region, call.account())
}

/// `application/ID` of the request.
fn application_path(call: &Call) -> String {
    format!("application/{}", call.text("ApplicationId"))
}

/// `application/ID/environment/ID` of the request.
fn environment_path(call: &Call) -> String {
    format!("{}/environment/{}", application_path(call), call.text("EnvironmentId"))
}

/// `application/ID/configurationprofile/ID` of the request.
fn profile_path(call: &Call) -> String {
    format!("{}/configurationprofile/{}", application_path(call), call.text("ConfigurationProfileId"))
}

/// Asks for the operation's action on every resource it touches, as AppConfig does; none means `*`.
fn allow(call: &mut Call, paths: &[String]) -> Result<(), Fault> {
    let action = format!("appconfig:{}", call.operation);
    let brought = tags::requested(&requested(call)?);
    if paths.is_empty() {
        return call.allow_with(&action, "*", &tags::borrowed(&brought), None);
    }
    for path in paths {
        let owned = tagging::find(state(call), path).map(|owned| tags::of_resource(owned));
        let context: Vec<_> = owned.into_iter().flatten().chain(brought.iter().cloned()).collect();
        let arn = arn(call, path);
        call.allow_with(&action, &arn, &tags::borrowed(&context), None)?;
    }
    Ok(())
}

/// The tags that a request brings.
fn requested(call: &Call) -> Result<Tags, Fault> {
    let mut requested = Tags::new();
    tagging::FORM.merge_map(&mut requested, call.input.get("Tags"))?;
    Ok(requested)
}

/// A new id: seven letters and digits.
fn new_id(call: &mut Call) -> String {
    call.world.id(crate::call::LOWER, 7)
}

/// An optional text of the request, to be kept.
fn kept(call: &Call, member: &str) -> Option<String> {
    call.opt_text(member).map(str::to_owned)
}

/// A page of a listing, as all of AppConfig's are: 50 at most and by default.
fn page(call: &Call, items: Vec<Value>) -> Answer {
    let (items, next) = call.page(items, ("MaxResults", 50), "NextToken", "BadRequestException")?;
    Ok(json!({"Items": items, "NextToken": next}))
}

fn missing(kind: &str, id: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("Could not find {kind} with ID {id}"))
        .with("ResourceName", id)
}

fn refused(message: impl Into<String>) -> Fault {
    Fault::new("BadRequestException", message)
}

fn over_quota(what: &str, quota: usize) -> Fault {
    let message = format!("The number of {what} exceeds the maximum allowed: {quota}");
    Fault::new("ServiceQuotaExceededException", message)
}

#[cfg(test)]
mod tests;
