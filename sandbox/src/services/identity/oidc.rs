//! SSO OIDC: clients, device authorization, and tokens.

use super::signin::{Client, Decision, Device, Token, secret};
use super::{Instance, pages};
use crate::call::{Answer, Call, UPPER};
use crate::clock::Time;
use crate::fault::Fault;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

const DAY: f64 = 86_400.0;
/// Seconds that a client's registration is good for.
const REGISTRATION: f64 = 90.0 * DAY;
/// Seconds that a device code is good for.
const DEVICE: f64 = 600.0;
/// Seconds between two questions of a device.
const INTERVAL: f64 = 1.0;
/// Seconds that a person stays signed in.
const SESSION: f64 = 8.0 * 3600.0;
/// Seconds that an access token is good for where it can be refreshed.
const ACCESS: f64 = 3600.0;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const AUTHORIZATION_CODE: &str = "authorization_code";
const REFRESH_TOKEN: &str = "refresh_token";

pub(super) fn handle(call: &mut Call) -> Answer {
    // None of these is signed: the client's secret is asked instead.
    call.anyone();
    match call.operation {
        "RegisterClient" => register(call),
        "StartDeviceAuthorization" => start_device(call),
        "CreateToken" => create_token(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// An error in OAuth's form.
fn refuse(code: &str, error: &str, description: &str) -> Fault {
    Fault::new(code, description).with("error", error).with("error_description", description)
}

fn invalid_request(description: &str) -> Fault {
    refuse("InvalidRequestException", "invalid_request", description)
}

fn invalid_grant(description: &str) -> Fault {
    refuse("InvalidGrantException", "invalid_grant", description)
}

fn register(call: &mut Call) -> Answer {
    let client = asked_client(call)?;
    let (id, now) = (call.world.id(UPPER, 24), call.now());
    let answer = json!({
        "clientId": id,
        "clientSecret": client.secret,
        "clientIdIssuedAt": now as i64,
        "clientSecretExpiresAt": client.expires as i64,
        "authorizationEndpoint": format!("{}{}", call.world.settings.endpoint, pages::AUTHORIZE),
        "tokenEndpoint": format!("{}/token", call.world.settings.endpoint),
    });
    call.world.identity.signin.clients.insert(id, client);
    Ok(answer)
}

fn asked_client(call: &mut Call) -> Result<Client, Fault> {
    let [scopes, redirects, grants] = ["scopes", "redirectUris", "grantTypes"].map(|m| call.texts(m));
    if call.text("clientType") != "public" {
        let description = "Only public clients are supported.";
        return Err(refuse("InvalidClientMetadataException", "invalid_client_metadata", description));
    }
    if grants.iter().any(|g| ![DEVICE_CODE, AUTHORIZATION_CODE, REFRESH_TOKEN].contains(&g.as_str())) {
        let description = "The grant type is not supported.";
        return Err(refuse("UnsupportedGrantTypeException", "unsupported_grant_type", description));
    }
    if scopes.iter().any(|s| !known_scope(s)) {
        return Err(refuse("InvalidScopeException", "invalid_scope", "The scope is not known."));
    }
    if grants.iter().any(|g| g == AUTHORIZATION_CODE) {
        code_client(call, &redirects)?;
    }
    let (secret, expires) = (secret(call.world), call.now() + REGISTRATION);
    Ok(Client { secret, name: call.text("clientName").to_owned(), expires, scopes, redirects, grants })
}

/// `sso:account:access` and its like.
fn known_scope(scope: &str) -> bool {
    ["sso:", "codewhisperer:", "openid", "aws"].iter().any(|known| scope.starts_with(known))
}

/// What a client of the authorization code grant needs besides.
fn code_client(call: &Call, redirects: &[String]) -> Result<(), Fault> {
    let loopback = |r: &String| {
        ["http://127.0.0.1", "http://[::1]", "http://localhost"].iter().any(|l| r.starts_with(l))
    };
    if redirects.is_empty() || !redirects.iter().all(|r| loopback(r) || r.starts_with("https://")) {
        let description = "A redirect URI is missing or not allowed.";
        return Err(refuse("InvalidRedirectUriException", "invalid_redirect_uri", description));
    }
    let issuer = call.text("issuerUrl");
    instance_at(call, issuer).map(drop)
}

/// The instance that a start URL or an issuer URL names.
fn instance_at<'a>(call: &'a Call, url: &str) -> Result<&'a Instance, Fault> {
    let plain = url.trim_end_matches(['/', '#']);
    let instance = call.world.identity.instance.as_ref();
    let known = |i: &&Instance| plain == i.start_url() || plain == i.issuer_url();
    instance.filter(known).ok_or_else(|| invalid_request("Invalid start URL provided"))
}

/// The client that an input names with its secret.
fn client<'a>(call: &'a Call) -> Result<&'a Client, Fault> {
    let clients = &call.world.identity.signin.clients;
    let found = clients.get(call.text("clientId")).filter(|c| c.secret == call.text("clientSecret"));
    let client = found.filter(|c| c.expires > call.now());
    client
        .ok_or_else(|| refuse("InvalidClientException", "invalid_client", "Invalid client or client secret"))
}

/// Whether a client may use a grant. One that was registered without grants is one of devices, and may refresh.
fn allowed(client: &Client, grant: &str) -> bool {
    match client.grants.is_empty() {
        true => grant != AUTHORIZATION_CODE,
        false => client.grants.iter().any(|g| g == grant),
    }
}

