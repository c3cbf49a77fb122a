//! The registry that image tools speak to: OCI distribution as ECR does it, with what ECR does differently.
//!
//! A request is first planned, under the lock of the world: who, which repository, may they. Bodies of layers are then
//! streamed to or from files without the lock, and what came is entered into the world at the end.
//!
//! What ECR does differently:
//! - authorization is Basic `AWS:<token>`, not Bearer;
//! - a chunk is answered with 201 instead of 202, and `Range` stays where the first chunk ended, although every chunk
//!   is kept; a chunk at another place is 416;
//! - a blob is a redirect to a link that is signed;
//! - a manifest that was put has no `Location`, and cannot be deleted here;
//! - a tag that is immutable is refused even for the same digest;
//! - nothing is mounted from another repository: 202, and the client uploads.

use crate::auth::Caller;
use crate::fault::Fault;
use crate::faults::Seen;
use crate::keep;
use crate::record::Record;
use crate::server::{self, Body, Cut, Shared, Trouble};
use crate::services::ecr::{self, Name};
use crate::wire::Reply;
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

mod blobs;
mod manifests;
mod uploads;

/// Answers a request under `/v2/`.
pub async fn serve(shared: &Shared, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/v2").unwrap_or_default().trim_start_matches('/').to_owned();
    if let Some(digest) = path.strip_prefix("_layers/") {
        return blobs::download(shared, digest, &query(&parts)).await;
    }
    let planned = plan(&shared.world(), &parts, &path);
    match planned {
        Ok(Plan::Done(reply)) => Ok(server::respond(reply)),
        Ok(Plan::For(asked)) => asked.answer(shared, body).await,
        Err(fault) => Ok(refuse(&fault)),
    }
}

enum Plan {
    Done(Reply),
    For(Box<Asked>),
}

/// A request about a repository by somebody who showed a token.
struct Asked {
    caller: Caller,
    name: Name,
    what: What,
    method: Method,
    query: BTreeMap<String, String>,
    headers: http::HeaderMap,
}

/// What a path under a repository's is about.
enum What {
    Manifest(String),
    Blob(String),
    NewUpload,
    Upload(String),
    Tags,
    Referrers(String),
}

impl What {
    /// From what follows the repository's name: the longest name that leaves something known wins.
    fn parse(path: &str) -> Option<(&str, Self)> {
        if let Some(name) = path.strip_suffix("/tags/list") {
            return Some((name, Self::Tags));
        }
        if let Some(name) = path.trim_end_matches('/').strip_suffix("/blobs/uploads") {
            return Some((name, Self::NewUpload));
        }
        let (rest, last) = path.rsplit_once('/')?;
        let last = last.to_owned();
        let known = |suffix: &str| rest.strip_suffix(suffix);
        known("/blobs/uploads")
            .map(|name| (name, Self::Upload(last.clone())))
            .or_else(|| known("/manifests").map(|name| (name, Self::Manifest(last.clone()))))
            .or_else(|| known("/blobs").map(|name| (name, Self::Blob(last.clone()))))
            .or_else(|| known("/referrers").map(|name| (name, Self::Referrers(last.clone()))))
    }
}

fn plan(world: &World, parts: &Parts, path: &str) -> Result<Plan, Fault> {
    let caller = match authorize(world, parts)? {
        Some(caller) => caller,
        None => return Ok(Plan::Done(challenge(world))),
    };
    if path.is_empty() {
        return Ok(Plan::Done(Reply::new(200, "application/json", "{}")));
    }
    let unknown = || Fault::new("NAME_UNKNOWN", format!("there is nothing at /v2/{path}")).status(404);
    let (name, what) = What::parse(path).ok_or_else(unknown)?;
    let name = Name::parse(name).ok_or_else(unknown)?;
    let (method, headers) = (parts.method.clone(), parts.headers.clone());
    Ok(Plan::For(Box::new(Asked { caller, name, what, method, query: query(parts), headers })))
}

