//! An App Runner service: the running app, for accounts that were App Runner's customers before it closed.

mod images;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_apprunner::types::{
    AuthenticationConfiguration, HealthCheckConfiguration, HealthCheckProtocol, ImageConfiguration,
    ImageRepository, ImageRepositoryType, InstanceConfiguration, OperationType, Service as Found,
    ServiceStatus as Status, SourceConfiguration, Tag,
};
use serde::Serialize;

use super::serving::{IMAGE_DIGEST, answers, digest, url};
use super::{Account, Image, Role};
use crate::aws::{Aws, Door, Failure, Mark, explain, gone, read, wrote};
use crate::config::Size;
use crate::graph::{Input, Key, Node};
use crate::report::Known;
use crate::resource::{Busy, Cx, Resource, Seen, SeenBy, State};

pub(crate) use images::{last_words, roll_out, rolled_out};

/// A service with a public URL.
#[derive(Serialize)]
pub(crate) struct AppRunnerService {
    pub(crate) account: Key<Account>,
    pub(crate) mark: Mark,
    pub(crate) name: String,
    /// What it runs at first; later images are `deploy`'s.
    pub(crate) image: Key<Image>,
    /// With which App Runner pulls the image.
    pub(crate) access_role: Key<Role>,
    /// The running app's own.
    pub(crate) task_role: Key<Role>,
    pub(crate) environment: Vec<(String, Input<String>)>,
    pub(crate) port: u16,
    /// Only CPU and memory: how many run is App Runner's affair.
    pub(crate) size: Size,
    pub(crate) health_path: String,
    /// What must be there before it can start, and is not named above.
    pub(crate) after: Vec<Node>,
}

#[derive(Clone, Default, PartialEq, Serialize)]
pub(crate) struct Owned {
    running: bool,
    port: Option<String>,
    environment: BTreeMap<String, String>,
    access_role: Option<String>,
    task_role: Option<String>,
    cpu: Option<String>,
    memory: Option<String>,
    health_path: Option<String>,
}

pub(crate) struct Learned {
    pub(crate) arn: String,
    pub(crate) url: Option<String>,
    /// What it runs, `…@sha256:…`.
    pub(crate) image: Option<String>,
}

impl Resource for AppRunnerService {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "App Runner service";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        Some(self.account.node())
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        let role = |key: &Key<Role>| known.of(key).map(|role| Some(role.arn.clone()));
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| Ok((name.clone(), known.value(value)?)));
        Ok(Owned {
            running: true,
            port: Some(self.port.to_string()),
            environment: environment.collect::<Result<_>>()?,
            access_role: role(&self.access_role)?,
            task_role: role(&self.task_role)?,
            cpu: Some(self.size.cpu.to_string()),
            memory: Some(self.size.memory.to_string()),
            health_path: Some(self.health_path.clone()),
        })
    }

    async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let door = self.door(cx).await?;
        let Some(service) = self.find(&door).await? else { return Ok(None) };
        let tags = door.apprunner().list_tags_for_resource().resource_arn(&service.service_arn).send().await;
        let tags = read(tags, &[ABSENT])?.and_then(|answer| answer.tags).unwrap_or_default();
        let ours = self.mark.is_on(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
        let state = state(&door, &service).await?;
        let learned = Learned {
            url: service.service_url().map(url),
            image: image(&service).map(|it| it.image_identifier().to_owned()),
            arn: service.service_arn.clone(),
        };
        Ok(Some(Seen { owned: owned(&service), learned, ours, state }))
    }

    async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let (door, client) = (self.door(cx).await?, self.door(cx).await?.apprunner());
        let Some(current) = current else {
            let image = cx.known.of(&self.image)?.of(self.mark.stage.as_deref());
            return self.create(&door, desired, image).await;
        };
        let arn = &current.learned.arn;
        if let State::Failed(_) = current.state {
            // One that could not be created stays so and counts: made again, it begins anew.
            return gone(client.delete_service().service_arn(arn).send().await, &[ABSENT], &[BUSY]);
        }
        if !current.ours {
            let request = client.tag_resource().resource_arn(arn).set_tags(Some(self.tags()));
            wrote(request.send().await, &[BUSY])?;
        }
        if !current.owned.running {
            wrote(client.resume_service().service_arn(arn).send().await, &[BUSY])?;
            let resumed = Owned { running: true, ..current.owned.clone() };
            // One operation at a time: what else differs is changed when it runs.
            return if resumed == *desired {
                Ok(())
            } else {
                Err(Busy("it is resumed first".to_owned()).into())
            };
        }
        let image = current.learned.image.as_deref().context("the service does not say what it runs")?;
        let request = client.update_service().service_arn(arn);
        let request = request.source_configuration(self.source(desired, image)?);
        let request = request.instance_configuration(instance(desired));
        let request = request.health_check_configuration(health(desired));
        wrote(request.send().await, &[BUSY]).map(drop)
    }

    async fn delete(&self, cx: &Cx<'_, Aws>, current: &SeenBy<Self>) -> Result<()> {
        let request = self.door(cx).await?.apprunner().delete_service().service_arn(&current.learned.arn);
        gone(request.send().await, &[ABSENT], &[BUSY])
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(20 * 60)
    }
}

