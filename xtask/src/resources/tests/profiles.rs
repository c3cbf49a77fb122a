//! Profiles: other people's lines stay as they are, byte for byte.

use super::*;
use std::fs;

const THEIRS: &str = "\
# mine, by hand
[default]
region = us-east-1
s3 =
  max_concurrent_requests = 20

[profile  old]   ; with a comment\r
output=json
";

fn profile(story: &Story, environment: &mut Environment<Aws>) {
    let id = story.sandbox.world().settings.management.clone();
    let account = environment.add(story.account_of(Origin::Given { id }, None));
    environment.add(Profile {
        file: story.config_file(),
        project: "ListServices".into(),
        name: "dev".into(),
        account: account.learns(|account| account.id.clone()),
        way: Way::Role {
            role: "OrganizationAccountAccessRole".into(),
            source: Source::Profile("default".into()),
        },
        region: REGION.into(),
        endpoint: Some(story.sandbox.endpoint()),
    });
}

fn text(story: &Story) -> String {
    fs::read_to_string(story.config_file()).expect("the config file")
}

#[tokio::test]
async fn ours_comes_and_goes_and_theirs_stays_byte_for_byte() {
    let story = Story::begin().await;
    fs::write(story.config_file(), THEIRS).expect("a config file");
    assert_eq!(troubles(&story.make(profile).await), [] as [&str; 0]);
    let id = story.sandbox.world().settings.management.clone();
    let made = text(&story);
    assert!(made.starts_with(THEIRS), "{made}");
    assert!(
        made.contains(&format!("role_arn = arn:aws:iam::{id}:role/OrganizationAccountAccessRole")),
        "{made}"
    );
    let done = story.make(profile).await;
    assert!(matches!(outcome(&done, "profile"), Outcome::Same));
    assert_eq!(text(&story), made);
    let done = story.retire(profile).await;
    assert!(matches!(outcome(&done, "profile"), Outcome::Did(Act::Delete)), "{:?}", troubles(&done));
    assert_eq!(text(&story), THEIRS);
}

#[tokio::test]
async fn a_name_that_is_taken_is_foreign() {
    let story = Story::begin().await;
    let theirs = "[profile dev]\nregion = us-east-1\n";
    fs::write(story.config_file(), theirs).expect("a config file");
    for done in [story.make(profile).await, story.retire(profile).await] {
        assert!(matches!(outcome(&done, "profile"), Outcome::Foreign), "{:?}", troubles(&done));
    }
    assert_eq!(text(&story), theirs);
}

#[tokio::test]
async fn what_somebody_changed_in_ours_is_set_again_and_what_they_added_stays() {
    let story = Story::begin().await;
    story.make(profile).await;
    let made = text(&story);
    let changed = made.replace(REGION, "us-east-1") + "output = json\n";
    fs::write(story.config_file(), changed).expect("a config file");
    let done = story.make(profile).await;
    assert!(matches!(outcome(&done, "profile"), Outcome::Did(Act::Change(_))), "{:?}", troubles(&done));
    assert_eq!(text(&story), made + "output = json\n");
}

#[tokio::test]
async fn a_profile_declared_twice_is_an_error_and_nothing_is_written() {
    let story = Story::begin().await;
    let theirs = "[profile dev]\nregion = a\n[profile dev]\nregion = b\n";
    fs::write(story.config_file(), theirs).expect("a config file");
    let why = reason(&story.make(profile).await, "profile");
    assert!(why.contains("is there twice, on lines 1 and 3"), "{why}");
    assert_eq!(text(&story), theirs);
}
