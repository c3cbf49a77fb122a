//! Signs requests as a client does: for the load that the sandbox puts on itself, and for tests.

use super::{ALGORITHM, canonical_request, scoped, sign, string_to_sign};
use anyhow::{Result, anyhow};
use http::HeaderValue;
use http::request::Parts;
use time::OffsetDateTime;
use time::macros::format_description;

/// What a client signs with.
#[derive(Clone, Debug)]
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// Adds date, token and signature. The `host` header has to be there.
pub fn add(parts: &mut Parts, body: &[u8], keys: &Keys, region: &str, service: &str) -> Result<()> {
    let timestamp = OffsetDateTime::now_utc()
        .format(format_description!("[year][month][day]T[hour][minute][second]Z"))?;
    parts.headers.insert("x-amz-date", HeaderValue::from_str(&timestamp)?);
    if let Some(token) = &keys.token {
        parts.headers.insert("x-amz-security-token", HeaderValue::from_str(token)?);
    }
    let scope = format!("{}/{region}/{service}/aws4_request", &timestamp[..8]);
    let mut signature =
        scoped(&format!("{}/{scope}", keys.id)).map_err(|e| anyhow!("the scope `{scope}`: {e:?}"))?;
    signature.signed_headers = parts.headers.keys().map(|name| name.as_str().to_owned()).collect();
    signature.signed_headers.sort();
    signature.timestamp = timestamp;
    let signed = sign(
        &signature,
        &keys.secret,
        &string_to_sign(&signature, &canonical_request(&signature, parts, body)),
    );
    let names = signature.signed_headers.join(";");
    let value =
        format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signed}", keys.id);
    parts.headers.insert("authorization", HeaderValue::from_str(&value)?);
    Ok(())
}