const ABSENT: &str = "ResourceNotFoundException";
/// What App Runner says while another operation is under way.
const BUSY: &str = "InvalidStateException";
/// What to do where App Runner lets nobody in any more. What it says to them is not documented.
const CLOSED: &str = "App Runner is closed to new customers since 2026-04-30, which a new account is: set \
                      `platform = \"ecs-express\"` in foothold.toml";

impl AppRunnerService {
    async fn door(&self, cx: &Cx<'_, Aws>) -> Result<Rc<Door>> {
        let account = cx.known.of(&self.account)?;
        cx.world.door(&account.id, &account.access).await
    }

    /// Deleted ones are listed for a while, and do not count.
    async fn find(&self, door: &Door) -> Result<Option<Found>> {
        let pages = door.apprunner().list_services().into_paginator().send();
        let pages = read(pages.collect::<Result<Vec<_>, _>>().await, &[])?.unwrap_or_default();
        let found = pages.into_iter().flat_map(|page| page.service_summary_list);
        let mut named = found.filter(|it| it.service_name() == Some(&self.name));
        let Some(arn) = named.find(|it| it.status() != Some(&Status::Deleted)).and_then(|it| it.service_arn)
        else {
            return Ok(None);
        };
        let answer = door.apprunner().describe_service().service_arn(arn).send().await;
        let found = read(answer, &[ABSENT])?.and_then(|answer| answer.service);
        Ok(found.filter(|it| *it.status() != Status::Deleted))
    }

    async fn create(&self, door: &Door, desired: &Owned, image: &str) -> Result<()> {
        let request = door.apprunner().create_service().service_name(&self.name);
        let request = request.source_configuration(self.source(desired, image)?);
        let request = request.instance_configuration(instance(desired));
        let request = request.health_check_configuration(health(desired)).set_tags(Some(self.tags()));
        request.send().await.map(drop).map_err(explain).map_err(refusal)
    }

    fn tags(&self) -> Vec<Tag> {
        self.mark.tags().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }

    fn source(&self, desired: &Owned, image: &str) -> Result<SourceConfiguration> {
        let told = digest(image).map(|digest| (IMAGE_DIGEST.to_owned(), digest.to_owned()));
        let environment = desired.environment.clone().into_iter().chain(told).collect();
        let container = ImageConfiguration::builder().set_port(desired.port.clone());
        let container = container.set_runtime_environment_variables(Some(environment)).build();
        let repository = ImageRepository::builder().image_identifier(image).image_configuration(container);
        let repository = repository.image_repository_type(ImageRepositoryType::Ecr).build()?;
        let access = AuthenticationConfiguration::builder().set_access_role_arn(desired.access_role.clone());
        // It cannot deploy by itself from another account's repository.
        let source = SourceConfiguration::builder().auto_deployments_enabled(false);
        Ok(source.image_repository(repository).authentication_configuration(access.build()).build())
    }
}

