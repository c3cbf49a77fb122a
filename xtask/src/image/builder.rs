//! Who builds the image: cargo on this machine, or a container engine; chosen from what is installed.

use std::fmt;

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;

use super::{Host, Platform};

/// What a person asks for with `--builder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BuilderKind {
    /// cargo, without any engine
    Native,
    Docker,
    Podman,
    Finch,
}

/// Who builds, decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builder {
    Native(Linkage),
    Engine(Engine),
}

impl fmt::Display for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native(Linkage::Musl) => "cargo, for the musl target",
            Self::Native(Linkage::StaticGlibc) => "cargo, with glibc inside the program",
            Self::Native(Linkage::Zigbuild) => "cargo-zigbuild",
            Self::Engine(engine) => engine.command(),
        })
    }
}

/// How cargo makes a program that needs no C library beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linkage {
    /// The musl target, with `musl-gcc` for the C parts.
    Musl,
    /// glibc inside the program. It resolves names without help from 2.34 on.
    StaticGlibc,
    /// The musl target through `cargo-zigbuild`, from any host.
    Zigbuild,
}

/// An engine that builds `Dockerfile`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Docker,
    Podman,
    Finch,
}

/// Takes the builder that was asked for, or else the first that works; says what to install when none does.
pub(crate) fn choose(wanted: Option<BuilderKind>, platform: Platform, host: &Host) -> Result<Builder> {
    match wanted {
        Some(BuilderKind::Native) => Ok(Builder::Native(host.linkage(platform)?)),
        Some(BuilderKind::Docker) => host.engine(Engine::Docker),
        Some(BuilderKind::Podman) => host.engine(Engine::Podman),
        Some(BuilderKind::Finch) => host.engine(Engine::Finch),
        None => automatic(platform, host),
    }
}

/// Which builder [`choose`] took, and why, for people.
pub(crate) fn reason(wanted: Option<BuilderKind>, took: Builder, platform: Platform, host: &Host) -> String {
    let why = match took {
        _ if wanted.is_some() => "as asked for".to_owned(),
        Builder::Native(Linkage::Musl | Linkage::StaticGlibc) => {
            "this machine has what that takes, and no container engine is needed".to_owned()
        }
        Builder::Native(Linkage::Zigbuild) => format!("it builds for {platform} on any machine"),
        Builder::Engine(_) => host.linkage(platform).err().map(|it| it.to_string()).unwrap_or_default(),
    };
    format!("Building with {took}: {why}.")
}

fn automatic(platform: Platform, host: &Host) -> Result<Builder> {
    let missing = match host.linkage(platform) {
        Ok(linkage) => return Ok(Builder::Native(linkage)),
        Err(missing) => missing,
    };
    match host.engines.first() {
        Some(engine) => Ok(Builder::Engine(*engine)),
        None => Err(anyhow!("{missing:#}; or start Docker, Podman or Finch")),
    }
}

impl Host {
    pub(super) fn linkage(&self, platform: Platform) -> Result<Linkage> {
        let musl = platform.target(Linkage::Musl);
        let has_musl = self.targets.iter().any(|it| it == musl);
        let linux = self.triple.contains("-linux-") && self.triple.starts_with(platform.rust_arch());
        if linux && has_musl && self.musl_gcc {
            return Ok(Linkage::Musl);
        }
        if self.triple == platform.target(Linkage::StaticGlibc) && self.static_glibc {
            return Ok(Linkage::StaticGlibc);
        }
        if has_musl && self.zigbuild && self.zig {
            return Ok(Linkage::Zigbuild);
        }
        Err(self.missing(linux, has_musl, musl))
    }

    fn missing(&self, linux: bool, has_musl: bool, musl: &str) -> anyhow::Error {
        let mut commands = Vec::new();
        if !has_musl {
            commands.push(format!("rustup target add {musl}"));
        }
        if linux && !self.musl_gcc {
            commands.push("apt-get install musl-tools".into());
        }
        if !linux && !self.zigbuild {
            commands.push("cargo install --locked cargo-zigbuild".into());
        }
        if !linux && !self.zig {
            commands.push("pip install ziglang".into());
        }
        anyhow!("cargo cannot build for {musl} here: run `{}`", commands.join(" && "))
    }

    fn engine(&self, engine: Engine) -> Result<Builder> {
        if self.engines.contains(&engine) {
            return Ok(Builder::Engine(engine));
        }
        bail!("{engine} does not answer here: {}", engine.remedy())
    }
}

