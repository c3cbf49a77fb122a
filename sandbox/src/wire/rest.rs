//! restJson: labels in the path, members in query and headers, payloads in the body.

use super::{Reply, Target, Unroutable, base64, broken, json, seconds, unbase64, unserializable};
use crate::fault::Fault;
use crate::model::{self, Model, Operation, Reference, Shape};
use http::request::Parts;
use serde_json::{Map, Value};

/// The operation whose method and path fit; of several the one with most literal segments.
pub(super) fn route(parts: &Parts) -> Result<Target, Unroutable> {
    let fits = model::all().iter().filter(|m| m.is_rest()).flat_map(|m| fitting(m, parts));
    let best = fits.max_by_key(|(literals, _)| *literals);
    let unknown =
        || Unroutable { model: None, fault: Fault::new("UnknownOperationException", "").status(404) };
    best.map(|(_, target)| target).ok_or_else(unknown)
}

fn fitting<'a>(model: &'static Model, parts: &'a Parts) -> impl Iterator<Item = (usize, Target)> + 'a {
    model.operations.iter().filter(|(_, o)| o.http.method == parts.method.as_str()).filter_map(
        move |(name, operation)| {
            let (literals, labels) = fit(operation, parts.uri.path(), parts.uri.query().unwrap_or_default())?;
            Some((literals, Target { model, name, operation, labels }))
        },
    )
}

fn fit(operation: &Operation, path: &str, query: &str) -> Option<(usize, Vec<(String, String)>)> {
    let (template, required) =
        operation.http.request_uri.split_once('?').unwrap_or((&operation.http.request_uri, ""));
    if !required.is_empty() && !query.split('&').any(|pair| pair == required) {
        return None;
    }
    let wanted: Vec<&str> = template.trim_matches('/').split('/').collect();
    let given: Vec<&str> = path.trim_matches('/').split('/').collect();
    let greedy = wanted.last().is_some_and(|w| w.ends_with("+}"));
    if wanted.len() > given.len() || (!greedy && wanted.len() != given.len()) {
        return None;
    }
    let mut literals = required.len().min(1);
    let mut labels = Vec::new();
    for (index, segment) in wanted.iter().enumerate() {
        match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            Some(label) if label.ends_with('+') => {
                labels.push((label.trim_end_matches('+').to_owned(), unescape(&given[index..].join("/"))));
            }
            Some(label) => labels.push((label.to_owned(), unescape(given[index]))),
            None if *segment == given[index] => literals += 1,
            None => return None,
        }
    }
    Some((literals, labels))
}

pub(super) fn decode(target: &Target, parts: &Parts, body: &[u8]) -> Result<Value, Fault> {
    let Some(input) = &target.operation.input else {
        return Ok(Value::Null);
    };
    let shape = target.model.shape(&input.shape);
    let mut members = body_members(target.model, shape, body)?;
    let query: Vec<(String, String)> =
        parts.uri.query().unwrap_or_default().split('&').map(split_pair).collect();
    for (name, member) in &shape.members {
        let key = member.location_name.as_ref().unwrap_or(name);
        let of = target.model.shape(&member.shape);
        let value = match member.location.as_deref() {
            Some("uri") => {
                target.labels.iter().find(|(k, _)| k == key).map(|(_, v)| scalar(of, v)).transpose()?
            }
            Some("querystring") => from_query(target.model, of, &query, key)?,
            Some("header") => {
                let text = parts.headers.get(key.as_str()).and_then(|v| v.to_str().ok());
                text.map(|v| scalar(of, v)).transpose()?
            }
            _ => continue,
        };
        value.map(|v| members.insert(name.clone(), v));
    }
    Ok(Value::Object(members))
}

