//! The app's image: what it is made of, built, assembled and pushed, with or without a container engine.
//!
//! The way through: [`choose`] a builder, take the [`fingerprint`], ask the registry for its tag with
//! [`push::find`], and only when it is not there [`make`] the image and [`push::push`] it.
//!
//! **Architecture Invariant:** nothing here knows AWS; a registry is a base URL, a repository, a user and a password.

mod assemble;
mod build;
mod builder;
mod cargo;
mod commit;
mod elf;
mod engine;
mod fingerprint;
mod host;
mod layer;
mod lock;
mod oci;
mod platform;
pub(crate) mod push;
mod sbom;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

pub(crate) use assemble::{Contents, assemble};
pub(crate) use build::{BuildProgress, Stopped, build};
pub(crate) use builder::{Builder, BuilderKind, Engine, Linkage, choose, reason};
pub(crate) use cargo::from_cargo;
pub(crate) use commit::{Commit, head, last_commit};
pub(crate) use fingerprint::fingerprint;
pub(crate) use host::Host;
pub(crate) use oci::{Digest, Image};
pub(crate) use platform::Platform;

/// The port the app listens on inside its container.
pub(crate) const PORT: u16 = 5000;

/// What is to become an image: one package of the workspace, for one platform.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The directory of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The package, and the binary in it of the same name.
    pub(crate) package: String,
    pub(crate) platform: Platform,
}

/// Builds and assembles the image, bill of materials included. Nothing leaves this machine.
///
/// Fails with the compiler's output when the source does not compile, and when what was built could not run alone.
pub(crate) async fn make(
    source: &Source,
    builder: &Builder,
    progress: &dyn Fn(BuildProgress),
) -> Result<Image> {
    let mut image = match builder {
        Builder::Engine(engine) => engine::build(source, *engine, progress).await?,
        Builder::Native(linkage) => native(source, *linkage, progress).await?,
    };
    image.sbom = Some(sbom::sbom(source, builder).await?);
    Ok(image)
}

/// The image of a static program that was built elsewhere.
///
/// Fails when it could not run alone on the image's platform.
pub(crate) async fn of_program(source: &Source, program: &std::path::Path) -> Result<Image> {
    let binary = std::fs::read(program).with_context(|| format!("read `{}`", program.display()))?;
    elf::check(&binary, source.platform).with_context(|| format!("use `{}`", program.display()))?;
    let contents = Contents { name: source.package.clone(), binary, platform: source.platform, commit: None };
    tokio::task::spawn_blocking(move || assemble(&contents)).await?
}

async fn native(source: &Source, linkage: Linkage, progress: &dyn Fn(BuildProgress)) -> Result<Image> {
    let binary = build(source, linkage, progress).await?;
    let commit = last_commit(source, &[]).await?;
    let binary = std::fs::read(&binary).with_context(|| format!("read `{}`", binary.display()))?;
    let name = source.package.clone();
    let contents = Contents { name, binary, platform: source.platform, commit };
    tokio::task::spawn_blocking(move || assemble(&contents)).await?
}
