//! Users, their access keys, and what the account is called.

use super::lookup::{asked_arn, mine, user, user_name};
use super::pages::page;
use super::state::{Access, Entity, Lagging};
use super::tags::{self, Tags};
use super::{make_key, managed, seen_from};
use crate::call::{Answer, Call, UPPER};
use crate::fault::Fault;
use serde_json::{Value, json};

const KEYS: usize = 2;

pub(super) fn create_user(call: &mut Call) -> Answer {
    let name = call.text("UserName").to_owned();
    let path = call.opt_text("Path").unwrap_or("/").to_owned();
    let arn = format!("arn:aws:iam::{}:user{path}{name}", call.account());
    let given = tags::of(call)?;
    let boundary = call.opt_text("PermissionsBoundary").map(str::to_owned);
    let bounded: Vec<(&str, &str)> =
        boundary.iter().map(|b| ("iam:PermissionsBoundary", b.as_str())).collect();
    tags::allow(call, "iam:CreateUser", &arn, (&given, &Tags::new()), &bounded)?;
    if mine(call).users.contains_key(&name.to_lowercase()) {
        return Err(Fault::new("EntityAlreadyExists", format!("User with name {name} already exists.")));
    }
    if let Some(arn) = boundary.as_deref().filter(|b| !managed::attachable(call.world, &call.account(), b)) {
        return Err(managed::missing(arn));
    }
    let access = Access { boundary, tags: given, ..Access::default() };
    let user = Entity {
        id: format!("AIDA{}", call.world.id(UPPER, 17)),
        arn,
        path,
        created: call.now(),
        access: Lagging::new(access, seen_from(call.world)),
        name: name.clone(),
    };
    let shown = shown(&user);
    mine(call).users.insert(name.to_lowercase(), user);
    Ok(json!({"User": shown}))
}

pub(super) fn get_user(call: &mut Call) -> Answer {
    let arn = asked_arn(call);
    call.allow("iam:GetUser", &arn)?;
    Ok(json!({"User": shown(user(call)?)}))
}

pub(super) fn list_users(call: &mut Call) -> Answer {
    let prefix = call.opt_text("PathPrefix").unwrap_or("/").to_owned();
    let asked = format!("arn:aws:iam::{}:user{prefix}", call.account());
    call.allow("iam:ListUsers", &asked)?;
    let users = mine(call).users.values().filter(|u| u.path.starts_with(&prefix));
    let listed = users.map(|u| without_tags(shown(u))).collect();
    page(call, "Users", listed)
}

pub(super) fn delete_user(call: &mut Call) -> Answer {
    let arn = asked_arn(call);
    call.allow("iam:DeleteUser", &arn)?;
    let user = user(call)?;
    let (access, name) = (user.access.latest(), user.name.clone());
    let conflict = |words: &str| Err(Fault::new("DeleteConflict", words));
    if !access.inline.is_empty() {
        return conflict("Cannot delete entity, must delete policies first.");
    }
    if !access.attached.is_empty() {
        return conflict("Cannot delete entity, must detach all policies first.");
    }
    if mine(call).keys.values().any(|key| key.user.as_deref() == Some(&name)) {
        return conflict("Cannot delete entity, must delete access keys first.");
    }
    mine(call).users.remove(&name.to_lowercase());
    Ok(json!({}))
}

