//! One of each: absent, then made; there, and left alone; drifted, and only the drift repaired; retired.

use super::*;

#[tokio::test]
async fn absent_then_made_and_a_second_run_writes_nothing() {
    let story = Story::begin().await;
    let done = story.make(Story::everything).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(done.count(|outcome| matches!(outcome, Outcome::Did(Act::Create))), done.lines.len());
    story.sandbox.forget_requests();
    let again = story.make(Story::everything).await;
    assert_eq!(troubles(&again), [] as [&str; 0]);
    assert_eq!(again.count(|outcome| matches!(outcome, Outcome::Same)), again.lines.len());
    assert_eq!(story.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_plan_of_nothing_says_what_comes_and_writes_nothing() {
    let story = Story::begin().await;
    let plan = story.look(Story::everything).await;
    assert!(matches!(plan[0], (_, Judgement::Create)), "{plan:?}");
    assert!(plan[1..].iter().all(|(_, judgement)| judgement.is_change()), "{plan:?}");
    assert_eq!(story.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn only_what_drifted_is_shown_and_repaired() {
    let story = Story::begin().await;
    story.make(Story::everything).await;
    drift(&story).await;
    story.sandbox.forget_requests();
    let plan = story.look(Story::everything).await;
    let changed: Vec<String> = plan.iter().filter_map(told).collect();
    assert_eq!(
        changed,
        [
            "role `reader` in account `config`: trust.Statement.Principal.AWS, inline.extra, attached",
            "log group `/foothold/listservices` in account `config`: retention_days",
            "repository `listservices` in account `config`: tag_mutability, mutable_tags",
        ]
    );
    assert_eq!(story.writes(), [] as [&str; 0]);
    let done = story.make(Story::everything).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(
        sorted(story.writes()),
        [
            "AttachRolePolicy",
            "DeleteRolePolicy",
            "PutImageTagMutability",
            "PutRetentionPolicy",
            "UpdateAssumeRolePolicy"
        ]
    );
}

async fn drift(story: &Story) {
    let door = story.door().await;
    let (iam, logs, ecr) = (door.iam(), door.logs(), door.ecr());
    let more = trust(&[&door.account]).to_string();
    iam.update_assume_role_policy().role_name("reader").policy_document(more).send().await.expect("a drift");
    let document = pull_all().to_string();
    let extra = iam.put_role_policy().role_name("reader").policy_name("extra").policy_document(document);
    extra.send().await.expect("a drift");
    let detach = iam.detach_role_policy().role_name("reader");
    detach.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.expect("a drift");
    let days = logs.put_retention_policy().log_group_name("/foothold/listservices").retention_in_days(1);
    days.send().await.expect("a drift");
    let mutable = aws_sdk_ecr::types::ImageTagMutability::Mutable;
    let request = ecr.put_image_tag_mutability().repository_name("listservices");
    request.image_tag_mutability(mutable).send().await.expect("a drift");
}

fn pull_all() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*"}
    ]})
}

fn told((label, judgement): &(String, Judgement)) -> Option<String> {
    match judgement {
        Judgement::Same => None,
        Judgement::Change(found) => {
            let paths: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
            Some(format!("{label}: {}", paths.join(", ")))
        }
        other => Some(format!("{label}: {other:?}")),
    }
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

#[tokio::test]
async fn retired_is_gone_but_the_account_and_what_holds_it() {
    let story = Story::begin().await;
    story.make(Story::everything).await;
    let done = story.retire(Story::everything).await;
    let kept = |line: &&crate::report::Line<Outcome>| matches!(line.result, Outcome::Kept(_));
    let kept: Vec<&str> = done.lines.iter().filter(kept).map(|line| line.label.kind).collect();
    assert_eq!(kept, ["organization", "organizational unit", "account"]);
    assert_eq!(done.exit_status(), crate::report::DONE, "{:?}", troubles(&done));
    let door = story.door().await;
    assert!(door.ecr().describe_repositories().send().await.expect("an answer").repositories().is_empty());
    assert!(door.logs().describe_log_groups().send().await.expect("an answer").log_groups().is_empty());
    assert!(door.iam().get_role().role_name("reader").send().await.is_err());
    story.sandbox.forget_requests();
    story.retire(Story::everything).await;
    assert_eq!(story.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_role_half_made_is_completed_and_one_half_deleted_is_deleted() {
    let story = Story::begin().await;
    story.make(Story::only_account).await;
    let bare = story.iam().await.create_role().role_name("reader").path("/foothold/listservices/");
    let tag = aws_sdk_iam::types::Tag::builder().key(Mark::PROJECT).value("ListServices").build();
    let bare = bare.assume_role_policy_document(trust(&[&story.made().expect("an account")]).to_string());
    bare.tags(tag.expect("a tag")).send().await.expect("a bare role");
    let done = story.make(Story::everything).await;
    assert!(matches!(outcome(&done, "role"), Outcome::Did(Act::Change(_))), "{:?}", troubles(&done));
    story.fault("DeleteRole", Kind::Error, 1);
    assert!(matches!(outcome(&story.retire(Story::everything).await, "role"), Outcome::Did(Act::Delete)));
}
