//! A typed configuration that follows AWS AppConfig while the program runs.
//!
//! A background task assumes the reading role, polls AppConfig Data, checks what arrives and swaps it in.
//! Readers never wait and never call AWS: they see the last good value, through every failure.
//!
//! ```no_run
//! # #[derive(serde::Deserialize)]
//! # struct Settings { greeting: String }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use live_config::{LiveConfig, Source};
//!
//! let source = Source::from_env()?;
//! let aws = live_config::aws::loader().load().await;
//! let settings: LiveConfig<Settings> = LiveConfig::start(source, &aws, live_config::json).await;
//! let first = settings.first(std::time::Duration::from_secs(30)).await?;
//! println!("{} says {}", first.version, first.value.greeting);
//! # Ok(())
//! # }
//! ```
//!
//! The task ends when the last [`LiveConfig`] and the last subscription are dropped.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod aws;
mod poller;
mod reader;
mod source;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

pub use source::{Source, SourceError};

/// A configuration of type `T` that is kept up to date in the background. Cheap to clone.
pub struct LiveConfig<T> {
    current: watch::Receiver<Option<Arc<Current<T>>>>,
    status: watch::Receiver<Status>,
}

/// One accepted configuration: a value and the version it came from, never mixed.
#[derive(Debug)]
pub struct Current<T> {
    pub value: T,
    /// AppConfig's version label, or `unlabelled-<content hash>` where the version has none.
    pub version: String,
    /// When this program took the value.
    pub taken: Instant,
    fingerprint: u64,
}

/// How the polling goes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub polls: u64,
    pub failed_polls: u64,
    pub failures_in_a_row: u32,
    /// When AppConfig last said what the current version is.
    pub confirmed: Option<Instant>,
    /// What keeps the newest configuration from being used; `None` when all is well.
    pub trouble: Option<Trouble>,
}

/// Why the value in use may not be the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// AppConfig could not be read.
    Unread(String),
    /// A version arrived that the program cannot use.
    Refused { version: String, reason: String },
}

/// No value arrived within the deadline. Polling goes on.
#[derive(Debug)]
pub struct NoValueYet {
    pub waited: Duration,
    pub trouble: Option<Trouble>,
}

impl<T: Send + Sync + 'static> LiveConfig<T> {
    /// Starts polling. `parse` decides what is taken: an error keeps the value before.
    pub async fn start<P, E>(source: Source, aws: &SdkConfig, parse: P) -> Self
    where
        P: Fn(&[u8]) -> Result<T, E> + Send + 'static,
        E: fmt::Display + 'static,
    {
        let (current_sender, current) = watch::channel(None);
        let (status_sender, status) = watch::channel(Status::default());
        let reader = reader::Reader::new(source, aws).await;
        tokio::spawn(poller::run(reader, parse, current_sender, status_sender));
        Self { current, status }
    }
}

impl<T> LiveConfig<T> {
    /// The last good value; `None` until the first one has arrived.
    pub fn current(&self) -> Option<Arc<Current<T>>> {
        self.current.borrow().clone()
    }

    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Wakes on every new value, and only then.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Current<T>>>> {
        self.current.clone()
    }

    /// The first value, or what stood in its way for `deadline`.
    pub async fn first(&self, deadline: Duration) -> Result<Arc<Current<T>>, NoValueYet> {
        let mut current = self.current.clone();
        let arrived = tokio::time::timeout(deadline, current.wait_for(Option::is_some)).await;
        arrived
            .ok()
            .and_then(|seen| seen.ok()?.clone())
            .ok_or_else(|| NoValueYet { waited: deadline, trouble: self.status().trouble })
    }
}

impl<T> Clone for LiveConfig<T> {
    fn clone(&self) -> Self {
        Self { current: self.current.clone(), status: self.status.clone() }
    }
}

impl<T> Current<T> {
    /// How long this value has been in use here.
    pub fn age(&self) -> Duration {
        self.taken.elapsed()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(reason) => write!(f, "not read: {reason}"),
            Self::Refused { version, reason } => write!(f, "version `{version}` refused: {reason}"),
        }
    }
}

impl fmt::Display for NoValueYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no configuration within {:?}", self.waited)?;
        match &self.trouble {
            Some(trouble) => write!(f, ": {trouble}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NoValueYet {}

/// Reads `T` as JSON. What `T` does not know is refused only if `T` says `deny_unknown_fields`.
pub fn json<T: DeserializeOwned>(content: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(content)
}
