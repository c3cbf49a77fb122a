//! Managed policies: AWS's own, embedded, and those that accounts make.

use super::lookup::{customer, mine};
use super::pages::{self, page};
use super::state::{Access, Managed};
use super::tags::{self, Tags};
use crate::auth::document::{self, Kind};
use crate::auth::encode;
use crate::call::{Answer, Call, UPPER};
use crate::fault::Fault;
use crate::world::World;
use serde_json::{Value, json};

/// A policy of AWS's. Documents are AWS's own as far as they concern what the sandbox has; ReadOnlyAccess and
/// ViewOnlyAccess are cut down to its services.
pub(super) struct AwsPolicy {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) document: &'static str,
}

/// Seconds since 1970 when AWS made its first managed policies.
const MADE: f64 = 1_423_161_600.0;
const SIZE: usize = 6144;

macro_rules! policies {
    ($($path:literal $name:literal),* $(,)?) => {
        &[$(AwsPolicy { name: $name, path: $path, document: include_str!(concat!("aws/", $name, ".json")) }),*]
    };
}

const AWS: &[AwsPolicy] = policies![
    "/" "AdministratorAccess",
    "/" "PowerUserAccess",
    "/" "ReadOnlyAccess",
    "/job-function/" "ViewOnlyAccess",
    "/" "IAMReadOnlyAccess",
    "/" "AWSOrganizationsFullAccess",
    "/" "AWSBillingReadOnlyAccess",
    "/" "AmazonRoute53ReadOnlyAccess",
    "/" "SignInLocalDevelopmentAccess",
    "/service-role/" "AmazonECSTaskExecutionRolePolicy",
    "/service-role/" "AmazonECSInfrastructureRoleforExpressGatewayServices",
    "/service-role/" "AWSAppRunnerServicePolicyForECRAccess",
    "/aws-service-role/" "AWSOrganizationsServiceTrustPolicy",
];

impl AwsPolicy {
    fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }
}

/// AWS's policy with this ARN.
pub(super) fn aws(arn: &str) -> Option<&'static AwsPolicy> {
    let name = arn.strip_prefix("arn:aws:iam::aws:policy/")?.rsplit('/').next()?;
    AWS.iter().find(|policy| policy.name == name && policy.arn() == arn)
}

/// Whether a managed policy exists and an account may use it.
pub(super) fn attachable(world: &World, account: &str, arn: &str) -> bool {
    aws(arn).is_some()
        || (customer(world, arn).is_some() && arn.starts_with(&format!("arn:aws:iam::{account}:")))
}

pub(super) fn create_policy(call: &mut Call) -> Answer {
    let name = call.text("PolicyName").to_owned();
    let path = call.opt_text("Path").unwrap_or("/").to_owned();
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", call.account());
    let given = tags::of(call)?;
    tags::allow(call, "iam:CreatePolicy", &arn, (&given, &Tags::new()), &[])?;
    let document = call.text("PolicyDocument").to_owned();
    check(&document)?;
    let taken = mine(call).policies.values().any(|p| p.name.eq_ignore_ascii_case(&name));
    if taken {
        let words = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(Fault::new("EntityAlreadyExists", words));
    }
    let policy = Managed {
        path,
        id: format!("ANPA{}", call.world.id(UPPER, 17)),
        document,
        description: call.opt_text("Description").map(str::to_owned),
        created: call.now(),
        tags: given,
        name,
    };
    mine(call).policies.insert(arn.clone(), policy);
    Ok(json!({"Policy": described(call, &arn)?}))
}

fn check(text: &str) -> Result<(), Fault> {
    document::parse(text, Kind::Identity).map_err(|words| Fault::new("MalformedPolicyDocument", words))?;
    if text.chars().filter(|c| !c.is_whitespace()).count() > SIZE {
        return Err(Fault::new("LimitExceeded", format!("Cannot exceed quota for PolicySize: {SIZE}")));
    }
    Ok(())
}

pub(super) fn get_policy(call: &mut Call) -> Answer {
    let arn = call.text("PolicyArn").to_owned();
    call.allow("iam:GetPolicy", &arn)?;
    let mut policy = described(call, &arn)?;
    policy["Tags"] = customer(call.world, &arn).map_or(json!([]), |p| tags::list(&p.tags));
    Ok(json!({"Policy": policy}))
}

pub(super) fn get_policy_version(call: &mut Call) -> Answer {
    let arn = call.text("PolicyArn").to_owned();
    call.allow("iam:GetPolicyVersion", &arn)?;
    if call.text("VersionId") != "v1" {
        let words =
            format!("Policy {arn} version {} does not exist or is not attachable.", call.text("VersionId"));
        return Err(Fault::new("NoSuchEntity", words));
    }
    let mut version = version(call, &arn)?;
    let document = super::managed_document(call.world, &arn).ok_or_else(|| missing(&arn))?;
    version["Document"] = Value::String(encode(document.as_bytes()));
    Ok(json!({"PolicyVersion": version}))
}

pub(super) fn list_policy_versions(call: &mut Call) -> Answer {
    let arn = call.text("PolicyArn").to_owned();
    call.allow("iam:ListPolicyVersions", &arn)?;
    let version = version(call, &arn)?;
    page(call, "Versions", vec![version])
}

fn version(call: &Call, arn: &str) -> Result<Value, Fault> {
    let policy = described(call, arn)?;
    Ok(json!({"VersionId": "v1", "IsDefaultVersion": true, "CreateDate": policy["CreateDate"]}))
}

