//! `sandbox`: the local AWS as a program.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use sandbox::services::iam;
use sandbox::world::Settings;
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// A local AWS: strict where AWS is strict, on one loopback port, with everything it keeps in one directory.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where everything is kept.
    #[arg(long, default_value = "target/sandbox")]
    directory: PathBuf,
    /// The loopback port; 0: where it was, or the kernel chooses.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many seconds of AWS's waiting pass in one second.
    #[arg(long, default_value_t = 60.0)]
    scale: f64,
    /// The Region that the printed configuration of a new sandbox names.
    #[arg(long, default_value = "eu-west-1")]
    region: String,
    /// An account (id or e-mail address) that used App Runner before it closed to new customers. Repeatable.
    #[arg(long, value_name = "ACCOUNT")]
    app_runner_customer: Vec<String>,
    /// Start with an organization that has an Identity Center instance.
    #[arg(long)]
    identity_center: bool,
    /// Serve, print how to connect as JSON, and go on until a signal or until standard input ends.
    #[arg(long)]
    until_stdin_ends: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Put many clients on a sandbox of its own, and say what came of it as JSON. Fails if anything did.
    Load {
        #[arg(long, default_value_t = 200)]
        clients: usize,
        #[arg(long, default_value_t = 60.0)]
        seconds: f64,
    },
}

fn main() -> Result<ExitCode> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = sandbox::runtime::helper(&given) {
        return Ok(code.into());
    }
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Load { clients, seconds }) => load(clients, seconds),
        None => serve(arguments).map(|()| ExitCode::SUCCESS),
    }
}

#[tokio::main]
async fn load(clients: usize, seconds: f64) -> Result<ExitCode> {
    let program = std::env::current_exe().context("find this program")?;
    let report = sandbox::load::run(&program, clients, seconds).await?;
    say(&serde_json::to_value(&report)?);
    Ok(if report.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[tokio::main]
async fn serve(arguments: Arguments) -> Result<()> {
    let directory = std::path::absolute(&arguments.directory).context("find the directory")?;
    let settings = Settings {
        region: arguments.region.clone(),
        app_runner_customers: arguments.app_runner_customer.clone(),
        identity_center: arguments.identity_center,
        ..Settings::default()
    };
    let options = Options { port: arguments.port, scale: arguments.scale, settings, directory, keep: true };
    let sandbox = Sandbox::start(options).await?;
    let description = describe(&sandbox);
    write_files(&sandbox, &description)?;
    say(&description);
    wait(arguments.until_stdin_ends).await?;
    let directory = sandbox.world().settings.directory.clone();
    sandbox.stop().await?;
    std::fs::remove_file(directory.join("sandbox.json")).context("remove sandbox.json")
}

/// How to connect, as `sandbox start --json` prints it.
fn describe(sandbox: &Sandbox) -> Value {
    let world = sandbox.world();
    let keys = iam::admin_keys(&world);
    let root = iam::root_keys(&world);
    json!({
        "endpoint": sandbox.endpoint(),
        "region": world.settings.region,
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key,
        "root_access_key_id": root.access_key_id,
        "root_secret_access_key": root.secret_access_key,
        "account_id": world.settings.management,
        "config_file": world.settings.directory.join("aws-config"),
        "control": format!("{}/_sandbox", sandbox.endpoint()),
        "pid": std::process::id(),
    })
}

/// `sandbox.json` for those who look for a running sandbox, and an AWS config file with its profiles.
fn write_files(sandbox: &Sandbox, description: &Value) -> Result<()> {
    let directory = sandbox.world().settings.directory.clone();
    let config = directory.join("aws-config");
    if !config.exists() {
        std::fs::write(&config, config_text(description)).context("write the AWS config file")?;
    }
    replace(&directory.join("sandbox.json"), &format!("{description:#}\n"))
}

fn replace(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).with_context(|| format!("write {}", beside.display()))?;
    std::fs::rename(&beside, path).with_context(|| format!("write {}", path.display()))
}

fn config_text(description: &Value) -> String {
    let text = |name: &str| description[name].as_str().unwrap_or_default().to_owned();
    let profile = |name: &str, id: &str, secret: &str| {
        format!(
            "[{name}]\nregion = {}\nendpoint_url = {}\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            text("region"),
            text("endpoint"),
            text(id),
            text(secret)
        )
    };
    let admin = profile("default", "access_key_id", "secret_access_key");
    let root = profile("profile root", "root_access_key_id", "root_secret_access_key");
    format!("# The sandbox's own. Keys that are worth nothing anywhere else.\n{admin}\n{root}")
}

#[expect(clippy::print_stdout, reason = "how to connect to it, or the figures of a load")]
fn say(description: &Value) {
    println!("{description}");
}

/// Until SIGINT or SIGTERM; or until standard input ends, so that nothing outlives a parent that was killed.
async fn wait(stdin: bool) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let input = async {
        match stdin {
            true => drop(tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await),
            false => std::future::pending().await,
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("wait for Ctrl-C"),
        _signal = terminate.recv() => Ok(()),
        () = input => Ok(()),
    }
}
