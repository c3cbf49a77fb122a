//! Signature Version 4, as AWS checks it: in the `Authorization` header, or in the query of a presigned URL.

use hmac::{Hmac, Mac};
use http::request::Parts;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// What a request says about its signature, from either form.
#[derive(Debug, PartialEq)]
pub(super) struct Signature {
    pub access_key: String,
    /// `YYYYMMDD` of the scope.
    date: String,
    pub region: String,
    /// The service's signing name.
    pub service: String,
    signed_headers: Vec<String>,
    signature: String,
    /// `X-Amz-Date` as it was sent.
    timestamp: String,
    /// Seconds that a presigned URL is good for; five minutes in the header form.
    lifetime: f64,
    pub token: Option<String>,
}

/// Why a signature is refused. Services name the same reason differently by protocol.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    Missing,
    Incomplete(String),
    Mismatch(String),
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a client's clock may be off, in seconds.
const SKEW: f64 = 300.0;

/// Whether a request carries no Signature Version 4 at all.
pub fn unsigned(parts: &Parts) -> bool {
    let header = header(parts, "authorization").is_some_and(|v| v.starts_with("AWS4-"));
    !header && !query(parts).iter().any(|(k, _)| k == "X-Amz-Signature")
}

/// Reads the signature of a request.
pub(super) fn parse(parts: &Parts) -> Result<Signature, Refusal> {
    if unsigned(parts) {
        return Err(Refusal::Missing);
    }
    match header(parts, "authorization") {
        Some(value) if value.starts_with("AWS4-") => parse_header(parts, &value),
        _ => parse_query(parts),
    }
}

/// Checks a signature against the secret of its key. `now` is the client's time: seconds since 1970, not advanced.
pub(super) fn verify(
    signature: &Signature,
    parts: &Parts,
    body: &[u8],
    secret: &str,
    now: f64,
) -> Result<(), Refusal> {
    check_time(signature, now)?;
    if !signature.signed_headers.iter().any(|h| h == "host") {
        return Err(mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
    }
    let to_sign = string_to_sign(signature, &canonical_request(signature, parts, body));
    if sign(signature, secret, &to_sign) == signature.signature {
        return Ok(());
    }
    Err(mismatch(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
         Access Key and signing method. Consult the service documentation for details.",
    ))
}

fn mismatch(message: impl Into<String>) -> Refusal {
    Refusal::Mismatch(message.into())
}

fn parse_header(parts: &Parts, value: &str) -> Result<Signature, Refusal> {
    let fields = value
        .strip_prefix(ALGORITHM)
        .ok_or_else(|| Refusal::Incomplete("Unsupported AWS 'algorithm'".to_owned()))?;
    let fields: BTreeMap<&str, &str> = fields.split(',').filter_map(|f| f.trim().split_once('=')).collect();
    let field = |name: &str| {
        fields
            .get(name)
            .map(|v| (*v).to_owned())
            .ok_or_else(|| Refusal::Incomplete(format!("Authorization header requires '{name}' parameter.")))
    };
    let timestamp = header(parts, "x-amz-date").or_else(|| header(parts, "date").and_then(|d| http_date(&d)));
    let timestamp = timestamp.ok_or_else(|| {
        Refusal::Incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned(),
        )
    })?;
    let mut signature = scoped(&field("Credential")?)?;
    signature.signed_headers = names(&field("SignedHeaders")?);
    signature.signature = field("Signature")?;
    signature.timestamp = timestamp;
    signature.token = header(parts, "x-amz-security-token");
    Ok(signature)
}

fn parse_query(parts: &Parts) -> Result<Signature, Refusal> {
    let fields: BTreeMap<String, String> = query(parts).into_iter().collect();
    let field = |name: &str| {
        fields
            .get(name)
            .cloned()
            .ok_or_else(|| Refusal::Incomplete(format!("AWS query-string parameters must include '{name}'.")))
    };
    if field("X-Amz-Algorithm")? != ALGORITHM {
        return Err(Refusal::Incomplete("Unsupported AWS 'algorithm'".to_owned()));
    }
    let mut signature = scoped(&field("X-Amz-Credential")?)?;
    signature.signed_headers = names(&field("X-Amz-SignedHeaders")?);
    signature.signature = field("X-Amz-Signature")?;
    signature.timestamp = field("X-Amz-Date")?;
    signature.token = fields.get("X-Amz-Security-Token").cloned();
    // STS takes presigned URLs without a lifetime: 15 minutes then.
    signature.lifetime = match fields.get("X-Amz-Expires") {
        None => 900.0,
        Some(text) => text.parse().ok().filter(|s| (1.0..=604_800.0).contains(s)).ok_or_else(|| {
            Refusal::Incomplete("X-Amz-Expires should be a number of seconds up to a week".to_owned())
        })?,
    };
    Ok(signature)
}

