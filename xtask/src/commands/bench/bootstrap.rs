//! `cargo xtask bench bootstrap`

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::world::World;
use super::{Figure, program, show};
use crate::Common;
use crate::commands::sandbox::build;
use crate::probe::Method;
use crate::ui::Ui;

/// A bootstrap with AWS's usual latencies, and a second one that has nothing to do.
#[derive(Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let (sandbox, program) = (build(ui).await?, program(ui).await?);
    let world = World::start(&sandbox, &["--scale", "600"]).await?;
    bootstrap(&world, &program).await?;
    world.control(Method::DELETE, "requests", None).await?;
    let begun = Instant::now();
    bootstrap(&world, &program).await?;
    let again = begun.elapsed();
    show(ui, common, &[Figure::new("again", format!("{:.2} s", again.as_secs_f64()), "1 s")]);
    Ok(ExitCode::SUCCESS)
}

async fn bootstrap(world: &World, program: &Path) -> Result<String> {
    let program = program.display().to_string();
    world.good(&["bootstrap", "--yes", "--binary", &program]).await
}
