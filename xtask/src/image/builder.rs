//! Who builds the image: cargo on this machine, or a container engine; chosen from what is installed.

use std::fmt;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;

use super::cargo;

/// What the image runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Platform {
    #[default]
    #[value(name = "x86_64")]
    X86_64,
    Arm64,
}

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

/// What this machine can build with, looked up once by [`Host::probe`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Host {
    /// rustc's name for this machine, `x86_64-unknown-linux-gnu`.
    pub(crate) triple: String,
    /// Targets whose standard library is installed.
    pub(crate) targets: Vec<String>,
    pub(crate) musl_gcc: bool,
    /// The C library can be linked statically, and is new enough.
    pub(crate) static_glibc: bool,
    pub(crate) zigbuild: bool,
    pub(crate) zig: bool,
    /// Engines that answer.
    pub(crate) engines: Vec<Engine>,
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
    /// Looks at this machine. What cannot be run counts as not installed.
    pub(crate) async fn probe() -> Self {
        let here = Path::new(".");
        let (rustc, targets, musl_gcc, static_glibc, zigbuild, zig, engines) = futures::join!(
            cargo::rustc_version(here),
            cargo::targets(here),
            runs("musl-gcc", &["--version"]),
            static_glibc(),
            runs("cargo-zigbuild", &["--version"]),
            zig(),
            engines(),
        );
        let triple = rustc.map(|it| it.host).unwrap_or_default();
        let targets = targets.unwrap_or_default();
        Host { triple, targets, musl_gcc, static_glibc, zigbuild, zig, engines }
    }

    fn linkage(&self, platform: Platform) -> Result<Linkage> {
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

impl Platform {
    pub(crate) fn target(self, linkage: Linkage) -> &'static str {
        match (self, linkage) {
            (Platform::X86_64, Linkage::StaticGlibc) => "x86_64-unknown-linux-gnu",
            (Platform::Arm64, Linkage::StaticGlibc) => "aarch64-unknown-linux-gnu",
            (Platform::X86_64, _) => "x86_64-unknown-linux-musl",
            (Platform::Arm64, _) => "aarch64-unknown-linux-musl",
        }
    }

    pub(crate) fn rust_arch(self) -> &'static str {
        match self {
            Platform::X86_64 => "x86_64",
            Platform::Arm64 => "aarch64",
        }
    }

    /// The name in an image's configuration and for `--platform linux/…`.
    pub(crate) fn oci(self) -> &'static str {
        match self {
            Platform::X86_64 => "amd64",
            Platform::Arm64 => "arm64",
        }
    }

    pub(crate) fn elf_machine(self) -> u16 {
        match self {
            Platform::X86_64 => 62,
            Platform::Arm64 => 183,
        }
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

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Platform::X86_64 => "x86_64",
            Platform::Arm64 => "arm64",
        })
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command())
    }
}

async fn engines() -> Vec<Engine> {
    let (docker, podman, finch) = futures::join!(
        runs("docker", &["version", "--format", "{{.Server.Version}}"]),
        runs("podman", &["--version"]),
        runs("finch", &["info"]),
    );
    let found = [(Engine::Docker, docker), (Engine::Podman, podman), (Engine::Finch, finch)];
    found.into_iter().filter(|(_, answers)| *answers).map(|(engine, _)| engine).collect()
}

/// zig itself, or the one in Python's packages, as cargo-zigbuild looks for it.
async fn zig() -> bool {
    runs("zig", &["version"]).await || runs("python3", &["-m", "ziglang", "version"]).await
}

/// glibc 2.34 has `files` and `dns` inside; an older one would look for plugins that the image lacks.
async fn static_glibc() -> bool {
    let Ok(archive) = cargo::output("cc", &["-print-file-name=libc.a"]).await else {
        return false;
    };
    let Ok(version) = cargo::output("getconf", &["GNU_LIBC_VERSION"]).await else {
        return false;
    };
    archive.trim().starts_with('/') && glibc_resolves_alone(&version)
}

fn glibc_resolves_alone(version: &str) -> bool {
    let numbers = version.trim().strip_prefix("glibc ").and_then(|it| it.split_once('.'));
    let parsed =
        numbers.and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
    parsed.is_some_and(|it| it >= (2, 34))
}

async fn runs(command: &str, arguments: &[&str]) -> bool {
    cargo::output(command, arguments).await.is_ok()
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
    }

    #[test]
    fn what_was_asked_for_is_taken_or_refused_never_replaced() {
        let said = choose(Some(BuilderKind::Podman), Platform::X86_64, &linux()).unwrap_err().to_string();
        assert!(said.contains("apt-get install podman"), "{said}");
    }

    #[test]
    fn glibc_resolves_names_alone_from_2_34() {
        assert!(glibc_resolves_alone("glibc 2.36\n"));
        assert!(!glibc_resolves_alone("glibc 2.33\n"));
        assert!(!glibc_resolves_alone("musl 1.2"));
    }
}
