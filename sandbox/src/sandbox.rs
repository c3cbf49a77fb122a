//! A sandbox that runs in this process: tests start one each, the binary starts one.

use crate::clock::Time;
use crate::faults::Rule;
use crate::latency::Latency;
use crate::locked::locked;
use crate::record::{Record, Recorder};
use crate::runtime;
use crate::server::{self, Shared};
use crate::world::{Settings, World};
use crate::{keep, services, snapshot};
use anyhow::{Context, Result, bail};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How to start one.
pub struct Options {
    /// Where everything is kept. It is made if it is not there.
    pub directory: PathBuf,
    /// The loopback port; 0 lets the kernel choose.
    pub port: u16,
    /// How many seconds of AWS's waiting pass in one real second.
    pub scale: f64,
    pub settings: Settings,
    /// Whether the world is kept in the directory, and found again there ([`keep`]).
    pub keep: bool,
}

impl Options {
    /// A free port, AWS's durations 60 times faster, nothing kept.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), port: 0, scale: 60.0, settings: Settings::default(), keep: false }
    }
}

/// A running sandbox. It ends when it is dropped.
pub struct Sandbox {
    pub address: SocketAddr,
    pub shared: Arc<Shared>,
    /// Ends what serves.
    end: CancellationToken,
    /// Ends what runs: later, so that what ran is kept as running.
    halt: CancellationToken,
    served: TaskTracker,
    runtime: Option<tokio::task::JoinHandle<()>>,
    keep: bool,
    #[expect(dead_code, reason = "it is locked as long as the sandbox is there")]
    lock: File,
}

impl Sandbox {
    /// Starts one: when this returns, it serves.
    pub async fn start(mut options: Options) -> Result<Self> {
        std::fs::create_dir_all(&options.directory)
            .with_context(|| format!("create {}", options.directory.display()))?;
        let lock = lock(&options.directory)?;
        let kept = if options.keep { keep::read(&options.directory)? } else { None };
        let listener = listen(options.port, kept.as_ref()).await?;
        let address = listener.local_addr()?;
        options.settings.endpoint = format!("http://{address}");
        options.settings.directory = options.directory.clone();
        let recorder = Recorder::open(&options.directory).context("open the record of requests")?;
        let keep = options.keep;
        let world = match kept {
            Some(kept) => resume(kept, options)?,
            None => World::new(options.settings, options.scale),
        };
        let shared = Arc::new(Shared::new(world, recorder));
        let (end, halt, served) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        served.spawn(accept(listener, shared.clone(), end.clone(), served.clone()));
        served.spawn(pass_time(shared.clone(), end.clone()));
        if keep {
            keep::now(&shared)?;
            served.spawn(keep::run(shared.clone(), end.clone()));
        }
        let runtime = tokio::spawn(runtime::run(shared.clone(), halt.clone()));
        Ok(Self { address, shared, end, halt, served, runtime: Some(runtime), keep, lock })
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
        locked(&self.shared.rules).push(rule);
    }

    /// Ends all faults. Gives their rules, with what they have done.
    pub fn clear_faults(&self) -> Vec<Rule> {
        let rules = std::mem::take(&mut *locked(&self.shared.rules));
        self.shared.held.let_go();
        rules
    }

    pub fn set_latency(&self, latency: Latency) {
        *locked(&self.shared.latency) = latency;
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

    /// Ends it: the world is kept as it is when nobody is served any more, and what it ran has ended when this returns.
    pub async fn stop(mut self) -> Result<()> {
        self.end.cancel();
        self.served.close();
        self.served.wait().await;
        let kept = if self.keep { keep::now(&self.shared) } else { Ok(()) };
        self.halt.cancel();
        if let Some(runtime) = self.runtime.take() {
            // A runtime that panicked has ended as well.
            runtime.await.unwrap_or_default();
        }
        kept
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end.cancel();
        self.halt.cancel();
    }
}

/// Takes the directory for this sandbox alone.
fn lock(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!("a sandbox runs in {} already", directory.display())
        }
        Err(std::fs::TryLockError::Error(e)) => Err(e).with_context(|| format!("lock {}", path.display())),
    }
}

/// Listens on the port that is wanted: a kept world is found again where it was, because its addresses name the port.
async fn listen(port: u16, kept: Option<&World>) -> Result<TcpListener> {
    let endpoint = kept.map(|world| world.settings.endpoint.as_str()).unwrap_or_default();
    let before = endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(port);
    if port != 0 && port != before {
        bail!(
            "what exists in this sandbox is at port {before}, which the addresses of its images and services name: \
             leave the port out, or reset the sandbox"
        );
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, before));
    let listening = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"));
    match kept {
        Some(_) => listening.context("serve at the port that the addresses in this sandbox name"),
        None => listening,
    }
}

/// A kept world, with what can be chosen anew, and its services' ports.
fn resume(mut kept: World, options: Options) -> Result<World> {
    kept.clock.scale = options.scale;
    kept.settings.directory = options.directory;
    kept.settings.identity_center |= options.settings.identity_center;
    kept.settings.app_runner_customers.extend(options.settings.app_runner_customers);
    kept.settings.app_runner_customers.sort();
    kept.settings.app_runner_customers.dedup();
    runtime::ingress::reopen(&mut kept)?;
    Ok(kept)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, end: CancellationToken, served: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        if let Ok((stream, _)) = accepted {
            served.spawn(connection(stream, shared.clone(), end.clone()));
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