/// Who shows which token. `None`: nobody, or something that is no token of ours.
fn authorize(world: &World, parts: &Parts) -> Result<Option<Caller>, Fault> {
    let shown = parts.headers.get("authorization").and_then(|it| it.to_str().ok());
    let basic = shown.and_then(|it| it.strip_prefix("Basic "));
    let decoded = basic.and_then(|it| STANDARD.decode(it).ok()).and_then(|it| String::from_utf8(it).ok());
    let password = decoded.as_deref().and_then(|it| it.strip_prefix("AWS:"));
    let Some(token) = password.and_then(|it| ecr::token(world, it)) else { return Ok(None) };
    if token.expires < world.clock.now() {
        let why = "Your authorization token has expired. Reauthenticate and try again.";
        return Err(Fault::new("DENIED", why).status(403));
    }
    Ok(Some(token.caller))
}

fn challenge(world: &World) -> Reply {
    let endpoint = &world.settings.endpoint;
    let mut reply = Reply::new(401, "text/plain; charset=utf-8", "Not Authorized\n");
    let challenge = format!("Basic realm=\"{endpoint}/\",service=\"ecr.amazonaws.com\"");
    reply.headers.push(("www-authenticate".to_owned(), challenge));
    reply
}

impl Asked {
    async fn answer(self, shared: &Shared, body: Incoming) -> Result<Response<Body>, Cut> {
        let (started, operation) = (Instant::now(), self.operation());
        let (account, client) = (&self.caller.account, self.header("user-agent").unwrap_or_default());
        let seen = Seen { service: "registry", operation: &operation, account, client };
        let mut body = Some(body);
        // There is no stale read here: what a digest names does not change.
        let answered =
            server::suffer(shared, &seen, async |_stale| self.work(shared, body.take()).await).await;
        self.record(shared, started, &answered);
        shared.world().unsaved |= keep::changes(&operation);
        match answered {
            Ok(reply) => Ok(server::respond(reply)),
            Err(Trouble::Cut(_)) => Err(Cut),
            Err(Trouble::Refused(fault)) => {
                if let Some(body) = body {
                    uploads::drain(body).await;
                }
                Ok(refuse(&fault))
            }
        }
    }

    async fn work(&self, shared: &Shared, body: Option<Incoming>) -> Result<Reply, Trouble> {
        let gone = |_cut| Trouble::Cut("the client went away");
        Ok(match (&self.what, body) {
            (What::Upload(id), Some(body)) => {
                uploads::receive(shared, self, id, body).await.map_err(gone)??
            }
            (What::Manifest(reference), Some(body)) if self.method == Method::PUT => {
                manifests::put(shared, self, reference, body).await.map_err(gone)??
            }
            _ => self.look(&mut shared.world())?,
        })
    }

    /// What needs no body.
    fn look(&self, world: &mut World) -> Result<Reply, Fault> {
        let reads = self.method == Method::GET || self.method == Method::HEAD;
        match &self.what {
            What::Manifest(reference) if reads => manifests::get(world, self, reference),
            What::Blob(digest) if reads => blobs::find(world, self, digest),
            What::NewUpload if self.method == Method::POST => uploads::start(world, self),
            What::Tags if reads => manifests::tags(world, self),
            What::Referrers(digest) if reads => manifests::referrers(world, self, digest),
            _ => Err(Fault::new("UNSUPPORTED", "The operation is unsupported.").status(405)),
        }
    }

