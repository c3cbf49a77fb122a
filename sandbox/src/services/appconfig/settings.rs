//! Account settings: deletion protection, which is off by default.

use super::{allow, state};
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub protected: bool,
    pub minutes: i64,
    pub metrics: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { protected: false, minutes: 60, metrics: false }
    }
}

impl Settings {
    fn output(&self) -> Value {
        json!({
            "DeletionProtection": {"Enabled": self.protected, "ProtectionPeriodInMinutes": self.minutes},
            "VendedMetrics": {"Enabled": self.metrics},
        })
    }
}

pub(super) fn get(call: &mut Call) -> Answer {
    allow(call, &[])?;
    Ok(state(call).settings.output())
}

pub(super) fn update(call: &mut Call) -> Answer {
    allow(call, &[])?;
    let given = |path: &str| call.input.get(path).cloned().unwrap_or_default();
    let (protection, metrics) = (given("DeletionProtection"), given("VendedMetrics"));
    let settings = &mut state(call).settings;
    settings.protected = protection["Enabled"].as_bool().unwrap_or(settings.protected);
    settings.minutes = protection["ProtectionPeriodInMinutes"].as_i64().unwrap_or(settings.minutes);
    settings.metrics = metrics["Enabled"].as_bool().unwrap_or(settings.metrics);
    Ok(settings.output())
}

/// Refuses to delete what was read within the protection period, as the request and the account want it.
pub(super) fn protect(call: &mut Call, kind: &str, id: &str, created: Time) -> Result<(), Fault> {
    let check = call.opt_text("DeletionProtectionCheck").unwrap_or("ACCOUNT_DEFAULT").to_owned();
    let Settings { protected, minutes, .. } = state(call).settings.clone();
    let (now, read) = (call.now(), call.world.appconfigdata.reads.get(id).copied());
    let within = |time: f64, minutes: i64| time + call.world.clock.scaled(minutes as f64 * 60.0) > now;
    // What was made within the last hour is exempt, unless the check is asked for.
    let applies = match check.as_str() {
        "BYPASS" => false,
        "APPLY" => true,
        _ => protected && !within(created, 60),
    };
    if applies && read.is_some_and(|read| within(read, minutes)) {
        // The model gives both deletions a ConflictException for nothing else; AWS's words are not known.
        let why = format!("Cannot delete {kind} {id} because it was read within the last {minutes} minutes.");
        return Err(Fault::new("ConflictException", why));
    }
    Ok(())
}
