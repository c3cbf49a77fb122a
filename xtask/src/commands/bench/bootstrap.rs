//! `cargo xtask bench bootstrap`

mod critical_path;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::world::World;
use super::{Figure, program, show};
use crate::Common;
use crate::commands::sandbox::build;
use crate::probe::Method;
use crate::ui::Ui;

/// A bootstrap, and a second one that has nothing to do; with few stages and with many.
///
/// The calls are counted from the sandbox's own record, with AWS's usual round trips.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many stages run in the larger environment.
    #[arg(long, default_value_t = 20)]
    stages: usize,
}

/// How many stages run in the smaller one.
const FEW: usize = 2;

/// A bootstrap of so many stages, and what a second one did.
struct Measured {
    first: Duration,
    again: Duration,
    resources: usize,
    reads: usize,
    writes: usize,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    ensure!(
        arguments.stages > FEW,
        "--stages {}: more than {FEW} are to be compared with {FEW}",
        arguments.stages
    );
    let (sandbox, program) = (build(ui).await?, program(ui).await?);
    let few = measure(&sandbox, &program, FEW).await?;
    let many = measure(&sandbox, &program, arguments.stages).await?;
    let (wall, path) = critical_path::measure(&sandbox, &program, FEW).await?;
    let further = (many.reads - few.reads) as f64 / (arguments.stages - FEW) as f64;
    let each = |it: &Measured| format!("{:.1}", it.reads as f64 / it.resources as f64);
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let figures = [
        Figure::new(
            &format!("bootstrap of {FEW} stages in AWS's time, and its critical path"),
            format!("{wall:.0} s, {path:.0} s"),
            "-",
        ),
        Figure::new("wall time over critical path", format!("{:.2}", wall / path), "1.1"),
        Figure::new(&format!("bootstrap of {FEW} stages, at 600 times AWS's pace"), seconds(few.first), "-"),
        Figure::new("again, with nothing to do", seconds(few.again), "1 s"),
        Figure::new("writes of that", few.writes, "0"),
        Figure::new(&format!("reads of that, for each of {} resources", few.resources), each(&few), "4"),
        Figure::new(&format!("the same with {} stages", arguments.stages), each(&many), "4"),
        Figure::new("reads for each further stage", format!("{further:.1}"), "constant"),
        Figure::new(
            "reads for each of the first stages, what belongs to none included",
            format!("{:.1}", few.reads as f64 / FEW as f64),
            "-",
        ),
    ];
    show(ui, common, &figures);
    Ok(if few.writes + many.writes == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(sandbox: &Path, program: &Path, stages: usize) -> Result<Measured> {
    let world = prepared(sandbox, stages, 600.0).await?;
    let first = bootstrap(&world, program, 0.02).await?;
    world.control(Method::DELETE, "requests", None).await?;
    let again = bootstrap(&world, program, 0.02).await?;
    let operations: Vec<String> =
        ours(&world).await?.iter().map(|it| text(it, "operation").to_owned()).collect();
    let reads = operations.iter().filter(|it| reads(it)).count();
    let plan = world.good(&["plan", "--json"]).await?;
    let lines: Vec<Value> = serde_json::from_str(&plan).context("read the plan")?;
    Ok(Measured { first, again, resources: lines.len(), reads, writes: operations.len() - reads })
}

/// An empty AWS with usual round trips, this many times faster, and a workspace of so many stages that run.
async fn prepared(sandbox: &Path, stages: usize, scale: f64) -> Result<World> {
    let world = World::start(sandbox, &["--scale", &scale.to_string()]).await?;
    world.control(Method::POST, "settings", Some(json!({"account_quota": stages + 5}))).await?;
    world.control(Method::POST, "latency", Some(json!({"profile": "realistic"}))).await?;
    std::fs::write(world.file("foothold.toml"), declaration(stages)).context("write foothold.toml")?;
    let content = std::fs::read(world.file("app/config/development.json")).context("read a configuration")?;
    for stage in 0..stages {
        std::fs::write(world.file(&format!("app/config/stage{stage}.json")), &content)?;
    }
    Ok(world)
}

/// What the sandbox's record has of this program.
async fn ours(world: &World) -> Result<Vec<Value>> {
    let record = world.control(Method::GET, "requests", None).await?;
    let is_ours = |it: &Value| text(it, "user_agent").contains("app/foothold");
    Ok(record.as_array().into_iter().flatten().filter(|it| is_ours(it)).cloned().collect())
}

fn declaration(stages: usize) -> String {
    let mut text =
        "name = \"ListServices\"\nregion = \"eu-west-1\"\nemail = \"aws+{name}-{account}@example.com\"\n\n\
                    [config]\naccount = \"config\"\n"
            .to_owned();
    for stage in 0..stages {
        // Writing to a string does not fail.
        write!(text, "\n[[stage]]\nname = \"stage{stage}\"\naccount = \"account{stage}\"\n").ok();
    }
    text
}

async fn bootstrap(world: &World, program: &Path, pace: f64) -> Result<Duration> {
    let (program, pace, begun) = (program.display().to_string(), pace.to_string(), Instant::now());
    world.good(&["bootstrap", "--yes", "--pace", &pace, "--binary", &program]).await?;
    Ok(begun.elapsed())
}

fn reads(operation: &str) -> bool {
    ["Describe", "List", "Get", "AssumeRole"].iter().any(|verb| operation.starts_with(verb))
}

fn text<'v>(record: &'v Value, member: &str) -> &'v str {
    record[member].as_str().unwrap_or_default()
}
