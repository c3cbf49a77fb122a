//! Stories of the control and the data plane, told without a wire.

use crate::auth::{Caller, Principal};
use crate::call::{Answer, Call};
use crate::services;
use crate::world::{Settings, World};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const MINUTE: f64 = 60.0;
const SCHEMA: &str = r#"{
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "properties": {"limit": {"type": "integer", "minimum": 0, "exclusiveMinimum": true}},
    "required": ["limit"],
    "additionalProperties": false
}"#;

/// A world in which root of the management account has an application, two environments and a profile.
struct Story {
    world: World,
    application: String,
    environment: String,
    other: String,
    profile: String,
}

impl Story {
    fn new() -> Self {
        let world = World::new(Settings::default(), 1.0);
        let none = String::new;
        let mut story =
            Self { world, application: none(), environment: none(), other: none(), profile: none() };
        story.application = story.made("CreateApplication", json!({"Name": "demo"}));
        story.environment = story.made("CreateEnvironment", json!({"Name": "development"}));
        story.other = story.made("CreateEnvironment", json!({"Name": "production"}));
        let validators = json!([{"Type": "JSON_SCHEMA", "Content": SCHEMA}]);
        let profile = json!({"Name": "settings", "LocationUri": "hosted", "Validators": validators});
        story.profile = story.made("CreateConfigurationProfile", profile);
        story
    }

    fn made(&mut self, operation: &str, input: Value) -> String {
        let output = self.ask(operation, input).unwrap();
        output["Id"].as_str().unwrap().to_owned()
    }

    /// Asks AppConfig, or its data plane; ids that the input does not name are the story's.
    fn ask(&mut self, operation: &str, input: Value) -> Answer {
        let mut all = json!({
            "ApplicationId": self.application,
            "EnvironmentId": self.environment,
            "ConfigurationProfileId": self.profile,
            "ApplicationIdentifier": self.application,
            "EnvironmentIdentifier": self.environment,
            "ConfigurationProfileIdentifier": self.profile,
        });
        let members = all.as_object_mut().unwrap();
        members.extend(input.as_object().unwrap().clone());
        let data = ["StartConfigurationSession", "GetLatestConfiguration"].contains(&operation);
        let account = self.world.settings.management.clone();
        services::tick(&mut self.world);
        let mut call = Call {
            world: &mut self.world,
            service: if data { "appconfigdata" } else { "appconfig" },
            operation,
            region: "eu-west-1",
            input: members.clone(),
            caller: Some(Caller {
                arn: format!("arn:aws:iam::{account}:root"),
                user_id: account.clone(),
                account,
                access_key: String::new(),
                principal: Principal::Root,
            }),
            authorized: false,
        };
        let answer = services::handle(&mut call);
        assert!(answer.is_err() || call.authorized, "{operation} asked for no permission");
        answer
    }

    fn refused(&mut self, operation: &str, input: Value) -> (String, String) {
        let fault = self.ask(operation, input).unwrap_err();
        (fault.code, fault.message)
    }

    fn version(&mut self, limit: i64) -> i64 {
        let content = STANDARD.encode(json!({"limit": limit}).to_string());
        let input = json!({"Content": content, "ContentType": "application/json"});
        self.ask("CreateHostedConfigurationVersion", input).unwrap()["VersionNumber"].as_i64().unwrap()
    }

    /// Deploys a version with one of AWS's strategies.
    fn deploy(&mut self, version: i64, strategy: &str) -> i64 {
        let input = json!({
            "ConfigurationVersion": version.to_string(), "DeploymentStrategyId": format!("AppConfig.{strategy}"),
        });
        self.ask("StartDeployment", input).unwrap()["DeploymentNumber"].as_i64().unwrap()
    }

    /// Deploys a version and lets everything happen.
    fn deployed(&mut self, limit: i64) -> i64 {
        let version = self.version(limit);
        let number = self.deploy(version, "AllAtOnce");
        self.pass(11.0 * MINUTE);
        assert_eq!(self.state(number), "COMPLETE");
        number
    }

