//! ECS Express services, with a real image in real containers.

use crate::image::{get, push};
use crate::world::{self, Aws};
use aws_config::SdkConfig;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{
    ExpressGatewayContainer, ExpressGatewayServiceAwsLogsConfiguration, KeyValuePair, ServiceDeployment,
    ServiceDeploymentStatus,
};
use std::time::{Duration, Instant};

/// An account that is ready: image, roles, log group, and a default cluster.
struct Ready {
    aws: Aws,
    config: SdkConfig,
    ecs: aws_sdk_ecs::Client,
    image: String,
}

const POLICIES: &str = "arn:aws:iam::aws:policy/service-role";

pub(crate) async fn role(config: &SdkConfig, name: &str, service: &str, policy: &str) {
    let iam = aws_sdk_iam::Client::new(config);
    let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    ]});
    iam.create_role()
        .role_name(name)
        .assume_role_policy_document(trust.to_string())
        .send()
        .await
        .expect("a role");
    if !policy.is_empty() {
        let attach = iam.attach_role_policy().role_name(name).policy_arn(format!("{POLICIES}/{policy}"));
        attach.send().await.expect("attach the policy");
    }
}

async fn ready() -> Ready {
    ready_in(world::start().await).await
}

async fn ready_in(aws: Aws) -> Ready {
    let config = aws.admin().await;
    let image = push(&aws, &config, if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }).await;
    role(&config, "execution", "ecs-tasks.amazonaws.com", "AmazonECSTaskExecutionRolePolicy").await;
    role(&config, "task", "ecs-tasks.amazonaws.com", "").await;
    let policy = "AmazonECSInfrastructureRoleforExpressGatewayServices";
    role(&config, "infrastructure", "ecs.amazonaws.com", policy).await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    logs.create_log_group().log_group_name("/app").send().await.expect("a log group");
    let ecs = aws_sdk_ecs::Client::new(&config);
    let first = ecs.create_cluster().send().await.expect_err("ECS cannot be used at once");
    assert!(first.message().expect("a message").contains("Unable to assume the service linked role"));
    aws.sandbox.advance(60.0);
    ecs.create_cluster().send().await.expect("a cluster");
    Ready { aws, config, ecs, image }
}

impl Ready {
    fn arn(&self, role: &str) -> String {
        let account = self.aws.sandbox.world().settings.management.clone();
        format!("arn:aws:iam::{account}:role/{role}")
    }

    fn container(&self, environment: &[(&str, &str)]) -> ExpressGatewayContainer {
        let log =
            ExpressGatewayServiceAwsLogsConfiguration::builder().log_group("/app").log_stream_prefix("web");
        let pairs = environment.iter().map(|(k, v)| KeyValuePair::builder().name(*k).value(*v).build());
        ExpressGatewayContainer::builder()
            .image(&self.image)
            .container_port(5000)
            .aws_logs_configuration(log.build().expect("a log configuration"))
            .set_environment(Some(pairs.collect()))
            .build()
            .expect("a container")
    }

    /// Creates the service `web`; its ARN and URL.
    async fn create(&self) -> (String, String) {
        let create =
            self.ecs.create_express_gateway_service().service_name("web").health_check_path("/healthz");
        let create = create.execution_role_arn(self.arn("execution")).task_role_arn(self.arn("task"));
        let create = create.infrastructure_role_arn(self.arn("infrastructure"));
        let made =
            create.primary_container(self.container(&[("VERSION", "1")])).send().await.expect("a service");
        let service = made.service.expect("the service");
        let paths = service.active_configurations()[0].ingress_paths();
        (service.service_arn().expect("an ARN").to_owned(), paths[0].endpoint().to_owned())
    }

    async fn update(&self, arn: &str, environment: &[(&str, &str)]) {
        let update = self.ecs.update_express_gateway_service().service_arn(arn);
        update.primary_container(self.container(environment)).send().await.expect("an update");
    }

