//! What AWS does not give: time, faults, the record, snapshots. Under `/_sandbox/`, loopback only, unsigned.

use crate::durations;
use crate::faults::Rule;
use crate::locked::locked;
use crate::runtime;
use crate::server::Shared;
use crate::snapshot;
use crate::wire::Reply;
use crate::world::{Settings, World};
use anyhow::{Context, Result, bail};
use http::request::Parts;
use serde_json::{Value, json};

/// Answers a control request; what is wrong with one is 400 with a sentence.
pub fn answer(shared: &Shared, path: &str, parts: &Parts, body: &[u8]) -> Reply {
    match act(shared, path, parts.method.as_str(), body) {
        Ok(value) => Reply::new(200, "application/json", value.to_string()),
        Err(e) => Reply::new(400, "application/json", json!({"error": format!("{e:#}")}).to_string()),
    }
}

fn act(shared: &Shared, path: &str, method: &str, body: &[u8]) -> Result<Value> {
    shared.world().unsaved |= method == "POST";
    let (path, name) = path.split_once('/').unwrap_or((path, ""));
    match (method, path) {
        ("GET", "status") => Ok(status(shared)),
        ("GET", "faults") => Ok(json!(*locked(&shared.rules))),
        ("POST", "faults") => add_faults(shared, body),
        ("DELETE", "faults") => {
            locked(&shared.rules).clear();
            shared.held.let_go();
            Ok(json!([]))
        }
        ("GET", "durations") => {
            let declared = durations::declared(&shared.world().settings).into_iter();
            Ok(declared.map(|(operation, seconds)| (operation.to_owned(), json!(seconds))).collect())
        }
        ("GET", "requests") => Ok(json!(shared.recorder.all())),
        ("DELETE", "requests") => {
            shared.recorder.clear();
            Ok(json!([]))
        }
        ("GET", "world") => Ok(snapshot::take(&shared.world())),
        ("GET", "alike") => Ok(snapshot::alike(&snapshot::take(&shared.world()))),
        ("POST", "keep") => {
            let world = shared.world().clone();
            locked(&shared.kept).insert(name.to_owned(), world);
            Ok(json!({"kept": name}))
        }
        ("POST", "restore") => restore(shared, name),
        ("POST", "snapshots") => {
            let taken = snapshot::take(&shared.world());
            locked(&shared.snapshots).insert(name.to_owned(), taken);
            Ok(json!({"snapshot": name}))
        }
        ("GET", "diff") => diff(shared, name),
        ("POST", "settings") => change_settings(shared, body),
        ("POST", _) if set(shared, path, body)? => Ok(status(shared)),
        _ => bail!("there is no {method} /_sandbox/{path}"),
    }
}

/// Sets what the status shows. False where there is no such thing.
fn set(shared: &Shared, path: &str, body: &[u8]) -> Result<bool> {
    match path {
        "advance" => {
            shared.world().clock.advance(number(body, "seconds")?);
            drop(shared.world());
        }
        "scale" => shared.world().clock.scale = positive(number(body, "scale")?)?,
        "ahead" => shared.world().clock.ahead = number(body, "seconds")?,
        "latency" => {
            let profile = serde_json::from_value(parse(body)?["profile"].clone()).context("read profile")?;
            *locked(&shared.latency) = profile;
        }
        "reset" => reset(shared),
        _ => return Ok(false),
    }
    Ok(true)
}

/// What the sandbox is like, without secrets.
pub fn status(shared: &Shared) -> Value {
    let world = shared.world();
    json!({
        "clock": {"now": world.clock.now(), "scale": world.clock.scale, "advanced": world.clock.advanced, "ahead": world.clock.ahead},
        "settings": world.settings,
        "accounts": world.iam.keys().collect::<Vec<_>>(),
        "latency": *locked(&shared.latency),
        "pid": std::process::id(),
    })
}

fn parse(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body).context("read the body as JSON")
}

fn number(body: &[u8], member: &str) -> Result<f64> {
    parse(body)?[member].as_f64().with_context(|| format!("read the number `{member}`"))
}

fn positive(value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 { Ok(value) } else { bail!("{value} is not greater than 0") }
}

fn add_faults(shared: &Shared, body: &[u8]) -> Result<Value> {
    let given = parse(body)?;
    let list = if given.is_array() { given } else { json!([given]) };
    let added: Vec<Rule> = serde_json::from_value(list).context("read the fault rules")?;
    let mut rules = locked(&shared.rules);
    rules.extend(added);
    Ok(json!(*rules))
}

fn diff(shared: &Shared, name: &str) -> Result<Value> {
    let snapshots = locked(&shared.snapshots);
    let before = snapshots.get(name).with_context(|| format!("there is no snapshot `{name}`"))?;
    Ok(json!(snapshot::diff(before, &snapshot::take(&shared.world()))))
}

/// Merges the given members into the settings; unknown ones are refused.
fn change_settings(shared: &Shared, body: &[u8]) -> Result<Value> {
    let mut world = shared.world();
    let mut settings = json!(world.settings);
    let given = parse(body)?;
    for (name, value) in given.as_object().context("settings are an object")? {
        *settings.get_mut(name).with_context(|| format!("there is no setting `{name}`"))? = value.clone();
    }
    world.settings = serde_json::from_value(settings).context("read the settings")?;
    Ok(json!(world.settings))
}

/// The world as it was kept. Its containers are started anew, as after a restart of the machines.
fn restore(shared: &Shared, name: &str) -> Result<Value> {
    let kept = locked(&shared.kept);
    let mut kept = kept.get(name).with_context(|| format!("no world `{name}` was kept"))?.clone();
    let mut world = shared.world();
    // No id is given out twice: those who look after containers know them by theirs.
    kept.ids = kept.ids.max(world.ids);
    runtime::replace(&mut world, kept);
    locked(&shared.past).forget();
    Ok(json!({"restored": name}))
}

/// A new world with the same settings; rules, records and snapshots go.
fn reset(shared: &Shared) {
    let mut world = shared.world();
    let settings: Settings = world.settings.clone();
    let new = World::new(settings, world.clock.scale);
    runtime::replace(&mut world, new);
    locked(&shared.past).forget();
    locked(&shared.rules).clear();
    locked(&shared.snapshots).clear();
    shared.recorder.clear();
}
