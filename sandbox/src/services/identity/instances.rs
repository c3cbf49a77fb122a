//! Instances, who may administer them, and tags.

use super::{Instance, invalid, not_found, page};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::organizations::organization_id;
use crate::services::tags::{self, Form, Tags};
use serde_json::{Value, json};

const FORM: Form = Form {
    key: "Key",
    value: "Value",
    invalid: "ValidationException",
    too_many: "ServiceQuotaExceededException",
};

/// Asks for the operation on the instance that the input names, and on these resources of it.
pub(super) fn ask<'a>(call: &'a mut Call, resources: &[&str]) -> Result<&'a mut Instance, Fault> {
    let action = format!("sso:{}", call.operation);
    let arn = call.text("InstanceArn").to_owned();
    call.allow(&action, &arn)?;
    for resource in resources {
        call.allow(&action, resource)?;
    }
    named(call, &arn)
}

/// The instance of this ARN: in its Region, for the management account.
fn named<'a>(call: &'a mut Call, arn: &str) -> Result<&'a mut Instance, Fault> {
    let (account, region) = (call.account(), call.region);
    let instance = call.world.identity.instance.as_mut();
    let instance = instance.filter(|i| i.arn() == arn && i.region == region);
    let instance = instance.ok_or_else(|| not_found("Instance"))?;
    if instance.owner != account {
        let message = "You do not have sufficient access to perform this action.";
        return Err(Fault::new("AccessDeniedException", message));
    }
    Ok(instance)
}

/// In every Region but its own, and for every account but the management account, there is none.
pub(super) fn list(call: &mut Call) -> Answer {
    call.allow("sso:ListInstances", "*")?;
    let everywhere = call.text("RegionScope") == "ALL_REGIONS";
    let account = call.account();
    let seen = |i: &&Instance| i.owner == account && (everywhere || i.region == call.region);
    let all: Vec<Value> = call.world.identity.instance.iter().filter(seen).map(shown).collect();
    let (instances, next) = page(call, all)?;
    Ok(json!({ "Instances": instances, "NextToken": next }))
}

pub(super) fn describe(call: &mut Call) -> Answer {
    ask(call, &[]).map(|i| shown(i))
}

/// An organization instance cannot be made by API, and account instances are not implemented.
pub(super) fn create(call: &mut Call) -> Answer {
    call.allow("sso:CreateInstance", "*")?;
    let account = call.account();
    let management = call.world.organizations.organization.as_ref().map(|o| &o.management);
    if organization_id(call.world, &account).is_some() && management == Some(&account) {
        return Err(invalid("An instance cannot be created in the management account of an organization."));
    }
    Err(Fault::not_implemented(call.service, "CreateInstance of an account instance"))
}

fn shown(instance: &Instance) -> Value {
    let (owner, store) = (&instance.owner, &instance.store);
    let region = json!({
        "RegionName": instance.region, "Status": "ACTIVE", "AddedDate": instance.created, "IsPrimaryRegion": true
    });
    json!({
        "InstanceArn": instance.arn(),
        "IdentityStoreId": store,
        "IdentityStoreArn": format!("arn:aws:identitystore::{owner}:identitystore/{store}"),
        "OwnerAccountId": owner,
        "CreatedDate": instance.created,
        "Status": "ACTIVE",
        "PrimaryRegion": instance.region,
        "Regions": [region],
    })
}

pub(super) fn tag(call: &mut Call) -> Answer {
    let given = call.list("Tags");
    let mut new = Tags::new();
    FORM.merge(&mut new, &given)?;
    FORM.merge(tags_of(call, &tags::requested(&new))?, &given)?;
    Ok(json!({}))
}

pub(super) fn untag(call: &mut Call) -> Answer {
    let keys = call.texts("TagKeys");
    tags::remove(tags_of(call, &[])?, &keys);
    Ok(json!({}))
}

pub(super) fn list_tags(call: &mut Call) -> Answer {
    let tags = tags_of(call, &[])?;
    Ok(json!({ "Tags": FORM.list(tags) }))
}

fn tags_of<'a>(call: &'a mut Call, context: &[(String, String)]) -> Result<&'a mut Tags, Fault> {
    let arn = call.text("ResourceArn").to_owned();
    let action = format!("sso:{}", call.operation);
    call.allow_with(&action, &arn, &tags::borrowed(context), None)?;
    let instance = call.world.identity.instance.as_ref().map(Instance::arn);
    let instance = named(call, &instance.unwrap_or_default())?;
    if arn == instance.arn() {
        return Ok(&mut instance.tags);
    }
    instance.sets.get_mut(&arn).map(|s| &mut s.tags).ok_or_else(|| not_found("Resource"))
}

/// The tags of a request.
pub(super) fn given_tags(call: &Call) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    FORM.merge(&mut tags, &call.list("Tags"))?;
    Ok(tags)
}