/// `AKIA…/20261120/eu-west-1/sts/aws4_request`.
fn scoped(credential: &str) -> Result<Signature, Refusal> {
    let scope: Vec<&str> = credential.split('/').collect();
    let &[access_key, date, region, service, terminator] = scope.as_slice() else {
        return Err(Refusal::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        )));
    };
    if terminator != "aws4_request" {
        return Err(mismatch(format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
        )));
    }
    Ok(Signature {
        access_key: access_key.to_owned(),
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        signed_headers: Vec::new(),
        signature: String::new(),
        timestamp: String::new(),
        lifetime: SKEW,
        token: None,
    })
}

fn names(list: &str) -> Vec<String> {
    list.split(';').map(str::to_owned).collect()
}

fn check_time(signature: &Signature, now: f64) -> Result<(), Refusal> {
    let sent = seconds(&signature.timestamp).ok_or_else(|| {
        Refusal::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            signature.timestamp
        ))
    })?;
    if !signature.timestamp.starts_with(&signature.date) {
        return Err(mismatch(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
            signature.date,
            signature.timestamp.get(..8).unwrap_or_default(),
            signature.timestamp
        )));
    }
    let stamp = &signature.timestamp;
    if sent + signature.lifetime < now {
        return Err(mismatch(format!(
            "Signature expired: {stamp} is now earlier than {} ({} - {} min.)",
            basic(now - signature.lifetime),
            basic(now),
            signature.lifetime / 60.0
        )));
    }
    if sent - SKEW > now {
        return Err(mismatch(format!(
            "Signature not yet current: {stamp} is still later than {} ({} + 5 min.)",
            basic(now + SKEW),
            basic(now)
        )));
    }
    Ok(())
}

/// Seconds since 1970 of an ISO 8601 basic time, `20261120T070000Z`.
fn seconds(stamp: &str) -> Option<f64> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = PrimitiveDateTime::parse(stamp, &format).ok()?;
    Some(time.assume_utc().unix_timestamp() as f64)
}

fn basic(seconds: f64) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::from_unix_timestamp(seconds as i64)
        .ok()
        .and_then(|t| t.format(&format).ok())
        .unwrap_or_default()
}

/// The ISO 8601 basic form of an HTTP date.
fn http_date(text: &str) -> Option<String> {
    let time = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(basic(time.unix_timestamp() as f64))
}

fn canonical_request(signature: &Signature, parts: &Parts, body: &[u8]) -> String {
    let headers: String = signature
        .signed_headers
        .iter()
        .map(|name| format!("{name}:{}\n", canonical_header(parts, name)))
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        parts.method,
        canonical_path(parts.uri.path()),
        canonical_query(parts),
        signature.signed_headers.join(";"),
        payload_hash(parts, body),
    )
}

/// The hash of what was really sent, unless the client declares that it did not sign the payload.
fn payload_hash(parts: &Parts, body: &[u8]) -> String {
    match header(parts, "x-amz-content-sha256") {
        Some(value) if value == "UNSIGNED-PAYLOAD" || value.starts_with("STREAMING-") => value,
        _ => hex::encode(Sha256::digest(body)),
    }
}

fn canonical_header(parts: &Parts, name: &str) -> String {
    let values: Vec<String> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|v| String::from_utf8_lossy(v.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    values.join(",")
}

/// The path without dot segments, encoded a second time: every service but S3 signs it so.
fn canonical_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    if kept.is_empty() {
        return "/".to_owned();
    }
    let last = if path.ends_with('/') { "/" } else { "" };
    let encoded: Vec<String> = kept.iter().map(|s| encode(s.as_bytes())).collect();
    format!("/{}{last}", encoded.join("/"))
}

fn canonical_query(parts: &Parts) -> String {
    let mut pairs: Vec<(String, String)> = query(parts)
        .iter()
        .filter(|(k, _)| k != "X-Amz-Signature")
        .map(|(k, v)| (encode(k.as_bytes()), encode(v.as_bytes())))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join("&")
}

fn string_to_sign(signature: &Signature, canonical: &str) -> String {
    format!(
        "{ALGORITHM}\n{}\n{}/{}/{}/aws4_request\n{}",
        signature.timestamp,
        signature.date,
        signature.region,
        signature.service,
        hex::encode(Sha256::digest(canonical.as_bytes()))
    )
}

fn sign(signature: &Signature, secret: &str, to_sign: &str) -> String {
    let scope = [&signature.date, &signature.region, &signature.service];
    let key = scope.iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
    hex::encode(mac(&mac(&key, "aws4_request"), to_sign))
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn header(parts: &Parts, name: &str) -> Option<String> {
    let value = parts.headers.get(name)?.to_str().ok()?;
    Some(value.trim().to_owned())
}

/// The query's pairs, decoded.
fn query(parts: &Parts) -> Vec<(String, String)> {
    let text = parts.uri.query().unwrap_or_default();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = bytes.get(i + 1..i + 3).filter(|_| bytes[i] == b'%').and_then(|h| hex::decode(h).ok());
        match escaped {
            Some(byte) => {
                out.extend(byte);
                i += 2;
            }
            None if bytes[i] == b'+' => out.push(b' '),
            None => out.push(bytes[i]),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

pub(super) mod signer;

#[cfg(test)]
mod tests;
