//! What is not ours is shown and left alone.

use super::*;

#[tokio::test]
async fn decoys_of_the_same_name_are_foreign_and_survive_both_ways() {
    let story = Story::begin().await;
    story.make(Story::only_account).await;
    decoys(&story).await;
    story.sandbox.forget_requests();
    for done in [story.make(Story::everything).await, story.retire(Story::everything).await] {
        for kind in ["role", "log group", "repository"] {
            assert!(matches!(outcome(&done, kind), Outcome::Foreign), "{kind}: {:?}", troubles(&done));
        }
    }
    assert_eq!(story.writes(), [] as [&str; 0]);
}

async fn decoys(story: &Story) {
    let door = story.door().await;
    let role = door.iam().create_role().role_name("reader").path("/foothold/listservices/");
    role.assume_role_policy_document(trust(&[&door.account]).to_string()).send().await.expect("a decoy");
    door.logs().create_log_group().log_group_name("/foothold/listservices").send().await.expect("a decoy");
    door.ecr().create_repository().repository_name("listservices").send().await.expect("a decoy");
}

#[tokio::test]
async fn adopted_ones_are_tagged_and_then_ours() {
    let story = Story::begin().await;
    story.make(Story::only_account).await;
    decoys(&story).await;
    let names = ["role/reader", "log-group//foothold/listservices", "repository/listservices"];
    story.adopt.borrow_mut().extend(names.map(str::to_owned));
    assert_eq!(troubles(&story.make(Story::everything).await), [] as [&str; 0]);
    story.adopt.borrow_mut().clear();
    let plan = story.look(Story::everything).await;
    assert!(plan.iter().all(|(_, judgement)| matches!(judgement, Judgement::Same)), "{plan:?}");
}

#[tokio::test]
async fn an_organization_and_units_that_exist_are_used_as_found() {
    let story = Story::begin_with(|options| options.settings.organization = true).await;
    let before = story.aws().await.organizations();
    let root = before.list_roots().send().await.expect("roots").roots()[0].id().expect("an id").to_owned();
    let unit = before.create_organizational_unit().parent_id(root).name("Deployments");
    unit.send().await.expect("a unit of somebody's");
    story.sandbox.forget_requests();
    let shared = |story: &Story, environment: &mut Environment<Aws>| {
        let organization = environment.add(Organization { mark: story.mark() });
        environment.add(Unit { organization, name: "Deployments".into(), mark: story.mark() });
    };
    assert_eq!(troubles(&story.make(shared).await), [] as [&str; 0]);
    let done = story.retire(shared).await;
    assert!(done.lines.iter().all(|line| matches!(line.result, Outcome::Kept(_))), "{:?}", troubles(&done));
    assert_eq!(story.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn an_organization_that_a_killed_run_has_left_without_tags_is_ours_and_an_older_one_is_not() {
    let only = |story: &Story, environment: &mut Environment<Aws>| {
        environment.add(Organization { mark: story.mark() });
    };
    for (age, writes) in [(0.0, vec!["TagResource"]), (2.0 * 3600.0, vec![])] {
        let story = Story::begin_with(|options| options.settings.organization = true).await;
        for account in story.sandbox.world().organizations.accounts.values_mut() {
            account.age(age);
        }
        assert_eq!(troubles(&story.make(only).await), [] as [&str; 0]);
        assert_eq!(story.writes(), writes, "made {age} s ago");
    }
}

#[tokio::test]
async fn a_member_account_instead_of_the_management_account_is_told() {
    let story = Story::begin().await;
    story.make(Story::only_account).await;
    let id = story.made().expect("an account");
    let iam = story.iam().await;
    iam.create_user().user_name("somebody").send().await.expect("a user");
    let everything = "arn:aws:iam::aws:policy/AdministratorAccess";
    iam.attach_user_policy().user_name("somebody").policy_arn(everything).send().await.expect("a policy");
    let key = iam.create_access_key().user_name("somebody").send().await.expect("a key").access_key;
    let key = key.expect("a key");
    let reach = Reach { keys: Some((key.access_key_id, key.secret_access_key)), ..story.reach() };
    let aws = Aws::connect(&reach).await.expect("a connection");
    let mut environment = Environment::default();
    environment.add(Organization { mark: story.mark() });
    let run = || async {
        engine::reconcile(&environment, &aws, &story.options()).await.expect("a sound declaration")
    };
    let mut done = run().await;
    while matches!(outcome(&done, "organization"), Outcome::NotVisible(_)) {
        done = run().await; // The user's policy is not everywhere yet.
    }
    let why = reason(&done, "organization");
    assert!(why.contains(&format!("belong to account {id}")) && why.contains("management account"), "{why}");
}
