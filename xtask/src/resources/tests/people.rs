//! People, in an organization with Identity Center.

use super::super::IdentityCenter;
use super::*;

impl Story {
    fn center(&self, e: &mut Environment<Aws>, awaited: bool) -> crate::graph::Key<IdentityCenter> {
        let organization = e.add(Organization { mark: self.mark() });
        let (project, region) = ("ListServices".into(), REGION.into());
        e.add(IdentityCenter { organization, project, region, awaited })
    }
}

async fn with_identity_center() -> Story {
    Story::begin_with(|options| options.settings.identity_center = true).await
}

#[tokio::test]
async fn an_instance_is_used_as_found_and_kept() {
    let story = with_identity_center().await;
    let declare = |story: &Story, e: &mut Environment<Aws>| {
        story.center(e, true);
    };
    let done = story.make(declare).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert!(matches!(outcome(&done, "identity center"), Outcome::Same));
    assert!(matches!(outcome(&story.retire(declare).await, "identity center"), Outcome::Kept(_)));
}

#[tokio::test]
async fn what_no_api_switches_on_is_awaited_or_an_error_that_says_how() {
    let story = Story::begin().await;
    let done = story
        .make(|story, e| {
            story.center(e, false);
        })
        .await;
    assert!(
        reason(&done, "identity center").contains("choose Enable"),
        "{}",
        reason(&done, "identity center")
    );
    let switched_on = async {
        let asked = || story.sent("ListInstances") > 3;
        while !asked() {
            tokio::task::yield_now().await;
        }
        sandbox::services::identity::switch(&mut story.sandbox.world(), true);
    };
    let (done, ()) = tokio::join!(
        story.make(|story, e| {
            story.center(e, true);
        }),
        switched_on
    );
    assert_eq!(troubles(&done), [] as [&str; 0]);
}
