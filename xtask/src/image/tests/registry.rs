//! Debian's `docker-registry`, and a proxy before it that cuts connections.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::image::push::Registry;

pub(super) const PASSWORD: &str = "password";
/// `AWS:password` for the registry, as bcrypt.
const HTPASSWD: &str = "AWS:$2b$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm\n";

/// A running registry that dies with its test.
pub(super) struct DebianRegistry {
    process: Child,
    pub(super) address: String,
    _directory: TempDir,
}

impl DebianRegistry {
    /// Starts one on a port that the kernel chooses.
    pub(super) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(path("htpasswd"), HTPASSWD).unwrap();
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
             auth: {{htpasswd: {{realm: registry, path: '{}'}}}}\n",
            path("data"),
            path("htpasswd")
        );
        std::fs::write(path("config.yml"), config).unwrap();
        let mut process = Command::new("docker-registry")
            .args(["serve", &path("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is missing: apt-get install docker-registry");
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let address = address(&mut log);
        // Whoever fills the pipe without a reader stops.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        DebianRegistry { process, address, _directory: directory }
    }

    pub(super) fn repository(&self, name: &str) -> Registry {
        at(&self.address, name)
    }
}

pub(super) fn at(address: &str, repository: &str) -> Registry {
    Registry::new(&format!("http://{address}"), repository, "AWS", PASSWORD)
}

/// The address in the registry's line `listening on 127.0.0.1:43211`.
fn address(log: &mut impl BufRead) -> String {
    for line in log.lines() {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once("listening on ") {
            let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.' && it != ':');
            return rest[..end.unwrap_or(rest.len())].to_owned();
        }
    }
    panic!("docker-registry ended before it listened");
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// When a line is cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// Every connection ends at that byte, counted over all of them, and no later one gets any further.
    ForGood(u64),
    /// The connection that sends that byte ends there; later ones are whole.
    Once(u64),
}

/// Stands before a registry, and cuts the line to it.
pub(super) struct Proxy {
    pub(super) address: String,
    sent: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn cutting_after(target: &str, bytes: u64) -> Self {
        Self::cutting(target, Cut::ForGood(bytes)).await
    }

    pub(super) async fn cutting(target: &str, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sent = Arc::new(AtomicU64::new(0));
        let (target, counted) = (target.to_owned(), sent.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, target.clone(), counted.clone(), cut));
            }
        });
        Proxy { address, sent, task }
    }

    /// What the client has sent so far, in bytes.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cut {
    /// How many of the next bytes pass when so many were sent before.
    fn allows(self, before: u64, next: u64) -> u64 {
        match self {
            Cut::ForGood(at) => at.saturating_sub(before).min(next),
            Cut::Once(at) if (before..before + next).contains(&at) => at - before,
            Cut::Once(_) => next,
        }
    }
}

async fn forward(mut client: TcpStream, target: String, sent: Arc<AtomicU64>, cut: Cut) {
    let mut server = TcpStream::connect(target).await.unwrap();
    let (mut from_server, mut to_server) = server.split();
    let (mut from_client, mut to_client) = client.split();
    let up = async {
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = from_client.read(&mut piece).await {
            let before = sent.fetch_add(read as u64, Ordering::SeqCst);
            let allowed = cut.allows(before, read as u64) as usize;
            if to_server.write_all(&piece[..allowed]).await.is_err() || allowed < read {
                return;
            }
        }
    };
    let down = async { copy(&mut from_server, &mut to_client).await.ok() };
    // Whichever side ends first ends both: returning closes the sockets.
    tokio::select! { () = up => {}, _ = down => {} }
}
