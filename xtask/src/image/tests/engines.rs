//! With a container engine: it builds what we push, and it runs what we built. `xtask/tests/engine.sh` starts one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use super::fixture::{Workspace, image_of, program, program_of};
use super::registry::{DebianRegistry, PASSWORD};
use crate::image::push::{find, push};
use crate::image::{Builder, Engine, fingerprint, make};

const DOCKER: Builder = Builder::Engine(Engine::Docker);

/// Answers one request with who it is and whether it can write to /tmp, read certificates and find a shell.
const SERVER: &str = r#"
use std::{fs, io::{Read, Write}, net::TcpListener};
fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let (mut client, _) = listener.accept().unwrap();
    client.read(&mut [0; 1024]).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let uid = status.lines().find(|it| it.starts_with("Uid:")).unwrap();
    let gid = status.lines().find(|it| it.starts_with("Gid:")).unwrap();
    let tmp = fs::write("/tmp/file", "").is_ok();
    let root = fs::write("/file", "").is_ok();
    let authorities = fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").is_ok();
    let shell = fs::metadata("/bin/sh").is_ok() || fs::metadata("/bin").is_ok();
    let said = format!("{uid}|{gid}|tmp {tmp}|root {root}|authorities {authorities}|shell {shell}");
    write!(client, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len()).unwrap();
}
"#;

fn docker(arguments: &[&str]) -> String {
    let output =
        Command::new("docker").args(arguments).output().expect("run docker: apt-get install docker.io");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A container in the foreground; its end is the container's.
struct Container(Child);

impl Drop for Container {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
#[ignore = "needs a container engine: xtask/tests/engine.sh starts one"]
async fn docker_runs_what_we_pushed_without_root_and_without_a_shell() {
    let registry = DebianRegistry::start();
    let repository = registry.repository("app");
    let image = image_of("app", &program_of(SERVER, &["-C", "target-feature=+crt-static"]));
    let digest = push(&repository, &image, "src-1", &|_| ()).await.unwrap();
    docker(&["login", "--username", "AWS", "--password", PASSWORD, &registry.address]);
    let name = repository.name(&digest);
    docker(&["pull", &name]);

    let run = ["run", "--rm", "--network", "host", &name];
    let mut child = Command::new("docker").args(run).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let _container = Container(child);
    let mut address = String::new();
    said.read_line(&mut address).unwrap();
    let mut client = TcpStream::connect(address.trim()).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();

    let ids = "Uid:\t65532\t65532\t65532\t65532|Gid:\t65532\t65532\t65532\t65532";
    let expected = format!("{ids}|tmp true|root false|authorities true|shell false");
    assert_eq!(answer.split("\r\n\r\n").nth(1), Some(expected.as_str()));
    let shell =
        Command::new("docker").args(["run", "--rm", "--entrypoint", "/bin/sh", &name]).output().unwrap();
    assert!(!shell.status.success());
}

#[tokio::test]
#[ignore = "needs a container engine: xtask/tests/engine.sh starts one"]
async fn docker_builds_the_dockerfile_and_we_push_it() {
    let workspace = Workspace::new();
    let hello = workspace.root().join("hello");
    std::fs::write(&hello, program(&["-C", "target-feature=+crt-static"])).unwrap();
    std::fs::set_permissions(&hello, std::fs::Permissions::from_mode(0o755)).unwrap();
    workspace.write(
        "app/Dockerfile",
        "FROM scratch\nCOPY hello /hello\nUSER 65532:65532\nENTRYPOINT [\"/hello\"]\n",
    );
    let source = workspace.source();
    let image = make(&source, &DOCKER, &|_| ()).await.unwrap();

    let registry = DebianRegistry::start();
    let tag = fingerprint(&source, &DOCKER).await.unwrap().tag();
    let digest = push(&registry.repository("app"), &image, &tag, &|_| ()).await.unwrap();
    assert_eq!(find(&registry.repository("app"), &tag).await.unwrap(), Some(digest));
    docker(&["login", "--username", "AWS", "--password", PASSWORD, &registry.address]);
    let name = registry.repository("app").name(image.digest());
    assert_eq!(docker(&["run", "--rm", "--network", "none", &name]), "hello\n");
}

#[tokio::test]
#[ignore = "needs a container engine: xtask/tests/engine.sh starts one"]
async fn a_dockerfile_that_runs_as_root_or_fails_is_refused() {
    let workspace = Workspace::new();
    workspace.write("app/Dockerfile", "FROM scratch\nCOPY Cargo.toml /\n");
    let said = format!("{:#}", make(&workspace.source(), &DOCKER, &|_| ()).await.unwrap_err());
    assert!(said.contains("runs as root"), "{said}");
    workspace.write("app/Dockerfile", "FROM scratch\nCOPY missing /\n");
    let said = format!("{:#}", make(&workspace.source(), &DOCKER, &|_| ()).await.unwrap_err());
    assert!(said.contains("build the image") && said.contains("missing"), "{said}");
}
