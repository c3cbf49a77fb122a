//! What this machine has to build images with.

use std::path::Path;

use super::{BuilderKind, Engine, Platform, cargo};

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

impl Host {
    /// Looks at this machine, no further than it takes to [`choose`](super::choose) for this platform: whoever can
    /// build with cargo waits for no engine. What cannot be run counts as not installed.
    pub(crate) async fn probe(wanted: Option<BuilderKind>, platform: Platform) -> Self {
        let here = Path::new(".");
        let (rustc, targets, musl_gcc, static_glibc) = futures::join!(
            cargo::rustc_version(here),
            cargo::targets(here),
            runs("musl-gcc", &["--version"]),
            static_glibc(),
        );
        let triple = rustc.map(|it| it.host).unwrap_or_default();
        let targets = targets.unwrap_or_default();
        let host = Host { triple, targets, musl_gcc, static_glibc, ..Host::default() };
        if matches!(wanted, None | Some(BuilderKind::Native)) && host.linkage(platform).is_ok() {
            return host;
        }
        let (zigbuild, zig, engines) =
            futures::join!(runs("cargo-zigbuild", &["--version"]), zig(), engines());
        Host { zigbuild, zig, engines, ..host }
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

    #[test]
    fn glibc_resolves_names_alone_from_2_34() {
        assert!(glibc_resolves_alone("glibc 2.36\n"));
        assert!(!glibc_resolves_alone("glibc 2.33\n"));
        assert!(!glibc_resolves_alone("musl 1.2"));
    }
}
