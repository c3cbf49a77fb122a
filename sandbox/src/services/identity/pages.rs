//! The pages that a browser sees while signing in. There are no passwords: whoever looks at a page chooses who to be.

use super::signin::{Client, Code, Decision, secret};
use super::store::{user_name, user_named};
use crate::world::World;
use std::collections::BTreeMap;

/// Where a client sends the browser for an authorization code.
pub const AUTHORIZE: &str = "/_signin/authorize";
/// Where a person enters a device's code.
pub const DEVICE: &str = "/_signin/device";
/// Seconds that an authorization code is good for.
const CODE: f64 = 600.0;

/// An answer to a browser.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub html: String,
}

type Form = BTreeMap<String, String>;

/// Answers a browser. `None`: there is no such page. `/authorize` is what AWS's own clients ask for.
pub fn handle(world: &mut World, method: &str, path: &str, query: &str, body: &[u8]) -> Option<Page> {
    let mut form = parse(query.as_bytes());
    form.extend(parse(body));
    let post = method == "POST";
    match path {
        AUTHORIZE | "/authorize" if post => Some(authorized(world, &form)),
        AUTHORIZE | "/authorize" => Some(authorize(world, &form)),
        DEVICE if post => Some(device_decided(world, &form)),
        DEVICE => Some(device(world, &form)),
        _ => None,
    }
}

/// The form of the authorization endpoint, once the request is right.
fn authorize(world: &World, form: &Form) -> Page {
    match checked(world, form) {
        Ok(client) => choose(world, AUTHORIZE, &client.name, form),
        Err(page) => page,
    }
}

/// A client or redirect that is not known is told to the person: only a known one is told by redirect.
fn checked<'a>(world: &'a World, form: &Form) -> Result<&'a Client, Page> {
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let client = world.identity.signin.clients.get(get("client_id"));
    let client = client.filter(|c| c.expires > world.clock.now());
    let client = client.ok_or_else(|| refused("The client is not registered."))?;
    if !client.redirects.iter().any(|known| same_redirect(known, get("redirect_uri"))) {
        return Err(refused("The redirect URI is not one that the client registered."));
    }
    let error = if get("response_type") != "code" {
        "unsupported_response_type"
    } else if get("code_challenge").is_empty() || get("code_challenge_method") != "S256" {
        "invalid_request"
    } else {
        return Ok(client);
    };
    Err(redirect(form, &[("error", error)]))
}

/// A loopback redirect may have any port: the client learns it only when it listens.
fn same_redirect(known: &str, given: &str) -> bool {
    known == given || (loopback(known).is_some() && loopback(known) == loopback(given))
}

/// Host and path of a loopback address, without its port.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    ["127.0.0.1", "[::1]", "localhost"].contains(&host).then_some((host, path))
}

fn authorized(world: &mut World, form: &Form) -> Page {
    if let Err(page) = checked(world, form) {
        return page;
    }
    match decision(world, form) {
        Decision::Open => refused("There is no such user."),
        Decision::Denied => redirect(form, &[("error", "access_denied")]),
        Decision::Allowed(user) => {
            let code = secret(world);
            let get = |name: &str| form.get(name).cloned().unwrap_or_default();
            let expires = world.clock.now() + CODE;
            let given = Code {
                client: get("client_id"),
                redirect: get("redirect_uri"),
                challenge: get("code_challenge"),
                user,
                expires,
            };
            world.identity.signin.codes.insert(code.clone(), given);
            redirect(form, &[("code", &code)])
        }
    }
}

/// What the person chose: `Open` where the user is not known.
fn decision(world: &World, form: &Form) -> Decision {
    if form.get("decision").map(String::as_str) != Some("allow") {
        return Decision::Denied;
    }
    let name = form.get("user").map(String::as_str).unwrap_or_default();
    let instance = world.identity.instance.as_ref();
    let user = instance.and_then(|i| user_named(i, name));
    user.map_or(Decision::Open, |id| Decision::Allowed(id.to_owned()))
}

/// Back to the client, with its state.
fn redirect(form: &Form, parameters: &[(&str, &str)]) -> Page {
    let to = form.get("redirect_uri").map(String::as_str).unwrap_or_default();
    let state = form.get("state").map(|s| ("state", s.as_str()));
    let all: Vec<String> =
        parameters.iter().copied().chain(state).map(|(k, v)| format!("{k}={}", escape_query(v))).collect();
    let mark = if to.contains('?') { '&' } else { '?' };
    let location = format!("{to}{mark}{}", all.join("&"));
    Page { status: 303, headers: vec![("location".to_owned(), location)], html: String::new() }
}

fn device(world: &World, form: &Form) -> Page {
    choose(world, DEVICE, "A device", form)
}

fn device_decided(world: &mut World, form: &Form) -> Page {
    let given = form.get("user_code").map(|c| c.trim().to_ascii_uppercase()).unwrap_or_default();
    let (now, decision) = (world.clock.now(), decision(world, form));
    let waits = |d: &&mut super::signin::Device| {
        d.user_code == given && d.expires > now && d.decision == Decision::Open
    };
    let Some(device) = world.identity.signin.devices.values_mut().find(waits) else {
        return refused("The code is not known, or has been used, or has expired.");
    };
    if decision == Decision::Open {
        return refused("There is no such user.");
    }
    device.decision = decision.clone();
    match decision {
        Decision::Denied => {
            page(200, "Request denied", "<p>The request was denied. You can close this window.</p>")
        }
        _ => page(200, "Request approved", "<p>You are signed in. You can close this window.</p>"),
    }
}

/// The form in which a person chooses who to be. What came with the request goes on with the answer.
fn choose(world: &World, action: &str, client: &str, form: &Form) -> Page {
    let hidden = |(name, value): (&String, &String)| {
        format!(r#"<input type="hidden" name="{}" value="{}">"#, escape(name), escape(value))
    };
    let kept: String =
        form.iter().filter(|(name, _)| action != DEVICE || *name != "user_code").map(hidden).collect();
    let code = form.get("user_code").map(|c| escape(c)).unwrap_or_default();
    let code = match action {
        DEVICE => format!(r#"<p><label>Code <input name="user_code" value="{code}" required></label></p>"#),
        _ => String::new(),
    };
    page(
        200,
        "Sign in to the sandbox",
        &format!(
            r#"<p>{} asks to reach your accounts.</p>
<form method="post" action="{action}">{kept}{code}
<p><label>User <select name="user">{}</select></label></p>
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></p>
</form>"#,
            escape(client),
            options(world)
        ),
    )
}

fn options(world: &World) -> String {
    let Some(instance) = &world.identity.instance else { return String::new() };
    let names = instance.users.keys().map(|id| escape(&user_name(instance, id)));
    names.map(|name| format!(r#"<option value="{name}">{name}</option>"#)).collect()
}

fn refused(why: &str) -> Page {
    page(400, "This cannot be done", &format!("<p>{}</p>", escape(why)))
}

fn page(status: u16, title: &str, body: &str) -> Page {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\
         <h1>{title}</h1>\n{body}\n</body></html>\n"
    );
    let headers = vec![
        ("content-type".to_owned(), "text/html; charset=utf-8".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    Page { status, headers, html }
}

fn escape(text: &str) -> String {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    plain.replace('"', "&quot;").replace('\'', "&#39;")
}

fn escape_query(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// `a=1&b=2`, decoded. What is not UTF-8 is replaced.
fn parse(text: &[u8]) -> Form {
    let text = String::from_utf8_lossy(text);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
}

fn unescape(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
