//! One loopback port for everything: AWS's APIs, the registry, sign-in pages, task credentials, and our own control.

use crate::auth::{self, Caller};
use crate::call::Call;
use crate::clock::Time;
use crate::control;
use crate::fault::Fault;
use crate::faults::{self, Kind, Rule, Seen};
use crate::garble::garble;
use crate::held::Held;
use crate::keep;
use crate::latency::Latency;
use crate::locked::locked;
use crate::past::Past;
use crate::record::{Record, Recorder};
use crate::registry;
use crate::runtime;
use crate::services;
use crate::services::identity::pages;
use crate::wire::{self, Reply, Target};
use crate::world::World;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::macros::format_description;

/// Bodies of answers: whole, or streamed from a file.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What all connections share.
pub struct Shared {
    world: Mutex<World>,
    pub recorder: Recorder,
    pub rules: Mutex<Vec<Rule>>,
    pub latency: Mutex<Latency>,
    /// Worlds that a test asked to keep, by name.
    pub snapshots: Mutex<BTreeMap<String, Value>>,
    /// Whole worlds that a test asked to keep, by name.
    pub kept: Mutex<BTreeMap<String, World>>,
    pub held: Held,
    /// Kept while somebody wants stale reads.
    pub(crate) past: Mutex<Past>,
    requests: AtomicU64,
}

/// The connection is to end without an answer.
#[derive(Debug)]
pub struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was cut on demand")
    }
}

impl std::error::Error for Cut {}

/// A request body may have this many bytes (registry uploads excepted).
const BODY_LIMIT: usize = 6 << 20;

impl Shared {
    pub fn new(world: World, recorder: Recorder) -> Self {
        Self {
            world: Mutex::new(world),
            recorder,
            rules: Mutex::default(),
            latency: Mutex::default(),
            snapshots: Mutex::default(),
            kept: Mutex::default(),
            held: Held::default(),
            past: Mutex::default(),
            requests: AtomicU64::new(0),
        }
    }

    /// The number of the next request, from 1.
    pub fn number(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The world, after everything due has happened.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = locked(&self.world);
        services::tick(&mut world);
        world
    }
}

/// Answers one request, whatever it is for. An error ends the connection.
pub async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let path = request.uri().path().to_owned();
    if path == "/v2" || path.starts_with("/v2/") {
        return registry::serve(&shared, request).await;
    }
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(e) if e.is::<LengthLimitError>() => return Ok(respond(too_large())),
        Err(_) => return Err(Cut),
    };
    if path == "/_sandbox/held" {
        return Ok(respond(Reply::new(200, "application/json", shared.held.next().await.to_string())));
    }
    if let Some(rest) = path.strip_prefix("/_sandbox/") {
        return Ok(respond(control::answer(&shared, rest, &parts, &body)));
    }
    if let Some(token) = path.strip_prefix("/_credentials/") {
        return Ok(respond(task_credentials(&shared, token)));
    }
    let query = parts.uri.query().unwrap_or_default();
    let page = pages::handle(&mut shared.world(), parts.method.as_str(), &path, query, &body);
    if let Some(page) = page {
        shared.world().unsaved = true;
        return Ok(respond(Reply { status: page.status, headers: page.headers, body: page.html.into() }));
    }
    api(&shared, parts, body).await.map(respond)
}

/// What a container asks for its task role's credentials with.
fn task_credentials(shared: &Shared, token: &str) -> Reply {
    match runtime::credentials(&mut shared.world(), token) {
        Some(credentials) => Reply::new(200, "application/json", credentials.to_string()),
        None => Reply::new(404, "text/plain", "no credentials for this task"),
    }
}

fn too_large() -> Reply {
    let fault = Fault::new("RequestEntityTooLarge", "Request size exceeded the limit").status(413);
    wire::refuse(None, &fault, "-")
}

/// Turns a whole reply into a response.
pub fn respond(reply: Reply) -> Response<Body> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    let body = Full::new(Bytes::from(reply.body)).map_err(|never| match never {}).boxed_unsync();
    response
        .body(body)
        .unwrap_or_else(|_| Response::new(Full::default().map_err(|never| match never {}).boxed_unsync()))
}

