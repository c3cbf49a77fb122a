//! Finding roles, users and policies, as IAM's operations and the rest of the sandbox do.

use super::managed;
use super::state::{Entity, Managed, Role, State};
use crate::call::Call;
use crate::fault::Fault;
use crate::world::World;

/// A role and its account, by the ARN with its path.
pub fn role_by_arn<'w>(world: &'w World, arn: &str) -> Option<(&'w str, &'w Role)> {
    let rest = arn.strip_prefix("arn:aws:iam::")?;
    let (account, path) = rest.split_once(":role/")?;
    let name = path.rsplit('/').next()?;
    let (account, iam) = world.iam.get_key_value(account)?;
    let role = iam.roles.get(&name.to_lowercase())?;
    (role.entity.arn == arn).then_some((account.as_str(), role))
}

/// The document of a managed policy, AWS's or an account's.
pub fn managed_document(world: &World, arn: &str) -> Option<String> {
    match managed::aws(arn) {
        Some(policy) => Some(policy.document.to_owned()),
        None => customer(world, arn).map(|policy| policy.document.clone()),
    }
}

/// A customer-managed policy.
pub(super) fn customer<'w>(world: &'w World, arn: &str) -> Option<&'w Managed> {
    let account = arn.strip_prefix("arn:aws:iam::")?.split(':').next()?;
    world.iam.get(account)?.policies.get(arn)
}

/// The unique id of a role or user that others can see; trust and repository policies keep it instead of the ARN.
pub fn principal_id(world: &World, arn: &str) -> Option<String> {
    let now = world.clock.now();
    if let Some((_, role)) = role_by_arn(world, arn) {
        return role.entity.access.seen(now).map(|_| role.entity.id.clone());
    }
    let (account, path) = arn.strip_prefix("arn:aws:iam::")?.split_once(":user/")?;
    let user = world.iam.get(account)?.users.get(&path.rsplit('/').next()?.to_lowercase())?;
    (user.arn == arn && user.access.seen(now).is_some()).then(|| user.id.clone())
}

/// The ARN of a role or user with this unique id.
pub fn principal_arn(world: &World, id: &str) -> Option<String> {
    let entities =
        world.iam.values().flat_map(|iam| iam.roles.values().map(|r| &r.entity).chain(iam.users.values()));
    entities.into_iter().find(|e| e.id == id).map(|e| e.arn.clone())
}

/// The caller's account's IAM.
pub(super) fn mine<'c>(call: &'c mut Call) -> &'c mut State {
    let account = call.account();
    call.world.iam.entry(account).or_default()
}

/// The role that the request names.
pub(super) fn role<'c>(call: &'c Call) -> Result<&'c Role, Fault> {
    let name = call.text("RoleName");
    let iam = call.world.iam.get(&call.account());
    let found = iam.and_then(|iam| iam.roles.get(&name.to_lowercase()));
    found.ok_or_else(|| missing_role(name))
}

pub(super) fn missing_role(name: &str) -> Fault {
    Fault::new("NoSuchEntity", format!("The role with name {name} cannot be found."))
}

/// The user that the request names, or the caller itself.
pub(super) fn user<'c>(call: &'c Call) -> Result<&'c Entity, Fault> {
    let name = user_name(call)?;
    let iam = call.world.iam.get(&call.account());
    let found = iam.and_then(|iam| iam.users.get(&name.to_lowercase()));
    found.ok_or_else(|| Fault::new("NoSuchEntity", format!("The user with name {name} cannot be found.")))
}

/// The user that the request names, or the one that makes it.
pub(super) fn user_name(call: &Call) -> Result<String, Fault> {
    use crate::auth::Principal;
    if let Some(name) = call.opt_text("UserName") {
        return Ok(name.to_owned());
    }
    match call.caller.as_ref().map(|c| &c.principal) {
        Some(Principal::User { name }) => Ok(name.clone()),
        _ => {
            Err(Fault::new("ValidationError", "Must specify userName when calling with non-User credentials"))
        }
    }
}

/// The role or user that the request names: policies are put and attached to both alike.
pub(super) fn entity<'c>(call: &'c Call) -> Result<&'c Entity, Fault> {
    match call.opt_text("RoleName") {
        Some(_) => role(call).map(|role| &role.entity),
        None => user(call),
    }
}

/// The ARN to ask permission for: of the role or user that the request names, whether or not it exists.
pub(super) fn asked_arn(call: &Call) -> String {
    if let Ok(entity) = entity(call) {
        return entity.arn.clone();
    }
    let account = call.account();
    match call.opt_text("RoleName") {
        Some(name) => format!("arn:aws:iam::{account}:role/{name}"),
        None => format!("arn:aws:iam::{account}:user/{}", user_name(call).unwrap_or_default()),
    }
}
