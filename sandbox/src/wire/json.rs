//! awsJson, and the JSON bodies of restJson.

use super::{Reply, Target, Unroutable, broken, iso8601, named, seconds, unserializable};
use crate::fault::Fault;
use crate::model::{self, Model, Reference, Shape};
use serde_json::{Map, Number, Value};

pub(super) fn route(target: &str) -> Result<Target, Unroutable> {
    let (prefix, name) = target.split_once('.').unwrap_or_default();
    let model = model::all().iter().find(|m| m.metadata.target_prefix.as_deref() == Some(prefix));
    let unknown =
        || Unroutable { model: None, fault: Fault::new("UnknownOperationException", "").status(400) };
    named(model.ok_or_else(unknown)?, name)
}

pub(super) fn content_type(model: &Model) -> &'static str {
    match (model.is_rest(), model.metadata.json_version.as_deref()) {
        (true, _) => "application/json",
        (_, Some("1.0")) => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    }
}

pub(super) fn decode(model: &Model, shape: &str, body: &[u8]) -> Result<Value, Fault> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    let value = serde_json::from_slice(body).map_err(unserializable)?;
    read(model, model.shape(shape), value)
}

pub(super) fn encode(target: &Target, output: &Value) -> Result<Reply, Fault> {
    let body = match &target.operation.output {
        Some(shape) => write(target.model, shape, output, "")?.to_string(),
        None => String::new(),
    };
    Ok(Reply::new(200, content_type(target.model), body))
}

/// A JSON value as the model's types have it, by member names. Members that the model lacks are ignored, as by AWS.
pub(super) fn read(model: &Model, shape: &Shape, value: Value) -> Result<Value, Fault> {
    let wrong =
        |value: &Value| unserializable(format!("unexpected {} where a {} belongs", kind(value), shape.kind));
    if value.is_null() || shape.document {
        return Ok(value);
    }
    match (shape.kind.as_str(), value) {
        ("structure", Value::Object(object)) => read_structure(model, shape, object),
        ("list", Value::Array(items)) => {
            let member = shape.member.as_ref().ok_or_else(|| broken("a list without members"))?;
            items.into_iter().map(|item| read(model, model.shape(&member.shape), item)).collect()
        }
        ("map", Value::Object(object)) => {
            let member = shape.value.as_ref().ok_or_else(|| broken("a map without values"))?;
            let entry = |(key, item)| Ok((key, read(model, model.shape(&member.shape), item)?));
            object.into_iter().map(entry).collect::<Result<Map<_, _>, Fault>>().map(Value::Object)
        }
        ("string", value @ Value::String(_)) => Ok(value),
        ("blob", Value::String(text)) => super::unbase64(&text).map(|_| Value::String(text)),
        ("boolean", value @ Value::Bool(_)) => Ok(value),
        ("integer" | "long", Value::Number(n)) if n.is_i64() || n.is_u64() => Ok(Value::Number(n)),
        ("float" | "double", value @ Value::Number(_)) => Ok(value),
        ("timestamp", value) => number(seconds(&value).ok_or_else(|| wrong(&value))?),
        (_, value) => Err(wrong(&value)),
    }
}

fn read_structure(model: &Model, shape: &Shape, mut object: Map<String, Value>) -> Result<Value, Fault> {
    let mut members = Map::new();
    for (name, member) in &shape.members {
        let key = member.location_name.as_ref().filter(|_| member.location.is_none()).unwrap_or(name);
        if let Some(value) = object.remove(key).filter(|v| !v.is_null()) {
            members.insert(name.clone(), read(model, model.shape(&member.shape), value)?);
        }
    }
    Ok(Value::Object(members))
}

/// A value in its JSON form: without nulls, times in the model's format.
pub(super) fn write(model: &Model, used: &Reference, value: &Value, path: &str) -> Result<Value, Fault> {
    let shape = model.shape(&used.shape);
    if shape.document {
        return Ok(value.clone());
    }
    match (shape.kind.as_str(), value) {
        ("structure", Value::Object(object)) => {
            if let Some(name) = object.keys().find(|name| !shape.members.contains_key(*name)) {
                return Err(broken(format!("{} has no member {path}.{name}", used.shape)));
            }
            let mut members = Map::new();
            for (name, member) in &shape.members {
                let Some(value) = object.get(name).filter(|v| !v.is_null()) else {
                    continue;
                };
                let key = member.location_name.as_ref().unwrap_or(name);
                members.insert(key.clone(), write(model, member, value, &format!("{path}.{name}"))?);
            }
            Ok(Value::Object(members))
        }
        ("list", Value::Array(items)) => {
            let member = shape.member.as_ref().ok_or_else(|| broken("a list without members"))?;
            items.iter().map(|item| write(model, member, item, path)).collect()
        }
        ("map", Value::Object(object)) => {
            let member = shape.value.as_ref().ok_or_else(|| broken("a map without values"))?;
            let entry = |(key, item): (&String, &Value)| Ok((key.clone(), write(model, member, item, path)?));
            object.iter().map(entry).collect::<Result<Map<_, _>, Fault>>().map(Value::Object)
        }
        ("timestamp", Value::Number(n)) => {
            let format = used.timestamp_format.as_ref().or(shape.timestamp_format.as_ref());
            let seconds = n.as_f64().unwrap_or_default();
            if format.is_some_and(|f| f == "iso8601") {
                Ok(Value::String(iso8601(seconds)))
            } else {
                number(seconds)
            }
        }
        ("string" | "blob", Value::String(_)) | ("boolean", Value::Bool(_)) => Ok(value.clone()),
        ("integer" | "long" | "float" | "double", Value::Number(_)) => Ok(value.clone()),
        (wanted, value) => Err(broken(format!("{path} is {} and not {wanted}", kind(value)))),
    }
}

fn number(seconds: f64) -> Result<Value, Fault> {
    // Milliseconds, as AWS writes them.
    let rounded = (seconds * 1000.0).round() / 1000.0;
    Number::from_f64(rounded).map(Value::Number).ok_or_else(|| broken("a time that is not a number"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
