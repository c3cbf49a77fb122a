use super::pages::{self, Page};
use crate::auth::{Caller, Principal};
use crate::call::{Answer, Call};
use crate::services::{identity, organizations, tick};
use crate::world::{Settings, World};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MANAGEMENT: &str = "999999999999";

fn world() -> World {
    let settings =
        Settings { organization: true, identity_center: true, throttles: false, ..Settings::default() };
    World::new(settings, 1.0)
}

fn asked(world: &mut World, service: &str, operation: &str, input: Value) -> Answer {
    at(world, (service, "eu-west-1"), operation, input)
}

fn at(world: &mut World, (service, region): (&str, &str), operation: &str, input: Value) -> Answer {
    tick(world);
    let mut call = Call {
        world,
        service,
        operation,
        region,
        input: input.as_object().unwrap().clone(),
        caller: Some(Caller {
            account: MANAGEMENT.to_owned(),
            arn: format!("arn:aws:iam::{MANAGEMENT}:root"),
            user_id: MANAGEMENT.to_owned(),
            access_key: String::new(),
            principal: Principal::Root,
        }),
        authorized: false,
    };
    let answer = match service {
        "organizations" => organizations::handle(&mut call),
        _ => identity::handle(&mut call),
    };
    assert!(call.authorized || answer.is_err(), "{operation} asked for no permission");
    answer
}

/// Asks sso-admin, with the instance filled in.
fn ask(world: &mut World, operation: &str, mut input: Value) -> Answer {
    input["InstanceArn"] = json!(world.identity.instance.as_ref().unwrap().arn());
    asked(world, "sso-admin", operation, input)
}

/// Asks the identity store, with its id filled in.
fn store(world: &mut World, operation: &str, mut input: Value) -> Answer {
    input["IdentityStoreId"] = json!(world.identity.instance.as_ref().unwrap().store);
    asked(world, "identitystore", operation, input)
}