fn permitted(call: &Call, grant: &str) -> Result<(), Fault> {
    if allowed(client(call)?, grant) {
        return Ok(());
    }
    let description = "The client is not authorized to use this grant type.";
    Err(refuse("UnauthorizedClientException", "unauthorized_client", description))
}

fn start_device(call: &mut Call) -> Answer {
    permitted(call, DEVICE_CODE)?;
    instance_at(call, call.text("startUrl"))?;
    let (code, letters) = (secret(call.world), call.world.id("BCDFGHJKLMNPQRSTVWXZ", 8));
    let user_code = format!("{}-{}", &letters[..4], &letters[4..]);
    let now = call.now();
    let device = Device {
        user_code: user_code.clone(),
        client: call.text("clientId").to_owned(),
        expires: now + DEVICE,
        next: now,
        interval: INTERVAL,
        decision: Decision::Open,
    };
    call.world.identity.signin.devices.insert(code.clone(), device);
    let page = format!("{}{}", call.world.settings.endpoint, pages::DEVICE);
    Ok(json!({
        "deviceCode": code,
        "userCode": user_code,
        "verificationUri": page,
        "verificationUriComplete": format!("{page}?user_code={user_code}"),
        "expiresIn": DEVICE as i64,
        "interval": INTERVAL as i64,
    }))
}

fn create_token(call: &mut Call) -> Answer {
    let grant = call.text("grantType").to_owned();
    client(call)?;
    match grant.as_str() {
        DEVICE_CODE | AUTHORIZATION_CODE | REFRESH_TOKEN => permitted(call, &grant)?,
        _ => {
            let description = "The grant type is not supported.";
            return Err(refuse("UnsupportedGrantTypeException", "unsupported_grant_type", description));
        }
    }
    let ends = call.now() + SESSION;
    match grant.as_str() {
        DEVICE_CODE => by_device(call).map(|user| issue(call, user, ends)),
        AUTHORIZATION_CODE => by_code(call).map(|user| issue(call, user, ends)),
        _ => by_refresh(call).map(|token| issue(call, token.user, token.ends)),
    }
}

/// The user who approved the device.
fn by_device(call: &mut Call) -> Result<String, Fault> {
    let (code, client, now) =
        (call.text("deviceCode").to_owned(), call.text("clientId").to_owned(), call.now());
    let devices = &mut call.world.identity.signin.devices;
    let device = devices.get_mut(&code).filter(|d| d.client == client);
    let device = device.ok_or_else(|| invalid_grant("Invalid device code provided"))?;
    if device.expires <= now {
        return Err(refuse("ExpiredTokenException", "expired_token", "Device code has expired"));
    }
    let decision = device.decision.clone();
    match decision {
        Decision::Open if now < device.next => {
            device.interval += 5.0;
            device.next = now + device.interval;
            Err(refuse("SlowDownException", "slow_down", "The client asks too often"))
        }
        Decision::Open => {
            // A little less than the interval: the client's clock and ours are not one.
            device.next = now + device.interval * 0.9;
            Err(refuse("AuthorizationPendingException", "authorization_pending", "Authorization is pending"))
        }
        Decision::Denied => {
            Err(refuse("AccessDeniedException", "access_denied", "The person denied the request"))
        }
        Decision::Allowed(user) => {
            devices.remove(&code);
            Ok(user)
        }
    }
}

/// The user who approved the authorization. A code is good for one try, whatever comes of it.
fn by_code(call: &mut Call) -> Result<String, Fault> {
    let given = call.text("code").to_owned();
    let code = call.world.identity.signin.codes.remove(&given);
    let code = code.ok_or_else(|| invalid_grant("Invalid authorization code provided"))?;
    let verifier = URL_SAFE_NO_PAD.encode(Sha256::digest(call.text("codeVerifier").as_bytes()));
    let own = code.client == call.text("clientId") && code.redirect == call.text("redirectUri");
    if !own || code.expires <= call.now() {
        return Err(invalid_grant("Invalid authorization code provided"));
    }
    if verifier != code.challenge {
        return Err(invalid_grant("The code verifier does not match the code challenge"));
    }
    Ok(code.user)
}

/// A refresh token is good for one use: another comes with each access token.
fn by_refresh(call: &mut Call) -> Result<Token, Fault> {
    let (given, now) = (call.text("refreshToken").to_owned(), call.now());
    let client = call.text("clientId").to_owned();
    let refreshes = &mut call.world.identity.signin.refreshes;
    let known = refreshes.get(&given).is_some_and(|t| t.client == client && t.ends > now);
    let token = refreshes.remove(&given).filter(|_| known);
    token.ok_or_else(|| invalid_grant("Invalid refresh token provided"))
}

/// Hands out tokens. Only clients with scopes get one to refresh with, and a short one to use.
fn issue(call: &mut Call, user: String, ends: Time) -> serde_json::Value {
    let client = call.text("clientId").to_owned();
    let [access, refresh] = [secret(call.world), secret(call.world)];
    let now = call.now();
    let known = call.world.identity.signin.clients.get(&client);
    let refreshes = known.is_some_and(|c| !c.scopes.is_empty() && allowed(c, REFRESH_TOKEN));
    let seconds = if refreshes { ACCESS.min(ends - now) } else { ends - now };
    let token = Token { user, client, expires: now + seconds, ends };
    if refreshes {
        call.world.identity.signin.refreshes.insert(refresh.clone(), token.clone());
    }
    call.world.identity.signin.tokens.insert(access.clone(), token);
    json!({
        "accessToken": access,
        "tokenType": "Bearer",
        "expiresIn": seconds as i64,
        "refreshToken": refreshes.then_some(refresh),
    })
}
