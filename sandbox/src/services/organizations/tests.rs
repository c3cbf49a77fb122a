use crate::auth::{Caller, Principal};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::{organizations, tick};
use crate::world::{Settings, World};
use serde_json::{Value, json};

const MANAGEMENT: &str = "999999999999";

fn world() -> World {
    let settings = Settings { organization: true, throttles: false, ..Settings::default() };
    World::new(settings, 1.0)
}

fn as_account(world: &mut World, account: &str, operation: &str, input: Value) -> Answer {
    asked(world, ("organizations", "us-east-1"), account, operation, input)
}

fn asked(world: &mut World, at: (&str, &str), account: &str, operation: &str, input: Value) -> Answer {
    tick(world);
    let arn = format!("arn:aws:iam::{account}:root");
    let mut call = Call {
        world,
        service: at.0,
        operation,
        region: at.1,
        input: input.as_object().unwrap().clone(),
        caller: Some(Caller {
            account: account.to_owned(),
            user_id: account.to_owned(),
            arn,
            access_key: String::new(),
            principal: Principal::Root,
        }),
        authorized: false,
    };
    let answer = organizations::handle(&mut call);
    assert!(call.authorized || answer.is_err(), "{operation} asked for no permission");
    answer
}

fn ask(world: &mut World, operation: &str, input: Value) -> Answer {
    as_account(world, MANAGEMENT, operation, input)
}

fn refused(answer: Answer) -> (String, Option<String>) {
    let Fault { code, details, .. } = answer.unwrap_err();
    (code, details.get("Reason").and_then(Value::as_str).map(str::to_owned))
}

fn reason(code: &str, reason: &str) -> (String, Option<String>) {
    (code.to_owned(), Some(reason.to_owned()))
}

fn create(world: &mut World, email: &str) -> Answer {
    ask(world, "CreateAccount", json!({ "Email": email, "AccountName": email }))
}

/// Asks for an account and waits: its last status.
fn created(world: &mut World, email: &str) -> Value {
    let id = create(world, email).unwrap()["CreateAccountStatus"]["Id"].clone();
    world.clock.advance(100.0);
    let asked = ask(world, "DescribeCreateAccountStatus", json!({ "CreateAccountRequestId": id }));
    asked.unwrap()["CreateAccountStatus"].clone()
}

fn member(world: &mut World, email: &str) -> String {
    created(world, email)["AccountId"].as_str().unwrap().to_owned()
}

fn root(world: &mut World) -> String {
    ask(world, "ListRoots", json!({})).unwrap()["Roots"][0]["Id"].as_str().unwrap().to_owned()
}

fn unit(world: &mut World, parent: &str, name: &str) -> Answer {
    ask(world, "CreateOrganizationalUnit", json!({ "ParentId": parent, "Name": name }))
}

fn unit_id(answer: Answer) -> String {
    answer.unwrap()["OrganizationalUnit"]["Id"].as_str().unwrap().to_owned()
}

#[test]
fn an_account_takes_its_time_and_lands_in_the_root() {
    let world = &mut world();
    let status = create(world, "dev@example.org").unwrap()["CreateAccountStatus"].clone();
    assert_eq!((&status["State"], &status["AccountId"]), (&json!("IN_PROGRESS"), &Value::Null));
    world.clock.advance(100.0);
    let listed = ask(world, "ListCreateAccountStatus", json!({ "States": ["SUCCEEDED"] })).unwrap();
    let account = listed["CreateAccountStatuses"][0]["AccountId"].clone();
    let parents = ask(world, "ListParents", json!({ "ChildId": account })).unwrap();
    assert_eq!(parents["Parents"][0]["Id"], root(world));
}

#[test]
fn email_already_exists_is_not_an_exception_but_the_polled_reason() {
    let world = &mut world();
    world.settings.used_emails = vec!["Taken@Example.org".to_owned()];
    for email in ["taken@example.org", "MANAGEMENT@example.com"] {
        let status = created(world, email);
        assert_eq!(
            (&status["State"], &status["FailureReason"]),
            (&json!("FAILED"), &json!("EMAIL_ALREADY_EXISTS"))
        );
    }
}

