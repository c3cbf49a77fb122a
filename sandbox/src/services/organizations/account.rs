//! Account Management: which Regions an account can use.

use super::organization_of;
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Regions that every account has.
const DEFAULT: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
/// Regions that an account has to be opted in to.
const OPT_IN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];
/// Seconds that opting in or out takes.
const OPTING: f64 = 120.0;

/// What accounts have chosen: `<account>/<Region>` to the status, and when a change is over.
pub(super) type Opted = BTreeMap<String, (String, Option<Time>)>;

pub(super) fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "ListRegions" => list(call),
        "GetRegionOptStatus" => get(call),
        "EnableRegion" => opt(call, "ENABLING", "ENABLED"),
        "DisableRegion" => opt(call, "DISABLING", "DISABLED"),
        "GetAccountInformation" => information(call),
        "GetContactInformation" => {
            target(call)?;
            Err(Fault::new(
                "ResourceNotFoundException",
                "No contact information found for the inputted account.",
            ))
        }
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// The account that the request is about. Another account's is for the management account, with trusted access.
fn target(call: &mut Call) -> Result<String, Fault> {
    let own = call.account();
    let action = format!("account:{}", call.operation);
    let Some(id) = call.opt_text("AccountId").filter(|id| *id != own).map(str::to_owned) else {
        call.allow(&action, &format!("arn:aws:account::{own}:account"))?;
        return Ok(own);
    };
    let organization = organization_of(call.world, &own);
    let of = organization.map(|o| o.id.clone()).unwrap_or_default();
    let trusted =
        organization.is_some_and(|o| o.management == own && o.services.contains_key("account.amazonaws.com"));
    call.allow(&action, &format!("arn:aws:account::{own}:account/{of}/{id}"))?;
    if trusted && organization_of(call.world, &id).is_some() {
        return Ok(id);
    }
    let who = call.caller.as_ref().map(|c| c.arn.clone()).unwrap_or_default();
    Err(Fault::new(
        "AccessDeniedException",
        format!(
            "User: {who} is not authorized to perform: {action} (Your organization must first enable trusted access with AWS Account Management.)"
        ),
    ))
}

fn list(call: &mut Call) -> Answer {
    let account = target(call)?;
    let wanted = call.texts("RegionOptStatusContains");
    let regions = DEFAULT.iter().chain(OPT_IN);
    let shown = regions.map(|r| (*r, status(call.world, &account, r)));
    let mut kept: Vec<(&str, String)> =
        shown.filter(|(_, s)| wanted.is_empty() || wanted.contains(s)).collect();
    kept.sort();
    let (page, next) = call.page(kept, ("MaxResults", 50), "NextToken", "ValidationException")?;
    let regions: Vec<Value> =
        page.into_iter().map(|(r, s)| json!({ "RegionName": r, "RegionOptStatus": s })).collect();
    Ok(json!({ "Regions": regions, "NextToken": next }))
}

fn get(call: &mut Call) -> Answer {
    let account = target(call)?;
    let region = known(call)?;
    let status = status(call.world, &account, &region);
    Ok(json!({ "RegionName": region, "RegionOptStatus": status }))
}

fn opt(call: &mut Call, going: &str, done: &str) -> Answer {
    let account = target(call)?;
    let region = known(call)?;
    let status = status(call.world, &account, &region);
    if status == "ENABLED_BY_DEFAULT" {
        return Err(invalid("The Region is enabled by default and cannot be changed."));
    }
    if status.ends_with("ING") && status != going {
        return Err(Fault::new("ConflictException", "The Region is being changed by another request."));
    }
    if status != done && status != going {
        let due = call.due(OPTING);
        let change = (going.to_owned(), Some(due));
        call.world.organizations.opted.insert(format!("{account}/{region}"), change);
    }
    Ok(json!({}))
}

fn known(call: &Call) -> Result<String, Fault> {
    let region = call.text("RegionName");
    if exists(region) {
        return Ok(region.to_owned());
    }
    Err(invalid("The provided Region name is not valid."))
}

fn invalid(message: &str) -> Fault {
    Fault::new("ValidationException", message).with("reason", "invalidRegionOptTarget")
}

fn information(call: &mut Call) -> Answer {
    let id = target(call)?;
    let account = call.world.organizations.accounts.get(&id);
    Ok(json!({
        "AccountId": id,
        "AccountName": account.map(|a| &a.name),
        "AccountCreatedDate": account.map(|a| a.created),
        "AccountState": account.map(|a| a.state),
    }))
}

fn status(world: &World, account: &str, region: &str) -> String {
    let chosen = world.organizations.opted.get(&format!("{account}/{region}"));
    let disabled = world.settings.disabled_regions.iter().any(|r| r == region);
    match chosen {
        Some((status, _)) => status.clone(),
        None if disabled => "DISABLED".to_owned(),
        None if OPT_IN.contains(&region) => "ENABLED".to_owned(),
        None => "ENABLED_BY_DEFAULT".to_owned(),
    }
}

pub(super) fn exists(region: &str) -> bool {
    DEFAULT.contains(&region) || OPT_IN.contains(&region)
}

/// A Region is of use until it is disabled, and from when it is wholly enabled.
pub(super) fn enabled(world: &World, account: &str, region: &str) -> bool {
    exists(region) && !matches!(status(world, account, region).as_str(), "DISABLED" | "ENABLING")
}

pub(super) fn tick(world: &mut World) {
    let now = world.clock.now();
    for (status, due) in world.organizations.opted.values_mut() {
        if due.is_some_and(|due| due <= now) {
            *due = None;
            *status = if status == "ENABLING" { "ENABLED" } else { "DISABLED" }.to_owned();
        }
    }
}