    /// Asks for an action, and then whether the repository is there: who may not, does not learn it.
    fn allow(&self, world: &World, action: &str) -> Result<(), Fault> {
        self.name.allow(world, &self.caller, action)?;
        self.name.find(world).map(|_| ()).ok_or_else(|| self.name.unknown())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// `/v2/<account>/<region>/<name>/…` on the sandbox.
    fn url(&self, world: &World, rest: &str) -> String {
        format!("{}/v2/{}/{}/{rest}", world.settings.endpoint, self.name.place(), self.name.name)
    }

    /// The record and the fault rules tell of the registry's requests by their method: `PUT upload`.
    fn operation(&self) -> String {
        let noun = match &self.what {
            What::Manifest(_) => "manifest",
            What::Blob(_) => "blob",
            What::NewUpload | What::Upload(_) => "upload",
            What::Tags => "tags",
            What::Referrers(_) => "referrers",
        };
        format!("{} {noun}", self.method)
    }

    fn record(&self, shared: &Shared, started: Instant, answered: &Result<Reply, Trouble>) {
        let (ended, error) = match answered {
            Ok(reply) => (reply.status, None),
            Err(Trouble::Refused(fault)) => (status(fault).0, Some(fault.code.clone())),
            Err(Trouble::Cut(how)) => (0, Some((*how).to_owned())),
        };
        let input = json!({"repository": self.name.name, "registryId": self.name.account});
        shared.recorder.add(Record {
            number: shared.number(),
            request_id: String::new(),
            at: shared.world().clock.now(),
            took: started.elapsed().as_secs_f64(),
            service: "registry".to_owned(),
            operation: self.operation(),
            region: self.name.region.clone(),
            caller: self.caller.arn.clone(),
            account: self.caller.account.clone(),
            input: input.as_object().cloned().unwrap_or_default(),
            status: ended,
            error,
            user_agent: self.header("user-agent").unwrap_or_default().to_owned(),
        });
    }
}

/// ECR's errors as the registry's protocol names them.
fn status(fault: &Fault) -> (u16, &str) {
    match fault.code.as_str() {
        "ThrottlingException" => (429, "TOOMANYREQUESTS"),
        "InternalFailure" => (500, "UNKNOWN"),
        "AccessDeniedException" | "AccessDenied" | "ExpiredTokenException" => (403, "DENIED"),
        "RepositoryNotFoundException" => (404, "NAME_UNKNOWN"),
        "ImageNotFoundException" => (404, "MANIFEST_UNKNOWN"),
        "LayersNotFoundException" | "ReferencedImagesNotFoundException" => (404, "MANIFEST_BLOB_UNKNOWN"),
        "ImageTagAlreadyExistsException" => (400, "TAG_INVALID"),
        "ImageDigestDoesNotMatchException" => (400, "DIGEST_INVALID"),
        "InvalidParameterException" => (400, "MANIFEST_INVALID"),
        code => (fault.status.unwrap_or(400), code),
    }
}

fn refuse(fault: &Fault) -> Response<Body> {
    let (status, code) = status(fault);
    let body = json!({"errors": [{"code": code, "message": fault.message}]});
    let mut reply = Reply::new(status, "application/json; charset=utf-8", body.to_string());
    for (name, value) in &fault.details {
        let value = value.as_str().unwrap_or_default().to_owned();
        reply.headers.push((name.clone(), value));
    }
    server::respond(fault.garbled.into_iter().fold(reply, server::spoilt))
}

fn query(parts: &Parts) -> BTreeMap<String, String> {
    let pairs = parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), unescape(value))).collect()
}

/// Undoes percent-encoding, as far as digests and tags have any.
fn unescape(text: &str) -> String {
    text.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/")
}

#[cfg(test)]
mod tests {
    use super::What;

    #[test]
    fn names_may_have_any_depth() {
        let parse = |path: &'static str| What::parse(path).map(|(name, _)| name);
        assert_eq!(parse("1/eu/team/app/manifests/v1"), Some("1/eu/team/app"));
        assert_eq!(parse("1/eu/app/blobs/sha256:0"), Some("1/eu/app"));
        assert_eq!(parse("1/eu/app/blobs/uploads/"), Some("1/eu/app"));
        assert_eq!(parse("1/eu/app/blobs/uploads/7"), Some("1/eu/app"));
        assert_eq!(parse("1/eu/manifests/tags/list"), Some("1/eu/manifests"));
        assert_eq!(parse("_catalog"), None);
    }
}
