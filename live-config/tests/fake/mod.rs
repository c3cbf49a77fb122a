//! STS and AppConfig Data on a local port, as strict about tokens as AWS, and as unreliable as a test wants.

use std::collections::{HashMap, HashSet};
use std::future::IntoFuture;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use live_config::Source;

/// Stands in for AWS until it is dropped.
pub(crate) struct Fake {
    pub(crate) url: String,
    pub(crate) world: Arc<Mutex<World>>,
    server: tokio::task::JoinHandle<()>,
}

/// What the account holds, what was asked, and what goes wrong.
#[derive(Default)]
pub(crate) struct World {
    /// Label and content; `None` before the first deployment.
    pub(crate) deployed: Option<(String, Vec<u8>)>,
    /// NextPollIntervalInSeconds.
    pub(crate) interval: u64,
    pub(crate) sts_fault: Option<Fault>,
    pub(crate) data_fault: Option<Fault>,
    pub(crate) roles_assumed: usize,
    pub(crate) sessions: usize,
    pub(crate) polls: usize,
    /// Rules of AppConfig Data that the client broke.
    pub(crate) violations: Vec<String>,
    pub(crate) last_session_request: String,
    tokens: HashMap<String, Token>,
    spent: HashSet<String>,
    valid_keys: HashSet<String>,
    issued: usize,
}

struct Token {
    seen: Option<(String, Vec<u8>)>,
    not_before: Instant,
}

/// A fault of every answer, until it is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Throttled,
    Denied,
    Broken,
    /// AWS acts on the request, and the answer never arrives.
    Lost,
    /// Not the protocol at all.
    Html,
}

type Shared = State<Arc<Mutex<World>>>;

