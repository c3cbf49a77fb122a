//! AppConfig over its own wire: what travels in headers and payloads, and errors with their details.

use crate::world;
use aws_config::SdkConfig;
use aws_sdk_appconfig::Client;
use aws_sdk_appconfig::error::ProvideErrorMetadata;
use aws_sdk_appconfig::primitives::Blob;
use aws_sdk_appconfig::types::{DeploymentState, Validator, ValidatorType};
use aws_sdk_appconfigdata as data;

const SCHEMA: &str = r#"{"type": "object", "properties": {"limit": {"type": "integer", "minimum": 1}}}"#;

/// An application `demo` with an environment `development` and a profile `settings`.
struct Demo {
    aws: world::Aws,
    config: SdkConfig,
    client: Client,
    application: String,
    environment: String,
    profile: String,
}

impl Demo {
    async fn new() -> Self {
        // At AWS's own pace, so that time passes only when a story says so.
        let aws = world::start_with(|options| options.scale = 1.0).await;
        let config = aws.admin().await;
        let client = Client::new(&config);
        let application = client.create_application().name("demo").tags("foothold:project", "demo");
        let application = application.send().await.expect("an application").id.expect("an id");
        let environment = client.create_environment().application_id(&application).name("development");
        let environment = environment.send().await.expect("an environment").id.expect("an id");
        let validator = Validator::builder().r#type(ValidatorType::JsonSchema).content(SCHEMA).build();
        let profile = client
            .create_configuration_profile()
            .application_id(&application)
            .name("settings")
            .location_uri("hosted")
            .validators(validator.expect("a validator"));
        let profile = profile.send().await.expect("a profile").id.expect("an id");
        Self { aws, config, client, application, environment, profile }
    }

    fn version(
        &self,
        content: &str,
    ) -> aws_sdk_appconfig::operation::create_hosted_configuration_version::builders::CreateHostedConfigurationVersionFluentBuilder
    {
        self.client
            .create_hosted_configuration_version()
            .application_id(&self.application)
            .configuration_profile_id(&self.profile)
            .content(Blob::new(content))
            .content_type("application/json")
    }

    async fn deploy(&self, version: &str) -> i32 {
        let started = self
            .client
            .start_deployment()
            .application_id(&self.application)
            .environment_id(&self.environment)
            .configuration_profile_id(&self.profile)
            .configuration_version(version)
            .deployment_strategy_id("AppConfig.AllAtOnce");
        started.send().await.expect("a deployment").deployment_number
    }

    async fn state(&self, number: i32) -> DeploymentState {
        let asked = self.client.get_deployment().application_id(&self.application);
        let asked = asked.environment_id(&self.environment).deployment_number(number);
        asked.send().await.expect("the deployment").state.expect("a state")
    }
}