fn refused<T: std::fmt::Debug>(answer: Result<T, crate::fault::Fault>) -> String {
    answer.unwrap_err().code
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

fn user(world: &mut World, name: &str) -> String {
    let input = json!({
        "UserName": name, "DisplayName": name, "Name": { "GivenName": name, "FamilyName": name },
        "Emails": [{ "Value": format!("{name}@example.org") }],
    });
    text(&store(world, "CreateUser", input).unwrap()["UserId"])
}

fn group(world: &mut World, name: &str) -> String {
    text(&store(world, "CreateGroup", json!({ "DisplayName": name })).unwrap()["GroupId"])
}

fn join(world: &mut World, group: &str, user: &str) {
    let input = json!({ "GroupId": group, "MemberId": { "UserId": user } });
    store(world, "CreateGroupMembership", input).unwrap();
}

fn set(world: &mut World, name: &str) -> String {
    let made = ask(world, "CreatePermissionSet", json!({ "Name": name })).unwrap();
    world.clock.advance(2.0);
    text(&made["PermissionSet"]["PermissionSetArn"])
}

fn assignment(account: &str, set: &str, group: &str) -> Value {
    json!({
        "TargetId": account, "TargetType": "AWS_ACCOUNT", "PermissionSetArn": set,
        "PrincipalType": "GROUP", "PrincipalId": group,
    })
}

fn assign(world: &mut World, account: &str, set: &str, group: &str) -> Answer {
    ask(world, "CreateAccountAssignment", assignment(account, set, group))
}

/// An account of the organization, besides the management account.
fn member(world: &mut World) -> String {
    let input = json!({ "Email": "dev@example.org", "AccountName": "dev" });
    at(world, ("organizations", "us-east-1"), "CreateAccount", input).unwrap();
    world.clock.advance(120.0);
    tick(world);
    world.organizations.accounts.keys().find(|id| *id != MANAGEMENT).unwrap().clone()
}

fn reserved(world: &World, account: &str) -> Vec<String> {
    let roles = world.iam[account].roles.values().map(|r| r.entity.arn.clone());
    roles.filter(|arn| arn.contains("AWSReservedSSO_")).collect()
}

#[test]
fn the_instance_is_in_its_region_and_can_be_switched_off_and_on() {
    let world = &mut world();
    let count = |world: &mut World, region: &str| {
        let listed = at(world, ("sso-admin", region), "ListInstances", json!({})).unwrap();
        listed["Instances"].as_array().unwrap().len()
    };
    assert_eq!((count(world, "eu-west-1"), count(world, "us-east-1")), (1, 0));
    identity::switch(world, false);
    assert_eq!(count(world, "eu-west-1"), 0);
    identity::switch(world, true);
    assert_eq!(count(world, "eu-west-1"), 1);
}

#[test]
fn an_organization_instance_cannot_be_enabled_by_api() {
    let world = &mut world();
    identity::switch(world, false);
    assert_eq!(refused(asked(world, "sso-admin", "CreateInstance", json!({}))), "ValidationException");
}

#[test]
fn a_second_set_of_the_same_name_is_a_conflict() {
    let world = &mut world();
    set(world, "Developer");
    let again = ask(world, "CreatePermissionSet", json!({ "Name": "Developer" }));
    assert_eq!(refused(again), "ConflictException");
}

#[test]
fn a_write_that_has_not_propagated_is_a_conflict_to_be_retried() {
    let world = &mut world();
    let set = set(world, "Developer");
    let attach = |name: &str| json!({ "PermissionSetArn": set, "ManagedPolicyArn": format!("arn:aws:iam::aws:policy/{name}") });
    let operation = "AttachManagedPolicyToPermissionSet";
    ask(world, operation, attach("ReadOnlyAccess")).unwrap();
    assert_eq!(refused(ask(world, operation, attach("ViewOnlyAccess"))), "ConflictException");
    world.clock.advance(2.0);
    ask(world, operation, attach("ViewOnlyAccess")).unwrap();
    world.clock.advance(2.0);
    assert_eq!(refused(ask(world, operation, attach("ViewOnlyAccess"))), "ConflictException");
}

#[test]
fn sessions_last_one_to_twelve_hours() {
    let world = &mut world();
    for duration in ["PT30M", "PT13H", "P1D"] {
        let input = json!({ "Name": "X", "SessionDuration": duration });
        assert_eq!(refused(ask(world, "CreatePermissionSet", input)), "ValidationException", "{duration}");
    }
    ask(world, "CreatePermissionSet", json!({ "Name": "X", "SessionDuration": "PT1H30M" })).unwrap();
}

#[test]
fn an_assignment_takes_its_time_and_makes_the_reserved_role() {
    let world = &mut world();
    let (account, set, group) = (member(world), set(world, "Developer"), group(world, "developers"));
    let begun = assign(world, &account, &set, &group).unwrap();
    let status = &begun["AccountAssignmentCreationStatus"];
    assert_eq!(status["Status"], "IN_PROGRESS");
    let describe = json!({ "AccountAssignmentCreationRequestId": status["RequestId"] });
    world.clock.advance(20.0);
    let done = ask(world, "DescribeAccountAssignmentCreationStatus", describe).unwrap();
    assert_eq!(done["AccountAssignmentCreationStatus"]["Status"], "SUCCEEDED");
    let roles = reserved(world, &account);
    let path = format!(
        "arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Developer_"
    );
    assert!(roles.len() == 1 && roles[0].starts_with(&path), "{roles:?}");
    let list = json!({ "AccountId": account, "PermissionSetArn": set });
    let listed = ask(world, "ListAccountAssignments", list).unwrap();
    assert_eq!(listed["AccountAssignments"][0]["PrincipalId"], group);
}

#[test]
fn a_second_request_for_the_same_place_is_a_conflict_while_the_first_is_under_way() {
    let world = &mut world();
    let (account, set) = (member(world), set(world, "Developer"));
    let [one, two] = ["one", "two"].map(|n| group(world, n));
    assign(world, &account, &set, &one).unwrap();
    assert_eq!(refused(assign(world, &account, &set, &two)), "ConflictException");
    world.clock.advance(20.0);
    assign(world, &account, &set, &two).unwrap();
}

#[test]
fn the_role_goes_with_the_last_assignment() {
    let world = &mut world();
    let (account, set) = (member(world), set(world, "Developer"));
    let groups = ["one", "two"].map(|n| group(world, n));
    for group in &groups {
        assign(world, &account, &set, group).unwrap();
        world.clock.advance(20.0);
    }
    for (group, left) in groups.iter().zip([1, 0]) {
        ask(world, "DeleteAccountAssignment", assignment(&account, &set, group)).unwrap();
        world.clock.advance(20.0);
        tick(world);
        assert_eq!(reserved(world, &account).len(), left);
    }
    let gone = ask(world, "DeleteAccountAssignment", assignment(&account, &set, &groups[0]));
    assert_eq!(refused(gone), "ResourceNotFoundException");
}

#[test]
fn an_account_that_is_not_there_fails_by_the_polled_reason() {
    let world = &mut world();
    let (set, group) = (set(world, "Developer"), group(world, "developers"));
    let begun = assign(world, "123456789012", &set, &group).unwrap();
    world.clock.advance(20.0);
    let id = &begun["AccountAssignmentCreationStatus"]["RequestId"];
    let describe = json!({ "AccountAssignmentCreationRequestId": id });
    let done = ask(world, "DescribeAccountAssignmentCreationStatus", describe).unwrap();
    let status = &done["AccountAssignmentCreationStatus"];
    assert!(status["Status"] == "FAILED" && status["FailureReason"].is_string(), "{status}");
}

#[test]
fn a_change_reaches_the_role_only_when_it_is_provisioned() {
    let world = &mut world();
    let (account, set, group) = (member(world), set(world, "Developer"), group(world, "developers"));
    assign(world, &account, &set, &group).unwrap();
    world.clock.advance(20.0);
    let policy = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
    ask(world, "PutInlinePolicyToPermissionSet", json!({ "PermissionSetArn": set, "InlinePolicy": policy }))
        .unwrap();
    let inline = |world: &World| {
        let role = world.iam[&account].roles.values().find(|r| r.entity.name.starts_with("AWSReservedSSO_"));
        role.unwrap().entity.access.latest().inline.len()
    };
    let waiting =
        json!({ "PermissionSetArn": set, "ProvisioningStatus": "LATEST_PERMISSION_SET_NOT_PROVISIONED" });
    let listed = ask(world, "ListAccountsForProvisionedPermissionSet", waiting.clone()).unwrap();
    assert_eq!((inline(world), &listed["AccountIds"]), (0, &json!([account])));
    let all = json!({ "PermissionSetArn": set, "TargetType": "ALL_PROVISIONED_ACCOUNTS" });
    ask(world, "ProvisionPermissionSet", all).unwrap();
    world.clock.advance(20.0);
    let listed = ask(world, "ListAccountsForProvisionedPermissionSet", waiting).unwrap();
    assert_eq!((inline(world), &listed["AccountIds"]), (1, &json!([])));
}

#[test]
fn a_set_that_is_assigned_cannot_be_deleted() {
    let world = &mut world();
    let (account, set, group) = (member(world), set(world, "Developer"), group(world, "developers"));
    assign(world, &account, &set, &group).unwrap();
    world.clock.advance(20.0);
    let delete = json!({ "PermissionSetArn": set });
    assert_eq!(refused(ask(world, "DeletePermissionSet", delete.clone())), "ConflictException");
    ask(world, "DeleteAccountAssignment", assignment(&account, &set, &group)).unwrap();
    world.clock.advance(20.0);
    ask(world, "DeletePermissionSet", delete).unwrap();
}

#[test]
fn more_than_ten_outstanding_assignments_are_throttled() {
    let world = &mut world();
    let (account, group) = (member(world), group(world, "developers"));
    let sets: Vec<String> = (0..11).map(|n| set(world, &format!("S{n}"))).collect();
    for set in &sets[..10] {
        assign(world, &account, set, &group).unwrap();
    }
    assert_eq!(refused(assign(world, &account, &sets[10], &group)), "ThrottlingException");
}

#[test]
fn user_names_are_unique_whatever_their_case_and_are_found_by_it() {
    let world = &mut world();
    let id = user(world, "ada");
    let again =
        json!({ "UserName": "ADA", "DisplayName": "x", "Name": { "GivenName": "x", "FamilyName": "x" } });
    assert_eq!(refused(store(world, "CreateUser", again)), "ConflictException");
    let by = |path: &str, value: &str| json!({ "AlternateIdentifier": { "UniqueAttribute": { "AttributePath": path, "AttributeValue": value } } });
    for (path, value) in [("userName", "ada"), ("emails.value", "Ada@example.org")] {
        assert_eq!(store(world, "GetUserId", by(path, value)).unwrap()["UserId"], id, "{path}");
    }
    assert_eq!(refused(store(world, "GetUserId", by("userName", "bob"))), "ResourceNotFoundException");
}

#[test]
fn a_user_is_changed_by_paths() {
    let world = &mut world();
    let id = user(world, "ada");
    let operations = json!([
        { "AttributePath": "displayName", "AttributeValue": "Ada L." },
        { "AttributePath": "name.familyName", "AttributeValue": "Lovelace" },
    ]);
    store(world, "UpdateUser", json!({ "UserId": id, "Operations": operations })).unwrap();
    let user = store(world, "DescribeUser", json!({ "UserId": id })).unwrap();
    assert_eq!((&user["DisplayName"], &user["Name"]["FamilyName"]), (&json!("Ada L."), &json!("Lovelace")));
}

#[test]
fn memberships_are_there_once_and_go_with_the_user() {
    let world = &mut world();
    let (user, group) = (user(world, "ada"), group(world, "developers"));
    join(world, &group, &user);
    let again = json!({ "GroupId": group, "MemberId": { "UserId": user } });
    assert_eq!(refused(store(world, "CreateGroupMembership", again)), "ConflictException");
    store(world, "DeleteUser", json!({ "UserId": user })).unwrap();
    let listed = store(world, "ListGroupMemberships", json!({ "GroupId": group })).unwrap();
    assert_eq!(listed["GroupMemberships"], json!([]));
}

#[test]
fn people_of_an_external_identity_source_are_not_changed_by_api() {
    let world = &mut world();
    world.settings.external_identity_source = true;
    identity::synchronize(world, "ada@example.org", &["developers"]);
    identity::synchronize(world, "ada@example.org", &["developers", "operators"]);
    let groups = store(world, "ListGroups", json!({})).unwrap();
    assert_eq!(groups["Groups"].as_array().unwrap().len(), 2);
    assert_eq!(refused(store(world, "CreateGroup", json!({ "DisplayName": "x" }))), "AccessDeniedException");
}

// Signing in.

const VERIFIER: &str = "a-verifier-that-nobody-else-knows-0123456789";
const REDIRECT: &str = "http://127.0.0.1:54321/oauth/callback";

fn oidc(world: &mut World, operation: &str, input: Value) -> Answer {
    asked(world, "sso-oidc", operation, input)
}

fn start_url(world: &World) -> String {
    world.identity.instance.as_ref().unwrap().start_url()
}

/// Registers a client: its id and secret as members of an input.
fn client(world: &mut World, more: Value) -> Value {
    let mut input =
        json!({ "clientName": "story", "clientType": "public", "scopes": ["sso:account:access"] });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = oidc(world, "RegisterClient", input).unwrap();
    json!({ "clientId": made["clientId"], "clientSecret": made["clientSecret"] })
}

fn code_client(world: &mut World) -> Value {
    let issuer = start_url(world);
    let more = json!({
        "grantTypes": ["authorization_code", "refresh_token"], "issuerUrl": issuer,
        "redirectUris": ["http://127.0.0.1/oauth/callback"],
    });
    client(world, more)
}

fn with(client: &Value, more: Value) -> Value {
    let mut input = client.clone();
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

fn browse(world: &mut World, method: &str, path: &str, form: &str) -> Page {
    let (query, body) = if method == "GET" { (form, "") } else { ("", form) };
    pages::handle(world, method, path, query, body.as_bytes()).unwrap()
}

fn device_grant(code: &Value) -> Value {
    json!({ "grantType": "urn:ietf:params:oauth:grant-type:device_code", "deviceCode": code })
}

/// The query of an authorization request.
fn authorization(client: &Value, redirect: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()));
    format!(
        "response_type=code&client_id={}&redirect_uri={redirect}&state=st%26ate&code_challenge={challenge}\
         &code_challenge_method=S256&scopes=sso%3Aaccount%3Aaccess",
        text(&client["clientId"])
    )
}