impl Fake {
    pub(crate) async fn start() -> Self {
        let world = Arc::new(Mutex::new(World { interval: 1, ..World::default() }));
        let routes = Router::new()
            .route("/", post(assume_role))
            .route("/configurationsessions", post(start_session))
            .route("/configuration", get(latest))
            .with_state(world.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = axum::serve(listener, routes).into_future();
        let server = tokio::spawn(async move { serve.await.unwrap() });
        Self { url, world, server }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn deploy(&self, label: &str, content: impl Into<Vec<u8>>) {
        self.world().deployed = Some((label.to_owned(), content.into()));
    }

    /// Credentials handed out so far stop working, as after a role was made anew.
    pub(crate) fn revoke_credentials(&self) {
        self.world().valid_keys.clear();
    }

    /// All open sessions end, as after 24 hours.
    pub(crate) fn expire_sessions(&self) {
        self.world().tokens.clear();
    }

    pub(crate) fn source(&self) -> Source {
        Source {
            application: "ListServices".to_owned(),
            environment: "development".to_owned(),
            profile: "Profile".to_owned(),
            read_role: "arn:aws:iam::111111111111:role/foothold/read".to_owned(),
            poll_interval: Duration::from_secs(15),
            max_bytes: 64 * 1024,
        }
    }

    /// The SDK as the program would load it, with this server as all of AWS.
    pub(crate) async fn aws(&self) -> aws_config::SdkConfig {
        let timeouts =
            aws_config::timeout::TimeoutConfig::builder().operation_timeout(Duration::from_millis(700));
        live_config::aws::loader()
            .endpoint_url(&self.url)
            .region("eu-west-1")
            .credentials_provider(aws_credential_types::Credentials::new(
                "AKIABASE", "secret", None, None, "test",
            ))
            .timeout_config(timeouts.build())
            .load()
            .await
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Looks until it is so, and panics if it is not within 20 s.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "not seen within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn assume_role(State(world): Shared, body: String) -> Response {
    let fault = world.lock().unwrap().sts_fault;
    if let Some(fault) = fault {
        return sts_fault(fault).await;
    }
    assert!(body.contains("Action=AssumeRole") && body.contains("role%2Ffoothold%2Fread"), "{body}");
    let mut world = world.lock().unwrap();
    world.roles_assumed += 1;
    let key = format!("ASIAROLE{}", world.roles_assumed);
    world.valid_keys.insert(key.clone());
    let answer = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
         <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    ([("content-type", "text/xml")], answer).into_response()
}

async fn sts_fault(fault: Fault) -> Response {
    let (status, code) = match fault {
        Fault::Throttled => (StatusCode::BAD_REQUEST, "Throttling"),
        Fault::Denied => (StatusCode::FORBIDDEN, "AccessDenied"),
        Fault::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
        Fault::Lost => std::future::pending().await,
        Fault::Html => return "<html>a proxy says hello</html>".into_response(),
    };
    let error =
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>");
    (status, [("content-type", "text/xml")], error).into_response()
}

async fn start_session(State(world): Shared, headers: HeaderMap, body: String) -> Response {
    let fault = world.lock().unwrap().data_fault;
    if let Some(answer) = refusal(&world, fault, &headers) {
        return answer;
    }
    let token = {
        let mut world = world.lock().unwrap();
        world.sessions += 1;
        world.last_session_request = body;
        world.issue(None, Instant::now())
    };
    if fault == Some(Fault::Lost) {
        std::future::pending::<()>().await;
    }
    let answer = format!("{{\"InitialConfigurationToken\": \"{token}\"}}");
    (StatusCode::CREATED, [("content-type", "application/json")], answer).into_response()
}

async fn latest(State(world): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let fault = world.lock().unwrap().data_fault;
    let token = world.lock().unwrap().received(&query.unwrap_or_default());
    let answer = refusal(&world, fault, &headers).unwrap_or_else(|| world.lock().unwrap().poll(&token));
    if fault == Some(Fault::Lost) {
        std::future::pending::<()>().await;
    }
    answer
}

/// What both operations answer instead of an answer.
fn refusal(world: &Mutex<World>, fault: Option<Fault>, headers: &HeaderMap) -> Option<Response> {
    let signed = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = signed.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if !world.lock().unwrap().valid_keys.contains(key) {
        return Some(error(StatusCode::FORBIDDEN, "ExpiredTokenException", "the security token is expired"));
    }
    match fault? {
        Fault::Throttled => Some(error(StatusCode::TOO_MANY_REQUESTS, "ThrottlingException", "slow down")),
        Fault::Denied => Some(error(StatusCode::FORBIDDEN, "AccessDeniedException", "not authorized")),
        Fault::Broken => Some(error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException", "oops")),
        Fault::Html => Some((StatusCode::BAD_GATEWAY, "<html>").into_response()),
        Fault::Lost => None,
    }
}

impl World {
    fn issue(&mut self, seen: Option<(String, Vec<u8>)>, not_before: Instant) -> String {
        self.issued += 1;
        // Real tokens are base64 with characters that a query must escape.
        let token = format!("tok/en+{}==", self.issued);
        self.tokens.insert(token.clone(), Token { seen, not_before });
        token
    }

    /// Notes every token that arrives, even where the answer will be a fault.
    fn received(&mut self, query: &str) -> String {
        let token = query.trim_start_matches("configuration_token=");
        let token = token.replace("%2F", "/").replace("%2B", "+").replace("%3D", "=");
        if !self.spent.insert(token.clone()) {
            self.violations.push(format!("token {token} was sent twice"));
        }
        token
    }

    fn poll(&mut self, token: &str) -> Response {
        self.polls += 1;
        let Some(known) = self.tokens.remove(token) else {
            return error(StatusCode::BAD_REQUEST, "BadRequestException", "token expired or used");
        };
        if Instant::now() < known.not_before {
            self.violations.push("polled before the interval was over".to_owned());
        }
        let changed = self.deployed.clone().filter(|deployed| Some(deployed) != known.seen.as_ref());
        let seen = self.deployed.clone().or(known.seen);
        let next = self.issue(seen, Instant::now() + Duration::from_secs(self.interval));
        let (label, content) = changed.unwrap_or_default();
        let headers = [
            ("next-poll-configuration-token", next),
            ("next-poll-interval-in-seconds", self.interval.to_string()),
            ("version-label", label),
            ("content-type", "application/json".to_owned()),
        ];
        (headers, content).into_response()
    }
}

fn error(status: StatusCode, code: &'static str, message: &str) -> Response {
    let headers = [("x-amzn-errortype", code), ("content-type", "application/json")];
    (status, headers, format!("{{\"Message\": \"{message}\"}}")).into_response()
}
