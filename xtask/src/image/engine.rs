//! An image built by a container engine from the app's `Dockerfile`, taken out of the engine as files, so that it is
//! named by digest and pushed exactly like one of our own.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use super::assemble::{REVISION, labels};
use super::build::refuse_stopped;
use super::fingerprint::recipe;
use super::layer::{Layer, compress};
use super::oci::{Blob, CONFIG, Image};
use super::{BuildProgress, Engine, Platform, Source, cargo, last_commit};

/// `docker save` lists its images in `manifest.json`; podman and finch write the same.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: Vec<String>,
}

/// The part of an image's configuration that we look at.
#[derive(Deserialize)]
struct Config {
    architecture: String,
    #[serde(default)]
    config: Run,
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Run {
    user: String,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// How many lines of what an engine said tell why it failed.
const LINES: usize = 60;

/// Runs the engine's build. Fails with what the engine said, and when the result would run as root.
pub(crate) async fn build(
    source: &Source,
    engine: Engine,
    progress: &dyn Fn(BuildProgress),
) -> Result<Image> {
    let name = format!("foothold-build/{}:{}", source.package, source.platform.oci());
    let file = source.root.join(&source.package).join("Dockerfile");
    ensure!(file.is_file(), "find `{}`, which {engine} builds from", file.display());
    let mut command = Command::new(engine.command());
    command.args(["build", "--tag", &name, "--file"]).arg(&file);
    if source.platform.rust_arch() != std::env::consts::ARCH {
        command.args(["--platform", &format!("linux/{}", source.platform.oci())]);
    }
    let commit = last_commit(source, &recipe(source)).await?;
    command
        .args(commit.iter().flat_map(|it| ["--build-arg".to_owned(), format!("{REVISION}={}", it.revision)]));
    for (label, value) in labels(&source.package, commit.as_ref()) {
        command.args(["--label", &format!("{label}={}", value.as_str().unwrap_or_default())]);
    }
    command.arg(&source.root);
    follow(command, progress).await.context("build the image")?;
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("image.tar");
    let mut command = Command::new(engine.command());
    command.args(["save", "--output"]).arg(&archive).arg(&name);
    cargo::stdout(command).await.context("take the image out of the engine")?;
    let platform = source.platform;
    tokio::task::spawn_blocking(move || read(&archive, platform)).await?
}

/// Runs an engine and tells every line of it. Fails with the last ones.
async fn follow(mut command: Command, progress: &dyn Fn(BuildProgress)) -> Result<()> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut engine = command.spawn().with_context(|| format!("run `{name}`"))?;
    let stdout = engine.stdout.take().context("read what the engine says")?;
    let stderr = engine.stderr.take().context("read what the engine says")?;
    let (said, step) = (RefCell::new(VecDeque::new()), RefCell::new(0));
    let hear = |line: String| {
        *step.borrow_mut() += 1;
        progress(BuildProgress { step: *step.borrow(), what: format!("{name}: {}", line.trim()) });
        let mut said = said.borrow_mut();
        said.push_back(line);
        if said.len() > LINES {
            said.pop_front();
        }
    };
    futures::try_join!(lines(stdout, &hear), lines(stderr, &hear))?;
    let ended = engine.wait().await?;
    refuse_stopped(ended)?;
    if !ended.success() {
        bail!("`{name}` failed:\n{}", Vec::from(said.into_inner()).join("\n"));
    }
    Ok(())
}

async fn lines(stream: impl AsyncRead + Unpin, hear: &dyn Fn(String)) -> Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await? {
        hear(line);
    }
    Ok(())
}

/// Reads what an engine saved.
pub(crate) fn read(archive: &Path, platform: Platform) -> Result<Image> {
    let files = unpack(archive).with_context(|| format!("read `{}`", archive.display()))?;
    let file = |name: &str| files.get(name).with_context(|| format!("find `{name}` in the saved image"));
    let saved: Vec<Saved> = serde_json::from_slice(file("manifest.json")?)?;
    let [saved] = &saved[..] else { bail!("expected one saved image, found {}", saved.len()) };
    let bytes = file(&saved.config)?;
    let config: Config = serde_json::from_slice(bytes).context("read the image's configuration")?;
    check(&config, platform)?;
    let mut layers = Vec::new();
    for (name, diff_id) in saved.layers.iter().zip(&config.rootfs.diff_ids) {
        let layer = repack(file(name)?)?;
        ensure!(
            layer.diff_id.as_str() == diff_id,
            "layer `{name}` is not what the image's configuration says"
        );
        layers.push(layer.blob);
    }
    ensure!(layers.len() == config.rootfs.diff_ids.len(), "the saved image lacks layers");
    Image::new(Blob::new(CONFIG, bytes.clone()), layers)
}

fn check(config: &Config, platform: Platform) -> Result<()> {
    ensure!(
        config.architecture == platform.oci(),
        "the image is for {}, not for {}: build it for that platform",
        config.architecture,
        platform.oci()
    );
    let user = config.config.user.split(':').next().unwrap_or_default();
    ensure!(
        !matches!(user, "" | "root" | "0"),
        "the image runs as root: add `USER 65532:65532` to the Dockerfile"
    );
    Ok(())
}

/// The files of an archive by name. Engines write a layer that occurs twice as a link to the first.
fn unpack(archive: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut links = Vec::new();
    for entry in tar::Archive::new(File::open(archive)?).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if let Some(target) = entry.link_name()? {
            links.push((name, target.to_string_lossy().trim_start_matches("../").to_owned()));
        } else if entry.header().entry_type().is_file() {
            let mut data = Vec::new();
            entry.read_to_end(&mut data)?;
            files.insert(name, data);
        }
    }
    for (name, target) in links {
        let data =
            files.get(&target).with_context(|| format!("find `{target}`, to which `{name}` links"))?.clone();
        files.insert(name, data);
    }
    Ok(files)
}

/// A layer as we would compress it, whatever the engine did.
fn repack(data: &[u8]) -> Result<Layer> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    if !data.starts_with(GZIP) {
        return compress(data);
    }
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(data).read_to_end(&mut tar)?;
    compress(&tar)
}