#[test]
fn create_account_has_no_idempotency() {
    let world = &mut world();
    create(world, "dev@example.org").unwrap();
    let second = created(world, "dev@example.org");
    assert_eq!(second["FailureReason"], "CONCURRENT_ACCOUNT_MODIFICATION");
    assert_eq!(created(world, "DEV@example.org")["FailureReason"], "EMAIL_ALREADY_EXISTS");
}

#[test]
fn create_account_status_has_no_email_member() {
    let world = &mut world();
    assert_eq!(created(world, "dev@example.org")["Email"], Value::Null);
}

#[test]
fn a_reached_quota_is_a_polled_reason_and_closed_accounts_still_count() {
    let world = &mut world();
    world.settings.account_quota = 2;
    let id = member(world, "a@example.org");
    ask(world, "CloseAccount", json!({ "AccountId": id })).unwrap();
    world.clock.advance(100.0);
    assert_eq!(created(world, "b@example.org")["FailureReason"], "ACCOUNT_LIMIT_EXCEEDED");
    world.clock.advance(91.0 * 86_400.0);
    assert_eq!(created(world, "b@example.org")["State"], "SUCCEEDED");
}

#[test]
fn an_address_that_aws_would_not_take_is_invalid_email() {
    let world = &mut world();
    for email in ["a&b@example.org", ".a@example.org", "a@-example.org", "ä@example.org", "a@example..org"] {
        assert_eq!(created(world, email)["FailureReason"], "INVALID_EMAIL", "{email}");
    }
    assert_eq!(created(world, "aws+dev@example.org")["State"], "SUCCEEDED");
}

#[test]
fn five_creations_at_once() {
    let world = &mut world();
    for n in 0..5 {
        create(world, &format!("a{n}@example.org")).unwrap();
    }
    let sixth = refused(create(world, "a5@example.org"));
    assert_eq!(sixth, reason("ConstraintViolationException", "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED"));
}

#[test]
fn a_new_organization_is_finalizing_for_a_while() {
    let world = &mut World::new(Settings { throttles: false, ..Settings::default() }, 1.0);
    ask(world, "CreateOrganization", json!({})).unwrap();
    assert_eq!(refused(create(world, "dev@example.org")).0, "FinalizingOrganizationException");
    world.clock.advance(20.0);
    create(world, "dev@example.org").unwrap();
}

#[test]
fn concurrent_modification_straight_after_create_account() {
    let world = &mut world();
    let root = root(world);
    create(world, "dev@example.org").unwrap();
    assert_eq!(refused(unit(world, &root, "Deployments")).0, "ConcurrentModificationException");
    world.clock.advance(3.0);
    unit(world, &root, "Deployments").unwrap();
}

#[test]
fn an_empty_page_with_a_token_is_not_the_end() {
    let world = &mut world();
    create(world, "dev@example.org").unwrap();
    let first = ask(world, "ListAccounts", json!({})).unwrap();
    assert_eq!(first["Accounts"], json!([]));
    let second = ask(world, "ListAccounts", json!({ "NextToken": first["NextToken"] })).unwrap();
    assert_eq!(second["Accounts"][0]["Id"], MANAGEMENT);
}

#[test]
fn status_is_retired_and_state_is_there() {
    let world = &mut world();
    let account =
        ask(world, "DescribeAccount", json!({ "AccountId": MANAGEMENT })).unwrap()["Account"].clone();
    assert_eq!((&account["State"], account.get("Status")), (&json!("ACTIVE"), None));
}

#[test]
fn twenty_to_a_page() {
    let world = &mut world();
    let root = root(world);
    for n in 0..21 {
        unit(world, &root, &format!("u{n}")).unwrap();
    }
    let list = json!({ "ParentId": root });
    let first = ask(world, "ListOrganizationalUnitsForParent", list).unwrap();
    assert_eq!(first["OrganizationalUnits"].as_array().unwrap().len(), 20);
    let rest = json!({ "ParentId": root, "NextToken": first["NextToken"] });
    let second = ask(world, "ListOrganizationalUnitsForParent", rest).unwrap();
    assert_eq!(
        (second["OrganizationalUnits"].as_array().unwrap().len(), &second["NextToken"]),
        (1, &Value::Null)
    );
    let wrong = ask(world, "ListRoots", json!({ "NextToken": "mine" }));
    assert_eq!(refused(wrong), reason("InvalidInputException", "INVALID_NEXT_TOKEN"));
}

