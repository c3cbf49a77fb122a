//! What opens the registry: authorization tokens, and the links that layers are downloaded by.
//!
//! Both are signed by the sandbox instead of being kept: who they are for and how long is in them.

use super::{Name, named};
use crate::auth::Caller;
use crate::call::{Answer, Call};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

/// Seconds that an authorization token opens the registry, by the client's own clock.
const TOKEN: f64 = 12.0 * 3600.0;
/// Seconds that a link to a layer can be followed.
const LINK: f64 = 3600.0;

/// What an authorization token says: who pulls and pushes with it, and until when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    pub caller: Caller,
    pub expires: Time,
}

pub(super) fn get_authorization_token(call: &mut Call) -> Answer {
    call.allow("ecr:GetAuthorizationToken", "*")?;
    let expires = call.now() + TOKEN;
    let caller = call.caller.clone();
    let caller =
        caller.ok_or_else(|| Fault::new("MissingAuthenticationToken", "Missing Authentication Token"))?;
    let said = serde_json::to_vec(&Token { caller, expires }).unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.encode(said);
    let password = format!("{payload}.{}", sign(call.world, &payload));
    // One token opens every registry that the caller may reach; each entry of `registryIds` gives the same.
    let registries = call.texts("registryIds").len().max(1);
    let data = json!({
        "authorizationToken": STANDARD.encode(format!("AWS:{password}")),
        "expiresAt": expires,
        "proxyEndpoint": call.world.settings.endpoint,
    });
    Ok(json!({"authorizationData": vec![data; registries]}))
}

/// What a password says, if the sandbox gave it. Whether it has expired is for the caller to see.
pub fn token(world: &World, password: &str) -> Option<Token> {
    let (payload, signature) = password.split_once('.')?;
    if sign(world, payload) != signature {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

pub(super) fn get_download_url(call: &mut Call) -> Answer {
    let name = named(call)?;
    let digest = call.text("layerDigest").to_owned();
    let repository = name.repository(call.world)?;
    if !repository.blobs.contains_key(&digest) {
        return Err(missing_layer(&name, &digest));
    }
    Ok(json!({"downloadUrl": link(call.world, &digest), "layerDigest": digest}))
}

fn missing_layer(name: &Name, digest: &str) -> Fault {
    let why = format!(
        "The layer with digest '{digest}' does not exist in the repository with name '{}' in the registry with id '{}'",
        name.name, name.account
    );
    Fault::new("LayersNotFoundException", why)
}

/// A link that anyone can download this blob by for an hour, as ECR's point to S3.
pub fn link(world: &World, digest: &str) -> String {
    let expires = (world.clock.now() + LINK).ceil();
    let signature = sign(world, &format!("{digest} {expires}"));
    format!("{}/v2/_layers/{digest}?expires={expires}&signature={signature}", world.settings.endpoint)
}

/// Whether a link's parameters open this blob now.
pub fn opens(world: &World, digest: &str, expires: &str, signature: &str) -> bool {
    let fresh = expires.parse().is_ok_and(|expires: f64| world.clock.now() < expires);
    fresh && sign(world, &format!("{digest} {expires}")) == signature
}

/// The sandbox's signature. Its key is no secret: there is nothing behind it but this machine's own sandbox.
fn sign(world: &World, text: &str) -> String {
    let key = format!("{} {}", world.settings.management, world.settings.endpoint);
    let mut mac = match Hmac::<Sha256>::new_from_slice(key.as_bytes()) {
        Ok(mac) => mac,
        Err(_) => return String::new(),
    };
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
