//! HTTP/1.1 with bounds: on connections, on header size, on idle time, on the time to drain.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const MAX_CONNECTIONS: usize = 2000;

/// hyper answers 431 to larger heads.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Covers idle connections too, so it must outlast a load balancer's idle timeout (60 s): whoever closes first
/// while the other sends loses a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// Serves until `closing`; then finishes what is under way, within `grace`.
pub async fn serve(listener: TcpListener, router: Router, closing: CancellationToken, grace: Duration) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Some(stream) = next(&listener, &places, &closing).await {
        let connection = converse(stream, router.clone(), closing.clone());
        let places = places.clone();
        connections.spawn(async move {
            connection.await;
            places.add_permits(1);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "stopped before all answers were sent");
    }
}

/// The next connection for which there is a place, or `None` once closing.
async fn next(listener: &TcpListener, places: &Semaphore, closing: &CancellationToken) -> Option<TcpStream> {
    let accepted = async {
        if let Ok(place) = places.acquire().await {
            place.forget();
        }
        accept(listener).await
    };
    tokio::select! {
        () = closing.cancelled() => None,
        stream = accepted => Some(stream),
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => pause_if_exhausted(&error).await,
        }
    }
}

/// A peer that is gone already costs nothing; too many open files need time.
async fn pause_if_exhausted(error: &io::Error) {
    if error.kind() != io::ErrorKind::ConnectionAborted && error.kind() != io::ErrorKind::ConnectionReset {
        tracing::error!("failed to accept a connection: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn converse(stream: TcpStream, router: Router, closing: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("failed to set TCP_NODELAY: {error}");
    }
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("connection ended: {error}");
    }
}
