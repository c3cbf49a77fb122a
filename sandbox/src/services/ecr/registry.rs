//! Settings of the whole registry and of the account.

use super::{Name, allow};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the registry scans, kept as given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scanning {
    pub kind: String,
    pub rules: Vec<Value>,
}

impl Default for Scanning {
    fn default() -> Self {
        Self { kind: "BASIC".to_owned(), rules: Vec::new() }
    }
}

impl Scanning {
    fn output(&self) -> Value {
        json!({"scanType": self.kind, "rules": self.rules})
    }
}

/// The account settings that ECR has, with what they are until they are set.
const SETTINGS: &[(&str, &str, &[&str])] = &[
    ("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE", &["AWS_NATIVE", "CLAIR"]),
    ("REGISTRY_POLICY_SCOPE", "V2", &["V1", "V2"]),
    ("BLOB_MOUNTING", "DISABLED", &["DISABLED", "ENABLED"]),
];

pub(super) fn describe(call: &mut Call) -> Answer {
    call.allow("ecr:DescribeRegistry", "*")?;
    Ok(json!({"registryId": call.account(), "replicationConfiguration": {"rules": []}}))
}

pub(super) fn get_scanning(call: &mut Call) -> Answer {
    call.allow("ecr:GetRegistryScanningConfiguration", "*")?;
    let scanning = call.world.ecr.entry(call.here()).or_default().scanning.output();
    Ok(json!({"registryId": call.account(), "scanningConfiguration": scanning}))
}

pub(super) fn put_scanning(call: &mut Call) -> Answer {
    call.allow("ecr:PutRegistryScanningConfiguration", "*")?;
    let kind = call.opt_text("scanType").unwrap_or("BASIC").to_owned();
    let scanning = Scanning { kind, rules: call.list("rules") };
    let output = scanning.output();
    call.world.ecr.entry(call.here()).or_default().scanning = scanning;
    Ok(json!({"registryScanningConfiguration": output}))
}

pub(super) fn batch_get_scanning(call: &mut Call) -> Answer {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for repository in call.texts("repositoryNames") {
        let name = Name { account: call.account(), region: call.region.to_owned(), name: repository };
        allow(call, &name)?;
        match name.find(call.world) {
            Some(it) => found.push(json!({
                "repositoryArn": name.arn(),
                "repositoryName": it.name,
                "scanOnPush": it.scan_on_push,
                "scanFrequency": if it.scan_on_push { "SCAN_ON_PUSH" } else { "MANUAL" },
                "appliedScanFilters": [],
            })),
            None => failures.push(json!({
                "repositoryName": name.name,
                "failureCode": "REPOSITORY_NOT_FOUND",
                "failureReason": name.unknown().message,
            })),
        }
    }
    Ok(json!({"scanningConfigurations": found, "failures": failures}))
}

pub(super) fn get_setting(call: &mut Call) -> Answer {
    call.allow("ecr:GetAccountSetting", "*")?;
    let (name, default, _) = setting(call)?;
    let state = call.world.ecr.entry(call.here()).or_default();
    let value = state.settings.get(name).map_or(default, String::as_str);
    Ok(json!({"name": name, "value": value}))
}

pub(super) fn put_setting(call: &mut Call) -> Answer {
    call.allow("ecr:PutAccountSetting", "*")?;
    let (name, _, values) = setting(call)?;
    let value = call.text("value").to_owned();
    if !values.contains(&value.as_str()) {
        return Err(Fault::new("ValidationException", format!("Invalid value {value} of {name}")));
    }
    if (name, value.as_str()) == ("BLOB_MOUNTING", "ENABLED") {
        return Err(Fault::not_implemented("ecr", "blob mounting"));
    }
    let state = call.world.ecr.entry(call.here()).or_default();
    state.settings.insert(name.to_owned(), value.clone());
    Ok(json!({"name": name, "value": value}))
}

type Setting = (&'static str, &'static str, &'static [&'static str]);

fn setting(call: &Call) -> Result<Setting, Fault> {
    let wanted = call.text("name");
    let found = SETTINGS.iter().find(|(name, _, _)| *name == wanted).copied();
    found.ok_or_else(|| Fault::new("ValidationException", format!("There is no account setting {wanted}")))
}