/// What is known of an API request as it goes, for the record.
#[derive(Default)]
struct Trail {
    service: String,
    operation: String,
    region: String,
    caller: Option<Caller>,
    input: Map<String, Value>,
    error: Option<String>,
}

async fn api(shared: &Shared, parts: Parts, body: Bytes) -> Result<Reply, Cut> {
    let (started, at) = (Instant::now(), shared.world().clock.now());
    let number = shared.number();
    let request_id = format!("00000000-0000-4000-8000-{number:012x}");
    let mut trail = Trail::default();
    let answered = answer(shared, &parts, &body, &request_id, &mut trail).await;
    let caller = trail.caller.unwrap_or_else(nobody);
    shared.recorder.add(Record {
        number,
        request_id: request_id.clone(),
        at,
        took: started.elapsed().as_secs_f64(),
        service: trail.service,
        operation: trail.operation,
        region: trail.region,
        caller: caller.arn,
        account: caller.account,
        input: trail.input,
        status: answered.as_ref().map_or(0, |reply| reply.status),
        error: trail.error,
        user_agent: header(&parts, "user-agent"),
    });
    let mut reply = answered?;
    reply.headers.push(("x-amzn-requestid".to_owned(), request_id));
    reply.headers.push(("date".to_owned(), date(shared.world().clock.of_day())));
    Ok(reply)
}

/// As HTTP writes it; clients learn from it how wrong their own clock is.
fn date(time: Time) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let time = OffsetDateTime::from_unix_timestamp(time as i64).ok();
    time.and_then(|time| time.format(&format).ok()).unwrap_or_default()
}

fn nobody() -> Caller {
    let principal = auth::Principal::Root;
    Caller {
        account: String::new(),
        arn: String::new(),
        user_id: String::new(),
        access_key: String::new(),
        principal,
    }
}