fn body_members(model: &Model, shape: &Shape, body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let Some(payload) = &shape.payload else {
        let body: &[u8] = if body.is_empty() { b"{}" } else { body };
        let value = serde_json::from_slice(body).map_err(unserializable)?;
        return Ok(json::read(model, shape, value)?.as_object().cloned().unwrap_or_default());
    };
    let of = model.shape(&shape.members[payload].shape);
    let value = match of.kind.as_str() {
        "blob" => Value::String(base64(body)),
        "string" => Value::String(String::from_utf8_lossy(body).into_owned()),
        _ => json::read(model, of, serde_json::from_slice(body).map_err(unserializable)?)?,
    };
    Ok(Map::from_iter([(payload.clone(), value)]))
}

fn from_query(
    model: &Model,
    shape: &Shape,
    query: &[(String, String)],
    key: &str,
) -> Result<Option<Value>, Fault> {
    let mut values = query.iter().filter(|(k, _)| k == key).map(|(_, v)| v);
    let Some(member) = &shape.member else {
        return values.next().map(|v| scalar(shape, v)).transpose();
    };
    let items = values.map(|v| scalar(model.shape(&member.shape), v)).collect::<Result<Vec<_>, _>>()?;
    Ok((!items.is_empty()).then_some(Value::Array(items)))
}

fn scalar(shape: &Shape, text: &str) -> Result<Value, Fault> {
    let wrong = || unserializable(format!("'{text}' is not a {}", shape.kind));
    Ok(match shape.kind.as_str() {
        "boolean" => Value::Bool(text.parse().map_err(|_| wrong())?),
        "integer" | "long" => Value::from(text.parse::<i64>().map_err(|_| wrong())?),
        "float" | "double" => Value::from(text.parse::<f64>().map_err(|_| wrong())?),
        "timestamp" => Value::from(seconds(&Value::String(text.to_owned())).ok_or_else(wrong)?),
        _ => Value::String(text.to_owned()),
    })
}

pub(super) fn encode(target: &Target, output: &Value) -> Result<Reply, Fault> {
    let status = target.operation.http.response_code.unwrap_or(200);
    let Some(used) = &target.operation.output else {
        return Ok(Reply::new(status, "application/json", Vec::new()));
    };
    let shape = target.model.shape(&used.shape);
    let mut reply = Reply::new(status, "application/json", body(target.model, used, shape, output)?);
    if shape.payload.is_some() {
        reply.headers.clear();
    }
    for (name, member) in &shape.members {
        let Some(value) = output.get(name).filter(|v| !v.is_null()) else {
            continue;
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match member.location.as_deref() {
            Some("header") => reply.headers.push((member.location_name.clone().unwrap_or_default(), text)),
            Some("statusCode") => {
                reply.status = value.as_u64().and_then(|s| s.try_into().ok()).unwrap_or(status)
            }
            _ => {}
        }
    }
    Ok(reply)
}

fn body(model: &Model, used: &Reference, shape: &Shape, output: &Value) -> Result<Vec<u8>, Fault> {
    let Some(payload) = &shape.payload else {
        let mut output = output.clone();
        if let Some(object) = output.as_object_mut() {
            object.retain(|name, _| shape.members.get(name).is_none_or(|m| m.location.is_none()));
        }
        return Ok(json::write(model, used, &output, "")?.to_string().into_bytes());
    };
    let value = output.get(payload).unwrap_or(&Value::Null);
    match (model.shape(&shape.members[payload].shape).kind.as_str(), value) {
        (_, Value::Null) => Ok(Vec::new()),
        ("blob", Value::String(text)) => {
            unbase64(text).map_err(|_| broken(format!("{payload} is not base64")))
        }
        ("string", Value::String(text)) => Ok(text.clone().into_bytes()),
        _ => Ok(json::write(model, &shape.members[payload], value, payload)?.to_string().into_bytes()),
    }
}

fn split_pair(pair: &str) -> (String, String) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    (unescape(key), unescape(&value.replace('+', " ")))
}

/// Percent-decoding. What is not valid stays as it is.
pub(super) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match hex.and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
