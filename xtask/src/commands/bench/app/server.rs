//! One of the two as a process of this machine.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A server that answers well; it ends with this.
pub(super) struct Server {
    process: Child,
    port: u16,
    /// From its start to the first good answer.
    start: Duration,
}

/// How long it may take to the first good answer.
const PATIENCE: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_millis(2);

impl Server {
    /// Starts it with these variables and no others, and waits for its first good answer.
    pub(super) async fn start(mut command: Command, environment: &[(&str, String)]) -> Result<Self> {
        // Free now; nobody else on this machine is handed the same one soon.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        command.env("PORT", port.to_string()).stdin(Stdio::null()).kill_on_drop(true);
        let started = Instant::now();
        let process =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("start a server")?;
        let mut server = Self { process, port, start: Duration::ZERO };
        while !answers(port).await {
            if let Some(status) = server.process.try_wait()? {
                bail!("start a server: it ended with {status}");
            }
            if started.elapsed() > PATIENCE {
                bail!("start a server: it did not answer well within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(EVERY).await;
        }
        server.start = started.elapsed();
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// What is resident of it now.
    pub(super) fn memory_kib(&self) -> Result<u64> {
        let file = format!("/proc/{}/status", self.process.id().context("find the server's process")?);
        let status = std::fs::read_to_string(&file).with_context(|| format!("read {file}"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
        resident.context("find the resident memory")?.parse().context("read the resident memory")
    }
}

/// The median time from a start to the first good answer, in milliseconds.
pub(super) async fn cold_start(
    command: &dyn Fn() -> Command,
    environment: &[(&str, String)],
    starts: u16,
) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..starts.max(1) {
        let mut server = Server::start(command(), environment).await?;
        times.push(server.start);
        server.process.kill().await.context("end a server")?;
    }
    times.sort();
    Ok(times[times.len() / 2].as_secs_f64() * 1000.0)
}

/// Whether `/` is answered with 200. One that does not listen yet refuses the connection at once.
async fn answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n").await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        std::io::Result::Ok(head.ends_with(b" 200"))
    };
    ask.await.unwrap_or(false)
}
