//! AppConfig: one of each, and its traps by name.

use super::*;
use crate::graph::Key;
use crate::resources::{
    Application, Configuration, ConfigurationEnvironment, ConfigurationProfile, Made, Strategy,
};

impl Story {
    fn application(&self, environment: &mut Environment<Aws>) -> Key<Application> {
        let account = self.account(environment);
        let (name, made) = ("ListServices".into(), Made::default());
        environment.add(Application { account, mark: self.mark(), name, made })
    }

    /// How often this was asked for and not refused.
    pub(super) fn succeeded(&self, operation: &str) -> usize {
        let requests = self.sandbox.requests();
        requests
            .iter()
            .filter(|request| request.operation == operation && (200..300).contains(&request.status))
            .count()
    }

    fn only_application(&self, environment: &mut Environment<Aws>) {
        self.application(environment);
    }

    fn configured(&self, environment: &mut Environment<Aws>) {
        self.stages(environment, &["development", "production"], schema());
    }

    fn stages(&self, environment: &mut Environment<Aws>, stages: &[&str], schema: Value) {
        let account = self.account(environment);
        let (mark, name) = (self.mark(), "ListServices".to_owned());
        let strategy = Strategy {
            account,
            mark: mark.clone(),
            name: "quick".into(),
            minutes: 0,
            growth: 100.0,
            bake: 0,
            made: Made::default(),
        };
        let strategy = environment.add(strategy);
        let made = Made::default();
        let application = environment.add(Application { account, mark: mark.clone(), name, made });
        let (mark_of_profile, name, made) = (mark.clone(), "Profile".into(), Made::default());
        let profile = ConfigurationProfile { application, mark: mark_of_profile, name, schema, made };
        let profile = environment.add(profile);
        for stage in stages {
            let mark = Mark { stage: Some((*stage).into()), ..mark.clone() };
            let (name, made) = ((*stage).into(), Made::default());
            let home = environment.add(ConfigurationEnvironment { application, mark, name, made });
            environment.add(Configuration {
                environment: home,
                profile,
                strategy,
                content: json!({"boolEnableLimitResults": false, "intResultLimit": 10}),
                description: "first".into(),
            });
        }
    }
}

fn schema() -> Value {
    json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"})
}

#[tokio::test]
async fn configured_once_and_a_second_run_writes_nothing() {
    let story = Story::begin().await;
    let done = story.make(Story::configured).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(story.succeeded("StartDeployment"), 2);
    story.sandbox.forget_requests();
    let again = story.make(Story::configured).await;
    assert_eq!(again.count(|outcome| matches!(outcome, Outcome::Same)), again.lines.len());
    assert_eq!(story.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn two_stages_with_equal_content_share_a_version() {
    let story = Story::begin().await;
    story.make(Story::configured).await;
    let made = story.succeeded("CreateHostedConfigurationVersion");
    assert_eq!(made, 1);
}

#[tokio::test]
async fn only_what_drifted_in_appconfig_is_repaired() {
    let story = Story::begin().await;
    story.make(Story::configured).await;
    let client = story.door().await.appconfig();
    let found = client.list_deployment_strategies().send().await.expect("a list");
    let quick = found.items().iter().find(|it| it.name() == Some("quick")).expect("ours");
    let request = client.update_deployment_strategy().deployment_strategy_id(quick.id().unwrap());
    request.final_bake_time_in_minutes(10).send().await.expect("a change");
    story.sandbox.forget_requests();
    let other = json!({"type": "object", "$schema": "http://json-schema.org/draft-04/schema#"});
    let stages = ["development", "production"];
    // The order of a schema's keys is no difference.
    let done = story.make(|story, environment| story.stages(environment, &stages, other)).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(story.writes(), ["UpdateDeploymentStrategy"]);
    let stricter =
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "minProperties": 1});
    story.make(|story, environment| story.stages(environment, &stages, stricter)).await;
    assert_eq!(story.writes(), ["UpdateDeploymentStrategy", "UpdateConfigurationProfile"]);
}

