//! Users and groups of the identity store. With an external identity source the store is read only by API.

use super::memberships::Membership;
use super::{Instance, conflict, invalid, not_found, page, uuid};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A user or a group: its attributes as the API names them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) attributes: Map<String, Value>,
    revision: u64,
}

/// What an operation is about: users or groups.
struct Kind {
    noun: &'static str,
    id: &'static str,
    arn: &'static str,
    list: &'static str,
    /// The attribute that is unique, whatever its case.
    unique: &'static str,
}

const USER: Kind = Kind { noun: "USER", id: "UserId", arn: "UserArn", list: "Users", unique: "UserName" };
const GROUP: Kind =
    Kind { noun: "GROUP", id: "GroupId", arn: "GroupArn", list: "Groups", unique: "DisplayName" };

impl Kind {
    fn of(operation: &str) -> &'static Self {
        if operation.contains("User") { &USER } else { &GROUP }
    }

    fn entries<'a>(&self, instance: &'a mut Instance) -> &'a mut BTreeMap<String, Entry> {
        if self.noun == "USER" { &mut instance.users } else { &mut instance.groups }
    }

    fn arn(&self, id: &str) -> String {
        format!("arn:aws:identitystore:::{}/{id}", self.noun.to_lowercase())
    }
}

/// Asks for the operation on the store that the input names: only the management account has it.
pub(super) fn ask<'a>(call: &'a mut Call) -> Result<&'a mut Instance, Fault> {
    let given = call.text("IdentityStoreId").to_owned();
    let id = given.rsplit('/').next().unwrap_or_default();
    let (account, region) = (call.account(), call.region);
    let arn = format!("arn:aws:identitystore::{account}:identitystore/{id}");
    call.allow(&format!("identitystore:{}", call.operation), &arn)?;
    let instance = call.world.identity.instance.as_mut();
    let here = instance.filter(|i| i.store == id && i.owner == account && i.region == region);
    here.ok_or_else(|| not_found("IDENTITY_STORE").with("ResourceType", "IDENTITY_STORE"))
}

/// The same for a change: people of an external identity source are changed there.
pub(super) fn ask_to_change<'a>(call: &'a mut Call) -> Result<&'a mut Instance, Fault> {
    let external = call.world.settings.external_identity_source;
    let instance = ask(call)?;
    if external {
        let message = "The identity store is managed by an external identity source.";
        return Err(Fault::new("AccessDeniedException", message));
    }
    Ok(instance)
}

pub(super) fn create(call: &mut Call) -> Answer {
    let kind = Kind::of(call.operation);
    let mut attributes = call.input.clone();
    attributes.remove("IdentityStoreId");
    let id = uuid(call.world);
    let instance = ask_to_change(call)?;
    complete(kind, &attributes)?;
    let store = instance.store.clone();
    let id = format!("{}-{id}", store.trim_start_matches("d-"));
    unique(kind.entries(instance), kind, &attributes, None)?;
    kind.entries(instance).insert(id.clone(), Entry { attributes, revision: 1 });
    Ok(json!({ "IdentityStoreId": store, kind.id: id, kind.arn: kind.arn(&id), "Revision": "1" }))
}

/// What AWS wants although the model does not say so.
fn complete(kind: &Kind, attributes: &Map<String, Value>) -> Result<(), Fault> {
    let has = |name: &str| attributes.get(name).is_some_and(|v| v.is_string());
    let name = |part: &str| attributes.get("Name").is_some_and(|n| n[part].is_string());
    let missing = match kind.noun {
        "USER" if !has("UserName") => "userName is a required attribute",
        "USER" if !has("DisplayName") => "displayName is a required attribute",
        "USER" if !name("GivenName") || !name("FamilyName") => {
            "givenName and familyName are required attributes"
        }
        "GROUP" if !has("DisplayName") => "displayName is a required attribute",
        _ => return Ok(()),
    };
    Err(invalid(missing))
}

