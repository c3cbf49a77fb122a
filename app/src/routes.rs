//! Every route, and what surrounds each of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::listing::Listing;
use crate::state::App;
use crate::{events, metrics, page};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_BODY_BYTES: usize = 16 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
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
        .route(
            "/robots.txt",
            get(|| async { "User-agent: *\nDisallow: /\n" }),
        );
    if app.expose_metrics {
        router = router.route(
            "/metrics",
            get(|State(app): State<Arc<App>>| async move { metrics::text(&app) }),
        );
    }
    if app.expose_config {
        router = router.route("/config", get(config));
    }
    router
}

/// Puts the same bounds around every route.
fn bounded(app: Arc<App>, routes: Router<Arc<App>>) -> Router {
    routes
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is nothing here") })
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            REQUEST_TIMEOUT,
        ))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// The listing: a page for browsers, JSON for everything else.
async fn index(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Some(current) = app.current() else {
        return not_yet(&app, &headers);
    };
    let listing = Listing::new(&app, &current);
    let answer = if wants_page(&headers) {
        page::page(&app, Some(&listing))
    } else {
        Json(&listing).into_response()
    };
    (
        [
            (CONFIG_VERSION, header_value(&current.version)),
            (header::VARY, VARY_ACCEPT),
        ],
        answer,
    )
        .into_response()
}

const VARY_ACCEPT: HeaderValue = HeaderValue::from_static("accept");

fn not_yet(app: &App, headers: &HeaderMap) -> Response {
    let mut answer = match wants_page(headers) {
        true => page::page(app, None),
        false => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "no configuration has arrived yet",
        ),
    };
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    ([(header::RETRY_AFTER, "5")], answer).into_response()
}

/// Browsers name `text/html`; programs say `*/*`, `application/json` or nothing.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Not ready before the first value and during shutdown; in between always, whatever happens to AppConfig.
async fn readyz(State(app): State<Arc<App>>) -> Response {
    if app.closing.is_cancelled() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
    }
    match app.current() {
        Some(_) => "ready\n".into_response(),
        None => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "no configuration has arrived yet",
        ),
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

/// Around everything: an id, the counters, a log line, headers that every answer has.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let method = request.method().clone();

    let mut response = next.run(request).await;

    let status = response.status().as_u16();
    let took = started.elapsed();
    app.metrics.count(route, status, took);
    let milliseconds = took.as_secs_f64() * 1000.0;
    let id_text = id.to_str().unwrap_or_default();
    match status {
        500.. => tracing::warn!(id = id_text, %method, route, status, milliseconds, "answered"),
        _ => tracing::debug!(id = id_text, %method, route, status, milliseconds, "answered"),
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The caller's id if it is a harmless one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:=".contains(byte);
        (1..=128).contains(&id.len()) && id.as_bytes().iter().all(allowed)
    };
    let given = headers.get(REQUEST_ID).filter(harmless).cloned();
    given.unwrap_or_else(|| {
        let id = format!("{:032x}", fastrand::u128(..));
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use hyper_util::service::TowerToHyperService;
    use live_config::{LiveConfig, Source};

    use super::*;
    use crate::environment::Environment;

    /// An app that AWS never answers.
    async fn alone() -> Arc<App> {
        let environment = Environment {
            source: Source::from_lookup(|name| {
                (name != "APPCONFIGPOLLSECONDS").then(|| "x".to_owned())
            })
            .unwrap(),
            region: "eu-west-1".to_owned(),
            port: 0,
            expose_metrics: false,
            expose_config: false,
            image_digest: None,
            revision: "test".to_owned(),
        };
        let aws = live_config::aws::loader()
            .endpoint_url("http://127.0.0.1:1")
            .region("eu-west-1")
            .load()
            .await;
        let settings =
            LiveConfig::start(environment.source.clone(), &aws, settings::Settings::parse).await;
        Arc::new(App::new(
            environment,
            settings,
            tokio_util::sync::CancellationToken::new(),
        ))
    }

    async fn answer(router: Router, request: Request) -> Response {
        use hyper::service::Service;
        TowerToHyperService::new(router)
            .call(request)
            .await
            .unwrap()
    }

    fn get_request(path: &str) -> Request {
        Request::get(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_one_failed_answer() {
        async fn panics() {
            panic!("a bug")
        }
        let app = alone().await;
        let router = bounded(app.clone(), routes(&app).route("/bug", get(panics)));
        let failed = answer(router.clone(), get_request("/bug")).await;
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(failed.headers().contains_key(REQUEST_ID));
        assert_eq!(
            answer(router, get_request("/healthz")).await.status(),
            StatusCode::OK
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_given_up() {
        let app = alone().await;
        let router = bounded(
            app.clone(),
            routes(&app).route("/slow", get(std::future::pending::<()>)),
        );
        let failed = answer(router, get_request("/slow")).await;
        assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_request_id_is_taken_over_only_if_harmless() {
        let given =
            |id: &str| HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(id).unwrap())]);
        assert_eq!(
            request_id(&given("Root=1-67891233-abcdef")),
            "Root=1-67891233-abcdef"
        );
        for refused in ["", "a b", "\"}", &"x".repeat(129)] {
            assert_eq!(request_id(&given(refused)).len(), 32, "{refused}");
        }
    }
}
