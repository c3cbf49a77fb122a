//! Every route.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::bounds::bounded;
use crate::listing::Listing;
use crate::state::App;
use crate::{events, metrics, page};

const CONFIG_VERSION: HeaderName = HeaderName::from_static("x-config-version");

/// The app as a service.
pub fn router(app: Arc<App>) -> Router {
    bounded(app.clone(), routes(&app))
}

fn routes(app: &App) -> Router<Arc<App>> {
    let mut router = Router::new()
        .route("/", get(index))
        .route("/events", get(events::events))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .route("/favicon.ico", get(page::icon))
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /\n" }));
    if app.expose_metrics {
        router =
            router.route("/metrics", get(|State(app): State<Arc<App>>| async move { metrics::text(&app) }));
    }
    if app.expose_config {
        router = router.route("/config", get(config));
    }
    router.fallback(|| async { problem(StatusCode::NOT_FOUND, "there is nothing here") })
}

/// The listing: a page for browsers, JSON for everything else.
async fn index(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Some(current) = app.current() else {
        return not_yet(&app, &headers);
    };
    let listing = Listing::new(&app, &current);
    let answer =
        if wants_page(&headers) { page::page(&app, Some(&listing)) } else { Json(&listing).into_response() };
    ([(CONFIG_VERSION, header_value(&current.version)), (header::VARY, VARY_ACCEPT)], answer).into_response()
}

const VARY_ACCEPT: HeaderValue = HeaderValue::from_static("accept");

fn not_yet(app: &App, headers: &HeaderMap) -> Response {
    let mut answer = match wants_page(headers) {
        true => page::page(app, None),
        false => problem(StatusCode::SERVICE_UNAVAILABLE, "no configuration has arrived yet"),
    };
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    ([(header::RETRY_AFTER, "5")], answer).into_response()
}

/// Browsers name `text/html`; programs say `*/*`, `application/json` or nothing.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Not ready before the first value and during shutdown; in between always, whatever happens to AppConfig.
async fn readyz(State(app): State<Arc<App>>) -> Response {
    if app.closing.is_cancelled() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
    }
    match app.current() {
        Some(_) => "ready\n".into_response(),
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "no configuration has arrived yet"),
    }
}

/// What runs here. Always 200, also before the first value: `configuration` is then `null`.
async fn version(State(app): State<Arc<App>>) -> Response {
    let current = app.current();
    let configuration = current.as_ref().map(|current| current.version.as_str());
    let about = &app.about;
    let answer = Json(json!({
        "image": about.image,
        "revision": about.revision,
        "configuration": configuration,
        "age": current.as_ref().map(|current| current.age().as_secs()),
        "instance": about.instance,
        "stage": about.stage,
        "region": about.region,
    }));
    match configuration {
        Some(version) => ([(CONFIG_VERSION, header_value(version))], answer).into_response(),
        None => answer.into_response(),
    }
}

/// The configuration in use and how the polling goes, errors of AWS included: nothing for the public.
async fn config(State(app): State<Arc<App>>) -> Response {
    let current = app.current();
    let status = app.settings.status();
    let answer = json!({
        "version": current.as_ref().map(|current| &current.version),
        "age": current.as_ref().map(|current| current.age().as_secs()),
        "settings": current.as_ref().map(|current| current.value),
        "polls": status.polls,
        "failedPolls": status.failed_polls,
        "failuresInARow": status.failures_in_a_row,
        "confirmed": status.confirmed.map(|confirmed| confirmed.elapsed().as_secs()),
        "trouble": status.trouble.map(|trouble| trouble.to_string()),
    });
    Json(answer).into_response()
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

fn header_value(version: &str) -> HeaderValue {
    HeaderValue::from_str(version).unwrap_or(HeaderValue::from_static("unprintable"))
}
