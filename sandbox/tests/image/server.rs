//! The program of the images that stories run: a few paths over HTTP, with nothing but the standard library.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

fn main() {
    println!("starting {}", var("VERSION"));
    if let Ok(code) = var("EXIT_AT_START").parse() {
        eprintln!("cannot go on: told to exit");
        std::process::exit(code);
    }
    let port = std::env::var("PORT").unwrap_or_else(|_| "5000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("listen");
    println!("listening");
    for stream in listener.incoming() {
        std::thread::spawn(|| serve(stream.expect("a connection")));
    }
}

fn var(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn serve(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if path == "/events" {
        return events(&mut stream);
    }
    let (status, answer) = answer(&path, &body);
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&answer).ok()
}

fn answer(path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    match path {
        "/" => (200, format!("hello {}", var("VERSION")).into_bytes()),
        "/healthz" if var("SICK").is_empty() => (200, b"ok".to_vec()),
        "/env" => (200, std::env::vars().map(|(k, v)| format!("{k}={v}\n")).collect::<String>().into_bytes()),
        "/root" => (200, names("/")),
        "/processes" => (200, names("/proc")),
        "/credentials" => (200, get(&var("AWS_CONTAINER_CREDENTIALS_FULL_URI")).unwrap_or_default()),
        "/echo" => (200, body.to_vec()),
        "/broken" => (500, Vec::new()),
        _ => (404, Vec::new()),
    }
}

fn names(directory: &str) -> Vec<u8> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|e| format!("{}\n", e.file_name().to_string_lossy())).collect::<String>().into_bytes()
}

/// One event now, the next when somebody has had time to see the first.
fn events(stream: &mut TcpStream) -> Option<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n").ok()?;
    stream.write_all(b"data: one\n\n").ok()?;
    std::thread::sleep(Duration::from_secs(2));
    stream.write_all(b"data: two\n\n").ok()
}

fn get(url: &str) -> Option<Vec<u8>> {
    let (host, path) = url.strip_prefix("http://")?.split_once('/')?;
    let mut stream = TcpStream::connect(host).ok()?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.as_bytes().to_vec())
}
