//! Accounts: never two for one, whatever dies when.

use super::*;

fn accounts(story: &Story) -> usize {
    story.sandbox.world().organizations.accounts.len()
}

#[tokio::test]
async fn an_account_is_made_moved_tagged_and_ready_when_its_role_can_be_assumed() {
    let story = Story::begin().await;
    let done = story.make(Story::only_account).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!((story.done("CreateAccount"), story.done("MoveAccount"), accounts(&story)), (1, 1, 2));
    let world = story.sandbox.world();
    let made = world.organizations.accounts.values().find(|account| account.email == story.email);
    let tags = &made.expect("the account").tags;
    assert_eq!(tags.get("foothold:project").map(String::as_str), Some("ListServices"));
    assert_eq!(tags.get("foothold:region").map(String::as_str), Some("eu-west-1"));
}

#[tokio::test]
async fn a_lost_answer_to_create_account_makes_no_second_one() {
    for kind in [Kind::CutAfter, Kind::CutBefore, Kind::Throttle, Kind::Error] {
        let story = Story::begin().await;
        story.fault("CreateAccount", kind, 1);
        let done = story.make(Story::only_account).await;
        assert_eq!(troubles(&done), [] as [&str; 0]);
        assert_eq!(accounts(&story), 2);
    }
}

#[tokio::test]
async fn a_new_organization_is_not_asked_more_often_than_aws_takes_requests() {
    let story = Story::begin_with(|options| {
        options.scale = 60.0;
        options.settings.throttles = true;
        options.settings.organization_finalizing = 60.0;
    })
    .await;
    let done = story.make(Story::only_account).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    // One in 10 s, and the one that is taken.
    assert!((2..=7).contains(&story.sent("CreateAccount")), "{}", story.sent("CreateAccount"));
}

#[tokio::test]
async fn a_request_of_an_earlier_run_is_awaited() {
    let story = Story::begin().await;
    story
        .make(|story, environment| {
            environment.add(Organization { mark: story.mark() });
        })
        .await;
    let organizations = story.aws().await.organizations();
    let request = organizations.create_account().account_name("listservices-config").email(&story.email);
    while request.clone().send().await.is_err() {
        tokio::task::yield_now().await; // The organization is being finalized.
    }
    story.sandbox.forget_requests();
    story.adopt.borrow_mut().push("account/config".into());
    let done = story.make(Story::only_account).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!((story.sent("CreateAccount"), accounts(&story)), (0, 2));
}

#[tokio::test]
async fn an_address_in_other_case_is_the_same_address() {
    let mut story = Story::begin().await;
    story.make(Story::only_account).await;
    story.sandbox.forget_requests();
    story.email = "AWS+Config@example.com".into();
    let done = story.make(Story::only_account).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(story.sent("CreateAccount"), 0);
}

#[tokio::test]
async fn email_already_exists_proposes_another_pattern_and_the_next_run_may_use_it() {
    let mut story =
        Story::begin_with(|options| options.settings.used_emails.push("aws+config@example.com".into())).await;
    let done = story.make(Story::only_account).await;
    let why = reason(&done, "account");
    assert!(why.contains("EMAIL_ALREADY_EXISTS") && why.contains("another pattern"), "{why}");
    story.email = "aws2+config@example.com".into();
    let done = story.make(Story::only_account).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(accounts(&story), 2);
}

#[tokio::test]
async fn a_moved_account_is_moved_back() {
    let story = Story::begin().await;
    story.make(Story::only_account).await;
    let organizations = story.aws().await.organizations();
    let id = story.made().expect("an account");
    let parents = organizations.list_parents().child_id(&id).send().await.expect("parents");
    let unit = parents.parents()[0].id().expect("an id").to_owned();
    let roots = organizations.list_roots().send().await.expect("roots");
    let root = roots.roots()[0].id().expect("an id").to_owned();
    let request = organizations.move_account().account_id(&id).source_parent_id(&unit);
    request.destination_parent_id(&root).send().await.expect("a drift");
    story.sandbox.forget_requests();
    let done = story.make(Story::only_account).await;
    assert!(matches!(outcome(&done, "account"), Outcome::Did(Act::Change(_))), "{:?}", troubles(&done));
    assert_eq!(story.writes(), ["MoveAccount"]);
}

#[tokio::test]
async fn a_closed_account_is_an_error_that_proposes_another_pattern() {
    let mut story = Story::begin().await;
    story.make(Story::only_account).await;
    story.close = true;
    let done = story.retire(Story::only_account).await;
    let kept = |kind| matches!(outcome(&done, kind), Outcome::Kept(why) if why.contains("is closed") || why.ends_with("is kept"));
    assert!(kept("account") && kept("organizational unit") && kept("organization"), "{:?}", troubles(&done));
    assert_eq!((story.done("CloseAccount"), done.exit_status()), (1, crate::report::DONE));
    story.close = false;
    let why = reason(&story.make(Story::only_account).await, "account");
    assert!(why.contains("is closed") && why.contains("another pattern"), "{why}");
    assert_eq!(story.done("CreateAccount"), 1);
}

#[tokio::test]
async fn another_region_is_refused_with_what_to_do() {
    let mut story = Story::begin().await;
    story.make(Story::only_account).await;
    story.region = "eu-central-1";
    story.sandbox.forget_requests();
    let why = reason(&story.make(Story::only_account).await, "account");
    assert!(why.contains("set `region = \"eu-west-1\"` again"), "{why}");
    assert_eq!(story.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn an_account_given_by_id_is_used_and_never_touched() {
    let mut story = Story::begin().await;
    story.make(Story::only_account).await;
    let id = story.made().expect("an account");
    story.close = true;
    let given = |story: &Story, environment: &mut Environment<Aws>| {
        environment.add(story.account_of(Origin::Given { id: id.clone() }, None));
    };
    story.sandbox.forget_requests();
    assert_eq!(troubles(&story.make(given).await), [] as [&str; 0]);
    assert!(matches!(outcome(&story.retire(given).await, "account"), Outcome::Kept(_)));
    assert_eq!(story.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn fifteen_accounts_cost_one_list_in_a_look() {
    let story = Story::begin_with(|options| options.settings.account_quota = 30).await;
    let many = |story: &Story, environment: &mut Environment<Aws>| {
        let organization = environment.add(Organization { mark: story.mark() });
        let unit = environment.add(Unit { organization, name: "Workloads".into(), mark: story.mark() });
        for number in 0..15 {
            let (name, email) = (format!("listservices-{number}"), format!("aws+{number}@example.com"));
            let account = story.account_of(Origin::Created { name, email }, Some(unit));
            environment.add(Account { label: format!("stage{number}"), ..account });
        }
    };
    assert_eq!(troubles(&story.make(many).await), [] as [&str; 0]);
    assert_eq!(accounts(&story), 16);
    story.sandbox.forget_requests();
    story.look(many).await;
    assert_eq!(story.sent("ListAccounts"), 1);
    assert_eq!(story.sent("ListCreateAccountStatus"), 0);
}
