//! From all policies that bear on a request to one answer, in AWS's order and words.

use super::condition::Context;
use super::document::{self, Document, Kind};
use super::policy::{Request, Says, Who};
use super::{Caller, Principal, Question, refusal};
use crate::fault::Fault;
use crate::services::iam::{self, Access};
use crate::services::organizations;
use crate::world::World;
use serde_json::Value;

/// The policies of the caller's side, read.
struct Layers {
    identity: Vec<Document>,
    /// `Some(None)`: there is a boundary, and it cannot be read, so it allows nothing.
    boundary: Option<Option<Document>>,
    session: Option<Option<Document>>,
}

/// Why a request is refused. `None` is an allowance.
type Reason = Option<String>;

/// Allows, or refuses with AWS's words. `caller` is `None` for unsigned requests.
pub fn allow(world: &World, caller: Option<&Caller>, region: &str, question: &Question) -> Result<(), Fault> {
    match decide(world, caller, region, question) {
        None => Ok(()),
        Some(why) => {
            let words = refusal(caller, question.action, question.resource);
            Err(Fault::new(code(question.action), format!("{words} {why}")))
        }
    }
}

/// The query services have another name for it; the wire gives each service its own.
fn code(action: &str) -> &'static str {
    match action.split_once(':') {
        Some(("iam" | "sts", _)) => "AccessDenied",
        _ => "AccessDeniedException",
    }
}

/// Why a request is refused, as the end of AWS's sentence; `None`: it is allowed.
pub fn decide(world: &World, caller: Option<&Caller>, region: &str, question: &Question) -> Reason {
    let context = context(world, caller, region, question);
    let who = caller.map(|caller| who(world, caller));
    let request = Request {
        action: question.action,
        resource: question.resource,
        context: &context,
        who: who.as_ref(),
    };
    let resource = question.policy.map_or(Says::Nothing, |policy| {
        document::read(policy, Kind::Resource).map_or(Says::Nothing, |d| d.says_to(&request))
    });
    let Some(caller) = caller else {
        return match resource {
            Says::Role | Says::Allow => None,
            _ => no("resource-based policy", question.action),
        };
    };
    if caller.principal == Principal::Root {
        return root(caller, question, resource);
    }
    let layers = layers(world, caller);
    let same = same_account(caller, question);
    combine(&layers, &request, resource, same)
}

/// May a principal assume a role? Asks the role's trust policy as the policy of a resource.
pub fn may_assume(
    world: &World,
    caller: &Caller,
    region: &str,
    (action, role_arn, trust): (&str, &str, &Value),
    context: &[(&str, &str)],
) -> bool {
    let question = Question { action, resource: role_arn, context, policy: Some(trust) };
    decide(world, Some(caller), region, &question).is_none()
}

fn combine(layers: &Layers, request: &Request, resource: Says, same: bool) -> Reason {
    let identity = layers.identity.iter().map(|d| d.says(request));
    let identity = identity.fold(Says::Nothing, |a, b| if b > a { b } else { a });
    let boundary = bound(&layers.boundary, request);
    let session = bound(&layers.session, request);
    let named = [
        (identity, "an identity-based policy"),
        (resource, "a resource-based policy"),
        (boundary, "a permissions boundary"),
        (session, "a session policy"),
    ];
    if let Some((_, layer)) = named.iter().find(|(says, _)| *says == Says::Deny) {
        return Some(format!("with an explicit deny in {layer}"));
    }
    let within = [(boundary, "permissions boundary"), (session, "session policy")];
    let outside = within.iter().find(|(says, _)| *says == Says::Nothing).map(|(_, layer)| *layer);
    if same && resource == Says::Allow {
        return None;
    }
    if identity == Says::Nothing && !(same && resource == Says::Role) {
        return no("identity-based policy", request.action);
    }
    if (!same || is_trust(request.action)) && resource == Says::Nothing {
        return no("resource-based policy", request.action);
    }
    outside.and_then(|layer| no(layer, request.action))
}

/// A role's trust policy has to allow even who is in its own account, whatever that one's policies say.
fn is_trust(action: &str) -> bool {
    ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"].contains(&action)
}

fn no(layer: &str, action: &str) -> Reason {
    Some(format!("because no {layer} allows the {action} action"))
}

/// What a bounding policy says; where there is none, nothing is bounded.
fn bound(layer: &Option<Option<Document>>, request: &Request) -> Says {
    match layer {
        None => Says::Allow,
        Some(None) => Says::Nothing,
        Some(Some(document)) => document.says(request),
    }
}

/// Root may do everything in its account that a resource does not deny it.
fn root(caller: &Caller, question: &Question, resource: Says) -> Reason {
    match resource {
        Says::Deny => Some("with an explicit deny in a resource-based policy".to_owned()),
        Says::Nothing if !same_account(caller, question) => no("resource-based policy", question.action),
        _ => None,
    }
}

