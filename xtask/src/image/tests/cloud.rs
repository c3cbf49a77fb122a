//! A name in a DNS of our own, and a TLS server behind it whose authority only we know.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

/// Where the DNS listens: port 53 takes root, and an address that no other resolver has.
const RESOLVER: &str = "127.0.0.77";

pub(super) struct Cloud {
    server: Child,
    resolver: Option<JoinHandle<()>>,
    said: Receiver<String>,
    pub(super) address: SocketAddr,
    directory: TempDir,
}

impl Cloud {
    /// Serves `name`, with files `cert.pem` (its authority too) and `resolv.conf` for those who want to reach it.
    pub(super) fn start(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), readable()).unwrap();
        std::fs::write(directory.path().join("resolv.conf"), format!("nameserver {RESOLVER}\n")).unwrap();
        let resolver =
            answer_with_this_host(UdpSocket::bind((RESOLVER, 53)).expect("bind port 53: run this as root"));
        let mut request = Command::new("openssl");
        request.current_dir(&directory).args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        request.args(["-keyout", "key.pem", "-out", "cert.pem", "-subj", &format!("/CN={name}")]);
        // No certificate of an authority: rustls takes none of those for a server.
        std::fs::write(directory.path().join("req.conf"), "[req]\ndistinguished_name=name\n[name]\n")
            .unwrap();
        request.args(["-config", "req.conf", "-addext", "basicConstraints=CA:FALSE"]);
        request.args(["-addext", &format!("subjectAltName=DNS:{name}")]);
        assert!(request.output().expect("openssl is missing: apt-get install openssl").status.success());
        let mut server = Command::new("openssl")
            .current_dir(&directory)
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
        let address = said.find_map(|it| it.unwrap().strip_prefix("ACCEPT ")?.parse().ok()).unwrap();
        let (tell, told) = channel();
        std::thread::spawn(move || said.map_while(Result::ok).try_for_each(|it| tell.send(it)));
        Cloud { server, resolver: Some(resolver), said: told, address, directory }
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Waits for a line with `text` among what came through TLS.
    pub(super) fn heard(&self, text: &str) -> bool {
        let next = || self.said.recv_timeout(Duration::from_secs(60)).ok();
        std::iter::from_fn(next).any(|it| it.contains(text))
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
        // Nothing asked: the end. The next one needs the address.
        UdpSocket::bind((RESOLVER, 0)).and_then(|it| it.send_to(&[], (RESOLVER, 53))).ok();
        if let Some(resolver) = self.resolver.take() {
            resolver.join().ok();
        }
    }
}

fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

/// A DNS that knows one answer: 127.0.0.1 to who asks for an IPv4 address, nothing to who asks for another.
fn answer_with_this_host(socket: UdpSocket) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length @ 1.., from)) = socket.recv_from(&mut query) {
            let question = &query[12..length];
            let end = question.iter().position(|it| *it == 0).unwrap() + 5;
            let ipv4 = question[end - 3] == 1;
            let mut answer = query[..2].to_vec();
            answer.extend([0x81, 0x80, 0, 1, 0, u8::from(ipv4), 0, 0, 0, 0]);
            answer.extend(&question[..end]);
            if ipv4 {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            }
            socket.send_to(&answer, from).unwrap();
        }
    })
}