    fn state(&mut self, number: i64) -> String {
        let output = self.ask("GetDeployment", json!({"DeploymentNumber": number})).unwrap();
        output["State"].as_str().unwrap().to_owned()
    }

    fn environment_state(&mut self) -> String {
        let output = self.ask("GetEnvironment", json!({})).unwrap();
        output["State"].as_str().unwrap().to_owned()
    }

    fn pass(&mut self, seconds: f64) {
        self.world.clock.advance(seconds);
    }

    fn session(&mut self) -> String {
        let output = self.ask("StartConfigurationSession", json!({})).unwrap();
        output["InitialConfigurationToken"].as_str().unwrap().to_owned()
    }

    /// Polls: the limit that came, if any, and the next token.
    fn poll(&mut self, token: &str) -> (Option<i64>, String) {
        let output = self.ask("GetLatestConfiguration", json!({"ConfigurationToken": token})).unwrap();
        let limit = output["Configuration"].as_str().map(|content| {
            let content: Value = serde_json::from_slice(&STANDARD.decode(content).unwrap()).unwrap();
            content["limit"].as_i64().unwrap()
        });
        (limit, output["NextPollConfigurationToken"].as_str().unwrap().to_owned())
    }
}

#[test]
fn the_same_application_name_twice_makes_two() {
    let mut story = Story::new();
    let second = story.made("CreateApplication", json!({"Name": "demo"}));
    assert_ne!(second, story.application);
    let listed = story.ask("ListApplications", json!({})).unwrap();
    assert_eq!(listed["Items"].as_array().unwrap().len(), 2);
}

#[test]
fn ids_are_seven_lower_case_letters_and_digits() {
    let story = Story::new();
    for id in [&story.application, &story.environment, &story.profile] {
        assert!(id.len() == 7 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{id}");
    }
}

#[test]
fn quotas_are_awss() {
    let mut story = Story::new();
    let environment = json!({"Name": "one of many"});
    for _ in 2..20 {
        story.made("CreateEnvironment", environment.clone());
    }
    assert_eq!(story.refused("CreateEnvironment", environment).0, "ServiceQuotaExceededException");
    let strategy = json!({"Name": "own", "DeploymentDurationInMinutes": 0, "GrowthFactor": 100.0});
    for _ in 0..20 {
        story.made("CreateDeploymentStrategy", strategy.clone());
    }
    assert_eq!(story.refused("CreateDeploymentStrategy", strategy).0, "ServiceQuotaExceededException");
}

#[test]
fn all_at_once_still_bakes_for_ten_minutes_and_blocks_the_next() {
    let mut story = Story::new();
    let (first, second) = (story.version(1), story.version(2));
    let number = story.deploy(first, "AllAtOnce");
    assert_eq!(story.state(number), "DEPLOYING");
    story.pass(5.0);
    assert_eq!((story.state(number).as_str(), story.environment_state().as_str()), ("BAKING", "DEPLOYING"));
    story.pass(9.0 * MINUTE);
    let again =
        json!({"ConfigurationVersion": second.to_string(), "DeploymentStrategyId": "AppConfig.AllAtOnce"});
    let (code, message) = story.refused("StartDeployment", again);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("ConflictException", "Deployment number 1 already exists")
    );
    story.pass(2.0 * MINUTE);
    assert_eq!(story.state(number), "COMPLETE");
    assert_eq!(story.environment_state(), "READY_FOR_DEPLOYMENT");
    assert_eq!(story.deploy(second, "AllAtOnce"), 2);
}

#[test]
fn own_strategy_without_bake_time_is_complete_at_once() {
    let mut story = Story::new();
    let quick = json!({"Name": "quick", "DeploymentDurationInMinutes": 0, "GrowthFactor": 100.0});
    let quick = story.made("CreateDeploymentStrategy", quick);
    let version = story.version(1).to_string();
    let input = json!({"ConfigurationVersion": version, "DeploymentStrategyId": quick});
    story.ask("StartDeployment", input).unwrap();
    story.pass(5.0);
    assert_eq!(story.state(1), "COMPLETE");
}