fn location(page: &Page) -> String {
    page.headers.iter().find(|(name, _)| name == "location").unwrap().1.clone()
}

/// Signs `ada` in by authorization code: the tokens.
fn signed_in(world: &mut World, client: &Value) -> Value {
    let form = format!("{}&user=ada&decision=allow", authorization(client, REDIRECT));
    let page = browse(world, "POST", pages::AUTHORIZE, &form);
    let location = location(&page);
    let code = location.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned();
    let exchange = json!({
        "grantType": "authorization_code", "code": code, "codeVerifier": VERIFIER, "redirectUri": REDIRECT,
    });
    oidc(world, "CreateToken", with(client, exchange)).unwrap()
}

#[test]
fn a_device_waits_is_told_to_slow_down_and_gets_its_token() {
    let world = &mut world();
    user(world, "ada");
    let client = client(world, json!({}));
    let url = start_url(world);
    let device = oidc(world, "StartDeviceAuthorization", with(&client, json!({ "startUrl": url }))).unwrap();
    let ask = with(&client, device_grant(&device["deviceCode"]));
    assert_eq!(refused(oidc(world, "CreateToken", ask.clone())), "AuthorizationPendingException");
    assert_eq!(refused(oidc(world, "CreateToken", ask.clone())), "SlowDownException");
    let code = text(&device["userCode"]);
    let shown = browse(world, "GET", pages::DEVICE, &format!("user_code={code}"));
    assert!(shown.html.contains(&code) && shown.html.contains("<option value=\"ada\">"), "{}", shown.html);
    let done = browse(
        world,
        "POST",
        pages::DEVICE,
        &format!("user_code={}&user=ada&decision=allow", code.to_lowercase()),
    );
    assert_eq!(done.status, 200);
    assert!(oidc(world, "CreateToken", ask.clone()).unwrap()["accessToken"].is_string());
    assert_eq!(refused(oidc(world, "CreateToken", ask)), "InvalidGrantException");
}

