//! The query protocol of IAM and STS: forms in, XML out.

use super::{Reply, Target, Unroutable, broken, iso8601, named, seconds, unserializable};
use crate::fault::Fault;
use crate::model::{self, Model, Reference, Shape};
use http::request::Parts;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

type Form = BTreeMap<String, String>;

pub(super) fn is_form(parts: &Parts) -> bool {
    let kind = parts.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/x-www-form-urlencoded")
}

pub(super) fn route(body: &[u8]) -> Result<Target, Unroutable> {
    let form = parse(body);
    let version = form.get("Version").map(String::as_str).unwrap_or_default();
    let model = model::all().iter().find(|m| m.is_query() && m.metadata.api_version == version);
    let unknown =
        || Unroutable { model: None, fault: Fault::new("InvalidAction", "no such API version").status(400) };
    named(model.ok_or_else(unknown)?, form.get("Action").map(String::as_str).unwrap_or_default())
}

fn parse(body: &[u8]) -> Form {
    String::from_utf8_lossy(body).split('&').filter_map(|pair| pair.split_once('=')).map(pair).collect()
}

fn pair((key, value): (&str, &str)) -> (String, String) {
    (super::rest::unescape(&key.replace('+', " ")), super::rest::unescape(&value.replace('+', " ")))
}

pub(super) fn decode(model: &Model, shape: &str, body: &[u8]) -> Result<Value, Fault> {
    let form = parse(body);
    Ok(read(model, model.shape(shape), &form, "")?.unwrap_or_else(|| Value::Object(Map::new())))
}

fn read(model: &Model, shape: &Shape, form: &Form, at: &str) -> Result<Option<Value>, Fault> {
    match shape.kind.as_str() {
        "structure" => read_structure(model, shape, form, at),
        "list" => read_list(model, shape, form, at),
        "map" => Err(broken("maps are not read from forms")),
        _ => form.get(at).map(|text| scalar(shape, text)).transpose(),
    }
}

fn read_structure(model: &Model, shape: &Shape, form: &Form, at: &str) -> Result<Option<Value>, Fault> {
    let mut members = Map::new();
    for (name, member) in &shape.members {
        let key = member.location_name.as_ref().unwrap_or(name);
        let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        if let Some(value) = read(model, model.shape(&member.shape), form, &at)? {
            members.insert(name.clone(), value);
        }
    }
    Ok((!members.is_empty()).then_some(Value::Object(members)))
}

fn read_list(model: &Model, shape: &Shape, form: &Form, at: &str) -> Result<Option<Value>, Fault> {
    let member = shape.member.as_ref().ok_or_else(|| broken("a list without members"))?;
    let step = if shape.flattened { String::new() } else { ".member".to_owned() };
    let mut items = Vec::new();
    while let Some(item) =
        read(model, model.shape(&member.shape), form, &format!("{at}{step}.{}", items.len() + 1))?
    {
        items.push(item);
    }
    Ok((!items.is_empty()).then_some(Value::Array(items)))
}

fn scalar(shape: &Shape, text: &str) -> Result<Value, Fault> {
    let wrong = || unserializable(format!("'{text}' is not a {}", shape.kind));
    Ok(match shape.kind.as_str() {
        "boolean" => Value::Bool(text.parse().map_err(|_| wrong())?),
        "integer" | "long" => Value::from(text.parse::<i64>().map_err(|_| wrong())?),
        "timestamp" => Value::from(seconds(&Value::String(text.to_owned())).ok_or_else(wrong)?),
        _ => Value::String(text.to_owned()),
    })
}

pub(super) fn encode(target: &Target, output: &Value, request_id: &str) -> Result<Reply, Fault> {
    let name = target.name;
    let namespace = target.model.metadata.xml_namespace.as_deref().unwrap_or_default();
    let mut xml = format!("<{name}Response xmlns=\"{namespace}\">");
    if let Some(shape) = &target.operation.output {
        let wrapper = shape.result_wrapper.clone().unwrap_or_else(|| format!("{name}Result"));
        write(target.model, shape, &wrapper, output, &mut xml)?;
    }
    xml +=
        &format!("<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>");
    Ok(Reply::new(200, "text/xml", xml))
}

fn write(model: &Model, used: &Reference, tag: &str, value: &Value, xml: &mut String) -> Result<(), Fault> {
    let shape = model.shape(&used.shape);
    let text = match (shape.kind.as_str(), value) {
        (_, Value::Null) => return Ok(()),
        ("structure", Value::Object(object)) => {
            if let Some(name) = object.keys().find(|name| !shape.members.contains_key(*name)) {
                return Err(broken(format!("{} has no member {name}", used.shape)));
            }
            *xml += &format!("<{tag}>");
            for (name, member) in &shape.members {
                let key = member.location_name.as_ref().unwrap_or(name);
                write(model, member, key, object.get(name).unwrap_or(&Value::Null), xml)?;
            }
            *xml += &format!("</{tag}>");
            return Ok(());
        }
        ("list", Value::Array(items)) => {
            let member = shape.member.as_ref().ok_or_else(|| broken("a list without members"))?;
            *xml += &format!("<{tag}>");
            for item in items {
                write(model, member, "member", item, xml)?;
            }
            *xml += &format!("</{tag}>");
            return Ok(());
        }
        ("map", Value::Object(object)) => return write_map(model, shape, tag, object, xml),
        ("timestamp", Value::Number(n)) => iso8601(n.as_f64().unwrap_or_default()),
        (_, Value::String(text)) => escape(text),
        (_, value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        (wanted, value) => return Err(broken(format!("{tag} is {value} and not {wanted}"))),
    };
    *xml += &format!("<{tag}>{text}</{tag}>");
    Ok(())
}

fn write_map(
    model: &Model,
    shape: &Shape,
    tag: &str,
    entries: &Map<String, Value>,
    xml: &mut String,
) -> Result<(), Fault> {
    let member = shape.value.as_ref().ok_or_else(|| broken("a map without values"))?;
    *xml += &format!("<{tag}>");
    for (key, value) in entries {
        *xml += &format!("<entry><key>{}</key>", escape(key));
        write(model, member, "value", value, xml)?;
        *xml += "</entry>";
    }
    *xml += &format!("</{tag}>");
    Ok(())
}

pub(super) fn refuse(model: &Model, code: &str, status: u16, message: &str, request_id: &str) -> Reply {
    let namespace = model.metadata.xml_namespace.as_deref().unwrap_or_default();
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    let (code, message) = (escape(code), escape(message));
    let error = format!("<Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    let body = format!(
        "<ErrorResponse xmlns=\"{namespace}\">{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
    );
    Reply::new(status, "text/xml", body)
}

fn escape(text: &str) -> String {
    let named = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    named.replace('\r', "&#13;")
}