fn unique(
    entries: &BTreeMap<String, Entry>,
    kind: &Kind,
    attributes: &Map<String, Value>,
    own: Option<&str>,
) -> Result<(), Fault> {
    let name = attributes.get(kind.unique).and_then(Value::as_str).unwrap_or_default();
    match find(entries, kind.unique, name) {
        Some(id) if own != Some(id) => {
            let noun = kind.noun;
            Err(conflict(format!("Duplicate {noun} {}", kind.unique))
                .with("Reason", "UNIQUENESS_CONSTRAINT_VIOLATION"))
        }
        _ => Ok(()),
    }
}

fn find<'a>(entries: &'a BTreeMap<String, Entry>, attribute: &str, value: &str) -> Option<&'a str> {
    let same = |e: &Entry| has(e, attribute, value);
    entries.iter().find(|(_, e)| same(e)).map(|(id, _)| id.as_str())
}

/// Whether an attribute has this value; names and values whatever their case, as AWS compares them.
fn has(entry: &Entry, attribute: &str, value: &str) -> bool {
    let found = entry.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.and_then(|(_, v)| v.as_str()).is_some_and(|v| v.eq_ignore_ascii_case(value))
}

/// The id that an input names, which may also be an ARN.
pub(super) fn id_of(given: &str) -> String {
    given.rsplit('/').next().unwrap_or_default().to_owned()
}

fn named<'a>(call: &'a mut Call, kind: &Kind) -> Result<(&'a mut Instance, String), Fault> {
    let id = id_of(call.text(kind.id));
    let instance = ask(call)?;
    if !kind.entries(instance).contains_key(&id) {
        return Err(missing(kind.noun));
    }
    Ok((instance, id))
}

pub(super) fn missing(noun: &str) -> Fault {
    not_found(noun).with("ResourceType", noun)
}

pub(super) fn describe(call: &mut Call) -> Answer {
    let kind = Kind::of(call.operation);
    let (instance, id) = named(call, kind)?;
    let store = instance.store.clone();
    let entry = kind.entries(instance).get(&id).ok_or_else(|| missing(kind.noun))?;
    Ok(shown(kind, &store, &id, entry))
}

fn shown(kind: &Kind, store: &str, id: &str, entry: &Entry) -> Value {
    let mut shown = entry.attributes.clone();
    shown.insert("IdentityStoreId".to_owned(), json!(store));
    shown.insert(kind.id.to_owned(), json!(id));
    shown.insert(kind.arn.to_owned(), json!(kind.arn(id)));
    shown.insert("Revision".to_owned(), json!(entry.revision.to_string()));
    Value::Object(shown)
}

pub(super) fn list(call: &mut Call) -> Answer {
    let kind = Kind::of(call.operation);
    let filters = call.list("Filters");
    let instance = ask(call)?;
    let store = instance.store.clone();
    let wanted = |e: &Entry| {
        filters.iter().all(|f| {
            let [path, value] =
                ["AttributePath", "AttributeValue"].map(|m| f[m].as_str().unwrap_or_default());
            has(e, path, value)
        })
    };
    let entries = kind.entries(instance).iter().filter(|(_, e)| wanted(e));
    let all: Vec<Value> = entries.map(|(id, e)| shown(kind, &store, id, e)).collect();
    let (entries, next) = page(call, all)?;
    Ok(json!({ kind.list: entries, "NextToken": next }))
}

pub(super) fn get_id(call: &mut Call) -> Answer {
    let kind = Kind::of(call.operation);
    let given = call.input.get("AlternateIdentifier").cloned().unwrap_or_default();
    let attribute = &given["UniqueAttribute"];
    let [path, value] =
        ["AttributePath", "AttributeValue"].map(|m| attribute[m].as_str().unwrap_or_default().to_owned());
    let instance = ask(call)?;
    let store = instance.store.clone();
    let entries = kind.entries(instance);
    let found = match path.to_ascii_lowercase().as_str() {
        "emails.value" => by_email(entries, &value),
        _ if path.eq_ignore_ascii_case(kind.unique) => find(entries, kind.unique, &value),
        _ => return Err(invalid(format!("{path} is not a unique attribute"))),
    };
    let id = found.ok_or_else(|| missing(kind.noun))?;
    Ok(json!({ "IdentityStoreId": store, kind.id: id, kind.arn: kind.arn(id) }))
}