#[test]
fn a_device_that_is_denied_or_too_late() {
    let world = &mut world();
    user(world, "ada");
    let client = client(world, json!({}));
    let url = start_url(world);
    let start = with(&client, json!({ "startUrl": url }));
    let denied = oidc(world, "StartDeviceAuthorization", start.clone()).unwrap();
    let form = format!("user_code={}&user=ada&decision=deny", text(&denied["userCode"]));
    browse(world, "POST", pages::DEVICE, &form);
    let asked = with(&client, device_grant(&denied["deviceCode"]));
    assert_eq!(refused(oidc(world, "CreateToken", asked)), "AccessDeniedException");
    let late = oidc(world, "StartDeviceAuthorization", start).unwrap();
    world.clock.advance(601.0);
    let asked = with(&client, device_grant(&late["deviceCode"]));
    assert_eq!(refused(oidc(world, "CreateToken", asked)), "ExpiredTokenException");
    let form = format!("user_code={}&user=ada&decision=allow", text(&late["userCode"]));
    assert_eq!(browse(world, "POST", pages::DEVICE, &form).status, 400);
}

#[test]
fn a_start_url_of_nobody_and_a_client_of_nobody_are_refused() {
    let world = &mut world();
    let known = client(world, json!({}));
    let elsewhere = with(&known, json!({ "startUrl": "https://d-0000000000.awsapps.com/start" }));
    assert_eq!(refused(oidc(world, "StartDeviceAuthorization", elsewhere)), "InvalidRequestException");
    let url = start_url(world);
    let wrong = json!({ "clientId": known["clientId"], "clientSecret": "wrong", "startUrl": url });
    assert_eq!(refused(oidc(world, "StartDeviceAuthorization", wrong)), "InvalidClientException");
}