    /// The newest deployment, when it is over.
    async fn deployed(&self, arn: &str) -> ServiceDeployment {
        let begun = Instant::now();
        loop {
            let listed = self.ecs.list_service_deployments().service(arn).send().await.expect("deployments");
            let newest = listed.service_deployments()[0].service_deployment_arn().expect("an ARN").to_owned();
            let described =
                self.ecs.describe_service_deployments().service_deployment_arns(newest).send().await;
            let deployment = described.expect("a deployment").service_deployments()[0].clone();
            if deployment.finished_at().is_some() {
                return deployment;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "not over: {deployment:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn active_does_not_mean_serving() {
    let ready = ready().await;
    let (arn, url) = ready.create().await;
    let described = ready.ecs.describe_express_gateway_service().service_arn(&arn).send().await.expect("it");
    let status = described.service.and_then(|s| s.status).and_then(|s| s.status_code);
    assert_eq!(status.map(|s| s.as_str().to_owned()).as_deref(), Some("ACTIVE"));
    assert_eq!(get(&url).await.0, 503);
    let deployment = ready.deployed(&arn).await;
    assert_eq!(deployment.status(), Some(&ServiceDeploymentStatus::Successful), "{deployment:?}");
    assert_eq!(get(&url).await, (200, "hello 1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_has_its_roles_credentials_and_its_output_is_in_the_log() {
    let ready = ready().await;
    let (arn, url) = ready.create().await;
    ready.deployed(&arn).await;
    let (_, given) = get(&format!("{url}credentials")).await;
    let given: serde_json::Value = serde_json::from_str(&given).expect("credentials");
    assert_eq!(given["RoleArn"], ready.arn("task"));
    let text = |m: &str| given[m].as_str().expect("text").to_owned();
    let session = aws_credential_types::Credentials::new(
        text("AccessKeyId"),
        text("SecretAccessKey"),
        Some(text("Token")),
        None,
        "task",
    );
    let sts = aws_sdk_sts::Client::new(&ready.aws.config(session).await);
    let me = sts.get_caller_identity().send().await.expect("an identity");
    assert!(me.arn().expect("an ARN").contains(":assumed-role/task/"), "{me:?}");
    let logs = aws_sdk_cloudwatchlogs::Client::new(&ready.config);
    let events = logs.filter_log_events().log_group_name("/app").send().await.expect("events");
    assert!(events.events().iter().any(|e| e.message() == Some("listening")), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_does_not_come_up_is_rolled_back_and_says_why() {
    let ready = ready().await;
    let (arn, url) = ready.create().await;
    ready.deployed(&arn).await;
    ready.update(&arn, &[("EXIT_AT_START", "3")]).await;
    let deployment = ready.deployed(&arn).await;
    assert_eq!(deployment.status(), Some(&ServiceDeploymentStatus::RollbackSuccessful));
    let reason = deployment.status_reason().expect("a reason");
    assert!(reason.contains("exit code 3") && reason.contains("cannot go on: told to exit"), "{reason}");
    assert_eq!(get(&url).await, (200, "hello 1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_can_be_used_again_when_it_is_inactive_and_not_while_draining() {
    let ready = ready().await;
    let (arn, _) = ready.create().await;
    ready.deployed(&arn).await;
    let delete = || ready.ecs.delete_express_gateway_service().service_arn(&arn).send();
    let refused = ready.ecs.delete_service().service("web").force(true).send().await.expect_err("refused");
    assert!(refused.message().expect("a message").contains("ResourceManagementType=ECS"));
    delete().await.expect("a deletion");
    let again = delete().await.expect_err("it is draining");
    assert_eq!(again.message(), Some("Service is in DRAINING status"));
    let begun = Instant::now();
    loop {
        let described =
            ready.ecs.describe_express_gateway_service().service_arn(&arn).send().await.expect("it");
        let status = described.service.and_then(|s| s.status).and_then(|s| s.status_code).expect("a status");
        if status.as_str() == "INACTIVE" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "still {status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (same, url) = ready.create().await;
    assert_eq!(same, arn);
    ready.deployed(&arn).await;
    assert_eq!(get(&url).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_infrastructure_role_removed_too_early_strands_the_load_balancer() {
    let ready = ready().await;
    let (arn, _) = ready.create().await;
    ready.deployed(&arn).await;
    let service =
        ready.ecs.describe_express_gateway_service().service_arn(&arn).send().await.expect("it").service;
    let revision =
        service.expect("it").active_configurations()[0].service_revision_arn().expect("one").to_owned();
    ready.ecs.delete_express_gateway_service().service_arn(&arn).send().await.expect("a deletion");
    let iam = aws_sdk_iam::Client::new(&ready.config);
    let policy = format!("{POLICIES}/AmazonECSInfrastructureRoleforExpressGatewayServices");
    iam.detach_role_policy().role_name("infrastructure").policy_arn(policy).send().await.expect("detach");
    iam.delete_role().role_name("infrastructure").send().await.expect("delete the role");
    ready.aws.sandbox.advance(30.0);
    let begun = Instant::now();
    loop {
        let described = ready.ecs.describe_service_revisions().service_revision_arns(&revision).send().await;
        let revision = described.expect("revisions").service_revisions()[0].clone();
        let managed = revision.ecs_managed_resources.expect("resources");
        let status = managed.ingress_paths()[0].load_balancer().expect("one").status().clone();
        if status.as_str() == "FAILED" {
            return;
        }
        assert!(
            status.as_str() == "DEPROVISIONING" && begun.elapsed() < Duration::from_secs(30),
            "{status:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_serves_again_at_its_address_after_a_restart_and_nothing_was_deployed() {
    let kept = world::start_with(|options| {
        options.scale = 600.0;
        options.settings.throttles = false;
        options.keep = true;
    });
    let mut ready = ready_in(kept.await).await;
    let (arn, url) = ready.create().await;
    ready.deployed(&arn).await;
    ready.aws = ready.aws.restarted().await;
    let begun = Instant::now();
    while get(&url).await != (200, "hello 1".to_owned()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not serve again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let listed = ready.ecs.list_service_deployments().service(&arn).send().await.expect("deployments");
    assert_eq!(listed.service_deployments().len(), 1);
    ready.update(&arn, &[("VERSION", "2")]).await;
    assert_eq!(ready.deployed(&arn).await.status(), Some(&ServiceDeploymentStatus::Successful));
    assert_eq!(get(&url).await, (200, "hello 2".to_owned()));
}
