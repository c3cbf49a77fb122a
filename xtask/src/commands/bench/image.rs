//! `cargo xtask bench image`

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use futures::future::try_join;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Figure, show};
use crate::Common;
use crate::image::push::{Registry, push};
use crate::image::{self, BuilderKind, Host, Image, Platform, Source};
use crate::probe;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// The image: its size, how soon it answers, and its push against `docker push` of the same image.
///
/// Needs a Docker that answers, Debian's `docker-registry` (each push gets a new one), and `cargo xtask bootstrap
/// --sandbox` before it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How often each is measured; the middle one counts.
    #[arg(long, default_value_t = 5)]
    times: usize,
}

/// The largest image that we want, compressed.
const LARGEST: &str = "5 MB";

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let (platform, docker) = (Platform::here(), Some(BuilderKind::Docker));
    let host = Host::probe(docker, platform).await;
    image::choose(docker, platform, &host)?;
    let source = Source { root: Workspace::find()?.root, package: "app".to_owned(), platform };
    let builder = image::choose(Some(BuilderKind::Native), platform, &host)?;
    ui.say("Building the app…");
    let made = image::make(&source, &builder, &|_| ()).await?;
    let starts = starts(&made, arguments.times).await?;
    let (ours, dockers) = pushes(&made, arguments.times).await?;
    let unchanged = unchanged(&source.root, arguments.times).await?;
    let ratio = |one: Duration, other: Duration| format!("{:.2}", one.as_secs_f64() / other.as_secs_f64());
    let figures = [
        Figure::new("image, compressed", megabytes(made.compressed_size()), LARGEST),
        Figure::new("`docker run` to the first answer", seconds(starts), "-"),
        Figure::new("push of all of it", seconds(ours), "-"),
        Figure::new("`docker push` of the same image", seconds(dockers), "-"),
        Figure::new("our push over Docker's", ratio(ours, dockers), "1"),
        Figure::new("`cargo xtask image --sandbox` when nothing changed", seconds(unchanged), "1 s"),
    ];
    show(ui, common, &figures);
    Ok(ExitCode::SUCCESS)
}

/// From `docker run` to the first answer, of an image that the engine has.
async fn starts(image: &Image, times: usize) -> Result<Duration> {
    let registry = DebianRegistry::start().await?;
    let name = in_docker(&registry, image).await?;
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let _container = first_answer(&name).await?;
        taken.push(begun.elapsed());
    }
    Ok(middle(taken))
}

/// A container that has answered; it goes with its process.
async fn first_answer(name: &str) -> Result<Child> {
    let mut run = Command::new("docker");
    run.args(["run", "--rm", "--network", "host"]);
    let settings = ["PORT=0", "AWS_REGION=eu-west-1", "APPCONFIGAPPNAME=app", "APPCONFIGCONF=app"];
    let role = "APPCONFIGREADROLE=arn:aws:iam::111111111111:role/read";
    for setting in settings.into_iter().chain(["APPCONFIGENV=development", role]) {
        run.args(["--env", setting]);
    }
    let mut container = run
        .arg(name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("run docker")?;
    let mut said = BufReader::new(container.stdout.take().context("read what the app says")?).lines();
    while let Some(line) = said.next_line().await? {
        if let Some(port) = port(&line) {
            probe::version(&format!("http://127.0.0.1:{port}")).await?;
            tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
            return Ok(container);
        }
    }
    bail!("the app ended before it listened: run `docker run {name}`")
}

/// The port in the address that a line names.
fn port(line: &str) -> Option<u16> {
    let words = line.split(|it: char| !it.is_ascii_digit() && it != '.' && it != ':');
    words.filter_map(|it| it.parse::<std::net::SocketAddr>().ok()).map(|it| it.port()).next()
}

/// How long a push of everything takes us, and how long it takes Docker. They take turns.
async fn pushes(image: &Image, times: usize) -> Result<(Duration, Duration)> {
    let first = DebianRegistry::start().await?;
    let name = in_docker(&first, image).await?;
    let (mut ours, mut dockers) = (Vec::new(), Vec::new());
    for _ in 0..times {
        // Neither finds anything, nor knows of another registry at that address to take layers from.
        let (mine, theirs) = try_join(DebianRegistry::start(), DebianRegistry::start()).await?;
        let begun = Instant::now();
        push(&mine.repository(), image, "src-1", &|_| ()).await?;
        ours.push(begun.elapsed());
        let to = format!("{}/app:src-1", theirs.address);
        docker(&["tag", &name, &to]).await?;
        let begun = Instant::now();
        docker(&["push", "--quiet", &to]).await?;
        dockers.push(begun.elapsed());
        docker(&["image", "rm", &to]).await?;
    }
    Ok((middle(ours), middle(dockers)))
}

/// Gives Docker the image, and returns what it calls it.
async fn in_docker(registry: &DebianRegistry, image: &Image) -> Result<String> {
    let digest = push(&registry.repository(), image, "src-1", &|_| ()).await?;
    let name = format!("{}/app@{digest}", registry.address);
    docker(&["pull", "--quiet", &name]).await?;
    Ok(name)
}

async fn docker(arguments: &[&str]) -> Result<()> {
    let ended = Command::new("docker").args(arguments).output().await.context("run docker")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "`docker {}` failed: {}", arguments.join(" "), said.trim());
    Ok(())
}

/// `cargo xtask image --sandbox` in this workspace, again and again after one that may have had something to do.
async fn unchanged(root: &Path, times: usize) -> Result<Duration> {
    image_in_sandbox(root).await?;
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        image_in_sandbox(root).await?;
        taken.push(begun.elapsed());
    }
    Ok(middle(taken))
}

async fn image_in_sandbox(root: &Path) -> Result<()> {
    let mut xtask = Command::new(std::env::current_exe().context("find this program")?);
    xtask.args(["image", "--sandbox"]).current_dir(root).kill_on_drop(true);
    let ended = xtask.output().await.context("run xtask")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "`cargo xtask image --sandbox` failed: {}", said.trim());
    Ok(())
}

/// The one in the middle, by length.
fn middle(mut taken: Vec<Duration>) -> Duration {
    taken.sort_unstable();
    taken.get(taken.len() / 2).copied().unwrap_or_default()
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A registry that nobody here wrote, empty, for whoever asks; it ends with this.
struct DebianRegistry {
    address: String,
    _process: Child,
    _directory: TempDir,
}

impl DebianRegistry {
    async fn start() -> Result<Self> {
        let directory = TempDir::new().context("make a directory")?;
        let config = directory.path().join("config.yml");
        let data = directory.path().join("data").display().to_string();
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{data}'}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n"
        );
        std::fs::write(&config, text).context("write the registry's configuration")?;
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("run docker-registry, which `apt-get install docker-registry` installs")?;
        let mut said = BufReader::new(process.stderr.take().context("read what it says")?).lines();
        while let Some(line) = said.next_line().await? {
            if let Some(port) = line.split_once("listening on ").and_then(|(_, rest)| port(rest)) {
                // Whoever fills the pipe without a reader stops.
                tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
                let address = format!("127.0.0.1:{port}");
                return Ok(Self { address, _process: process, _directory: directory });
            }
        }
        bail!("docker-registry ended before it listened")
    }

    fn repository(&self) -> Registry {
        Registry::new(&format!("http://{}", self.address), "app", "anybody", "")
    }
}
