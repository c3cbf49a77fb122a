//! Trusted access of other AWS services.

use super::organization::{all_features, service_principal};
use super::{manage_with, organization, organization_mut, page};
use crate::call::{Answer, Call};
use serde_json::{Value, json};

pub(super) fn enable(call: &mut Call) -> Answer {
    let service = ask(call)?;
    let now = call.now();
    organization_mut(call)?.services.entry(service).or_insert(now);
    Ok(json!({}))
}

pub(super) fn disable(call: &mut Call) -> Answer {
    let service = ask(call)?;
    organization_mut(call)?.services.remove(&service);
    Ok(json!({}))
}

fn ask(call: &mut Call) -> Result<String, crate::fault::Fault> {
    let service = call.text("ServicePrincipal").to_owned();
    manage_with(call, "*", &[("organizations:ServicePrincipal", &service)])?;
    all_features(call)?;
    service_principal(&service)?;
    Ok(service)
}

pub(super) fn list(call: &mut Call) -> Answer {
    super::manage(call, "*")?;
    let shown = |(name, since): (&String, &f64)| json!({ "ServicePrincipal": name, "DateEnabled": since });
    let all: Vec<Value> = organization(call)?.services.iter().map(shown).collect();
    let (services, next) = page(call, all)?;
    Ok(json!({ "EnabledServicePrincipals": services, "NextToken": next }))
}