fn refusal(failure: Failure) -> anyhow::Error {
    let unknown_role = failure.says("in assuming") || failure.says("already exists");
    let closed = ["AccessDeniedException", "SubscriptionRequiredException", "OptInRequired"];
    match () {
        () if failure.says("new customers") || failure.is(&closed) && !failure.says("not authorized") => {
            anyhow::Error::new(failure).context(CLOSED)
        }
        () if failure.transient || unknown_role => Busy(failure.to_string()).into(),
        () => failure.into(),
    }
}

async fn state(door: &Door, service: &Found) -> Result<State> {
    match service.status() {
        Status::CreateFailed => {
            let told = failure(door, service).await?;
            Ok(State::Failed(format!("App Runner could not create it\n{told}").trim().to_owned()))
        }
        Status::DeleteFailed => Ok(State::Failed("App Runner could not delete it".to_owned())),
        Status::OperationInProgress => operation(door, service).await,
        // It answers nobody, and that is what is to be changed.
        Status::Paused => Ok(State::Ready),
        _ => {
            let told = image(service).and_then(|it| it.image_configuration());
            let told = told.and_then(|it| it.runtime_environment_variables());
            let told = told.and_then(|it| it.get(IMAGE_DIGEST)).map(String::as_str);
            let url = url(service.service_url().unwrap_or_default());
            Ok(answers(&url, told).await.map_or_else(State::Coming, |()| State::Ready))
        }
    }
}

/// What is under way: one that deletes is told from those that make.
async fn operation(door: &Door, service: &Found) -> Result<State> {
    let request = door.apprunner().list_operations().service_arn(&service.service_arn);
    let found = read(request.send().await, &[ABSENT])?.and_then(|answer| answer.operation_summary_list);
    let found = found.unwrap_or_default();
    let newest = found.iter().max_by_key(|it| it.started_at().map(|at| at.secs()));
    let kind = newest.and_then(|it| it.r#type());
    let what = kind.map_or("operation", OperationType::as_str).to_lowercase().replace('_', " ");
    Ok(match kind {
        Some(OperationType::DeleteService) => State::Going(what),
        _ => State::Coming(what),
    })
}

/// What the service's events said last.
async fn failure(door: &Door, service: &Found) -> Result<String> {
    let mut said = Vec::new();
    for which in ["service", "application"] {
        let group = format!("/aws/apprunner/{}/{}/{which}", service.service_name(), service.service_id());
        let answer = door.logs().filter_log_events().log_group_name(group).limit(LINES).send().await;
        let events = read(answer, &[ABSENT])?.and_then(|answer| answer.events).unwrap_or_default();
        said.extend(events.into_iter().filter_map(|event| event.message));
    }
    Ok(said.join("\n"))
}

/// How many lines of each log a failure is told with.
const LINES: i32 = 8;

fn image(service: &Found) -> Option<&ImageRepository> {
    service.source_configuration().and_then(|it| it.image_repository())
}

fn owned(service: &Found) -> Owned {
    let container = image(service).and_then(|it| it.image_configuration());
    let environment = container.and_then(|it| it.runtime_environment_variables()).into_iter().flatten();
    let environment = environment.filter(|(name, _)| *name != IMAGE_DIGEST);
    let instance = service.instance_configuration();
    let source = service.source_configuration();
    let access = source.and_then(|it| it.authentication_configuration());
    Owned {
        running: *service.status() != Status::Paused,
        port: container.and_then(|it| it.port.clone()),
        environment: environment.map(|(name, value)| (name.clone(), value.clone())).collect(),
        access_role: access.and_then(|it| it.access_role_arn.clone()),
        task_role: instance.and_then(|it| it.instance_role_arn.clone()),
        cpu: instance.and_then(|it| it.cpu.clone()),
        memory: instance.and_then(|it| it.memory.clone()),
        health_path: service.health_check_configuration().and_then(|it| it.path.clone()),
    }
}

fn instance(desired: &Owned) -> InstanceConfiguration {
    let instance = InstanceConfiguration::builder().set_cpu(desired.cpu.clone());
    instance.set_memory(desired.memory.clone()).set_instance_role_arn(desired.task_role.clone()).build()
}

fn health(desired: &Owned) -> HealthCheckConfiguration {
    let health = HealthCheckConfiguration::builder().protocol(HealthCheckProtocol::Http);
    health.set_path(desired.health_path.clone()).build()
}
