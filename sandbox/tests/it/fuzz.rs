//! Requests that nobody would send: an answer of AWS's kind always, never a 500, never a cut connection, and what was
//! refused changed nothing.
//!
//! `FUZZ_ROUNDS` and `FUZZ_SEED` say how long and which.

#![expect(clippy::print_stdout, reason = "how much was tried is what this has to tell")]

use crate::world::{self, Aws};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use sandbox::auth::{Keys, sign};
use sandbox::garble::Dice;
use sandbox::model::{self, Model, Operation};
use sandbox::services::iam;
use sandbox::snapshot;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

trait Choose {
    fn one_in(&mut self, sides: usize) -> bool;
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T;
}

impl Choose for Dice {
    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

const STRINGS: &[&str] = &[
    "",
    "a",
    "demo",
    "é\u{0}\u{7f}",
    "../../etc/passwd",
    "%00%zz",
    "${aws:username}",
    "-1",
    "1",
    "{\"a\":1}",
    "[",
    "*",
    "page-00000001",
    "page-99999999999999999999",
    "999999999999",
    "arn:aws:iam::999999999999:role/x",
    "arn:::::",
    "arn:aws:iam::999999999999:user/admin",
    "127.0.0.1/999999999999/eu-west-1/x@sha256:0",
    "aws:tag",
    "hosted",
    "arn:aws:ecr:eu-west-1:999999999999:repository/demo",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{}]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":{},\"Principal\":[1],\"Condition\":7}}",
    "AppConfig.AllAtOnce",
    "default",
    "2026-11-20T00:00:00Z",
    "a@example.com",
    "\u{202e}\u{feff}",
];

/// A value for a shape, mostly of its type.
fn value(dice: &mut Dice, model: &Model, shape: &str, depth: usize) -> Value {
    if dice.one_in(25) || depth > 6 {
        return dice
            .pick(&[json!(null), json!([]), json!({}), json!(-1), json!("x"), json!(1e300), json!(true)])
            .clone();
    }
    let shape = model.shape(shape);
    let inner = |reference: &Option<model::Reference>| {
        reference.as_ref().map(|r| r.shape.clone()).unwrap_or_default()
    };
    match shape.kind.as_str() {
        "structure" => {
            let mut fields = Map::new();
            for (name, member) in &shape.members {
                let wanted = if shape.required.contains(name) { !dice.one_in(15) } else { dice.one_in(3) };
                if wanted {
                    fields.insert(name.clone(), value(dice, model, &member.shape, depth + 1));
                }
            }
            Value::Object(fields)
        }
        "list" => (0..dice.roll(3)).map(|_| value(dice, model, &inner(&shape.member), depth + 1)).collect(),
        "map" => json!({*dice.pick(STRINGS): value(dice, model, &inner(&shape.value), depth + 1)}),
        "integer" | "long" => json!(dice.pick(&[0, 1, 5, 20, 100, -1, i64::MAX, i64::MIN])),
        "double" | "float" | "timestamp" => json!(dice.pick(&[0.0, 1.5, -1.0, 1e18, 100.0])),
        "boolean" => json!(dice.one_in(2)),
        "blob" => json!(dice.pick(&["", "e30=", "not base64", "AAAA"])),
        _ => match &shape.options {
            Some(options) if !options.is_empty() && !dice.one_in(10) => json!(dice.pick(options)),
            _ if dice.one_in(30) => json!("x".repeat(70_000)),
            _ => json!(dice.pick(STRINGS)),
        },
    }
}