#[test]
fn one_deployment_per_environment_whatever_the_profile() {
    let mut story = Story::new();
    let version = story.version(1);
    story.deploy(version, "AllAtOnce");
    let first = story.profile.clone();
    story.profile = story.made(
        "CreateConfigurationProfile",
        json!({"Name": "other", "LocationUri": "hosted", "Type": "AWS.Freeform"}),
    );
    let version = story.version(1).to_string();
    let input = json!({"ConfigurationVersion": version, "DeploymentStrategyId": "AppConfig.AllAtOnce"});
    assert_eq!(story.refused("StartDeployment", input.clone()).0, "ConflictException");
    story.environment = story.other.clone();
    story.ask("StartDeployment", input).unwrap();
    assert_ne!(first, story.profile);
}

#[test]
fn percentages_grow_as_the_strategy_says_and_are_logged_newest_first() {
    let mut story = Story::new();
    let version = story.version(1);
    let number = story.deploy(version, "Linear20PercentEvery6Minutes");
    story.pass(13.0 * MINUTE);
    let deployment = story.ask("GetDeployment", json!({"DeploymentNumber": number})).unwrap();
    assert_eq!(
        (&deployment["State"], &deployment["PercentageComplete"]),
        (&json!("DEPLOYING"), &json!(60.0))
    );
    let log = deployment["EventLog"].as_array().unwrap();
    let told: Vec<&str> = log.iter().map(|event| event["Description"].as_str().unwrap()).collect();
    assert_eq!(told[0], "Configuration available to 60.00% of clients");
    assert_eq!(told[3], "Deployment started");
    story.pass(18.0 * MINUTE);
    assert_eq!(story.state(number), "BAKING");
    story.pass(30.0 * MINUTE);
    assert_eq!(story.state(number), "COMPLETE");
}

#[test]
fn a_growing_deployment_reaches_a_client_once_and_for_good() {
    let mut story = Story::new();
    story.deployed(1);
    let version = story.version(2);
    let mut tokens: Vec<String> = (0..200).map(|_| story.session()).collect();
    story.deploy(version, "Linear20PercentEvery6Minutes");
    let mut reached = Vec::new();
    let mut clients = vec![0; tokens.len()];
    for _ in 0..5 {
        story.pass(MINUTE);
        for (token, has) in tokens.iter_mut().zip(&mut clients) {
            let (limit, next) = story.poll(token);
            assert!(limit.is_none_or(|limit| limit > *has), "no client goes back");
            (*has, *token) = (limit.unwrap_or(*has), next);
        }
        reached.push(clients.iter().filter(|has| **has == 2).count());
        story.pass(5.0 * MINUTE);
    }
    assert!(reached.is_sorted() && reached[0] > 10 && reached[0] < 80, "{reached:?}");
    assert_eq!(reached[4], 200);
}

#[test]
fn content_that_the_validator_forbids_is_refused_with_what_it_forbids() {
    let mut story = Story::new();
    for wrong in [r#"{"limit": 0}"#, r#"{"limit": "1"}"#, r#"{"limit": 1, "more": 2}"#, "{}", "not JSON"] {
        let input = json!({"Content": STANDARD.encode(wrong), "ContentType": "application/json"});
        let fault = story.ask("CreateHostedConfigurationVersion", input).unwrap_err();
        assert_eq!(fault.code, "BadRequestException", "{wrong}");
        assert_eq!(fault.details["Reason"], "InvalidConfiguration");
        assert!(!fault.details["Details"]["InvalidConfiguration"][0]["Reason"].is_null());
    }
    assert_eq!(story.version(1), 1, "what was refused has no number");
}

#[test]
fn a_version_from_before_the_validator_is_refused_when_it_is_deployed() {
    let mut story = Story::new();
    let version = story.version(7).to_string();
    let stricter = SCHEMA.replace("\"minimum\": 0", "\"minimum\": 10");
    let validators = json!({"Validators": [{"Type": "JSON_SCHEMA", "Content": stricter}]});
    story.ask("UpdateConfigurationProfile", validators).unwrap();
    let input = json!({"ConfigurationVersion": version, "DeploymentStrategyId": "AppConfig.AllAtOnce"});
    assert_eq!(story.refused("StartDeployment", input.clone()).0, "BadRequestException");
    assert_eq!(story.refused("ValidateConfiguration", input).0, "BadRequestException");
}