fn header(parts: &Parts, name: &str) -> String {
    parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

async fn answer(
    shared: &Shared,
    parts: &Parts,
    body: &[u8],
    id: &str,
    trail: &mut Trail,
) -> Result<Reply, Cut> {
    let target = match wire::route(parts, body) {
        Ok(target) => target,
        Err(lost) => {
            trail.error = Some(lost.fault.code.clone());
            return Ok(wire::lost(&lost, parts, id));
        }
    };
    trail.service = target.model.name.to_owned();
    trail.operation = target.name.to_owned();
    match respond_to(shared, &target, parts, body, id, trail).await {
        Ok(reply) => Ok(reply),
        Err(Trouble::Refused(fault)) => {
            trail.error = Some(fault.code.clone());
            let reply = wire::refuse(Some(target.model), &fault, id);
            Ok(fault.garbled.into_iter().fold(reply, spoilt))
        }
        Err(Trouble::Cut(when)) => {
            trail.error = Some(when.to_owned());
            Err(Cut)
        }
    }
}

/// Why a request has no good answer.
pub(crate) enum Trouble {
    Refused(Fault),
    /// How the connection is cut.
    Cut(&'static str),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

async fn respond_to(
    shared: &Shared,
    target: &Target,
    parts: &Parts,
    body: &[u8],
    id: &str,
    trail: &mut Trail,
) -> Result<Reply, Trouble> {
    authenticate(shared, target, parts, body, trail)?;
    let account = trail.caller.as_ref().map(|c| c.account.clone()).unwrap_or_default();
    let client = header(parts, "user-agent");
    let seen =
        Seen { service: target.model.name, operation: target.name, account: &account, client: &client };
    let work = async |stale| Ok(run(shared, target, parts, body, id, trail, stale)?);
    suffer(shared, &seen, work).await
}

/// Does the work of a request with the fault that a rule wants for it, and as slowly as AWS.
///
/// The work is told whether it is to be a stale read.
pub(crate) async fn suffer(
    shared: &Shared,
    seen: &Seen<'_>,
    work: impl AsyncFnOnce(bool) -> Result<Reply, Trouble>,
) -> Result<Reply, Trouble> {
    let struck = faults::strike(&mut locked(&shared.rules), seen);
    if let Some(fault) = struck.as_ref().and_then(|kind| faults::refusal(kind, seen.service)) {
        return Err(fault.into());
    }
    match struck {
        Some(Kind::CutBefore) => return Err(Trouble::Cut("cut before")),
        Some(Kind::HoldBefore) => return Err(shared.held.keep(seen).await),
        _ => {}
    }
    pause(shared, seen, 0.5).await;
    let answered = work(struck == Some(Kind::Stale)).await;
    if let Some(Kind::Delay(milliseconds)) = struck {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    pause(shared, seen, 0.5).await;
    match struck {
        Some(Kind::CutAfter) => Err(Trouble::Cut("cut after")),
        Some(Kind::HoldAfter) => Err(shared.held.keep(seen).await),
        Some(Kind::Garbled(seed)) => match answered {
            Ok(reply) => Ok(spoilt(reply, seed)),
            Err(Trouble::Refused(fault)) => Err(Fault { garbled: Some(seed), ..fault }.into()),
            cut => cut,
        },
        _ => answered,
    }
}

/// A reply as a seed spoils it. Half of them lose the header that tells the kind of an error, too.
pub(crate) fn spoilt(mut reply: Reply, seed: u64) -> Reply {
    reply.body = garble(&reply.body, seed);
    reply.headers.retain(|(name, _)| name != "x-amzn-errortype" || seed.is_multiple_of(2));
    reply
}

fn authenticate(
    shared: &Shared,
    target: &Target,
    parts: &Parts,
    body: &[u8],
    trail: &mut Trail,
) -> Result<(), Fault> {
    trail.region = "us-east-1".to_owned();
    if target.operation.authtype.as_deref() == Some("none") {
        trail.region = shared.world().settings.region.clone();
        return Ok(());
    }
    let known = auth::authenticate(&shared.world(), target, parts, body)?;
    trail.region = known.region;
    trail.caller = Some(known.caller);
    Ok(())
}

async fn pause(shared: &Shared, seen: &Seen<'_>, share: f64) {
    let latency = *locked(&shared.latency);
    let seconds = latency.seconds(seen.service, seen.operation) * share;
    if seconds > 0.0 {
        let scaled = shared.world().clock.scaled(seconds);
        tokio::time::sleep(Duration::from_secs_f64(scaled)).await;
    }
}

fn run(
    shared: &Shared,
    target: &Target,
    parts: &Parts,
    body: &[u8],
    id: &str,
    trail: &mut Trail,
    stale: bool,
) -> Result<Reply, Fault> {
    let input = wire::decode(target, parts, body)?;
    trail.input = input.clone();
    let mut world = shared.world();
    let mut past = locked(&shared.past);
    let read_only = faults::reads(target.name);
    let old = match stale {
        true => past.before_the_last(),
        false => past.seen_of(target.model.name, &world),
    };
    if let Some(mut old) = old.filter(|_| read_only) {
        return handle(&mut old, target, input, id, trail);
    }
    world.unsaved |= keep::changes(target.name);
    let wanted = locked(&shared.rules).iter().any(|r| r.kind == Kind::Stale);
    if !read_only && (wanted || world.settings.consistency > 0.0) {
        past.keep(&world);
    }
    drop(past);
    handle(&mut world, target, input, id, trail)
}

fn handle(
    world: &mut World,
    target: &Target,
    input: Map<String, Value>,
    id: &str,
    trail: &Trail,
) -> Result<Reply, Fault> {
    let (caller, region) = (trail.caller.clone(), trail.region.as_str());
    let (service, operation) = (target.model.name, target.name);
    let mut call = Call { world, service, operation, region, input, caller, authorized: false };
    let output = services::handle(&mut call)?;
    if !call.authorized {
        let said = format!("the sandbox has a bug: {service} {operation} asked for no permission");
        return Err(Fault::new("InternalFailure", said).status(500));
    }
    wire::encode(target, &output, id)
}
