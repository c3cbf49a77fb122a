//! AppConfig Data: what a running application reads its configuration with.
//!
//! Tokens are single-use, and live 24 hours of the client's own clock. A token belongs to its session; its holder
//! needs the permission all the same.

use crate::call::{Answer, Call, HEX};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::appconfig::{self, Application, Environment, Profile};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Seconds that a token can be used.
const LIFE: f64 = 24.0 * 3600.0;
/// AWS seconds that a client is told to wait when it did not say how many it wants.
const POLL: i64 = 60;

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By id.
    pub sessions: BTreeMap<String, Session>,
    /// When an environment or a profile was last read, by its id, which deletion protection asks about.
    pub reads: BTreeMap<String, Time>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// `<account>/<region>`.
    pub place: String,
    pub application: String,
    pub environment: String,
    pub profile: String,
    /// AWS seconds between two polls, enforced where the client asked for it.
    pub minimum: Option<i64>,
    /// How many tokens have been used: the next one carries this number.
    pub used: u64,
    /// When its token was made.
    pub issued: Time,
    /// When it polled last.
    pub polled: Option<Time>,
    /// The number of the deployment whose configuration the client has.
    pub has: Option<i64>,
}

pub fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "StartConfigurationSession" => start(call),
        "GetLatestConfiguration" => latest(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

fn start(call: &mut Call) -> Answer {
    let place = call.here();
    let (application, environment, profile) = named(call, &place);
    let path = |given: &str, found: Option<String>| found.unwrap_or_else(|| call.text(given).to_owned());
    let arn = arn(
        &place,
        &path("ApplicationIdentifier", application.as_ref().map(|it| it.id.clone())),
        &path("EnvironmentIdentifier", environment.as_ref().map(|it| it.id.clone())),
        &path("ConfigurationProfileIdentifier", profile.as_ref().map(|it| it.id.clone())),
    );
    let application = application.ok_or_else(|| missing(call, "Application")).map(|it| it.id.clone());
    let environment = environment.ok_or_else(|| missing(call, "Environment")).map(|it| it.id.clone());
    let profile = profile.ok_or_else(|| missing(call, "ConfigurationProfile")).map(|it| it.id.clone());
    call.allow("appconfig:StartConfigurationSession", &arn)?;
    let now = call.now();
    let session = Session {
        place,
        application: application?,
        environment: environment?,
        profile: profile?,
        minimum: call.int("RequiredMinimumPollIntervalInSeconds"),
        used: 0,
        issued: now,
        polled: None,
        has: None,
    };
    let id = call.world.id(HEX, 32);
    let token = token(&id, &session);
    let sessions = &mut call.world.appconfigdata.sessions;
    sessions.retain(|_, session| now < session.issued + LIFE);
    sessions.insert(id, session);
    Ok(json!({"InitialConfigurationToken": token}))
}

/// What the request names, by id or by name.
fn named<'a>(
    call: &'a Call,
    place: &str,
) -> (Option<&'a Application>, Option<&'a Environment>, Option<&'a Profile>) {
    let state = call.world.appconfig.get(place);
    let wanted = call.text("ApplicationIdentifier");
    let application = state.and_then(|it| pick(&it.applications, wanted, |it| &it.name));
    let wanted = call.text("EnvironmentIdentifier");
    let environment = application.and_then(|it| pick(&it.environments, wanted, |it| &it.name));
    let wanted = call.text("ConfigurationProfileIdentifier");
    let profile = application.and_then(|it| pick(&it.profiles, wanted, |it| &it.name));
    (application, environment, profile)
}

/// The one with this id, else the first with this name: which of several AWS takes is not known.
fn pick<'a, T>(all: &'a BTreeMap<String, T>, wanted: &str, name: impl Fn(&T) -> &String) -> Option<&'a T> {
    all.get(wanted).or_else(|| all.values().find(|it| name(it) == wanted))
}