#[test]
fn only_draft_4_is_known_inline() {
    let mut story = Story::new();
    let newer = json!({"$schema": "http://json-schema.org/draft-07/schema#"}).to_string();
    for content in [newer.as_str(), "not JSON", r#"{"type": "no type"}"#] {
        let profile = json!({
            "Name": "x", "LocationUri": "hosted", "Validators": [{"Type": "JSON_SCHEMA", "Content": content}],
        });
        assert_eq!(
            story.refused("CreateConfigurationProfile", profile).0,
            "BadRequestException",
            "{content}"
        );
    }
    let lambda = json!([{"Type": "LAMBDA", "Content": "arn:aws:lambda:eu-west-1:999999999999:function:f"}]);
    let profile = json!({"Name": "x", "LocationUri": "hosted", "Validators": lambda});
    assert_eq!(story.refused("CreateConfigurationProfile", profile).0, "NotImplemented");
}

#[test]
fn latest_version_number_is_an_optimistic_lock() {
    let mut story = Story::new();
    story.version(1);
    let content = STANDARD.encode(r#"{"limit": 2}"#);
    let mut input = json!({"Content": content, "ContentType": "application/json", "LatestVersionNumber": 0});
    let refused = story.refused("CreateHostedConfigurationVersion", input.clone());
    assert_eq!(refused.0, "ConflictException");
    input["LatestVersionNumber"] = json!(1);
    assert_eq!(story.ask("CreateHostedConfigurationVersion", input).unwrap()["VersionNumber"], 2);
}

#[test]
fn a_label_names_one_version_and_can_be_deployed() {
    let mut story = Story::new();
    let content = STANDARD.encode(r#"{"limit": 3}"#);
    let input = json!({"Content": content, "ContentType": "application/json", "VersionLabel": "v-3"});
    story.ask("CreateHostedConfigurationVersion", input.clone()).unwrap();
    assert_eq!(story.refused("CreateHostedConfigurationVersion", input).0, "ConflictException");
    let deployed = json!({"ConfigurationVersion": "v-3", "DeploymentStrategyId": "AppConfig.AllAtOnce"});
    let deployment = story.ask("StartDeployment", deployed).unwrap();
    assert_eq!(
        (&deployment["ConfigurationVersion"], &deployment["VersionLabel"]),
        (&json!("1"), &json!("v-3"))
    );
    for (filter, found) in [("v-3", 1), ("v*", 1), ("v", 0)] {
        let listed = story.ask("ListHostedConfigurationVersions", json!({"VersionLabel": filter})).unwrap();
        assert_eq!(listed["Items"].as_array().unwrap().len(), found, "{filter}");
    }
}

#[test]
fn content_over_the_limit_is_too_large() {
    let mut story = Story::new();
    let content = STANDARD.encode(vec![b' '; (2 << 20) + 1]);
    let input = json!({"Content": content, "ContentType": "text/plain"});
    assert_eq!(story.refused("CreateHostedConfigurationVersion", input).0, "PayloadTooLargeException");
}

#[test]
fn deletion_has_an_order() {
    let mut story = Story::new();
    story.version(1);
    let profile = story.profile.clone();
    let (code, message) = story.refused("DeleteConfigurationProfile", json!({}));
    assert_eq!(code, "BadRequestException");
    let why = "because there are still hosted configuration versions existing under it.";
    assert_eq!(message, format!("Cannot delete configuration profile {profile} {why}"));
    assert_eq!(story.refused("DeleteApplication", json!({})).0, "BadRequestException");
    story.ask("DeleteHostedConfigurationVersion", json!({"VersionNumber": 1})).unwrap();
    story.ask("DeleteConfigurationProfile", json!({})).unwrap();
    assert_eq!(story.refused("DeleteApplication", json!({})).0, "BadRequestException");
    for environment in [story.environment.clone(), story.other.clone()] {
        story.ask("DeleteEnvironment", json!({"EnvironmentId": environment})).unwrap();
    }
    story.ask("DeleteApplication", json!({})).unwrap();
    assert_eq!(story.refused("GetApplication", json!({})).0, "ResourceNotFoundException");
}

#[test]
fn version_numbers_are_not_given_twice() {
    let mut story = Story::new();
    story.version(1);
    story.ask("DeleteHostedConfigurationVersion", json!({"VersionNumber": 1})).unwrap();
    assert_eq!(story.version(1), 2);
}

#[test]
fn stop_is_for_what_deploys_unless_a_revert_is_allowed() {
    let mut story = Story::new();
    story.deployed(1);
    let version = story.version(2);
    let number = story.deploy(version, "Canary10Percent20Minutes");
    story.pass(MINUTE);
    let stopped = story.ask("StopDeployment", json!({"DeploymentNumber": number})).unwrap();
    assert_eq!(stopped["State"], "ROLLING_BACK");
    story.pass(MINUTE);
    assert_eq!(
        (story.state(number).as_str(), story.environment_state().as_str()),
        ("ROLLED_BACK", "ROLLED_BACK")
    );

    let number = story.deploy(version, "AllAtOnce");
    story.pass(MINUTE);
    assert_eq!(story.refused("StopDeployment", json!({"DeploymentNumber": number})).0, "BadRequestException");
    story.ask("StopDeployment", json!({"DeploymentNumber": number, "AllowRevert": true})).unwrap();
    story.pass(MINUTE);
    assert_eq!(story.state(number), "ROLLED_BACK");

    let number = story.deployed(3);
    story.ask("StopDeployment", json!({"DeploymentNumber": number, "AllowRevert": true})).unwrap();
    assert_eq!((story.state(number).as_str(), story.environment_state().as_str()), ("REVERTED", "REVERTED"));
    let token = story.session();
    assert_eq!(story.poll(&token).0, Some(1), "what was before is served again");

    let number = story.deployed(4);
    story.pass(73.0 * 60.0 * MINUTE);
    let late = json!({"DeploymentNumber": number, "AllowRevert": true});
    assert_eq!(story.refused("StopDeployment", late).0, "BadRequestException");
}

#[test]
fn deletion_protection_keeps_what_was_read_lately() {
    let mut story = Story::new();
    story.deployed(1);
    let on = json!({"DeletionProtection": {"Enabled": true, "ProtectionPeriodInMinutes": 30}});
    story.ask("UpdateAccountSettings", on).unwrap();
    story.pass(61.0 * MINUTE);
    let token = story.session();
    story.poll(&token);
    assert_eq!(story.refused("DeleteEnvironment", json!({})).0, "ConflictException");
    let other = story.other.clone();
    story.ask("DeleteEnvironment", json!({"EnvironmentId": other})).unwrap();
    story.ask("DeleteEnvironment", json!({"DeletionProtectionCheck": "BYPASS"})).unwrap();
}

#[test]
fn what_is_younger_than_an_hour_is_not_protected_unless_the_check_is_applied() {
    let mut story = Story::new();
    story.deployed(1);
    let token = story.session();
    story.poll(&token);
    let apply = json!({"DeletionProtectionCheck": "APPLY"});
    assert_eq!(story.refused("DeleteEnvironment", apply).0, "ConflictException");
    story.ask("DeleteEnvironment", json!({})).unwrap();
}

#[test]
fn data_is_served_while_it_bakes_and_empty_while_unchanged() {
    let mut story = Story::new();
    let version = story.version(1);
    story.deploy(version, "AllAtOnce");
    story.pass(5.0);
    assert_eq!(story.state(1), "BAKING");
    let token = story.session();
    let (limit, token) = story.poll(&token);
    assert_eq!(limit, Some(1));
    let (limit, token) = story.poll(&token);
    assert_eq!(limit, None);
    story.pass(11.0 * MINUTE);
    story.deployed(2);
    assert_eq!(story.poll(&token).0, Some(2));
}

#[test]
fn before_the_first_deployment_there_is_nothing_to_read() {
    let mut story = Story::new();
    let token = story.session();
    let input = json!({"ConfigurationToken": token});
    assert_eq!(story.refused("GetLatestConfiguration", input).0, "ResourceNotFoundException");
    story.deployed(1);
    assert_eq!(story.poll(&token).0, Some(1), "what was refused did not use the token");
}

#[test]
fn a_token_is_good_for_one_call_within_a_day() {
    let mut story = Story::new();
    story.deployed(1);
    let first = story.session();
    let (_, second) = story.poll(&first);
    let problem = |story: &mut Story, token: &str| {
        let fault = story.ask("GetLatestConfiguration", json!({"ConfigurationToken": token})).unwrap_err();
        assert_eq!(fault.code, "BadRequestException");
        let details = &fault.details["Details"]["InvalidParameters"];
        details["ConfigurationToken"]["Problem"].as_str().unwrap().to_owned()
    };
    assert_eq!(problem(&mut story, &first), "Expired");
    assert_eq!(problem(&mut story, "garbage"), "Corrupted");
    story.pass(25.0 * 60.0 * MINUTE);
    assert_eq!(problem(&mut story, &second), "Expired");
    let fresh = story.session();
    assert_eq!(story.poll(&fresh).0, Some(1));
}

#[test]
fn an_interval_that_the_client_asked_for_is_enforced() {
    let mut story = Story::new();
    story.deployed(1);
    let asked = json!({"RequiredMinimumPollIntervalInSeconds": 120});
    let session = story.ask("StartConfigurationSession", asked).unwrap();
    let token = session["InitialConfigurationToken"].as_str().unwrap().to_owned();
    let (_, token) = story.poll(&token);
    let input = json!({"ConfigurationToken": token});
    assert_eq!(story.refused("GetLatestConfiguration", input).0, "BadRequestException");
    story.pass(121.0);
    story.poll(&token);
}

#[test]
fn a_session_takes_names_and_the_control_plane_does_not() {
    let mut story = Story::new();
    story.deployed(1);
    let names = json!({
        "ApplicationIdentifier": "demo",
        "EnvironmentIdentifier": "development",
        "ConfigurationProfileIdentifier": "settings",
    });
    story.ask("StartConfigurationSession", names.clone()).unwrap();
    let mut wrong = names;
    wrong["EnvironmentIdentifier"] = json!("absent");
    let fault = story.ask("StartConfigurationSession", wrong).unwrap_err();
    assert_eq!(
        (fault.code.as_str(), &fault.details["ResourceType"]),
        ("ResourceNotFoundException", &json!("Environment"))
    );
    let by_name = json!({"ApplicationId": "demo"});
    assert_eq!(story.refused("GetApplication", by_name).0, "ResourceNotFoundException");
}

#[test]
fn tags_are_found_by_arn() {
    let mut story = Story::new();
    let arn = format!("arn:aws:appconfig:eu-west-1:999999999999:application/{}", story.application);
    let environment = format!("{arn}/environment/{}", story.environment);
    for arn in [&arn, &environment] {
        story.ask("TagResource", json!({"ResourceArn": arn, "Tags": {"a": "1", "b": "2"}})).unwrap();
        story.ask("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a"]})).unwrap();
        let listed = story.ask("ListTagsForResource", json!({"ResourceArn": arn})).unwrap();
        assert_eq!(listed["Tags"], json!({"b": "2"}));
    }
    let absent = arn.replace(&story.application, "absent1");
    let input = json!({"ResourceArn": absent});
    assert_eq!(story.refused("ListTagsForResource", input).0, "ResourceNotFoundException");
    let reserved = json!({"ResourceArn": arn, "Tags": {"aws:x": ""}});
    assert_eq!(story.refused("TagResource", reserved).0, "BadRequestException");
}

#[test]
fn lists_have_pages_of_fifty() {
    let mut story = Story::new();
    for _ in 1..60 {
        story.made("CreateApplication", json!({"Name": "one of many"}));
    }
    let first = story.ask("ListApplications", json!({})).unwrap();
    assert_eq!(first["Items"].as_array().unwrap().len(), 50);
    let second = story.ask("ListApplications", json!({"NextToken": first["NextToken"]})).unwrap();
    assert_eq!((second["Items"].as_array().unwrap().len(), &second["NextToken"]), (10, &Value::Null));
}