#[tokio::test]
async fn a_configuration_reaches_its_reader() {
    let demo = Demo::new().await;
    let version = demo.version(r#"{"limit": 5}"#).version_label("v-5").description("five").send().await;
    let version = version.expect("a version");
    assert_eq!((version.version_number, version.version_label.as_deref()), (1, Some("v-5")));
    assert_eq!(version.content.expect("content").as_ref(), br#"{"limit": 5}"#);
    let number = demo.deploy("v-5").await;
    demo.aws.sandbox.advance(5.0);
    assert_eq!(demo.state(number).await, DeploymentState::Baking);

    let reader = data::Client::new(&demo.config);
    let session = reader.start_configuration_session().application_identifier("demo");
    let session = session.environment_identifier("development").configuration_profile_identifier("settings");
    let token = session.send().await.expect("a session").initial_configuration_token.expect("a token");
    let read = reader.get_latest_configuration().configuration_token(&token).send().await.expect("a read");
    assert_eq!(read.configuration.expect("content").as_ref(), br#"{"limit": 5}"#);
    assert_eq!(read.version_label.as_deref(), Some("v-5"));
    assert_eq!(read.content_type.as_deref(), Some("application/json"));
    assert_eq!(read.next_poll_interval_in_seconds, 60);

    let next = read.next_poll_configuration_token.expect("a token");
    let again = reader.get_latest_configuration().configuration_token(next).send().await.expect("a read");
    assert!(again.configuration.is_none_or(|content| content.as_ref().is_empty()));
    assert_eq!(again.version_label.unwrap_or_default(), "");

    let reused = reader.get_latest_configuration().configuration_token(token).send().await;
    let error = reused.expect_err("a used token").into_service_error();
    assert!(error.is_bad_request_exception(), "{error:?}");
}

#[tokio::test]
async fn forbidden_content_says_what_is_wrong_with_it() {
    let demo = Demo::new().await;
    let refused = demo.version(r#"{"limit": 0}"#).send().await.expect_err("forbidden");
    let error = refused.into_service_error();
    assert_eq!(error.code(), Some("BadRequestException"));
    let details = format!("{error:?}");
    assert!(details.contains("minimum") && details.contains("/limit"), "{details}");
}

#[tokio::test]
async fn a_lock_that_is_late_conflicts() {
    let demo = Demo::new().await;
    demo.version(r#"{"limit": 1}"#).latest_version_number(0).send().await.expect("the first version");
    let late = demo.version(r#"{"limit": 2}"#).latest_version_number(0).send().await.expect_err("late");
    assert!(late.into_service_error().is_conflict_exception());
}

#[tokio::test]
async fn predefined_strategies_have_awss_bake_times() {
    let demo = Demo::new().await;
    let listed = demo.client.list_deployment_strategies().send().await.expect("strategies");
    let told: Vec<_> = listed
        .items()
        .iter()
        .map(|it| {
            (it.id().unwrap_or_default(), it.deployment_duration_in_minutes, it.final_bake_time_in_minutes)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("AppConfig.AllAtOnce", 0, 10),
            ("AppConfig.Linear50PercentEvery30Seconds", 1, 1),
            ("AppConfig.Canary10Percent20Minutes", 20, 10),
            ("AppConfig.Linear20PercentEvery6Minutes", 30, 30),
        ]
    );
}

#[tokio::test]
async fn a_role_reads_its_own_environment_and_no_other() {
    let demo = Demo::new().await;
    demo.version(r#"{"limit": 5}"#).send().await.expect("a version");
    demo.deploy("1").await;
    let other = demo.client.create_environment().application_id(&demo.application).name("production");
    let other = other.send().await.expect("an environment").id.expect("an id");
    let reader = reader(&demo).await;
    let session = |environment: &str| {
        let session = reader.start_configuration_session().application_identifier(&demo.application);
        session.environment_identifier(environment).configuration_profile_identifier(&demo.profile).send()
    };
    let token = session(&demo.environment).await.expect("a session").initial_configuration_token;
    let read = reader.get_latest_configuration().set_configuration_token(token).send().await;
    assert_eq!(read.expect("a read").configuration.expect("content").as_ref(), br#"{"limit": 5}"#);
    let denied = session(&other).await.expect_err("denied").into_service_error();
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    let path = format!("application/{}/environment/{other}/configuration/{}", demo.application, demo.profile);
    let words = denied.message().unwrap_or_default();
    assert!(words.contains("appconfig:StartConfigurationSession") && words.contains(&path), "{words}");
}

/// A role that may read `development`, as an application would have it.
async fn reader(demo: &Demo) -> data::Client {
    let iam = aws_sdk_iam::Client::new(&demo.config);
    let account = demo.aws.sandbox.world().settings.management.clone();
    let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
    }]});
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"],
        "Resource": format!(
            "arn:aws:appconfig:eu-west-1:{account}:application/{}/environment/{}/configuration/{}",
            demo.application, demo.environment, demo.profile
        ),
    }]});
    let role = iam.create_role().role_name("reader").assume_role_policy_document(trust.to_string());
    let role = role.send().await.expect("a role").role.expect("a role");
    let put = iam.put_role_policy().role_name("reader").policy_name("read");
    put.policy_document(policy.to_string()).send().await.expect("a policy");
    demo.aws.sandbox.advance(60.0);
    data::Client::new(&demo.aws.assume(&demo.config, &role.arn).await)
}
