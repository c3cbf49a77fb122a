//! App Runner, with a real image in a real container.

use crate::ecs::role;
use crate::image::{get, push};
use crate::world::{self, Aws};
use aws_sdk_apprunner::error::ProvideErrorMetadata;
use aws_sdk_apprunner::types::{
    AuthenticationConfiguration, ImageConfiguration, ImageRepository, ImageRepositoryType, Service,
    ServiceStatus, SourceConfiguration,
};
use std::time::{Duration, Instant};

struct Ready {
    aws: Aws,
    client: aws_sdk_apprunner::Client,
    image: String,
}

async fn ready() -> Ready {
    let aws = world::start().await;
    let config = aws.admin().await;
    let image = push(&aws, &config, "amd64").await;
    let policy = "AWSAppRunnerServicePolicyForECRAccess";
    role(&config, "access", "build.apprunner.amazonaws.com", policy).await;
    aws.sandbox.advance(60.0);
    Ready { client: aws_sdk_apprunner::Client::new(&config), aws, image }
}

impl Ready {
    fn source(&self, environment: (&str, &str)) -> SourceConfiguration {
        let account = self.aws.sandbox.world().settings.management.clone();
        let role = format!("arn:aws:iam::{account}:role/access");
        let image = ImageConfiguration::builder().port("5000");
        let image = image.runtime_environment_variables(environment.0, environment.1);
        let repository =
            ImageRepository::builder().image_identifier(&self.image).image_configuration(image.build());
        let repository =
            repository.image_repository_type(ImageRepositoryType::Ecr).build().expect("a repository");
        let access = AuthenticationConfiguration::builder().access_role_arn(role).build();
        SourceConfiguration::builder()
            .image_repository(repository)
            .authentication_configuration(access)
            .build()
    }

    async fn create(&self, name: &str, environment: (&str, &str)) -> String {
        let create = self.client.create_service().service_name(name);
        let made = create.source_configuration(self.source(environment)).send().await.expect("a service");
        made.service.expect("it").service_arn
    }

    async fn settled(&self, arn: &str) -> Service {
        let begun = Instant::now();
        loop {
            let described = self.client.describe_service().service_arn(arn).send().await.expect("it");
            let service = described.service.expect("it");
            if service.status != ServiceStatus::OperationInProgress {
                return service;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "still under way");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operation_at_a_time_then_it_runs_and_pauses_and_is_deleted() {
    let ready = ready().await;
    let arn = ready.create("web-app", ("VERSION", "1")).await;
    let refused = ready.client.pause_service().service_arn(&arn).send().await.expect_err("one at a time");
    assert_eq!(refused.code(), Some("InvalidStateException"));
    let service = ready.settled(&arn).await;
    assert_eq!(service.status, ServiceStatus::Running);
    let url = service.service_url.expect("a URL");
    assert_eq!(get(&url).await, (200, "hello 1".to_owned()));
    ready.client.pause_service().service_arn(&arn).send().await.expect("a pause");
    assert_eq!(ready.settled(&arn).await.status, ServiceStatus::Paused);
    assert_eq!(get(&url).await.0, 503);
    ready.client.delete_service().service_arn(&arn).send().await.expect("a deletion");
    assert_eq!(ready.settled(&arn).await.status, ServiceStatus::Deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn create_failed_stays_and_keeps_its_name_until_it_is_deleted() {
    let ready = ready().await;
    let arn = ready.create("web-app", ("EXIT_AT_START", "4")).await;
    assert_eq!(ready.settled(&arn).await.status, ServiceStatus::CreateFailed);
    let again = ready.client.create_service().service_name("web-app");
    let again = again
        .source_configuration(ready.source(("VERSION", "1")))
        .send()
        .await
        .expect_err("the name is taken");
    assert_eq!(again.code(), Some("InvalidRequestException"));
    ready.client.delete_service().service_arn(&arn).send().await.expect("a deletion");
    assert_eq!(ready.settled(&arn).await.status, ServiceStatus::Deleted);
    let arn = ready.create("web-app", ("VERSION", "1")).await;
    assert_eq!(ready.settled(&arn).await.status, ServiceStatus::Running);
}
