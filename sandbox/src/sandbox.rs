//! A sandbox that runs in this process: tests start one each, the binary starts one.

use crate::clock::Time;
use crate::faults::Rule;
use crate::latency::Latency;
use crate::record::{Record, Recorder};
use crate::runtime;
use crate::server::{self, Shared};
use crate::world::{Settings, World};
use crate::{services, snapshot};
use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// How to start one.
pub struct Options {
    /// Where everything is kept. It is made if it is not there.
    pub directory: PathBuf,
    /// The loopback port; 0 lets the kernel choose.
    pub port: u16,
    /// How many seconds of AWS's waiting pass in one real second.
    pub scale: f64,
    pub settings: Settings,
}

impl Options {
    /// A free port, AWS's durations 60 times faster.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), port: 0, scale: 60.0, settings: Settings::default() }
    }
}

/// A running sandbox. It ends when it is dropped.
pub struct Sandbox {
    pub address: SocketAddr,
    pub shared: Arc<Shared>,
    end: CancellationToken,
    runtime: Option<tokio::task::JoinHandle<()>>,
}

impl Sandbox {
    /// Starts one: when this returns, it serves.
    pub async fn start(mut options: Options) -> Result<Self> {
        std::fs::create_dir_all(&options.directory)
            .with_context(|| format!("create {}", options.directory.display()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
        let address = listener.local_addr()?;
        options.settings.endpoint = format!("http://{address}");
        options.settings.directory = options.directory.clone();
        let recorder = Recorder::open(&options.directory).context("open the record of requests")?;
        let shared = Arc::new(Shared::new(World::new(options.settings, options.scale), recorder));
        let end = CancellationToken::new();
        tokio::spawn(accept(listener, shared.clone(), end.clone()));
        tokio::spawn(pass_time(shared.clone(), end.clone()));
        let runtime = tokio::spawn(runtime::run(shared.clone(), end.clone()));
        Ok(Self { address, shared, end, runtime: Some(runtime) })
    }

    /// `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world, to look at and to change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    pub fn now(&self) -> Time {
        self.world().clock.now()
    }

    pub fn advance(&self, seconds: f64) {
        self.world().clock.advance(seconds);
        drop(self.world());
    }

    pub fn add_fault(&self, rule: Rule) {
        self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    pub fn clear_faults(&self) {
        self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub fn set_latency(&self, latency: Latency) {
        *self.shared.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    /// Every API request so far.
    pub fn requests(&self) -> Vec<Record> {
        self.shared.recorder.all()
    }

    pub fn forget_requests(&self) {
        self.shared.recorder.clear();
    }

    /// Everything that exists, to be compared with [`snapshot::diff`].
    pub fn snapshot(&self) -> Value {
        snapshot::take(&self.world())
    }

    /// Ends it, and waits until what it ran has ended.
    pub async fn stop(mut self) {
        self.end.cancel();
        if let Some(runtime) = self.runtime.take() {
            // A runtime that panicked has ended as well.
            runtime.await.unwrap_or_default();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, end: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        if let Ok((stream, _)) = accepted {
            tokio::spawn(connection(stream, shared.clone(), end.clone()));
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, end: CancellationToken) {
    let service = service_fn(move |request| server::serve(shared.clone(), request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = end.cancelled() => {}
        // A client that went away, or a connection cut on demand: either way it is over.
        _ended = serving => {}
    }
}

/// Lets things happen that nobody asks about.
async fn pass_time(shared: Arc<Shared>, end: CancellationToken) {
    let mut interval = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            _at = interval.tick() => services::tick(&mut shared.world()),
        }
    }
}