/// A request for an operation, in its protocol, before anything is broken on purpose.
struct Sent {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn request(dice: &mut Dice, model: &Model, name: &str, operation: &Operation) -> Sent {
    let shape = operation.input.as_ref().map(|i| i.shape.clone());
    let input = shape.as_ref().map_or(json!({}), |shape| value(dice, model, shape, 0));
    let mut sent = Sent { method: "POST".into(), path: "/".into(), headers: Vec::new(), body: Vec::new() };
    let mut header = |name: &str, value: String| sent.headers.push((name.to_owned(), value));
    if model.is_query() {
        header("content-type", "application/x-www-form-urlencoded".to_owned());
        let mut form = format!("Action={name}&Version={}", model.metadata.api_version);
        flatten("", &input, &mut form);
        sent.body = form.into_bytes();
    } else if model.is_rest() {
        header("content-type", "application/json".to_owned());
        sent.method.clone_from(&operation.http.method);
        let (path, body) = rest(model, operation, &input, &mut header);
        (sent.path, sent.body) = (path, body);
    } else {
        header("content-type", "application/x-amz-json-1.1".to_owned());
        header(
            "x-amz-target",
            format!("{}.{name}", model.metadata.target_prefix.as_deref().unwrap_or_default()),
        );
        sent.body = input.to_string().into_bytes();
    }
    sent
}

fn flatten(prefix: &str, value: &Value, form: &mut String) {
    let dot = if prefix.is_empty() { "" } else { "." };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| flatten(&format!("{prefix}{dot}{name}"), value, form));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, value)| flatten(&format!("{prefix}.member.{}", at + 1), value, form));
        }
        Value::String(text) => form.push_str(&format!("&{prefix}={}", escape(text))),
        other => form.push_str(&format!("&{prefix}={other}")),
    }
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn rest(
    model: &Model,
    operation: &Operation,
    input: &Value,
    header: &mut impl FnMut(&str, String),
) -> (String, Vec<u8>) {
    let (mut path, mut query, mut body) = (operation.http.request_uri.clone(), String::new(), json!({}));
    let members = operation.input.as_ref().map(|i| &model.shape(&i.shape).members);
    for (name, member) in members.into_iter().flatten() {
        let Some(value) = input.get(name) else { continue };
        let wire = member.location_name.as_deref().unwrap_or(name);
        match member.location.as_deref() {
            Some("uri") => path = path.replace(&format!("{{{wire}}}"), &escape(&text(value))),
            Some("querystring") => query.push_str(&format!("&{wire}={}", escape(&text(value)))),
            Some("header") if text(value).is_ascii() => header(&wire.to_lowercase(), escape(&text(value))),
            Some(_) => {}
            None => body[wire] = value.clone(),
        }
    }
    let path: String = path.chars().filter(|c| !"{}".contains(*c)).collect();
    let mark = if path.contains('?') { "" } else { "?" };
    (format!("{path}{mark}{query}"), body.to_string().into_bytes())
}

/// The service and the Region that a request is signed for, mostly the right ones.
fn scope(dice: &mut Dice, model: &'static Model) -> (&'static str, &'static str) {
    if dice.one_in(30) {
        return (*dice.pick(&["ecs", "", "é"]), *dice.pick(&["us-east-1", "me-south-1", "nowhere", ""]));
    }
    (model.signing_name(), if model.is_global() { "us-east-1" } else { "eu-west-1" })
}

/// Breaks bytes.
fn mutate(dice: &mut Dice, body: &mut Vec<u8>) {
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(body.len() + 1);
        match dice.roll(5) {
            0 => body.truncate(at),
            1 if at < body.len() => body[at] = dice.roll(256) as u8,
            2 => body.insert(at, *dice.pick(b"\"{}[]&=%,:\\0\xff")),
            3 => {
                let again = body[at..].to_vec();
                body.extend(again);
            }
            4 => {
                let nested = "[".repeat(5_000).into_bytes();
                body.splice(at..at, nested);
            }
            _ => {}
        }
        body.truncate(200_000);
    }
}

