//! The wire: which operation a request means, what it says, and how its answer travels.

use crate::fault::Fault;
use crate::model::{self, Model, Operation};
use base64::Engine;
use http::request::Parts;
use serde_json::{Map, Value};

mod json;
mod query;
mod rest;

/// A request's operation.
pub struct Target {
    pub model: &'static Model,
    pub name: &'static str,
    pub operation: &'static Operation,
    /// Values of the path's labels (rest only).
    labels: Vec<(String, String)>,
}

/// What goes back.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }
}

/// A refusal before an operation was known, with the model whose form the answer takes, if that much is known.
pub struct Unroutable {
    pub model: Option<&'static Model>,
    pub fault: Fault,
}

/// Finds the operation: by `X-Amz-Target`, by `Action` in a form, or by method and path. One of a service that is not
/// here is said to be missing.
pub fn route(parts: &Parts, body: &[u8]) -> Result<Target, Unroutable> {
    routed(parts, body).map_err(|unroutable| match elsewhere(parts).filter(|_| unroutable.model.is_none()) {
        Some(service) => Unroutable { model: None, fault: Fault::not_implemented(service, "at all") },
        None => unroutable,
    })
}

/// A refusal of what is nobody's here. Clients of the other protocols cannot read JSON.
pub fn lost(lost: &Unroutable, parts: &Parts, id: &str) -> Reply {
    let target = parts.headers.contains_key("x-amz-target");
    if target || lost.fault.code != "NotImplemented" || lost.model.is_some() {
        return refuse(lost.model, &lost.fault, id);
    }
    let (code, message) = (&lost.fault.code, &lost.fault.message);
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let body = match query::is_form(parts) {
        // EC2 has its own form of it, and reads this one, too.
        true => format!("<Response><Errors>{error}</Errors>{error}<RequestID>{id}</RequestID></Response>"),
        false => error,
    };
    Reply::new(lost.fault.status.unwrap_or(501), "text/xml", body)
}

/// The service that a request is signed for, when it is none of ours.
fn elsewhere(parts: &Parts) -> Option<&str> {
    let signed = parts.headers.get("authorization")?.to_str().ok()?;
    let scope = signed.split_once("Credential=")?.1.split(',').next()?;
    let service = scope.split('/').nth(3)?;
    model::all().iter().all(|model| model.signing_name() != service).then_some(service)
}

fn routed(parts: &Parts, body: &[u8]) -> Result<Target, Unroutable> {
    if let Some(target) = parts.headers.get("x-amz-target") {
        return json::route(target.to_str().unwrap_or_default());
    }
    if query::is_form(parts) {
        return query::route(body);
    }
    rest::route(parts)
}

fn named(model: &'static Model, name: &str) -> Result<Target, Unroutable> {
    if let Some((name, operation)) = model.operations.get_key_value(name) {
        return Ok(Target { model, name, operation, labels: Vec::new() });
    }
    let fault = if model.others.iter().any(|o| o == name) {
        Fault::not_implemented(model.name, name)
    } else if model.is_query() {
        let version = &model.metadata.api_version;
        Fault::new("InvalidAction", format!("Could not find operation {name} for version {version}"))
    } else {
        Fault::new("UnknownOperationException", "")
    };
    Err(Unroutable { model: Some(model), fault })
}

/// Reads a request's input and checks it against the model.
pub fn decode(target: &Target, parts: &Parts, body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let Some(input) = &target.operation.input else {
        return Ok(Map::new());
    };
    let value = match target.model.metadata.protocol.as_str() {
        "query" => query::decode(target.model, &input.shape, body)?,
        "json" => json::decode(target.model, &input.shape, body)?,
        _ => rest::decode(target, parts, body)?,
    };
    let found = model::violations(target.model, &input.shape, &value);
    if !found.is_empty() {
        let plural = if found.len() == 1 { "" } else { "s" };
        let text = format!("{} validation error{plural} detected: {}", found.len(), found.join("; "));
        return Err(Fault::new(validation_code(target.model.name), text));
    }
    Ok(value.as_object().cloned().unwrap_or_default())
}

fn validation_code(service: &str) -> &'static str {
    match service {
        "iam" | "sts" => "ValidationError",
        "organizations" => "InvalidInputException",
        "ecr" | "ecs" | "logs" => "InvalidParameterException",
        "apprunner" | "sso" | "sso-oidc" => "InvalidRequestException",
        "appconfig" | "appconfigdata" => "BadRequestException",
        _ => "ValidationException",
    }
}

