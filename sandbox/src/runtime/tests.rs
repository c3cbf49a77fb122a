//! Containers for real, in each of the ways that this machine allows.

use super::isolation::{Isolation, let_out};
use super::process::{Process, Start};
use super::{ingress, process};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use rustix::process::Signal;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The images' program, linked statically as a container without a distribution needs it; compiled once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap().keep();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/image/server.rs");
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let arguments = ["--edition=2024", "-Ctarget-feature=+crt-static", "-o", "server", source];
        let done = std::process::Command::new(rustc).args(arguments).current_dir(&directory).status();
        assert!(done.unwrap().success());
        directory.join("server")
    })
}

struct Running {
    process: Process,
    directory: tempfile::TempDir,
    out: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
}

/// Starts the program in a root that holds nothing else.
async fn start(isolation: &Isolation, endpoint: u16, environment: &[(&str, &str)]) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::copy(program(), root.join("server")).unwrap();
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let arguments = ["/server".to_owned()];
    let start = Start {
        directory: directory.path(),
        arguments: &arguments,
        environment,
        working: "",
        port: 5000,
        endpoint,
    };
    let out = isolation.network().then(|| tokio::spawn(let_out(directory.path().to_owned(), endpoint)));
    let process = Process::start(start, isolation).unwrap();
    let running = Running { process, directory, out };
    let begun = Instant::now();
    while !ingress::probe(&running.process.address, Some("/healthz")).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{isolation:?} does not come up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running
}

async fn get(running: &Running, path: &str) -> String {
    let stream = TokioIo::new(running.process.address.connect().await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "x").body(Empty::<bytes::Bytes>::new()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// All ways that work here; the plain one always does.
fn ways() -> Vec<Isolation> {
    let mut ways = vec![Isolation::Plain];
    match Isolation::best() {
        Isolation::Plain => {}
        Isolation::Rooted => ways.push(Isolation::Rooted),
        best @ Isolation::Networked(_) => ways.extend([Isolation::Rooted, best.clone()]),
    }
    ways
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_sees_its_own_environment_and_nothing_of_the_hosts() {
    for way in ways() {
        let mut running = start(&way, 1, &[("VERSION", "7")]).await;
        assert_eq!(get(&running, "/").await, "hello 7", "{way:?}");
        let environment = get(&running, "/env").await;
        let mut names: Vec<&str> = environment.lines().filter_map(|l| Some(l.split_once('=')?.0)).collect();
        let expected = if way.network() { vec!["VERSION"] } else { vec!["PORT", "VERSION"] };
        names.sort_unstable();
        assert_eq!(names, expected, "{way:?}");
        running.process.signal(Signal::KILL);
        running.process.child.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_with_a_root_sees_its_own_files_and_processes() {
    for way in ways().into_iter().filter(|w| *w != Isolation::Plain) {
        let mut running = start(&way, 1, &[]).await;
        let root = get(&running, "/root").await;
        let mut names: Vec<&str> = root.lines().collect();
        names.sort_unstable();
        assert_eq!(names, ["dev", "etc", "proc", "server", "tmp"], "{way:?}");
        let processes = get(&running, "/processes").await;
        let count = processes.lines().filter(|n| n.parse::<u32>().is_ok()).count();
        assert!((1..=3).contains(&count), "{way:?} sees {count} processes");
        running.process.signal(Signal::KILL);
        running.process.child.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_with_a_network_reaches_the_api_and_no_other_port_of_this_machine() {
    let Some(way) = ways().into_iter().find(Isolation::network) else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    });
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://127.0.0.1:{endpoint}/_credentials/x");
    let running = start(&way, endpoint, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]).await;
    assert_eq!(get(&running, "/credentials").await, "hi");
    let url = format!("http://127.0.0.1:{}/", other.local_addr().unwrap().port());
    let kept = start(&way, endpoint, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]).await;
    assert_eq!(get(&kept, "/credentials").await, "");
    for mut running in [running, kept] {
        running.out.take().unwrap().abort();
        running.process.signal(Signal::KILL);
        running.process.child.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_a_container_and_all_it_started() {
    // The first process of a container gets no SIGTERM that it does not handle, here as on Fargate.
    for way in ways().into_iter().filter(|w| *w != Isolation::Rooted) {
        let mut running = start(&way, 1, &[]).await;
        running.process.signal(Signal::TERM);
        let ended = tokio::time::timeout(Duration::from_secs(5), running.process.child.wait()).await;
        assert!(ended.is_ok(), "{way:?} goes on after SIGTERM");
        assert!(!ingress::probe(&running.process.address, None).await, "{way:?} still listens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_sandbox_left_behind_is_ended_by_the_next() {
    for way in ways() {
        let mut running = start(&way, 1, &[]).await;
        let all = running.directory.path().with_extension("all");
        std::fs::create_dir(&all).unwrap();
        std::fs::create_dir(all.join("task")).unwrap();
        std::fs::copy(running.directory.path().join("pid"), all.join("task/pid")).unwrap();
        process::sweep(&all);
        let ended = tokio::time::timeout(Duration::from_secs(5), running.process.child.wait()).await;
        assert!(ended.is_ok(), "{way:?} was left behind");
        assert!(!all.join("task").exists());
        std::fs::remove_dir(&all).unwrap();
    }
}
