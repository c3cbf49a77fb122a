//! What a container is kept from.
//!
//! On Linux, where unprivileged user namespaces are allowed: its own root directory, processes, mounts and, if the
//! sandbox's binary is there to help, network, in which it reaches nothing but the sandbox's API. A container is kept
//! from others by accident, not by force: do not run images here that you would not run on your machine.
//! Where there are no namespaces, the entrypoint is run from the unpacked directory as a plain process: it sees this
//! machine's files and network, and has to be a static binary that listens where `PORT` says.

use super::process::Start;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use tokio::process::Command;

mod between;
pub(super) use between::let_out;

/// The hidden subcommand of the sandbox's binary that stands between a container's network and ours.
const HELPER: &str = "__container";

/// Gives the container its devices and processes, then its root. Arguments: root, working directory, command.
const ENTER: &str = r#"
root=$1 work=$2; shift 2
unset PWD OLDPWD
mount -t tmpfs -o mode=755 dev "$root/dev" || exit 125
for device in full null random urandom zero; do : >"$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"; done
mount -t proc proc "$root/proc" 2>/dev/null
exec unshare --map-root-user --root="$root" --wd="$work" -- "$@"
"#;

/// How containers are kept apart on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// A plain process.
    Plain,
    /// Its own root directory and processes; this machine's network.
    Rooted,
    /// The same with its own network, with the binary that helps.
    Networked(PathBuf),
}

impl Isolation {
    /// The best that this machine allows; tried once.
    pub(super) fn best() -> &'static Self {
        static BEST: OnceLock<Isolation> = OnceLock::new();
        BEST.get_or_init(|| {
            if !works(&["-Urmpf", "--kill-child", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]) {
                return Self::Plain;
            }
            match binary() {
                Some(binary) if works(&["-Urn", "ip", "link", "set", "lo", "up"]) => Self::Networked(binary),
                _ => Self::Rooted,
            }
        })
    }

    /// Whether a container has its own network.
    pub(super) fn network(&self) -> bool {
        matches!(self, Self::Networked(_))
    }

    /// The command that runs the container, and dies with this process.
    pub(super) fn command(&self, start: &Start) -> Result<Command> {
        let root = start.directory.join("root");
        let Some(program) = start.arguments.first() else { bail!("no command specified") };
        if *self == Self::Plain {
            let mut command = mortal(&resolve(program, &root, start)?);
            command.args(&start.arguments[1..]).current_dir(inside(&root, start.working));
            return Ok(command);
        }
        for name in ["dev", "proc", "tmp", "etc"] {
            fs::create_dir_all(root.join(name)).with_context(|| format!("create /{name}"))?;
        }
        hosts(&root)?;
        resolve(program, &root, start)?;
        Ok(self.namespaced(start, &root))
    }

    fn namespaced(&self, start: &Start, root: &Path) -> Command {
        let mut command = mortal(Path::new("unshare"));
        command.args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]);
        if let Self::Networked(binary) = self {
            command.arg("--net").arg("--").arg(binary).arg(HELPER).arg(start.directory);
            command.args([start.port.to_string(), start.endpoint.to_string()]);
        }
        command.arg("--").args(["sh", "-c", ENTER, "container"]).arg(root);
        command.arg(if start.working.is_empty() { "/" } else { start.working }).args(start.arguments);
        command
    }
}

/// A command that is killed when the sandbox dies, however it dies.
fn mortal(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if which("setpriv").is_none() {
        return Command::new(program);
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

fn works(arguments: &[&str]) -> bool {
    let mut command = std::process::Command::new("unshare");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

/// The sandbox's binary: this program, or the one beside it, as beside a test.
fn binary() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let named = |p: &Path| p.file_stem().is_some_and(|n| n == "sandbox");
    if named(&exe) {
        return Some(exe);
    }
    exe.ancestors().skip(1).take(2).map(|d| d.join("sandbox")).find(|p| p.is_file())
}

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|d| d.join(program)).find(|p| p.is_file())
}

/// The program's file in the root, searched as the container's `PATH` says.
fn resolve(program: &str, root: &Path, start: &Start) -> Result<PathBuf> {
    let path = start.environment.iter().find(|(k, _)| k == "PATH").map_or("", |(_, v)| v);
    let at = |p: &str| Some(inside(root, p)).filter(|p| p.symlink_metadata().is_ok());
    let found = if program.starts_with('/') {
        at(program)
    } else if program.contains('/') {
        at(&format!("{}/{program}", start.working))
    } else {
        path.split(':').find_map(|d| at(&format!("{d}/{program}")))
    };
    found.with_context(|| format!("exec: \"{program}\": no such file or directory"))
}

fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn hosts(root: &Path) -> Result<()> {
    let hosts = root.join("etc/hosts");
    if hosts.exists() {
        return Ok(());
    }
    fs::write(&hosts, "127.0.0.1 localhost\n").context("write /etc/hosts")
}

/// What the hidden subcommand `__container DIRECTORY PORT ENDPOINT -- COMMAND…` does inside a container's network:
/// lets the sandbox in by a socket in DIRECTORY, lets the container out to the API, and runs the command.
/// `None`: these are not its arguments. Otherwise the exit status.
pub fn helper(arguments: &[String]) -> Option<u8> {
    let [name, directory, port, endpoint, dashes, program, rest @ ..] = arguments else {
        return None;
    };
    if name != HELPER || dashes != "--" {
        return None;
    }
    let ports = (port.parse().ok()?, endpoint.parse().ok()?);
    Some(between::run(Path::new(directory), ports, program, rest))
}
