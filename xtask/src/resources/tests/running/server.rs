//! The program of the images that stories run: what the app answers to those who watch it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

fn main() {
    if var("BROKEN") == "yes" {
        eprintln!("cannot go on: told to break");
        std::process::exit(3);
    }
    let port = std::env::var("PORT").unwrap_or_else(|_| "5000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("listen");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(|| serve(stream));
    }
}

fn var(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn serve(mut stream: TcpStream) -> Option<()> {
    for line in BufReader::new(stream.try_clone().ok()?).lines() {
        if line.ok()?.is_empty() {
            break;
        }
    }
    let answer = format!("{{\"image\": \"{}\"}}", var("IMAGE_DIGEST"));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(answer.as_bytes()).ok()
}
