//! Between a container's network and ours: unix sockets in the container's directory reach across.

use anyhow::{Context, Result};
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// Runs inside the container's network until the command ends; its exit status.
pub(super) fn run(directory: &Path, ports: (u16, u16), program: &str, arguments: &[String]) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ran = runtime.context("start").and_then(|r| r.block_on(inside(directory, ports, program, arguments)));
    ran.unwrap_or(125)
}

async fn inside(
    directory: &Path,
    (port, endpoint): (u16, u16),
    program: &str,
    arguments: &[String],
) -> Result<u8> {
    // The signal is for the command, which gets it too; this ends when the command has.
    let mut terminate = signal(SignalKind::terminate())?;
    Command::new("ip").args(["link", "set", "lo", "up"]).status().await.context("bring up the network")?;
    let app = UnixListener::bind(directory.join("app.sock")).context("listen for the sandbox")?;
    let api = TcpListener::bind((Ipv4Addr::LOCALHOST, endpoint)).await.context("listen for the container")?;
    let out = directory.join("api.sock");
    let mut child = Command::new(program).args(arguments).spawn().context("start the command")?;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status?;
                let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
                return Ok(u8::try_from(code).unwrap_or(255));
            }
            Ok((mut from, _)) = app.accept() => {
                tokio::spawn(async move {
                    let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                    copy_bidirectional(&mut from, &mut to).await
                });
            }
            Ok((mut from, _)) = api.accept() => {
                let out = out.clone();
                tokio::spawn(async move {
                    let mut to = UnixStream::connect(out).await?;
                    copy_bidirectional(&mut from, &mut to).await
                });
            }
            _ = terminate.recv() => {}
        }
    }
}

/// Lets a container out to the API on this side; runs until it is dropped.
pub(in crate::runtime) async fn let_out(directory: PathBuf, endpoint: u16) -> Result<()> {
    let listener = UnixListener::bind(directory.join("api.sock")).context("listen for the container")?;
    loop {
        let (mut from, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, endpoint)).await?;
            copy_bidirectional(&mut from, &mut to).await
        });
    }
}