struct Fuzz {
    aws: Aws,
    keys: Keys,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Fuzz {
    /// A world where nothing happens by itself, and ECS has been used.
    async fn new() -> Self {
        let aws = world::start_with(|options| {
            options.scale = 0.000_001;
            options.settings.throttles = false;
            options.settings.organization = true;
        })
        .await;
        let ecs = aws_sdk_ecs::Client::new(&aws.admin().await);
        ecs.create_cluster().send().await.expect_err("ECS cannot be used at once");
        aws.sandbox.advance(60.0);
        let keys = iam::admin_keys(&aws.sandbox.world());
        let keys = Keys { id: keys.access_key_id, secret: keys.secret_access_key, token: None };
        Self { aws, keys, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Status and body; `None`: what was made up cannot even be sent.
    async fn send(&self, (service, region): (&str, &str), sent: &Sent) -> Option<(u16, String)> {
        let url = format!("{}{}", self.aws.sandbox.endpoint(), sent.path);
        let mut request = Request::builder().method(sent.method.as_str()).uri(url);
        request = request.header("host", self.aws.sandbox.address.to_string());
        for (name, value) in &sent.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let (mut parts, ()) = request.body(()).ok()?.into_parts();
        sign(&mut parts, &sent.body, &self.keys, region, service).expect("signed");
        let body = Full::from(sent.body.clone());
        let answer = self.http.request(Request::from_parts(parts, body)).await;
        let answer = answer.unwrap_or_else(|e| panic!("cut: {e}: {}", shown(sent)));
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

fn shown(sent: &Sent) -> String {
    let body: String = String::from_utf8_lossy(&sent.body).chars().take(2_000).collect();
    format!("{} {} {:?}\n{body}", sent.method, sent.path, sent.headers)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_up_is_answered_and_what_is_refused_changes_nothing() {
    let (fuzz, seed) = (Fuzz::new().await, number("FUZZ_SEED", 1));
    let mut dice = Dice(seed);
    let mut before = fuzz.aws.sandbox.snapshot();
    let (mut good, mut refused) = (0, 0);
    for round in 0..number("FUZZ_ROUNDS", 3_000) {
        let model = dice.pick(model::all());
        let operations: Vec<_> = model.operations.iter().collect();
        let (name, operation) = *dice.pick(&operations);
        let mut sent = request(&mut dice, model, name, operation);
        if dice.one_in(3) {
            mutate(&mut dice, &mut sent.body);
        }
        let scope = scope(&mut dice, model);
        let Some((status, said)) = fuzz.send(scope, &sent).await else { continue };
        let told = || {
            format!("seed {seed}, round {round}: {} {name}: {status} {said}\n{}", model.name, shown(&sent))
        };
        assert!((200..500).contains(&status) || status == 501, "{}", told());
        let after = fuzz.aws.sandbox.snapshot();
        if status < 400 {
            (good, before) = (good + 1, after);
        } else {
            refused += 1;
            let changed = snapshot::diff(&before, &after);
            assert!(changed.is_empty(), "{}\nchanged {changed:?}", told());
        }
    }
    assert!(good > 0 && refused > good, "{good} good, {refused} refused");
    println!("figure: requests made up for the sandbox, from seed {seed}: {good} good, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_on_the_socket_is_refused_and_the_next_request_is_answered() {
    let fuzz = Fuzz::new().await;
    let mut dice = Dice(number("FUZZ_SEED", 1));
    let before = fuzz.aws.sandbox.snapshot();
    let mut answered = 0;
    for _ in 0..number("FUZZ_ROUNDS", 300).min(3_000) {
        let mut bytes =
            b"POST /v2/1/eu/x/manifests/v1?a=%zz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}".to_vec();
        mutate(&mut dice, &mut bytes);
        bytes.extend(b"\r\n\r\n");
        let mut socket =
            tokio::net::TcpStream::connect(fuzz.aws.sandbox.address).await.expect("a connection");
        // It may hang up in the middle of noise.
        socket.write_all(&bytes).await.ok();
        let mut said = [0; 12];
        let read = tokio::time::timeout(Duration::from_millis(20), socket.read(&mut said)).await;
        // Silence: it waits for the rest of what looks like a request.
        let Ok(Ok(length @ 1..)) = read else { continue };
        let said = String::from_utf8_lossy(&said[..length]).into_owned();
        assert!(said.starts_with("HTTP/1.") && !said.contains(" 500"), "{said}");
        answered += 1;
    }
    assert!(answered > 0);
    println!("figure: noise on the socket of the sandbox, answered {answered} times");
    assert_eq!(snapshot::diff(&before, &fuzz.aws.sandbox.snapshot()), Vec::<String>::new());
    let sts = aws_sdk_sts::Client::new(&fuzz.aws.admin().await);
    sts.get_caller_identity().send().await.expect("it still answers");
}