/// Whether the resource is the caller's account's. An organization belongs to the management account and yet takes
/// calls of its members, which it judges itself.
fn same_account(caller: &Caller, question: &Question) -> bool {
    match owner(question.resource) {
        Some(account) => account == caller.account || question.action.starts_with("organizations:"),
        None => true,
    }
}

/// The account in an ARN; none where it has no account, or AWS's own.
fn owner(resource: &str) -> Option<&str> {
    let account = resource.strip_prefix("arn:")?.split(':').nth(3)?;
    (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())).then_some(account)
}

fn layers(world: &World, caller: &Caller) -> Layers {
    let Some(access) = access(world, caller) else {
        return Layers { identity: Vec::new(), boundary: None, session: None };
    };
    let managed = access.attached.iter().filter_map(|arn| iam::managed_document(world, arn));
    let inline = access.inline.values().cloned();
    let identity = inline.chain(managed).filter_map(|d| document::parse(&d, Kind::Identity).ok()).collect();
    let boundary = access.boundary.as_ref().map(|arn| {
        let text = iam::managed_document(world, arn)?;
        document::parse(&text, Kind::Identity).ok()
    });
    let session = match &caller.principal {
        Principal::Session { policy: Some(policy), .. } => Some(document::read(policy, Kind::Identity).ok()),
        _ => None,
    };
    Layers { identity, boundary, session }
}

/// What decides about a user's or a role's access, as far as it has reached the rest of AWS.
fn access<'w>(world: &'w World, caller: &Caller) -> Option<&'w Access> {
    let iam = world.iam.get(&caller.account)?;
    let entity = match &caller.principal {
        Principal::Root => return None,
        Principal::User { name } => iam.users.get(&name.to_lowercase())?,
        Principal::Session { role, .. } => &iam.roles.get(&role.to_lowercase())?.entity,
    };
    // A session of a role that was deleted and made again is nobody's.
    let id = caller.user_id.split(':').next().unwrap_or_default();
    (entity.id == id).then(|| entity.access.seen(world.clock.now()))?
}

fn who(world: &World, caller: &Caller) -> Who {
    let id = caller.user_id.split(':').next().unwrap_or_default().to_owned();
    let session = matches!(caller.principal, Principal::Session { .. });
    let role = session.then(|| principal_arn(world, caller));
    Who { account: caller.account.clone(), arn: caller.arn.clone(), role, id, service: None }
}

/// The condition keys that a request has.
pub fn context(world: &World, caller: Option<&Caller>, region: &str, question: &Question) -> Context {
    let mut known = Context::default();
    let now = world.clock.now();
    known.set("aws:RequestedRegion", region);
    known.set("aws:EpochTime", format!("{}", now as i64));
    known.set("aws:CurrentTime", format!("{}", now as i64));
    // The sandbox stands for endpoints that speak TLS.
    known.set("aws:SecureTransport", "true");
    known.set("aws:SourceIp", "127.0.0.1");
    known.set("aws:ViaAWSService", "false");
    if let Some(owner) = owner(question.resource) {
        known.set("aws:ResourceAccount", owner);
        if let Some(id) = organizations::organization_id(world, owner) {
            known.set("aws:ResourceOrgID", id);
        }
    }
    if let Some(caller) = caller {
        know_caller(world, caller, &mut known);
    }
    for (key, value) in question.context {
        known.add(key, *value);
    }
    known
}

fn know_caller(world: &World, caller: &Caller, known: &mut Context) {
    known.set("aws:PrincipalAccount", &caller.account);
    known.set("aws:PrincipalIsAWSService", "false");
    known.set("aws:userid", &caller.user_id);
    if let Some(id) = organizations::organization_id(world, &caller.account) {
        known.set("aws:PrincipalOrgID", id);
    }
    known.set("aws:PrincipalArn", principal_arn(world, caller));
    let kind = match &caller.principal {
        Principal::Root => "Account",
        Principal::User { name } => {
            known.set("aws:username", name);
            "User"
        }
        Principal::Session { .. } => {
            known.set("aws:MultiFactorAuthPresent", "false");
            "AssumedRole"
        }
    };
    known.set("aws:PrincipalType", kind);
    for (key, value) in access(world, caller).into_iter().flat_map(|a| &a.tags) {
        known.set(&format!("aws:PrincipalTag/{key}"), value);
    }
    // Session tags win over the role's.
    for (key, value) in world.sts.sessions.get(&caller.access_key).into_iter().flat_map(|s| &s.tags) {
        known.set(&format!("aws:PrincipalTag/{key}"), value);
    }
}

/// `aws:PrincipalArn`: of a session it is the role's ARN, path included.
pub(super) fn principal_arn(world: &World, caller: &Caller) -> String {
    match &caller.principal {
        Principal::Session { role, .. } => {
            let roles = world.iam.get(&caller.account).map(|iam| &iam.roles);
            let role = roles.and_then(|roles| roles.get(&role.to_lowercase()));
            role.map_or_else(|| caller.arn.clone(), |role| role.entity.arn.clone())
        }
        _ => caller.arn.clone(),
    }
}
