//! Public addresses: one loopback port each, a reverse proxy with weights behind it.
//!
//! AWS gives a host name with https; here it is `http://127.0.0.1:PORT/`.

use super::Task;
use super::process::Address;
use super::supervisor::Holds;
use crate::world::World;
use anyhow::Context;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

type Body = BoxBody<Bytes, hyper::Error>;

/// A service's public address, and where its requests go.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ingress {
    pub port: u16,
    pub routes: Vec<Route>,
    #[serde(skip)]
    listener: Option<Arc<TcpListener>>,
    #[serde(skip)]
    count: Arc<Count>,
    #[serde(skip)]
    close: CancellationToken,
}

/// Tasks that share `weight` per cent of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    pub weight: u64,
    pub tasks: Vec<String>,
}

/// Requests that reached a container, and those answered 4xx or 5xx: what the deployment alarm looks at.
#[derive(Debug, Default)]
struct Count {
    turn: AtomicU64,
    requests: AtomicU64,
    errors: AtomicU64,
}

/// How many requests a task is at.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<AtomicU64>);

/// One of them, until it is dropped.
struct UnderWay(Requests);

impl Requests {
    fn begin(&self) -> UnderWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    pub(super) fn are_done(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An address that somebody has to serve.
pub struct Door {
    listener: Arc<TcpListener>,
    count: Arc<Count>,
    close: CancellationToken,
}

/// Gives a service its public address; the same one if it has one.
pub fn expose(world: &mut World, key: &str) -> String {
    let ingress = world.runtime.ingress.entry(key.to_owned()).or_default();
    if ingress.port == 0
        && let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
    {
        ingress.port = listener.local_addr().map_or(0, |a| a.port());
        ingress.listener = Some(Arc::new(listener));
    }
    format!("http://127.0.0.1:{}/", ingress.port)
}

/// Closes a service's address.
pub fn close(world: &mut World, key: &str) {
    if let Some(ingress) = world.runtime.ingress.remove(key) {
        ingress.close.cancel();
    }
}

/// Says where a service's requests go.
pub fn route(world: &mut World, key: &str, routes: Vec<Route>) {
    if let Some(ingress) = world.runtime.ingress.get_mut(key) {
        ingress.routes = routes;
    }
}

/// How many requests reached a container so far, and how many of them were answered 4xx or 5xx.
pub fn counts(world: &World, key: &str) -> (u64, u64) {
    let count = world.runtime.ingress.get(key).map(|i| i.count.clone()).unwrap_or_default();
    (count.requests.load(Ordering::Relaxed), count.errors.load(Ordering::Relaxed))
}

/// Takes the ports again that a kept world has given out. Another's now: an error, because a service's URL names it.
pub fn reopen(world: &mut World) -> anyhow::Result<()> {
    for (key, ingress) in world.runtime.ingress.iter_mut().filter(|(_, i)| i.port != 0) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ingress.port));
        let listener = listener.with_context(|| format!("listen on port {} for {key}", ingress.port))?;
        ingress.listener = Some(Arc::new(listener));
    }
    Ok(())
}

fn open(port: u16) -> Option<Arc<TcpListener>> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(Arc::new)
}

/// Keeps the addresses open that the next world has, too, and closes the others.
pub(super) fn hand_over(world: &mut World, next: &mut World) {
    for (key, ingress) in std::mem::take(&mut world.runtime.ingress) {
        match next.runtime.ingress.get_mut(&key) {
            Some(same) if same.port == ingress.port => {
                let routes = std::mem::take(&mut same.routes);
                *same = Ingress { routes, ..ingress };
            }
            _ => ingress.close.cancel(),
        }
    }
    // What this world has closed is opened anew.
    for ingress in next.runtime.ingress.values_mut().filter(|ingress| ingress.close.is_cancelled()) {
        let (port, routes) = (ingress.port, std::mem::take(&mut ingress.routes));
        *ingress = Ingress { port, routes, listener: open(port), ..Ingress::default() };
    }
}

/// Addresses that nobody serves yet.
pub(super) fn unserved(world: &mut World) -> Vec<(String, Door)> {
    let waiting = world.runtime.ingress.iter_mut();
    let door = |(key, ingress): (&String, &mut Ingress)| {
        let (count, close) = (ingress.count.clone(), ingress.close.clone());
        ingress.listener.take().map(|listener| (key.clone(), Door { listener, count, close }))
    };
    waiting.filter_map(door).collect()
}

