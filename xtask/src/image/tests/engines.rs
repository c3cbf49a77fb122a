//! With a container engine: it builds what we push, and it runs what we built. `xtask/tests/engine.sh` starts one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::cloud::Cloud;
use super::fixture::{Workspace, image_of, program, program_of};
use super::registry::{DebianRegistry, PASSWORD};
use crate::image::push::{find, push};
use crate::image::{Builder, Engine, Host, Image, Platform, Source, choose, fingerprint, make};

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

/// A container in the foreground, with the host's network; its end is the container's.
struct Container {
    process: Child,
    address: SocketAddr,
}

impl Container {
    /// Waits for the first line that names the address on which the program listens.
    fn start(options: &[&str], name: &str) -> Self {
        let run = [&["run", "--rm", "--network", "host"], options, &[name]].concat();
        let mut process = Command::new("docker").args(run).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let address =
            said.find_map(|it| address(&it.unwrap())).expect("the program ended before it listened");
        std::thread::spawn(move || said.map_while(Result::ok).for_each(drop));
        Container { process, address }
    }

    fn get(&self, path: &str) -> String {
        let mut client = TcpStream::connect(("127.0.0.1", self.address.port())).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Where a line says that a program listens: `127.0.0.1:80`, `[::]:80`.
fn address(line: &str) -> Option<SocketAddr> {
    line.split(|it: char| !it.is_ascii_hexdigit() && !".:[]".contains(it)).find_map(|it| it.parse().ok())
}

/// Pushes an image and has the engine pull it by its digest.
async fn pulled(registry: &DebianRegistry, image: &Image) -> String {
    let repository = registry.repository("app");
    let digest = push(&repository, image, "src-1", &|_| ()).await.unwrap();
    docker(&["login", "--username", "AWS", "--password", PASSWORD, &registry.address]);
    let name = repository.name(&digest);
    docker(&["pull", &name]);
    name
}

#[tokio::test]
#[ignore = "needs a container engine: xtask/tests/engine.sh starts one"]
async fn docker_runs_what_we_pushed_without_root_and_without_a_shell() {
    let registry = DebianRegistry::start();
    let image = image_of("app", &program_of(SERVER, &["-C", "target-feature=+crt-static"]));
    let name = pulled(&registry, &image).await;

    let answer = Container::start(&[], &name).get("/");

    let ids = "Uid:\t65532\t65532\t65532\t65532|Gid:\t65532\t65532\t65532\t65532";
    let expected = format!("{ids}|tmp true|root false|authorities true|shell false");
    assert_eq!(answer.split("\r\n\r\n").nth(1), Some(expected.as_str()));
    let shell =
        Command::new("docker").args(["run", "--rm", "--entrypoint", "/bin/sh", &name]).output().unwrap();
    assert!(!shell.status.success());
}

fn this_repository() -> Source {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    Source { root, package: "app".into(), platform: Platform::X86_64 }
}

#[tokio::test]
#[ignore = "needs a container engine: xtask/tests/engine.sh starts one"]
async fn docker_runs_the_app_which_resolves_names_and_reaches_tls() {
    let source = this_repository();
    let builder = choose(None, source.platform, &Host::probe(None, source.platform).await).unwrap();
    resolves_names_and_reaches_tls(&make(&source, &builder, &|_| ()).await.unwrap()).await;
}

#[tokio::test]
#[ignore = "needs a container engine: xtask/tests/engine.sh starts one"]
async fn docker_builds_the_apps_dockerfile_into_one_that_does_the_same() {
    let image = make(&this_repository(), &DOCKER, &|_| ()).await.unwrap();
    let config: serde_json::Value = serde_json::from_slice(&image.config.data).unwrap();
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.title"], "app");
    assert_eq!(config["config"]["User"], "65532:65532");
    resolves_names_and_reaches_tls(&image).await;
}

/// The app of this repository, alone in its image: it answers, resolves a name through DNS, and reaches TLS there with
/// the authorities in the image's file.
async fn resolves_names_and_reaches_tls(image: &Image) {
    assert!(image.compressed_size() < 5_000_000, "{} bytes", image.compressed_size());
    let registry = DebianRegistry::start();
    let name = pulled(&registry, image).await;
    let cloud = Cloud::start("sts.cloud.example");

    let resolver = format!("{}:/etc/resolv.conf:ro", cloud.file("resolv.conf"));
    let authorities = format!("{}:/etc/ssl/certs/ca-certificates.crt:ro", cloud.file("cert.pem"));
    let endpoint = format!("AWS_ENDPOINT_URL=https://sts.cloud.example:{}", cloud.address.port());
    let settings = [
        "PORT=0",
        "AWS_REGION=eu-west-1",
        "AWS_ACCESS_KEY_ID=AKIABASE",
        "AWS_SECRET_ACCESS_KEY=secret",
        "APPCONFIGAPPNAME=app",
        "APPCONFIGCONF=app",
        "APPCONFIGENV=development",
        "APPCONFIGREADROLE=arn:aws:iam::111111111111:role/read",
        &endpoint,
    ];
    let mut options = vec!["--volume", &resolver, "--volume", &authorities];
    options.extend(settings.iter().flat_map(|it| ["--env", it]));
    let container = Container::start(&options, &name);

    let version = container.get("/version");
    assert!(version.starts_with("HTTP/1.1 200"), "{version}");
    assert!(cloud.heard("POST / HTTP/1.1"), "no request came through TLS");
}

#[tokio::test]
#[ignore = "needs a container engine: xtask/tests/engine.sh starts one"]
async fn docker_and_podman_build_the_dockerfile_and_we_push_it() {
    for builder in [DOCKER, Builder::Engine(Engine::Podman)] {
        built_pushed_and_run(&builder).await;
    }
}

async fn built_pushed_and_run(builder: &Builder) {
    let workspace = Workspace::new();
    let hello = workspace.root().join("hello");
    std::fs::write(&hello, program(&["-C", "target-feature=+crt-static"])).unwrap();
    std::fs::set_permissions(&hello, std::fs::Permissions::from_mode(0o755)).unwrap();
    workspace.write(
        "app/Dockerfile",
        "FROM scratch\nCOPY hello /hello\nUSER 65532:65532\nENTRYPOINT [\"/hello\"]\n",
    );
    let source = workspace.source();
    let image = make(&source, builder, &|_| ()).await.unwrap();

    let registry = DebianRegistry::start();
    let tag = fingerprint(&source, builder).await.unwrap().tag();
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