/// Gives an output the form of its protocol. An output that the model does not have is a bug of ours, and said so.
pub fn encode(target: &Target, output: &Value, request_id: &str) -> Result<Reply, Fault> {
    match target.model.metadata.protocol.as_str() {
        "query" => query::encode(target, output, request_id),
        "json" => json::encode(target, output),
        _ => rest::encode(target, output),
    }
}

/// Gives a refusal the form of the service's protocol.
pub fn refuse(model: Option<&Model>, fault: &Fault, request_id: &str) -> Reply {
    let Some(model) = model else {
        let body = serde_json::json!({"__type": fault.code, "message": fault.message});
        return Reply::new(fault.status.unwrap_or(403), "application/x-amz-json-1.1", body.to_string());
    };
    let code = common_code(model, &fault.code);
    let shape = model.error(&code);
    let status =
        fault.status.or(shape.as_ref().and_then(|s| s.status)).unwrap_or_else(|| common_status(model, &code));
    let travels = shape.as_ref().map_or(code.as_str(), |s| s.code);
    if model.is_query() {
        return query::refuse(model, travels, status, &fault.message, request_id);
    }
    let mut body: Map<String, Value> = fault.details.clone().into_iter().collect();
    let member = shape.as_ref().map_or("message", |s| s.message_member);
    body.insert(member.to_owned(), Value::String(fault.message.clone()));
    if !model.is_rest() {
        body.insert("__type".to_owned(), Value::String(travels.to_owned()));
    }
    let mut reply = Reply::new(status, json::content_type(model), Value::Object(body).to_string());
    reply.headers.push(("x-amzn-errortype".to_owned(), travels.to_owned()));
    reply
}

/// Codes that all services have, by the name that this service's protocol gives them.
fn common_code(model: &Model, code: &str) -> String {
    const NAMES: &[(&str, &str)] = &[
        ("AccessDeniedException", "AccessDenied"),
        ("ThrottlingException", "Throttling"),
        ("UnrecognizedClientException", "InvalidClientTokenId"),
        ("InvalidSignatureException", "SignatureDoesNotMatch"),
        ("ExpiredTokenException", "ExpiredToken"),
        ("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
        ("ValidationException", "ValidationError"),
        ("InternalFailure", "InternalFailure"),
    ];
    if model.error(code).is_some() {
        return code.to_owned();
    }
    let to = |(json, query): &(&str, &str)| match model.is_query() {
        true if *json == code => Some((*query).to_owned()),
        false if *query == code => Some((*json).to_owned()),
        _ => None,
    };
    NAMES.iter().find_map(to).unwrap_or_else(|| code.to_owned())
}

fn common_status(model: &Model, code: &str) -> u16 {
    match code {
        "InternalFailure" | "InternalServerException" | "ServiceFailure" => 500,
        "ServiceUnavailable" | "ServiceUnavailableException" => 503,
        "NotImplemented" => 501,
        "ThrottlingException" if model.is_rest() => 429,
        "AccessDenied" | "InvalidClientTokenId" | "SignatureDoesNotMatch" | "ExpiredToken" => 403,
        "MissingAuthenticationToken" | "OptInRequired" => 403,
        "AccessDeniedException" | "UnrecognizedClientException" | "InvalidSignatureException"
            if model.is_rest() =>
        {
            403
        }
        "ExpiredTokenException" | "MissingAuthenticationTokenException" if model.is_rest() => 403,
        "UnknownOperationException" if model.is_rest() => 404,
        "RequestEntityTooLarge" => 413,
        _ => 400,
    }
}

fn unserializable(what: impl std::fmt::Display) -> Fault {
    Fault::new("SerializationException", what.to_string())
}

fn broken(what: impl std::fmt::Display) -> Fault {
    Fault::new("InternalFailure", format!("the sandbox has a bug: {what}")).status(500)
}

fn unbase64(text: &str) -> Result<Vec<u8>, Fault> {
    base64::engine::general_purpose::STANDARD.decode(text).map_err(unserializable)
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn iso8601(seconds: f64) -> String {
    let whole =
        time::OffsetDateTime::from_unix_timestamp(seconds as i64).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    whole.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

/// Seconds since 1970 of a timestamp in any of the forms that AWS takes.
fn seconds(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(n) => return n.as_f64(),
        Value::String(text) => text,
        _ => return None,
    };
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let rfc3339 = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
    rfc3339.ok().map(|t| t.unix_timestamp_nanos() as f64 / 1e9)
}
