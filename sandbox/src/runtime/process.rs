//! A container's process: started with nothing of the host's environment, and ended with everything it started.

use super::isolation::Isolation;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};

/// Where a container listens, as seen from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    /// The way into a network namespace.
    Unix(PathBuf),
}

/// A connection to a container.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Address {
    pub(super) async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

/// What is to be started.
pub(super) struct Start<'a> {
    /// The task's own directory: its root is `root` in it.
    pub(super) directory: &'a Path,
    pub(super) arguments: &'a [String],
    pub(super) environment: Vec<(String, String)>,
    /// The working directory within the root.
    pub(super) working: &'a str,
    /// The port that the container has been told to listen on.
    pub(super) port: u16,
    /// The port of the API on this machine.
    pub(super) endpoint: u16,
}

/// A process that runs, with the group that ends with it.
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) address: Address,
    group: Option<Pid>,
}

impl Process {
    /// Starts it. Without a network of its own it is told another port by `PORT`, because others may have this one.
    pub(super) fn start(start: Start, isolation: &Isolation) -> Result<Self> {
        ensure!(
            cfg!(target_os = "linux"),
            "containers run as processes of this machine, and {} runs no Linux programs: start the sandbox on Linux, in \
             a virtual machine or a container",
            std::env::consts::OS
        );
        let own_network = isolation.network();
        let port = if own_network { start.port } else { free_port()? };
        let address = if own_network {
            Address::Unix(start.directory.join("app.sock"))
        } else {
            Address::Tcp((Ipv4Addr::LOCALHOST, port).into())
        };
        let mut command = isolation.command(&start)?;
        command.env_clear().envs(start.environment.iter().map(|(k, v)| (k, v)));
        if !own_network {
            command.env("PORT", port.to_string());
        }
        let child = detach(&mut command).spawn().with_context(|| format!("start {command:?}"))?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let process = Self { child, address, group };
        process.note(start.directory);
        Ok(process)
    }

    /// Sends a signal to everything that the container started.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // Gone already is as good.
            kill_process_group(group, signal).ok();
        }
    }

    /// Writes down which process it is, so that the next sandbox can end it should this one be killed.
    fn note(&self, directory: &Path) {
        if let Some(pid) = self.group.map(|g| g.as_raw_nonzero().get())
            && let Some(born) = born(pid)
        {
            fs::write(directory.join("pid"), format!("{pid} {born}")).ok();
        }
    }
}

fn detach(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
}

/// Ends what a sandbox before this one has left in `directory`, and removes its directories.
pub(super) fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let noted = fs::read_to_string(entry.path().join("pid")).unwrap_or_default();
        if let Some((pid, since)) = noted.split_once(' ')
            && let Ok(pid) = pid.parse()
            && born(pid).as_deref() == Some(since)
            && let Some(pid) = Pid::from_raw(pid)
        {
            kill_process_group(pid, Signal::KILL).ok();
        }
        fs::remove_dir_all(entry.path()).ok();
    }
}

/// When a process was started: with it, a process id that has been used again is not taken for ours.
fn born(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

/// One below those that the kernel gives out by itself: nobody gets it by chance before the container takes it.
fn free_port() -> Result<u16> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut some = std::iter::repeat_with(|| fastrand::u16(15_000..30_000)).take(100);
    some.find(is_free).context("find a free port below 30000")
}