#[test]
fn the_state_comes_back_and_the_loopback_port_is_free() {
    let world = &mut world();
    user(world, "ada");
    let client = code_client(world);
    let query = authorization(&client, REDIRECT);
    let shown = browse(world, "GET", pages::AUTHORIZE, &query);
    assert!(shown.status == 200 && shown.html.contains("value=\"st&amp;ate\""), "{}", shown.html);
    let page = browse(world, "POST", pages::AUTHORIZE, &format!("{query}&user=ada&decision=allow"));
    let to = location(&page);
    assert!(page.status == 303 && to.starts_with(REDIRECT) && to.ends_with("state=st%26ate"), "{to}");
    let page = browse(world, "POST", pages::AUTHORIZE, &format!("{query}&decision=deny"));
    assert!(location(&page).contains("error=access_denied"));
}

#[test]
fn a_redirect_that_was_not_registered_is_never_followed() {
    let world = &mut world();
    user(world, "ada");
    let client = code_client(world);
    for elsewhere in [
        "http://example.org/oauth/callback",
        "http://127.0.0.1:1/other",
        "http://127.0.0.1.example.org/oauth/callback",
    ] {
        let form = format!("{}&user=ada&decision=allow", authorization(&client, elsewhere));
        let page = browse(world, "POST", pages::AUTHORIZE, &form);
        assert!(
            page.status == 400 && !page.headers.iter().any(|(name, _)| name == "location"),
            "{elsewhere}"
        );
    }
}