fn by_email<'a>(entries: &'a BTreeMap<String, Entry>, email: &str) -> Option<&'a str> {
    let has = |e: &Entry| {
        let emails = e.attributes.get("Emails").and_then(Value::as_array);
        emails
            .into_iter()
            .flatten()
            .any(|m| m["Value"].as_str().is_some_and(|v| v.eq_ignore_ascii_case(email)))
    };
    entries.iter().find(|(_, e)| has(e)).map(|(id, _)| id.as_str())
}

pub(super) fn update(call: &mut Call) -> Answer {
    let kind = Kind::of(call.operation);
    let operations = call.list("Operations");
    ask_to_change(call)?;
    let (instance, id) = named(call, kind)?;
    let store = instance.store.clone();
    let entries = kind.entries(instance);
    let mut entry = entries.get(&id).cloned().ok_or_else(|| missing(kind.noun))?;
    for operation in &operations {
        let path = operation["AttributePath"].as_str().unwrap_or_default();
        set(&mut entry.attributes, path, operation["AttributeValue"].clone());
    }
    complete(kind, &entry.attributes)?;
    unique(entries, kind, &entry.attributes, Some(&id))?;
    entry.revision += 1;
    let revision = entry.revision.to_string();
    entries.insert(id.clone(), entry);
    Ok(json!({ "IdentityStoreId": store, kind.id: id, kind.arn: kind.arn(&id), "Revision": revision }))
}

/// Sets an attribute by its path (`displayName`, `name.familyName`); null takes it away.
fn set(attributes: &mut Map<String, Value>, path: &str, value: Value) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let known = attributes.keys().find(|name| name.eq_ignore_ascii_case(first)).cloned();
    let name = known.unwrap_or_else(|| first[..1].to_ascii_uppercase() + &first[1..]);
    match rest {
        Some(rest) => {
            let inner = attributes.entry(name).or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                set(inner, rest, value);
            }
        }
        None if value.is_null() => {
            attributes.remove(&name);
        }
        None => {
            attributes.insert(name, value);
        }
    }
}

/// Memberships go with it; assignments stay and point at nobody.
pub(super) fn delete(call: &mut Call) -> Answer {
    let kind = Kind::of(call.operation);
    ask_to_change(call)?;
    let (instance, id) = named(call, kind)?;
    kind.entries(instance).remove(&id);
    instance.memberships.retain(|_, m| m.user != id && m.group != id);
    Ok(json!({}))
}

/// A user's name, by its id.
pub(super) fn user_name(instance: &Instance, id: &str) -> String {
    let entry = instance.users.get(id);
    let name = entry.and_then(|e| e.attributes.get("UserName")).and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// A user's id, by its name.
pub(super) fn user_named<'a>(instance: &'a Instance, name: &str) -> Option<&'a str> {
    find(&instance.users, USER.unique, name)
}

pub(super) fn synchronize(world: &mut World, user_name: &str, groups: &[&str]) {
    let attributes = json!({
        "UserName": user_name,
        "DisplayName": user_name,
        "Name": { "GivenName": user_name, "FamilyName": user_name },
        "Emails": [{ "Value": user_name, "Primary": true }],
    });
    let Some(user) = ensure(world, &USER, attributes) else { return };
    for group in groups {
        let membership = uuid(world);
        let group = ensure(world, &GROUP, json!({ "DisplayName": group }));
        if let (Some(group), Some(instance)) = (group, &mut world.identity.instance) {
            instance.memberships.insert(membership, Membership { group, user: user.clone() });
        }
    }
}

fn ensure(world: &mut World, kind: &Kind, attributes: Value) -> Option<String> {
    let id = uuid(world);
    let instance = world.identity.instance.as_mut()?;
    let id = format!("{}-{id}", instance.store.trim_start_matches("d-"));
    let entries = kind.entries(instance);
    if let Some(id) = find(entries, kind.unique, attributes[kind.unique].as_str()?) {
        return Some(id.to_owned());
    }
    entries.insert(id.clone(), Entry { attributes: attributes.as_object()?.clone(), revision: 1 });
    Some(id)
}