fn latest(call: &mut Call) -> Answer {
    let (id, session) = session(call)?;
    let arn = arn(&session.place, &session.application, &session.environment, &session.profile);
    call.allow("appconfig:GetLatestConfiguration", &arn)?;
    let now = call.now();
    let interval = interval(call.world, &session);
    if session.minimum.is_some() && session.polled.is_some_and(|polled| now < polled + interval) {
        return Err(bad_token("Request too early", "PollIntervalNotSatisfied"));
    }
    let (has, answer) = served(call.world, &session, &id, now)?;
    let session =
        Session { used: session.used + 1, issued: now, polled: Some(now), has: Some(has), ..session };
    let mut answer = answer;
    answer.insert("NextPollConfigurationToken".to_owned(), json!(token(&id, &session)));
    answer.insert("NextPollIntervalInSeconds".to_owned(), json!(interval.ceil().max(1.0) as i64));
    call.world.appconfigdata.sessions.insert(id, session);
    Ok(Value::Object(answer))
}

/// The session whose next token the request brings.
fn session(call: &Call) -> Result<(String, Session), Fault> {
    let token = call.text("ConfigurationToken");
    let corrupted = || bad_token("Configuration token is corrupted", "Corrupted");
    let (id, used) = token.split_once('.').ok_or_else(corrupted)?;
    let used: u64 = used.parse().map_err(|_| corrupted())?;
    if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(corrupted());
    }
    // A session that is not there has ended: its token has expired.
    let session = call.world.appconfigdata.sessions.get(id);
    let session = session.filter(|session| session.used == used && call.now() < session.issued + LIFE);
    let session = session.ok_or_else(|| bad_token("Configuration token has expired", "Expired"))?;
    Ok((id.to_owned(), session.clone()))
}

fn token(id: &str, session: &Session) -> String {
    format!("{id}.{}", session.used)
}

/// Seconds of the sandbox's time between two polls.
fn interval(world: &World, session: &Session) -> f64 {
    world.clock.scaled(session.minimum.unwrap_or(POLL) as f64)
}

/// What a client gets, and the number of its deployment. Empty when it is what the client has already.
fn served(
    world: &mut World,
    session: &Session,
    id: &str,
    now: Time,
) -> Result<(i64, Map<String, Value>), Fault> {
    let application = world.appconfig.get(&session.place);
    let application = application.and_then(|state| state.applications.get(&session.application));
    let gone = || Fault::new("ResourceNotFoundException", "The configuration of this session was deleted");
    let application = application.ok_or_else(gone)?;
    let environment = application.environments.get(&session.environment).ok_or_else(gone)?;
    application.profiles.get(&session.profile).ok_or_else(gone)?;
    for read in [&session.environment, &session.profile] {
        world.appconfigdata.reads.insert(read.clone(), now);
    }
    // UNCONFIRMED: what AWS answers before the first deployment. Its model has a resource type for it.
    let deployment = appconfig::served(environment, &session.profile, id).ok_or_else(|| {
        Fault::new("ResourceNotFoundException", "No deployment found for this configuration")
            .with("ResourceType", "Deployment")
    })?;
    let mut answer = Map::new();
    if session.has != Some(deployment.number) {
        answer.insert("Configuration".to_owned(), json!(deployment.version.content));
        answer.insert("ContentType".to_owned(), json!(deployment.version.content_type));
        answer.insert("VersionLabel".to_owned(), json!(deployment.version.label));
    }
    Ok((deployment.number, answer))
}

/// The ARN that policies name: ids, even where the request names names.
fn arn(place: &str, application: &str, environment: &str, profile: &str) -> String {
    let (account, region) = place.split_once('/').unwrap_or_default();
    let path = format!("application/{application}/environment/{environment}/configuration/{profile}");
    format!("arn:aws:appconfig:{region}:{account}:{path}")
}

fn missing(call: &Call, kind: &str) -> Fault {
    let member = format!("{kind}Identifier");
    let named = call.text(&member);
    Fault::new("ResourceNotFoundException", format!("{kind} not found: {named}"))
        .with("ResourceType", kind)
        .with("ReferencedBy", json!({member: named}))
}

fn bad_token(message: &str, problem: &str) -> Fault {
    Fault::new("BadRequestException", message)
        .with("Reason", "InvalidParameters")
        .with("Details", json!({"InvalidParameters": {"ConfigurationToken": {"Problem": problem}}}))
}