#[test]
fn units_are_unique_under_a_parent_and_five_deep() {
    let world = &mut world();
    let root = root(world);
    let mut parent = unit_id(unit(world, &root, "1"));
    assert_eq!(refused(unit(world, &root, "1")).0, "DuplicateOrganizationalUnitException");
    for depth in 2..=5 {
        parent = unit_id(unit(world, &parent, &depth.to_string()));
    }
    let sixth = refused(unit(world, &parent, "6"));
    assert_eq!(sixth, reason("ConstraintViolationException", "OU_DEPTH_LIMIT_EXCEEDED"));
}

#[test]
fn a_unit_is_deleted_when_it_is_empty() {
    let world = &mut world();
    let (root, account) = (root(world), member(world, "dev@example.org"));
    let id = unit_id(unit(world, &root, "Deployments"));
    let to = json!({ "AccountId": account, "SourceParentId": root, "DestinationParentId": id });
    ask(world, "MoveAccount", to.clone()).unwrap();
    assert_eq!(refused(ask(world, "MoveAccount", to)).0, "DuplicateAccountException");
    let delete = json!({ "OrganizationalUnitId": id });
    assert_eq!(
        refused(ask(world, "DeleteOrganizationalUnit", delete.clone())).0,
        "OrganizationalUnitNotEmptyException"
    );
    let back = json!({ "AccountId": account, "SourceParentId": id, "DestinationParentId": root });
    ask(world, "MoveAccount", back).unwrap();
    ask(world, "DeleteOrganizationalUnit", delete).unwrap();
}

#[test]
fn a_stale_source_parent_is_not_found() {
    let world = &mut world();
    let (root, account) = (root(world), member(world, "dev@example.org"));
    let [one, two] = ["one", "two"].map(|n| unit_id(unit(world, &root, n)));
    let stale = json!({ "AccountId": account, "SourceParentId": one, "DestinationParentId": two });
    assert_eq!(refused(ask(world, "MoveAccount", stale)).0, "SourceParentNotFoundException");
}

