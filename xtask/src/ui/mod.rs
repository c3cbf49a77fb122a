//! What a person sees and is asked. Nothing else knows a terminal.
//!
//! **Architecture Invariant:** indicatif and dialoguer are named below `ui` only. Results go to stdout, everything
//! else to stderr; texts come from functions that return them.

pub(crate) mod bar;
pub(crate) mod meter;
pub(crate) mod progress;
pub(crate) mod prompts;
pub(crate) mod text;

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::Common;
use crate::config::Faults;
use crate::report;
use prompts::{Interrupted, Person, Prompter};

/// How things are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A terminal: colours and live lines.
    Rich,
    /// Lines with times.
    Plain,
    /// JSON lines on stdout.
    Json,
}

/// How long nothing is said of what goes on unchanged.
const REMINDER: Duration = Duration::from_secs(60);

/// For how long something has gone on, if that is worth saying.
fn meanwhile(time: Duration) -> String {
    match time.as_secs() {
        0 => String::new(),
        _ => format!(" (for {})", text::duration(time)),
    }
}

/// The one that talks to people.
#[derive(Clone)]
pub(crate) struct Ui {
    pub(crate) style: Style,
    pub(crate) verbose: bool,
    /// Off a terminal, what goes on unchanged is told again after this.
    pub(crate) reminder: Duration,
    /// Whether this is about the sandbox: the commands that texts name are then, too.
    sandbox: bool,
    /// Whether a result could not be written, as on a full disk.
    lost: Arc<AtomicBool>,
}

impl Ui {
    pub(crate) fn new(common: &Common) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let rich = std::io::stderr().is_terminal() && !dumb && !set("CI");
        let style = match (common.json, rich) {
            (true, _) => Style::Json,
            (false, true) => Style::Rich,
            (false, false) => Style::Plain,
        };
        let reminder = REMINDER.mul_f64(common.pace.unwrap_or(1.0));
        let (verbose, sandbox) = (common.verbose > 0, common.sandbox);
        Self { style, verbose, reminder, sandbox, lost: Arc::default() }
    }

    /// A result: on stdout, for people and programs.
    pub(crate) fn result(&self, text: impl Display) {
        match writeln!(std::io::stdout(), "{}", self.here(text)) {
            // A reader that went away, such as `head`, is no error of ours.
            Err(error) if error.kind() != ErrorKind::BrokenPipe && !self.lost.swap(true, Relaxed) => {
                writeln!(std::io::stderr(), "error: write the result: {error}").ok();
            }
            _ => {}
        }
    }

    /// The exit status of a command that ended with this one: what nobody could read is no success.
    pub(crate) fn end(&self, ended: ExitCode) -> ExitCode {
        if self.lost.load(Relaxed) { ExitCode::from(report::FAILED) } else { ended }
    }

    /// A result for programs; nothing without `--json`.
    pub(crate) fn json(&self, value: &impl Serialize) {
        if self.style == Style::Json
            && let Ok(text) = serde_json::to_string(value)
        {
            self.result(text);
        }
    }

    /// What is not a result: on stderr, and not where programs read.
    pub(crate) fn say(&self, text: impl Display) {
        if self.style != Style::Json {
            writeln!(std::io::stderr(), "{}", self.here(text)).ok();
        }
    }

    /// A text whose commands are about what this one is about.
    fn here(&self, text: impl Display) -> String {
        if self.sandbox { text::in_sandbox(&text.to_string()) } else { text.to_string() }
    }

    /// Asks for a yes. `--yes` is one; without a terminal its absence is named.
    pub(crate) fn confirm(&self, question: &str, yes: bool) -> Result<bool> {
        if yes {
            return Ok(true);
        }
        match Person::at_terminal() {
            Some(mut person) => person.confirm(question, false),
            None => bail!("nobody can be asked \"{question}\": pass --yes"),
        }
    }

    /// Asks for a name to be typed. `--confirm NAME` types it.
    pub(crate) fn confirm_name(&self, question: &str, name: &str, confirm: Option<&str>) -> Result<bool> {
        if let Some(given) = confirm {
            return if given == name {
                Ok(true)
            } else {
                bail!("--confirm {given}: the name to confirm is {name}")
            };
        }
        let Some(mut person) = Person::at_terminal() else {
            bail!("{question} Nobody can be asked for a name: pass --confirm {name}")
        };
        let typed = person.text(&format!("{question} Type {name} to go on"), None, &|_| None)?;
        Ok(typed.trim() == name)
    }

    /// Says why a command failed, and what to do, once. Gives the exit status.
    pub(crate) fn fail(&self, error: &anyhow::Error) -> ExitCode {
        let remedy = text::remedy(error);
        self.json(&serde_json::json!({"error": format!("{error:#}"), "remedy": remedy}));
        if let Some(faults) = error.downcast_ref::<Faults>().filter(|_| self.style == Style::Rich) {
            let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            self.say(faults.picture(colour, 100));
            return ExitCode::from(report::FAILED);
        }
        self.say(format_args!("error: {error:#}"));
        if let Some(remedy) = remedy {
            self.say(format_args!("\n{remedy}"));
        }
        match error.is::<Interrupted>() {
            true => ExitCode::from(report::INTERRUPTED),
            false => ExitCode::from(report::FAILED),
        }
    }
}
