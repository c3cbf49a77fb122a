//! Somebody who has a checkout of the workspace, and no key: `cargo xtask` in a home of their own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::world::{Ended, program};

pub(crate) struct Person {
    pub(crate) workspace: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) endpoint: String,
}

impl Person {
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).current_dir(&self.workspace).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &self.home);
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("FOOTHOLD_PACE", "0.02").env("FOOTHOLD_BINARY", program());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) async fn xtask(&self, arguments: &[&str]) -> Ended {
        self.ended(self.command(arguments), |_| ()).await
    }

    /// Signs in; `browser` does something with the link.
    pub(crate) async fn login(&self, arguments: &[&str], browser: impl Fn(&str) + Send + 'static) -> Ended {
        self.ended(self.command(&[&["login", "--no-browser"], arguments].concat()), browser).await
    }

    /// Runs a command; `browser` does something with every link that it says to open.
    pub(crate) async fn ended(&self, mut command: Command, browser: impl Fn(&str) + Send + 'static) -> Ended {
        let run = move || {
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run xtask");
            let mut stderr = String::new();
            for line in BufReader::new(child.stderr.take().expect("stderr")).lines() {
                let line = line.expect("a line");
                line.strip_prefix("Open ").into_iter().for_each(&browser);
                stderr += &(line + "\n");
            }
            let output = child.wait_with_output().expect("its end");
            let stdout = String::from_utf8(output.stdout).expect("text");
            Ended { status: output.status.code().unwrap_or(-1), stdout, stderr }
        };
        tokio::task::spawn_blocking(run).await.expect("a task")
    }

    /// The files in which the SDKs keep sessions.
    pub(crate) fn sessions(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.home.join(".aws/sso/cache")).into_iter().flatten();
        files.map(|entry| entry.expect("an entry").path()).collect()
    }

    /// The shared config file; empty where there is none.
    pub(crate) fn config(&self) -> String {
        std::fs::read_to_string(self.home.join(".aws/config")).unwrap_or_default()
    }
}