pub(super) fn delete_policy(call: &mut Call) -> Answer {
    let arn = call.text("PolicyArn").to_owned();
    call.allow("iam:DeletePolicy", &arn)?;
    if customer(call.world, &arn).is_none() {
        return Err(missing(&arn));
    }
    if uses(call, &arn).0 > 0 {
        return Err(Fault::new("DeleteConflict", "Cannot delete a policy attached to entities."));
    }
    mine(call).policies.remove(&arn);
    Ok(json!({}))
}

pub(super) fn list_policies(call: &mut Call) -> Answer {
    let prefix = call.opt_text("PathPrefix").unwrap_or("/").to_owned();
    let asked = format!("arn:aws:iam::{}:policy{prefix}", call.account());
    call.allow("iam:ListPolicies", &asked)?;
    let scope = call.opt_text("Scope").unwrap_or("All").to_owned();
    let mut arns: Vec<String> = Vec::new();
    if scope != "Local" {
        arns.extend(AWS.iter().map(AwsPolicy::arn));
    }
    if scope != "AWS" {
        arns.extend(mine(call).policies.keys().cloned());
    }
    let (only_attached, usage) =
        (call.flag("OnlyAttached"), call.opt_text("PolicyUsageFilter").map(str::to_owned));
    let mut listed = Vec::new();
    for arn in arns {
        let (attached, boundary) = uses(call, &arn);
        let used = match usage.as_deref() {
            Some("PermissionsBoundary") => boundary > 0,
            Some(_) => attached > 0,
            None => true,
        };
        let policy = described(call, &arn)?;
        let below = policy["Path"].as_str().is_some_and(|path| path.starts_with(&prefix));
        if below && used && (attached > 0 || !only_attached) {
            listed.push(policy);
        }
    }
    page(call, "Policies", listed)
}

pub(super) fn list_entities_for_policy(call: &mut Call) -> Answer {
    let arn = call.text("PolicyArn").to_owned();
    call.allow("iam:ListEntitiesForPolicy", &arn)?;
    described(call, &arn)?;
    let boundary = call.opt_text("PolicyUsageFilter") == Some("PermissionsBoundary");
    let using = |access: &Access| match boundary {
        true => access.boundary.as_ref() == Some(&arn),
        false => access.attached.contains(&arn),
    };
    let prefix = call.opt_text("PathPrefix").unwrap_or("/").to_owned();
    let filter = call.opt_text("EntityFilter").unwrap_or_default().to_owned();
    let wanted = |kind: &str| filter.is_empty() || filter == kind;
    let iam = mine(call);
    let (roles, users) = (iam.roles.values().map(|r| &r.entity), iam.users.values());
    let roles = roles.filter(|e| wanted("Role") && e.path.starts_with(&prefix) && using(e.access.latest()));
    let users = users.filter(|e| wanted("User") && e.path.starts_with(&prefix) && using(e.access.latest()));
    let mut all: Vec<Value> = roles.map(|e| json!({"RoleName": e.name, "RoleId": e.id})).collect();
    all.extend(users.map(|e| json!({"UserName": e.name, "UserId": e.id})));
    let (all, marker) = pages::cut(call, all)?;
    let of = |key: &str| all.iter().filter(|v| v.get(key).is_some()).cloned().collect::<Vec<_>>();
    Ok(json!({
        "PolicyGroups": [],
        "PolicyRoles": of("RoleName"),
        "PolicyUsers": of("UserName"),
        "IsTruncated": marker.is_some(),
        "Marker": marker,
    }))
}

/// How many roles and users a policy is attached to, and how many it bounds.
fn uses(call: &Call, arn: &str) -> (usize, usize) {
    let Some(iam) = call.world.iam.get(&call.account()) else {
        return (0, 0);
    };
    let all = || iam.roles.values().map(|r| &r.entity).chain(iam.users.values()).map(|e| e.access.latest());
    let attached = all().filter(|a| a.attached.iter().any(|x| x == arn)).count();
    (attached, all().filter(|a| a.boundary.as_deref() == Some(arn)).count())
}

pub(super) fn described(call: &Call, arn: &str) -> Result<Value, Fault> {
    let (attached, boundary) = uses(call, arn);
    let (name, path, id, created, description) = match (aws(arn), customer(call.world, arn)) {
        (Some(p), _) => (p.name, p.path, aws_id(p.name), MADE, None),
        (None, Some(p)) if arn.contains(&call.account()) => {
            (p.name.as_str(), p.path.as_str(), p.id.clone(), p.created, p.description.clone())
        }
        _ => return Err(missing(arn)),
    };
    Ok(json!({
        "PolicyName": name, "PolicyId": id, "Arn": arn, "Path": path, "DefaultVersionId": "v1",
        "AttachmentCount": attached, "PermissionsBoundaryUsageCount": boundary, "IsAttachable": true,
        "Description": description, "CreateDate": created, "UpdateDate": created,
    }))
}

/// An id for a policy of AWS's: always the same for the same name.
fn aws_id(name: &str) -> String {
    use sha2::{Digest, Sha256};
    let letters = UPPER.as_bytes();
    let digest = Sha256::digest(name.as_bytes());
    let tail: String =
        digest.iter().take(16).map(|b| char::from(letters[usize::from(*b) % letters.len()])).collect();
    format!("ANPAI{tail}")
}

pub(super) fn missing(arn: &str) -> Fault {
    Fault::new("NoSuchEntity", format!("Policy {arn} was not found."))
}