#[tokio::test]
async fn what_was_deployed_later_is_left_alone() {
    let story = Story::begin().await;
    story.make(Story::configured).await;
    deploy_another(&story).await;
    story.sandbox.forget_requests();
    let done = story.make(Story::configured).await;
    assert!(matches!(outcome(&done, "configuration"), Outcome::Same));
    assert_eq!(story.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn other_content_under_our_label_is_not_deployed() {
    let story = Story::begin().await;
    story.make(|story, environment| story.stages(environment, &["development"], schema())).await;
    {
        let mut world = story.sandbox.world();
        let applications = world.appconfig.values_mut().flat_map(|state| state.applications.values_mut());
        // In base64.
        let versions = applications.flat_map(|it| it.profiles.values_mut()).flat_map(|it| &mut it.versions);
        versions.for_each(|version| version.content = "e30=".to_owned());
    }
    let done = story.make(Story::configured).await;
    let troubles = troubles(&done);
    assert!(troubles.len() == 1 && troubles[0].contains("is not what that stands for"), "{troubles:?}");
    assert_eq!(story.succeeded("StartDeployment"), 1);
}

/// Starts a deployment of other content, slowly.
async fn deploy_another(story: &Story) {
    let client = story.door().await.appconfig();
    let application = client.list_applications().send().await.expect("a list").items()[0].id.clone().unwrap();
    let profiles = client.list_configuration_profiles().application_id(&application).send().await;
    let profile = profiles.expect("a list").items()[0].id.clone().unwrap();
    let environments = client.list_environments().application_id(&application).send().await;
    let environment = environments.expect("a list").items()[0].id.clone().unwrap();
    let request = client.create_hosted_configuration_version().application_id(&application);
    let request = request.configuration_profile_id(&profile).content_type("application/json");
    let content = aws_sdk_appconfig::primitives::Blob::new(*b"{}");
    let version = request.content(content).send().await.expect("a version").version_number;
    let request = client.start_deployment().application_id(application).environment_id(environment);
    let request = request.configuration_profile_id(profile).configuration_version(version.to_string());
    let slow = "AppConfig.Linear20PercentEvery6Minutes";
    let strategies = client.list_deployment_strategies().send().await.expect("a list");
    let slow = strategies.items().iter().find(|it| it.name() == Some(slow)).expect("AWS's own").id.clone();
    request.set_deployment_strategy_id(slow).send().await.expect("a deployment");
}

#[tokio::test]
async fn retired_it_is_gone_and_a_stage_can_be_retired_alone() {
    let story = Story::begin().await;
    story.make(Story::configured).await;
    let mut environment = Environment::default();
    environment.retire(|environment| story.configured(environment));
    story.stages(&mut environment, &["development"], schema());
    let done = story.reconcile(&environment).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(story.succeeded("DeleteEnvironment"), 1);
    let done = story.retire(Story::configured).await;
    let left: Vec<_> = troubles(&done);
    assert!(left.iter().all(|line| line.contains("Kept")), "{left:?}");
    let client = story.door().await.appconfig();
    let found = client.list_applications().send().await.expect("a list");
    assert!(found.items().is_empty());
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_makes_no_second_application() {
    let story = Story::begin().await;
    story.fault("CreateApplication", Kind::CutAfter, 1);
    let done = story.make(Story::only_application).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(story.sent("CreateApplication"), 1);
}

#[tokio::test]
async fn a_first_deployment_whose_answer_was_lost_is_not_started_twice() {
    let story = Story::begin().await;
    story.fault("StartDeployment", Kind::CutAfter, 1);
    let done = story.make(|story, environment| story.stages(environment, &["development"], schema())).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(story.sent("StartDeployment"), 1);
}

#[tokio::test]
async fn several_applications_that_are_not_empty_are_an_error_that_lists_them() {
    let story = Story::begin().await;
    story.make(Story::only_application).await;
    let client = story.door().await.appconfig();
    for _ in 0..2 {
        let request = client.create_application().name("ListServices").tags(Mark::PROJECT, "ListServices");
        let twin = request.send().await.expect("a twin").id.expect("an id");
        let request = client.create_environment().application_id(twin).name("development");
        request.send().await.expect("a child");
    }
    let said = reason(&story.make(Story::only_application).await, "application");
    assert!(said.contains("there are several applications of this name"), "{said}");
}

#[tokio::test]
async fn a_foreign_application_is_left_alone() {
    let story = Story::begin().await;
    story.make(Story::only_account).await;
    let client = story.door().await.appconfig();
    client.create_application().name("ListServices").send().await.expect("a decoy");
    let done = story.make(Story::configured).await;
    assert!(matches!(outcome(&done, "application"), Outcome::Foreign));
    assert_eq!(story.succeeded("CreateEnvironment"), 0);
}
