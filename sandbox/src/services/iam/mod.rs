//! Identity and Access Management.

use crate::call::{Answer, Call, UPPER};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;

mod state;

pub use state::{Access, AccessKey, Deletion, Entity, Lagging, Managed, Role, State};

const ADMIN: &str = "admin";
/// Letters of secrets and tokens.
pub const SECRET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn handle(call: &mut Call) -> Answer {
    Err(Fault::not_implemented(call.service, call.operation))
}

/// A pair of long-term credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// The management account's root, and its user `admin`, each with an access key.
pub fn found(world: &mut World) {
    let account = world.settings.management.clone();
    let id = world.id(UPPER, 17);
    let now = world.clock.now();
    let access = Access {
        attached: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
        ..Access::default()
    };
    let admin = Entity {
        name: ADMIN.to_owned(),
        path: "/".to_owned(),
        id: format!("AIDA{id}"),
        arn: format!("arn:aws:iam::{account}:user/{ADMIN}"),
        created: now,
        access: Lagging::new(access, 0.0),
    };
    world.iam.entry(account.clone()).or_default().users.insert(ADMIN.to_owned(), admin);
    make_key(world, &account, None);
    make_key(world, &account, Some(ADMIN));
}

/// Makes an access key for a user, or for root. Returns its id.
fn make_key(world: &mut World, account: &str, user: Option<&str>) -> String {
    let id = format!("AKIA{}", world.id(UPPER, 16));
    let key = AccessKey {
        secret: world.id(SECRET, 40),
        user: user.map(str::to_owned),
        active: true,
        created: world.clock.now(),
    };
    world.iam.entry(account.to_owned()).or_default().keys.insert(id.clone(), key);
    id
}

/// The management account's administrator: the IAM user `admin`. Empty when its keys were deleted.
pub fn admin_keys(world: &World) -> Keys {
    keys_of(world, Some(ADMIN))
}

/// The management account's root. AWS advises against such keys; here they show what root cannot do.
pub fn root_keys(world: &World) -> Keys {
    keys_of(world, None)
}

fn keys_of(world: &World, user: Option<&str>) -> Keys {
    let keys = world.iam.get(&world.settings.management).map(|iam| &iam.keys);
    let found = keys.into_iter().flatten().find(|(_, key)| key.user.as_deref() == user);
    let (id, secret) = found.map(|(id, key)| (id.clone(), key.secret.clone())).unwrap_or_default();
    Keys { access_key_id: id, secret_access_key: secret }
}

/// When a change made now is seen by the other services.
pub fn seen_from(world: &World) -> Time {
    world.clock.due(world.settings.iam_propagation)
}

/// A role that the sandbox itself makes: an account's `OrganizationAccountAccessRole`, a reserved SSO role.
pub struct NewRole<'a> {
    pub account: &'a str,
    pub path: &'a str,
    pub name: &'a str,
    pub trust: serde_json::Value,
    /// ARNs of AWS-managed policies.
    pub attached: Vec<String>,
    /// Inline policies by name.
    pub inline: Vec<(String, serde_json::Value)>,
}

/// Makes a role as if its account had; it is seen by other services after the propagation delay. Returns its ARN.
pub fn make_role(world: &mut World, role: NewRole) -> String {
    let id = format!("AROA{}", world.id(UPPER, 17));
    let arn = format!("arn:aws:iam::{}:role{}{}", role.account, role.path, role.name);
    let access = Access {
        trust: role.trust,
        inline: role.inline.into_iter().map(|(name, policy)| (name, policy.to_string())).collect(),
        attached: role.attached,
        ..Access::default()
    };
    let entity = Entity {
        name: role.name.to_owned(),
        path: role.path.to_owned(),
        id,
        arn: arn.clone(),
        created: world.clock.now(),
        access: Lagging::new(access, seen_from(world)),
    };
    let made = Role { entity, description: None, max_session: 3600, linked_to: None, last_used: None };
    let roles = &mut world.iam.entry(role.account.to_owned()).or_default().roles;
    roles.insert(role.name.to_lowercase(), made);
    arn
}