/// Serves an address until it is closed.
pub(super) async fn serve(host: Arc<dyn Holds>, key: String, door: Door, shutdown: CancellationToken) {
    let Some(listener) = listen(&door.listener) else {
        return;
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return,
            () = door.close.cancelled() => return,
        };
        let Ok((stream, peer)) = accepted else { continue };
        let (host, key, count) = (host.clone(), key.clone(), door.count.clone());
        let (close, shutdown) = (door.close.clone(), shutdown.clone());
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(&host, &key, &count, peer, request));
            tokio::select! {
                // A client that goes away in the middle is no error of ours.
                served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer) => drop(served),
                () = shutdown.cancelled() => {}
                () = close.cancelled() => {}
            }
        });
    }
}

fn listen(listener: &TcpListener) -> Option<tokio::net::TcpListener> {
    let listener = listener.try_clone().ok()?;
    listener.set_nonblocking(true).ok()?;
    tokio::net::TcpListener::from_std(listener).ok()
}

async fn answer(
    host: &Arc<dyn Holds>,
    key: &str,
    count: &Count,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let Some((address, _under_way)) = choose(&host.world(), key, count.turn.fetch_add(1, Ordering::Relaxed))
    else {
        return Ok(plain(StatusCode::SERVICE_UNAVAILABLE, "503 Service Temporarily Unavailable"));
    };
    let response = forward(&address, peer, request).await;
    count.requests.fetch_add(1, Ordering::Relaxed);
    let failed =
        response.as_ref().map_or(true, |r| r.status().is_client_error() || r.status().is_server_error());
    count.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
    Ok(response.unwrap_or_else(|_| plain(StatusCode::BAD_GATEWAY, "502 Bad Gateway")))
}

/// The task whose turn it is: routes by weight, evenly spread, then the healthy tasks of the route in turn.
fn choose(world: &World, key: &str, turn: u64) -> Option<(Address, UnderWay)> {
    let routes = &world.runtime.ingress.get(key)?.routes;
    let total: u64 = routes.iter().map(|r| r.weight).sum();
    // 61 has no factor in common with 100: every weight gets its share of each hundred, and not in one run.
    let mut at = (turn * 61) % total.max(1);
    let route = routes.iter().find(|r| {
        let here = at < r.weight;
        at = at.saturating_sub(r.weight);
        here
    })?;
    let serving: Vec<&Task> =
        route.tasks.iter().filter_map(|id| world.runtime.tasks.get(id)).filter(|t| t.serving()).collect();
    let task = serving.get((turn / 100 + turn) as usize % serving.len().max(1))?;
    Some((task.address.clone()?, task.requests.begin()))
}

async fn forward(
    address: &Address,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> anyhow::Result<Response<Body>> {
    let host = request.headers().get(header::HOST).cloned();
    hop_by_hop(request.headers_mut());
    let forwarded = [("x-forwarded-for", peer.ip().to_string()), ("x-forwarded-proto", "http".to_owned())];
    for (name, value) in forwarded {
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value)?);
    }
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    let mut response = send(address, request).await?;
    hop_by_hop(response.headers_mut());
    Ok(response.map(BodyExt::boxed))
}

async fn send<B>(address: &Address, request: Request<B>) -> anyhow::Result<Response<Incoming>>
where
    B: hyper::body::Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
{
    let stream = TokioIo::new(address.connect().await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

/// Headers that are between two ends of one connection.
fn hop_by_hop(headers: &mut HeaderMap) {
    for name in
        ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]
    {
        headers.remove(name);
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Whether a container is there: it takes a connection, or answers 200 on the path.
pub(super) async fn probe(address: &Address, path: Option<&str>) -> bool {
    let Some(path) = path else {
        return connects(address).await;
    };
    let request = Request::get(path)
        .header(header::HOST, "127.0.0.1")
        .header(header::USER_AGENT, "ELB-HealthChecker/2.0")
        .body(Empty::new().map_err(|never| match never {}));
    let Ok(request) = request else { return false };
    send(address, request).await.is_ok_and(|r| r.status() == StatusCode::OK)
}

/// A port answers when it takes a connection. The way into a namespace always does, so its other end must stay open.
async fn connects(address: &Address) -> bool {
    let Ok(mut stream) = address.connect().await else {
        return false;
    };
    if matches!(address, Address::Tcp(_)) {
        return true;
    }
    let mut byte = [0];
    let closed = tokio::io::AsyncReadExt::read(&mut stream, &mut byte);
    tokio::time::timeout(std::time::Duration::from_millis(50), closed).await.is_err()
}