#[test]
fn without_pkce_there_is_no_code() {
    let world = &mut world();
    user(world, "ada");
    let client = code_client(world);
    let query = authorization(&client, REDIRECT).replace("S256", "plain");
    let page = browse(world, "POST", pages::AUTHORIZE, &format!("{query}&user=ada&decision=allow"));
    assert!(location(&page).contains("error=invalid_request"));
}

#[test]
fn a_wrong_verifier_burns_the_code() {
    let world = &mut world();
    user(world, "ada");
    let client = code_client(world);
    let form = format!("{}&user=ada&decision=allow", authorization(&client, REDIRECT));
    let page = browse(world, "POST", pages::AUTHORIZE, &form);
    let code = location(&page).split_once("code=").unwrap().1.split('&').next().unwrap().to_owned();
    for verifier in ["wrong", VERIFIER] {
        let exchange = json!({
            "grantType": "authorization_code", "code": code, "codeVerifier": verifier, "redirectUri": REDIRECT,
        });
        assert_eq!(refused(oidc(world, "CreateToken", with(&client, exchange))), "InvalidGrantException");
    }
}

#[test]
fn a_refresh_token_is_used_once_and_not_beyond_the_session() {
    let world = &mut world();
    user(world, "ada");
    let client = code_client(world);
    let first = signed_in(world, &client);
    assert_eq!(first["expiresIn"], 3600);
    let refresh =
        |tokens: &Value| json!({ "grantType": "refresh_token", "refreshToken": tokens["refreshToken"] });
    world.clock.advance(3700.0);
    let second = oidc(world, "CreateToken", with(&client, refresh(&first))).unwrap();
    let again = oidc(world, "CreateToken", with(&client, refresh(&first)));
    assert_eq!(refused(again), "InvalidGrantException");
    world.clock.advance(8.0 * 3600.0);
    let late = oidc(world, "CreateToken", with(&client, refresh(&second)));
    assert_eq!(refused(late), "InvalidGrantException");
}

#[test]
fn the_portal_shows_what_the_groups_have_and_no_more() {
    let world = &mut world();
    let (account, set, group) = (member(world), set(world, "Developer"), group(world, "developers"));
    let ada = user(world, "ada");
    join(world, &group, &ada);
    assign(world, &account, &set, &group).unwrap();
    world.clock.advance(20.0);
    let client = code_client(world);
    let token = signed_in(world, &client)["accessToken"].clone();
    let portal = |world: &mut World, operation: &str, more: Value| {
        asked(world, "sso", operation, with(&json!({ "accessToken": token }), more))
    };
    let accounts = portal(world, "ListAccounts", json!({})).unwrap();
    assert_eq!(accounts["accountList"][0]["accountId"], account);
    let roles = portal(world, "ListAccountRoles", json!({ "accountId": account })).unwrap();
    assert_eq!(roles["roleList"], json!([{ "roleName": "Developer", "accountId": account }]));
    let elsewhere = json!({ "accountId": MANAGEMENT, "roleName": "Developer" });
    assert_eq!(refused(portal(world, "GetRoleCredentials", elsewhere)), "ForbiddenException");
    portal(world, "Logout", json!({})).unwrap();
    assert_eq!(refused(portal(world, "ListAccounts", json!({}))), "UnauthorizedException");
}

#[test]
fn switched_off_nobody_is_signed_in_and_no_role_is_left() {
    let world = &mut world();
    let (account, set, group) = (member(world), set(world, "Developer"), group(world, "developers"));
    user(world, "ada");
    assign(world, &account, &set, &group).unwrap();
    let client = code_client(world);
    let token = signed_in(world, &client)["accessToken"].clone();
    identity::switch(world, false);
    assert_eq!(reserved(world, &account), Vec::<String>::new());
    let listed = asked(world, "sso", "ListAccounts", json!({ "accessToken": token }));
    assert_eq!(refused(listed), "UnauthorizedException");
}
