//! What surrounds every route: time, size, panics, an id, the counters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::state::App;

/// To the head of the answer; event streams go on.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

const MAX_BODY_BYTES: usize = 16 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the same bounds around every route.
pub(crate) fn bounded(app: Arc<App>, routes: Router<Arc<App>>) -> Router {
    let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, REQUEST_TIMEOUT);
    routes
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(timeout)
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
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
        // "Not ready" is an answer, not a failure.
        500.. if status != 503 => {
            tracing::warn!(id = id_text, %method, route, status, milliseconds, "answered")
        }
        _ => tracing::debug!(id = id_text, %method, route, status, milliseconds, "answered"),
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
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
    use aws_credential_types::Credentials;
    use axum::body::Body;
    use axum::routing::get;
    use hyper_util::service::TowerToHyperService;
    use live_config::{LiveConfig, Source};

    use super::*;
    use crate::environment::Environment;

    /// An app that AWS never answers.
    async fn alone() -> Arc<App> {
        let environment = Environment {
            source: Source::from_lookup(|name| (name != "APPCONFIGPOLLSECONDS").then(|| "x".to_owned()))
                .unwrap(),
            region: "eu-west-1".to_owned(),
            port: 0,
            expose_metrics: false,
            expose_config: false,
            image_digest: None,
            revision: Some("test".to_owned()),
        };
        let aws = live_config::aws::loader()
            .endpoint_url("http://127.0.0.1:1")
            .region("eu-west-1")
            .credentials_provider(Credentials::new("AKIABASE", "secret", None, None, "test"))
            .load()
            .await;
        let settings = LiveConfig::start(environment.source.clone(), &aws, settings::Settings::parse).await;
        Arc::new(App::new(environment, settings, tokio_util::sync::CancellationToken::new()))
    }

    async fn answer(router: Router, request: Request) -> Response {
        use hyper::service::Service;
        TowerToHyperService::new(router).call(request).await.unwrap()
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
        let routes = Router::new().route("/bug", get(panics)).route("/fine", get(|| async {}));
        let router = bounded(app, routes);
        let failed = answer(router.clone(), get_request("/bug")).await;
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(failed.headers().contains_key(REQUEST_ID));
        assert_eq!(answer(router, get_request("/fine")).await.status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_given_up() {
        let app = alone().await;
        let router = bounded(app, Router::new().route("/slow", get(std::future::pending::<()>)));
        let failed = answer(router, get_request("/slow")).await;
        assert_eq!(failed.status(), StatusCode::GATEWAY_TIMEOUT);
    }

    #[test]
    fn a_request_id_is_taken_over_only_if_harmless() {
        let given = |id: &str| HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(id).unwrap())]);
        assert_eq!(request_id(&given("Root=1-67891233-abcdef")), "Root=1-67891233-abcdef");
        for refused in ["", "a b", "\"}", &"x".repeat(129)] {
            assert_eq!(request_id(&given(refused)).len(), 32, "{refused}");
        }
    }
}