#[test]
fn close_is_asynchronous_and_the_address_stays_taken() {
    let world = &mut world();
    let id = member(world, "dev@example.org");
    let close = json!({ "AccountId": id });
    ask(world, "CloseAccount", close.clone()).unwrap();
    let state = |world: &mut World| {
        ask(world, "DescribeAccount", close.clone()).unwrap()["Account"]["State"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(world), "PENDING_CLOSURE");
    assert_eq!(refused(ask(world, "CloseAccount", close.clone())).0, "ConflictException");
    world.clock.advance(61.0);
    assert_eq!(state(world), "SUSPENDED");
    assert!(!organizations::active(world, &id));
    assert_eq!(refused(ask(world, "CloseAccount", close.clone())).0, "AccountAlreadyClosedException");
    assert_eq!(created(world, "dev@example.org")["FailureReason"], "EMAIL_ALREADY_EXISTS");
}

#[test]
fn three_closures_at_once_and_never_the_management_account() {
    let world = &mut world();
    let ids = ["a", "b", "c", "d"].map(|n| member(world, &format!("{n}@example.org")));
    for id in &ids[..3] {
        ask(world, "CloseAccount", json!({ "AccountId": id })).unwrap();
    }
    let fourth = refused(ask(world, "CloseAccount", json!({ "AccountId": ids[3] })));
    assert_eq!(fourth, reason("ConstraintViolationException", "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED"));
    let own = refused(ask(world, "CloseAccount", json!({ "AccountId": MANAGEMENT })));
    assert_eq!(own, reason("ConstraintViolationException", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT"));
}

#[test]
fn the_close_quota_is_the_higher_of_250_and_a_fifth_but_1000_at_most() {
    let quota = super::closing::quota;
    assert_eq!([10, 2000, 9000].map(quota), [250, 400, 1000]);
    let world = &mut world();
    let id = member(world, "dev@example.org");
    world.organizations.closures = vec![world.clock.now(); 250];
    let close = json!({ "AccountId": id });
    let refusal = refused(ask(world, "CloseAccount", close.clone()));
    assert_eq!(refusal, reason("ConstraintViolationException", "CLOSE_ACCOUNT_QUOTA_EXCEEDED"));
    world.clock.advance(31.0 * 86_400.0);
    ask(world, "CloseAccount", close).unwrap();
}

#[test]
fn a_young_account_cannot_leave_and_an_old_one_lacks_a_payment_method() {
    let world = &mut world();
    let remove = json!({ "AccountId": member(world, "dev@example.org") });
    let young = refused(ask(world, "RemoveAccountFromOrganization", remove.clone()));
    assert_eq!(young, reason("ConstraintViolationException", "WAIT_PERIOD_ACTIVE"));
    world.clock.advance(5.0 * 86_400.0);
    let old = refused(ask(world, "RemoveAccountFromOrganization", remove));
    assert_eq!(old, reason("ConstraintViolationException", "MEMBER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED"));
}

#[test]
fn create_account_is_throttled_to_three_and_then_one_in_ten_seconds() {
    let world = &mut world();
    world.settings.throttles = true;
    for n in 0..3 {
        create(world, &format!("a{n}@example.org")).unwrap();
    }
    assert_eq!(refused(create(world, "b@example.org")).0, "TooManyRequestsException");
    world.clock.advance(10.0);
    create(world, "b@example.org").unwrap();
    assert_eq!(refused(create(world, "c@example.org")).0, "TooManyRequestsException");
}

#[test]
fn a_member_account_may_only_describe_the_organization() {
    let world = &mut world();
    let id = member(world, "dev@example.org");
    let described = as_account(world, &id, "DescribeOrganization", json!({})).unwrap();
    assert_eq!(described["Organization"]["MasterAccountId"], MANAGEMENT);
    for operation in ["ListAccounts", "ListRoots", "DeleteOrganization"] {
        assert_eq!(refused(as_account(world, &id, operation, json!({}))).0, "AccessDeniedException");
    }
}

#[test]
fn without_an_organization_it_is_not_in_use() {
    let world = &mut World::new(Settings::default(), 1.0);
    for operation in ["DescribeOrganization", "ListAccounts", "ListRoots"] {
        let refusal = refused(ask(world, operation, json!({})));
        assert_eq!(refusal.0, "AWSOrganizationsNotInUseException", "{operation}");
    }
}

#[test]
fn an_organization_is_deleted_when_no_member_is_left() {
    let world = &mut world();
    assert_eq!(refused(ask(world, "CreateOrganization", json!({}))).0, "AlreadyInOrganizationException");
    ask(world, "DeleteOrganization", json!({})).unwrap();
    assert_eq!(refused(ask(world, "DescribeOrganization", json!({}))).0, "AWSOrganizationsNotInUseException");
    ask(world, "CreateOrganization", json!({ "FeatureSet": "CONSOLIDATED_BILLING" })).unwrap();
    world.clock.advance(20.0);
    member(world, "dev@example.org");
    assert_eq!(refused(ask(world, "DeleteOrganization", json!({}))).0, "OrganizationNotEmptyException");
}

#[test]
fn an_invalid_tag_fails_the_whole_request() {
    let world = &mut world();
    let tags = json!([{ "Key": "aws:x", "Value": "y" }]);
    let input = json!({ "Email": "dev@example.org", "AccountName": "dev", "Tags": tags });
    let refusal = refused(ask(world, "CreateAccount", input));
    assert_eq!(refusal, reason("InvalidInputException", "INVALID_SYSTEM_TAGS_PARAMETER"));
    let none = ask(world, "ListCreateAccountStatus", json!({})).unwrap();
    assert_eq!(none["CreateAccountStatuses"], json!([]));
}

#[test]
fn tags_are_added_changed_and_taken_away() {
    let world = &mut world();
    let id = member(world, "dev@example.org");
    let tag = |value: &str| json!({ "ResourceId": id, "Tags": [{ "Key": "stage", "Value": value }] });
    ask(world, "TagResource", tag("dev")).unwrap();
    ask(world, "TagResource", tag("test")).unwrap();
    let list = json!({ "ResourceId": id });
    let tags = ask(world, "ListTagsForResource", list.clone()).unwrap();
    assert_eq!(tags["Tags"], json!([{ "Key": "stage", "Value": "test" }]));
    ask(world, "UntagResource", json!({ "ResourceId": id, "TagKeys": ["stage"] })).unwrap();
    assert_eq!(ask(world, "ListTagsForResource", list).unwrap()["Tags"], json!([]));
    let lost = ask(world, "ListTagsForResource", json!({ "ResourceId": "123456789012" }));
    assert_eq!(refused(lost).0, "TargetNotFoundException");
}

#[test]
fn a_new_organization_may_say_that_it_has_too_many_accounts() {
    let world = &mut World::new(Settings { throttles: false, ..Settings::default() }, 1.0);
    world.settings.organization_limited = 3600.0;
    ask(world, "CreateOrganization", json!({})).unwrap();
    assert_eq!(refused(create(world, "a@example.org")).0, "FinalizingOrganizationException");
    world.clock.advance(60.0);
    let limited = reason("ConstraintViolationException", "ACCOUNT_NUMBER_LIMIT_EXCEEDED");
    assert_eq!(refused(create(world, "a@example.org")), limited);
    world.clock.advance(3600.0);
    assert_eq!(created(world, "a@example.org")["State"], "SUCCEEDED");
}

#[test]
fn trusted_access_is_idempotent() {
    let world = &mut world();
    let service = json!({ "ServicePrincipal": "sso.amazonaws.com" });
    for operation in ["EnableAWSServiceAccess", "EnableAWSServiceAccess", "DisableAWSServiceAccess"] {
        ask(world, operation, service.clone()).unwrap();
    }
    let listed = ask(world, "ListAWSServiceAccessForOrganization", json!({})).unwrap();
    assert_eq!(listed["EnabledServicePrincipals"], json!([]));
}

#[test]
fn an_opt_in_region_is_disabled_until_it_is_enabled() {
    let world = &mut world();
    let at = ("account", "us-east-1");
    let status = |world: &mut World| {
        let asked = asked(world, at, MANAGEMENT, "GetRegionOptStatus", json!({ "RegionName": "af-south-1" }));
        asked.unwrap()["RegionOptStatus"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(world), "DISABLED");
    asked(world, at, MANAGEMENT, "EnableRegion", json!({ "RegionName": "af-south-1" })).unwrap();
    assert_eq!(
        (status(world).as_str(), organizations::region_enabled(world, MANAGEMENT, "af-south-1")),
        ("ENABLING", false)
    );
    world.clock.advance(200.0);
    assert_eq!(status(world), "ENABLED");
    let listed =
        asked(world, at, MANAGEMENT, "ListRegions", json!({ "RegionOptStatusContains": ["DISABLED"] }));
    let regions = listed.unwrap()["Regions"].to_string();
    assert!(regions.contains("me-south-1") && !regions.contains("af-south-1"), "{regions}");
}

#[test]
fn the_quota_of_accounts_is_known_in_us_east_1_only() {
    let world = &mut world();
    world.settings.account_quota = 7;
    let quota = json!({ "ServiceCode": "organizations", "QuotaCode": "L-29A0C5DF" });
    let known = asked(world, ("service-quotas", "us-east-1"), MANAGEMENT, "GetServiceQuota", quota.clone());
    assert_eq!(known.unwrap()["Quota"]["Value"], 7.0);
    let elsewhere = asked(world, ("service-quotas", "eu-west-1"), MANAGEMENT, "GetServiceQuota", quota);
    assert_eq!(refused(elsewhere).0, "NoSuchResourceException");
}

#[test]
fn old_app_runner_customers_are_named_by_id_or_address() {
    let world = &mut world();
    let id = member(world, "dev@example.org");
    assert!(organizations::app_runner_customer(world, MANAGEMENT));
    assert!(!organizations::app_runner_customer(world, &id));
    world.settings.app_runner_customers = vec!["Dev@example.org".to_owned()];
    assert!(organizations::app_runner_customer(world, &id));
}
