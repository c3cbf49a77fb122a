//! `cargo xtask bench`: the figures that our READMEs quote, measured on this machine, each in one run.

mod app;
mod bootstrap;
mod image;
mod sandbox;
mod survive;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::Common;
use crate::image::{Builder, BuilderKind, Host, Platform, Source, build, choose};
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Measure on this machine what the READMEs claim. Each prints its figures, as JSON with `--json`.
#[derive(Subcommand)]
pub(crate) enum Arguments {
    App(app::Arguments),
    Bootstrap(bootstrap::Arguments),
    Image(image::Arguments),
    Sandbox(sandbox::Arguments),
    Survive(survive::Arguments),
}

pub(crate) async fn run(arguments: Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    match arguments {
        Arguments::App(arguments) => app::run(&arguments, common, ui).await,
        Arguments::Bootstrap(arguments) => bootstrap::run(&arguments, common, ui).await,
        Arguments::Image(arguments) => image::run(&arguments, common, ui).await,
        Arguments::Sandbox(arguments) => sandbox::run(&arguments, common, ui).await,
        Arguments::Survive(arguments) => survive::run(&arguments, common, ui).await,
    }
}

/// The app as a static program, as its image is made from it.
async fn program(ui: &Ui) -> Result<PathBuf> {
    ui.say("Building the app…");
    let platform = Platform::here();
    let source = Source { root: Workspace::find()?.root, package: "app".to_owned(), platform };
    let native = Some(BuilderKind::Native);
    match choose(native, platform, &Host::probe(native, platform).await)? {
        Builder::Native(linkage) => build(&source, linkage, &|_| ()).await,
        Builder::Engine(_) => bail!("build the app: a native builder was asked for"),
    }
}

/// One line of a table of figures: what, how much, and what was to be reached.
#[derive(serde::Serialize)]
struct Figure {
    what: String,
    measured: String,
    reach: &'static str,
}

impl Figure {
    fn new(what: &str, measured: impl std::fmt::Display, reach: &'static str) -> Self {
        Self { what: what.to_owned(), measured: measured.to_string(), reach }
    }
}

/// The figures as a Markdown table, ready for a README; or as JSON.
fn show(ui: &Ui, common: &Common, figures: &[Figure]) {
    let rows = figures.iter().map(|it| format!("| {} | {} | {} |", it.what, it.measured, it.reach));
    match common.json {
        true => ui.json(&figures),
        false => ui.result(
            ["| what | measured | to reach |".to_owned(), "| --- | --- | --- |".to_owned()]
                .into_iter()
                .chain(rows)
                .collect::<Vec<_>>()
                .join("\n"),
        ),
    }
}
