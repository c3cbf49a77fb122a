//! Starts the app, and stops it when the platform asks.

use std::error::Error;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use app::environment::Environment;
use app::{App, logs, server};
use live_config::LiveConfig;
use settings::Settings;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// ECS kills 30 s after SIGTERM.
const GRACE: Duration = Duration::from_secs(25);

const FIRST_VALUE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    logs::start();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("failed to start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let environment = Environment::read()?;
    let listener = listen(environment.port).await?;
    let closing = close_on_signal()?;
    let aws = live_config::aws::loader().load().await;
    let settings = LiveConfig::start(environment.source.clone(), &aws, Settings::parse).await;
    tokio::spawn(complain_without_value(settings.clone()));

    let app = Arc::new(App::new(environment, settings, closing.clone()));
    tracing::info!(address = %listener.local_addr()?, instance = app.about.instance, "listening");
    server::serve(listener, app::router(app), closing, GRACE).await;
    tracing::info!("stopped");
    Ok(())
}

/// All addresses of both kinds: a subnet may have IPv6 only, and a machine may have none of it.
async fn listen(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() != ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        listening => listening,
    }
}

/// The app stays up without a first value, not ready and trying; this says so once, loudly.
async fn complain_without_value(settings: LiveConfig<Settings>) {
    if let Err(error) = settings.first(FIRST_VALUE).await {
        tracing::error!("not ready: {error}");
    }
}

fn close_on_signal() -> std::io::Result<CancellationToken> {
    let closing = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = closing.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down");
        token.cancel();
    });
    Ok(closing)
}