pub(super) fn shown(user: &Entity) -> Value {
    let access = user.access.latest();
    let boundary = access.boundary.as_ref().map(
        |arn| json!({"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn}),
    );
    let tags = (!access.tags.is_empty()).then(|| tags::list(&access.tags));
    json!({
        "Path": user.path, "UserName": user.name, "UserId": user.id, "Arn": user.arn,
        "CreateDate": user.created, "PermissionsBoundary": boundary, "Tags": tags,
    })
}

fn without_tags(mut user: Value) -> Value {
    user["Tags"] = Value::Null;
    user
}

pub(super) fn create_access_key(call: &mut Call) -> Answer {
    let arn = asked_arn(call);
    call.allow("iam:CreateAccessKey", &arn)?;
    let name = user(call)?.name.clone();
    let has = mine(call).keys.values().filter(|key| key.user.as_deref() == Some(&name)).count();
    if has >= KEYS {
        return Err(Fault::new(
            "LimitExceeded",
            format!("Cannot exceed quota for AccessKeysPerUser: {KEYS}"),
        ));
    }
    let account = call.account();
    let id = make_key(call.world, &account, Some(&name));
    let key = &mine(call).keys[&id];
    Ok(json!({"AccessKey": {
        "UserName": name, "AccessKeyId": id, "Status": "Active",
        "SecretAccessKey": key.secret, "CreateDate": key.created,
    }}))
}

pub(super) fn list_access_keys(call: &mut Call) -> Answer {
    let arn = asked_arn(call);
    call.allow("iam:ListAccessKeys", &arn)?;
    let name = user(call)?.name.clone();
    let keys = mine(call).keys.iter().filter(|(_, key)| key.user.as_deref() == Some(&name));
    let listed = keys.map(|(id, key)| {
        let status = if key.active { "Active" } else { "Inactive" };
        json!({"UserName": name, "AccessKeyId": id, "Status": status, "CreateDate": key.created})
    });
    let listed = listed.collect();
    page(call, "AccessKeyMetadata", listed)
}

pub(super) fn update_access_key(call: &mut Call) -> Answer {
    let arn = asked_arn(call);
    call.allow("iam:UpdateAccessKey", &arn)?;
    let active = call.text("Status") == "Active";
    let id = own_key(call)?;
    if let Some(key) = mine(call).keys.get_mut(&id) {
        key.active = active;
    }
    Ok(json!({}))
}

pub(super) fn delete_access_key(call: &mut Call) -> Answer {
    let arn = asked_arn(call);
    call.allow("iam:DeleteAccessKey", &arn)?;
    let id = own_key(call)?;
    mine(call).keys.remove(&id);
    Ok(json!({}))
}

/// The key that the request names, if it is the user's.
fn own_key(call: &mut Call) -> Result<String, Fault> {
    let (name, id) = (user_name(call)?, call.text("AccessKeyId").to_owned());
    let key = mine(call).keys.get(&id);
    let own = key.and_then(|k| k.user.as_deref()).is_some_and(|u| u.eq_ignore_ascii_case(&name));
    let missing = || Fault::new("NoSuchEntity", format!("The Access Key with id {id} cannot be found."));
    own.then(|| id.clone()).ok_or_else(missing)
}

pub(super) fn create_account_alias(call: &mut Call) -> Answer {
    call.allow("iam:CreateAccountAlias", "*")?;
    let alias = call.text("AccountAlias").to_owned();
    let others = call.world.iam.values().any(|iam| iam.alias.as_deref() == Some(&alias));
    if others {
        let words = format!("The account alias {alias} already exists.");
        return Err(Fault::new("EntityAlreadyExists", words));
    }
    mine(call).alias = Some(alias);
    Ok(json!({}))
}

pub(super) fn list_account_aliases(call: &mut Call) -> Answer {
    call.allow("iam:ListAccountAliases", "*")?;
    let aliases = mine(call).alias.iter().map(|a| json!(a)).collect();
    page(call, "AccountAliases", aliases)
}

pub(super) fn get_account_summary(call: &mut Call) -> Answer {
    call.allow("iam:GetAccountSummary", "*")?;
    let iam = mine(call);
    let root_keys = iam.keys.values().any(|key| key.user.is_none());
    Ok(json!({"SummaryMap": {
        "Roles": iam.roles.len(), "RolesQuota": 1000,
        "Users": iam.users.len(), "UsersQuota": 5000,
        "Policies": iam.policies.len(), "PoliciesQuota": 1500,
        "AccessKeysPerUserQuota": KEYS, "AttachedPoliciesPerRoleQuota": 10, "AttachedPoliciesPerUserQuota": 10,
        "AssumeRolePolicySizeQuota": 2048, "PolicySizeQuota": 6144, "UserPolicySizeQuota": 2048,
        "AccountAccessKeysPresent": i32::from(root_keys), "AccountMFAEnabled": 0, "Groups": 0, "GroupsQuota": 300,
        "InstanceProfiles": 0, "InstanceProfilesQuota": 1000, "Providers": 0, "VersionsPerPolicyQuota": 5,
    }}))
}