impl Engine {
    pub(crate) fn command(self) -> &'static str {
        match self {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
            Engine::Finch => "finch",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Engine::Docker => {
                "install it (`apt-get install docker.io`) and start it (`systemctl start docker`)"
            }
            Engine::Podman => "install it (`apt-get install podman`)",
            Engine::Finch => "install it (`brew install finch`) and start it (`finch vm start`)",
        }
    }
}

impl Builder {
    /// Whether two builders could give different images of one source.
    pub(crate) fn id(self, platform: Platform) -> String {
        match self {
            Builder::Native(linkage) => format!("{linkage:?} {}", platform.target(linkage)),
            Builder::Engine(engine) => format!("{engine} linux/{}", platform.oci()),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linux() -> Host {
        Host { triple: "x86_64-unknown-linux-gnu".into(), static_glibc: true, ..Host::default() }
    }

    #[test]
    fn on_linux_musl_is_first_and_static_glibc_next() {
        let musl = Host { targets: vec!["x86_64-unknown-linux-musl".into()], musl_gcc: true, ..linux() };
        assert_eq!(choose(None, Platform::X86_64, &musl).unwrap(), Builder::Native(Linkage::Musl));
        assert_eq!(choose(None, Platform::X86_64, &linux()).unwrap(), Builder::Native(Linkage::StaticGlibc));
    }

    #[test]
    fn another_architecture_needs_zigbuild_or_an_engine() {
        let said = choose(None, Platform::Arm64, &linux()).unwrap_err().to_string();
        assert!(said.contains("rustup target add aarch64-unknown-linux-musl"), "{said}");
        assert!(said.contains("cargo install --locked cargo-zigbuild"), "{said}");
        assert!(said.contains("start Docker, Podman or Finch"), "{said}");

        let zig =
            Host { targets: vec!["aarch64-unknown-linux-musl".into()], zigbuild: true, zig: true, ..linux() };
        assert_eq!(choose(None, Platform::Arm64, &zig).unwrap(), Builder::Native(Linkage::Zigbuild));
        let docker = Host { engines: vec![Engine::Docker], ..linux() };
        assert_eq!(choose(None, Platform::Arm64, &docker).unwrap(), Builder::Engine(Engine::Docker));
        let why = reason(None, Builder::Engine(Engine::Docker), Platform::Arm64, &docker);
        assert!(why.starts_with("Building with docker: cargo cannot build for aarch64"), "{why}");
        assert!(why.contains("rustup target add aarch64-unknown-linux-musl"), "{why}");
    }

    #[test]
    fn arm64_is_built_on_its_own_machines_like_any_other() {
        let arm = Host { triple: "aarch64-unknown-linux-gnu".into(), static_glibc: true, ..Host::default() };
        assert_eq!(choose(None, Platform::Arm64, &arm).unwrap(), Builder::Native(Linkage::StaticGlibc));
        let targets = vec!["aarch64-unknown-linux-musl".into()];
        let musl = Host { targets, musl_gcc: true, ..arm.clone() };
        assert_eq!(choose(None, Platform::Arm64, &musl).unwrap(), Builder::Native(Linkage::Musl));
        let said = choose(None, Platform::X86_64, &arm).unwrap_err().to_string();
        assert!(said.contains("rustup target add x86_64-unknown-linux-musl"), "{said}");
    }

    #[test]
    fn each_builder_that_was_asked_for_and_is_missing_says_what_installs_it() {
        let bare = Host { triple: "x86_64-unknown-linux-gnu".into(), ..Host::default() };
        let missing = [
            (
                BuilderKind::Native,
                "rustup target add x86_64-unknown-linux-musl && apt-get install musl-tools",
            ),
            (BuilderKind::Docker, "apt-get install docker.io"),
            (BuilderKind::Podman, "apt-get install podman"),
            (BuilderKind::Finch, "brew install finch"),
        ];
        for (kind, command) in missing {
            let said = choose(Some(kind), Platform::X86_64, &bare).unwrap_err().to_string();
            assert!(said.contains(command), "{said}");
        }
        let mac = Host { triple: "aarch64-apple-darwin".into(), ..Host::default() };
        let said = choose(Some(BuilderKind::Native), Platform::Arm64, &mac).unwrap_err().to_string();
        assert!(said.contains("cargo install --locked cargo-zigbuild && pip install ziglang"), "{said}");
    }

    #[test]
    fn what_was_asked_for_is_taken_or_refused_never_replaced() {
        let said = choose(Some(BuilderKind::Podman), Platform::X86_64, &linux()).unwrap_err().to_string();
        assert!(said.contains("apt-get install podman"), "{said}");
    }
}
