//! Service Quotas, as far as it is known here: how many accounts an organization may have.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};

/// The quota's code.
const ACCOUNTS: &str = "L-29A0C5DF";
/// What every organization starts with, or less.
const DEFAULT: usize = 10;

pub(super) fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "GetServiceQuota" => get(call, |call| call.world.settings.account_quota),
        "GetAWSDefaultServiceQuota" => get(call, |_| DEFAULT),
        "ListServiceQuotas" => list(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

fn get(call: &mut Call, value: fn(&Call) -> usize) -> Answer {
    let code = call.text("QuotaCode").to_owned();
    let resource = format!(
        "arn:aws:servicequotas:{}:{}:{}/{code}",
        call.region,
        call.account(),
        call.text("ServiceCode")
    );
    call.allow(&format!("servicequotas:{}", call.operation), &resource)?;
    known_service(call)?;
    if code != ACCOUNTS {
        return Err(unknown());
    }
    Ok(json!({ "Quota": shown(call, value(call)) }))
}

fn list(call: &mut Call) -> Answer {
    call.allow("servicequotas:ListServiceQuotas", "*")?;
    known_service(call)?;
    let wanted = call.opt_text("QuotaCode").is_none_or(|code| code == ACCOUNTS);
    let quotas: Vec<Value> =
        wanted.then(|| shown(call, call.world.settings.account_quota)).into_iter().collect();
    Ok(json!({ "Quotas": quotas }))
}

/// Organizations is a global service: its quotas are found in us-east-1 only.
fn known_service(call: &Call) -> Result<(), Fault> {
    if call.text("ServiceCode") == "organizations" && call.region == "us-east-1" {
        return Ok(());
    }
    Err(unknown())
}

fn unknown() -> Fault {
    Fault::new("NoSuchResourceException", "The request failed because the specified service does not exist.")
}

fn shown(call: &Call, value: usize) -> Value {
    json!({
        "ServiceCode": "organizations",
        "ServiceName": "AWS Organizations",
        "QuotaArn": format!("arn:aws:servicequotas::{}:organizations/{ACCOUNTS}", call.account()),
        "QuotaCode": ACCOUNTS,
        "QuotaName": "Default maximum number of accounts",
        "Value": value as f64,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": true,
    })
}
