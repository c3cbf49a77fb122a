//! Stories of the running app, against a local AppConfig.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on ends here")]

#[path = "../../live-config/tests/fake/mod.rs"]
mod fake;

use std::sync::Arc;
use std::time::Duration;

use app::environment::Environment;
use app::{App, server};
use fake::{Fake, Fault, eventually};
use live_config::LiveConfig;
use serde_json::Value;
use settings::Settings;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Running {
    fake: Fake,
    address: String,
    closing: CancellationToken,
    server: JoinHandle<()>,
    settings: LiveConfig<Settings>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&prefix))
    }
}

async fn start(expose: bool) -> Running {
    let fake = Fake::start().await;
    let closing = CancellationToken::new();
    let environment = Environment {
        source: fake.source(),
        region: "eu-west-1".to_owned(),
        port: 0,
        expose_metrics: expose,
        expose_config: expose,
        image_digest: Some("sha256:abc".to_owned()),
        revision: Some("test".to_owned()),
    };
    let settings = LiveConfig::start(fake.source(), &fake.aws().await, Settings::parse).await;
    let app = Arc::new(App::new(environment, settings.clone(), closing.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server =
        tokio::spawn(server::serve(listener, app::router(app), closing.clone(), Duration::from_secs(25)));
    Running { fake, address, closing, server, settings }
}

/// Ready, with the limit off.
async fn ready() -> Running {
    let running = start(false).await;
    running.deploy("v1", false, 10);
    running.until_version("v1").await;
    running
}

impl Running {
    fn deploy(&self, label: &str, limited: bool, limit: u32) {
        let content = format!(r#"{{"boolEnableLimitResults": {limited}, "intResultLimit": {limit}}}"#);
        self.fake.deploy(label, content);
    }

    async fn until_version(&self, label: &str) -> Answer {
        loop {
            let answer = self.get("/").await;
            if answer.header("x-config-version") == Some(label) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n")).await
    }

    async fn browse(&self, path: &str) -> Answer {
        let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: app\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
        ))
        .await
    }

    async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    async fn follow(&self) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(b"GET /events HTTP/1.1\r\nhost: app\r\n\r\n").await.unwrap();
        BufReader::new(stream)
    }
}

/// The version in the next event, or `None` at the end of the stream.
async fn next_event(events: &mut BufReader<TcpStream>) -> Option<String> {
    loop {
        let mut line = String::new();
        if events.read_line(&mut line).await.unwrap() == 0 {
            return None;
        }
        if let Some(data) = line.strip_prefix("data: ") {
            let listing: Value = serde_json::from_str(data).unwrap();
            return Some(listing["version"].as_str().unwrap().to_owned());
        }
    }
}

#[tokio::test]
async fn not_ready_until_the_first_value_and_never_unready_after() {
    let running = start(false).await;
    for (path, status) in [("/healthz", 200), ("/version", 200), ("/readyz", 503), ("/", 503)] {
        assert_eq!(running.get(path).await.status, status, "{path}");
    }
    assert_eq!(running.get("/version").await.json()["configuration"], Value::Null);
    assert!(running.browse("/").await.body.contains("Waiting for the first configuration"));

    running.deploy("v1", false, 10);
    running.until_version("v1").await;
    running.fake.world().data_fault = Some(Fault::Denied);
    running.fake.world().sts_fault = Some(Fault::Broken);
    running.fake.revoke_credentials();
    let assumed = running.fake.world().roles_assumed;
    running.fake.deploy("v2", "garbage");
    for _ in 0..200 {
        assert_eq!(running.get("/readyz").await.status, 200);
        assert_eq!(running.get("/").await.status, 200);
    }
    running.fake.world().sts_fault = None;
    eventually("the role assumed again", || running.fake.world().roles_assumed > assumed).await;
    assert_eq!(running.get("/readyz").await.status, 200);
}

/// Faults of every kind on STS and AppConfig, in turn and together, with credentials and sessions pulled away.
#[tokio::test]
async fn a_storm_of_faults_costs_not_one_request() {
    let running = ready().await;
    let storm = [
        (None, Some(Fault::Broken)),
        (Some(Fault::Throttled), None),
        (Some(Fault::Denied), Some(Fault::Denied)),
        (Some(Fault::Broken), Some(Fault::Html)),
        (Some(Fault::Lost), Some(Fault::Throttled)),
        (Some(Fault::Html), Some(Fault::Lost)),
    ];
    running.fake.deploy("garbage", "{");
    for (round, (data_fault, sts_fault)) in storm.into_iter().enumerate() {
        running.fake.world().data_fault = data_fault;
        running.fake.world().sts_fault = sts_fault;
        match round % 2 {
            0 => running.fake.revoke_credentials(),
            _ => running.fake.expire_sessions(),
        }
        let polls = running.settings.status().polls;
        while running.settings.status().polls == polls {
            let answer = running.get("/").await;
            assert_eq!((answer.status, answer.header("x-config-version")), (200, Some("v1")));
            assert_eq!(running.get("/readyz").await.status, 200);
        }
    }
    running.fake.world().data_fault = None;
    running.fake.world().sts_fault = None;
    running.deploy("v2", true, 5);
    running.until_version("v2").await;
    assert_eq!(running.fake.world().violations, Vec::<String>::new());
}

#[tokio::test]
async fn the_limit_decides_how_many_and_off_means_all() {
    let running = ready().await;
    let all = running.get("/").await.json();
    let names = all["services"].as_array().unwrap().clone();
    assert_eq!(names.len() as u64, all["total"].as_u64().unwrap());
    assert_eq!(names.last().unwrap(), "xray", "the tutorial's app loses the last one");
    assert_eq!(all["limit"], Value::Null);
    for (label, limit, shown) in [("v2", 10, 10), ("v3", 0, 0), ("v4", 4_000_000_000, names.len())] {
        running.deploy(label, true, limit);
        let some = running.until_version(label).await.json();
        assert_eq!(some["services"].as_array().unwrap()[..], names[..shown]);
        assert_eq!(some["limit"].as_u64(), Some(limit.into()));
    }
}

#[tokio::test]
async fn every_answer_is_of_exactly_one_version() {
    let running = start(false).await;
    running.deploy("v1", true, 1);
    running.until_version("v1").await;
    let mut seen = 1;
    while seen < 4 {
        running.deploy(&format!("v{}", seen + 1), true, seen + 1);
        let answer = running.get("/").await;
        let listing = answer.json();
        let version = answer.header("x-config-version").unwrap();
        assert_eq!(listing["version"], version);
        let number = version.trim_start_matches('v').parse::<u32>().unwrap();
        assert_eq!(listing["services"].as_array().unwrap().len() as u32, number);
        seen = number;
    }
}

#[tokio::test]
async fn browsers_get_a_page_and_programs_json() {
    let running = ready().await;
    let page = running.browse("/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("vary"), Some("accept"));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(page.body.contains("<dd id=\"version\">v1</dd>") && page.body.contains("<li>xray</li>"));
    assert!(!page.body.contains("{{"));
    assert_eq!(running.get("/").await.header("content-type"), Some("application/json"));
    for asset in ["/page.css", "/page.js", "/favicon.ico", "/robots.txt"] {
        assert_eq!(running.get(asset).await.status, 200, "{asset}");
    }
}

#[tokio::test]
async fn version_says_what_runs() {
    let running = ready().await;
    let first = running.get("/version").await;
    assert_eq!(first.header("x-config-version"), Some("v1"));
    let version = first.json();
    for (key, value) in
        [("image", "sha256:abc"), ("configuration", "v1"), ("stage", "development"), ("revision", "test")]
    {
        assert_eq!(version[key], value, "{key}");
    }
    assert_eq!(running.get("/version").await.json()["instance"], version["instance"]);
    assert_ne!(ready().await.get("/version").await.json()["instance"], version["instance"]);
}

#[tokio::test]
async fn events_bring_each_change() {
    let running = ready().await;
    let mut events = running.follow().await;
    assert_eq!(next_event(&mut events).await.as_deref(), Some("v1"));
    running.deploy("v2", true, 3);
    assert_eq!(next_event(&mut events).await.as_deref(), Some("v2"));
}

#[tokio::test]
async fn a_stream_too_many_is_told_to_poll_and_places_come_back() {
    let running = ready().await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut events = running.follow().await;
        assert_eq!(next_event(&mut events).await.as_deref(), Some("v1"));
        streams.push(events);
    }
    assert_eq!(running.get("/events").await.status, 204);
    assert_eq!(running.get("/").await.status, 200);
    drop(streams);
    running.deploy("v2", true, 3);
    running.until_version("v2").await;
    let mut events = loop {
        let mut events = running.follow().await;
        let mut status = String::new();
        events.read_line(&mut status).await.unwrap();
        if status.contains("200") {
            break events;
        }
    };
    assert_eq!(next_event(&mut events).await.as_deref(), Some("v2"));
}

#[tokio::test]
async fn shutdown_ends_streams_and_idle_connections_at_once() {
    let running = ready().await;
    let mut events = running.follow().await;
    next_event(&mut events).await;
    let idle = TcpStream::connect(&running.address).await.unwrap();
    running.closing.cancel();
    assert_eq!(next_event(&mut events).await, None);
    tokio::time::timeout(Duration::from_secs(5), running.server).await.unwrap().unwrap();
    assert!(TcpStream::connect(&running.address).await.is_err());
    drop(idle);
}

/// A server whose only route answers when `go` is notified, asked by one client. Gives what the client reads.
async fn asked_slowly(
    grace: Duration,
    go: Arc<Notify>,
) -> (CancellationToken, JoinHandle<()>, JoinHandle<String>) {
    let (asked, wait) = (Arc::new(Notify::new()), go);
    let begun = asked.clone();
    let slow = async move || {
        begun.notify_one();
        wait.notified().await;
        "done"
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let closing = CancellationToken::new();
    let router = axum::Router::new().route("/", axum::routing::get(slow));
    let server = tokio::spawn(server::serve(listener, router, closing.clone(), grace));
    let client = tokio::spawn(async move {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: app\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map(|_| answer).unwrap_or_default()
    });
    asked.notified().await;
    (closing, server, client)
}

#[tokio::test]
async fn what_is_under_way_at_shutdown_is_answered_to_its_end() {
    let go = Arc::new(Notify::new());
    let (closing, server, client) = asked_slowly(Duration::from_secs(25), go.clone()).await;
    closing.cancel();
    assert!(!server.is_finished());
    go.notify_one();
    let answer = client.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\ndone"), "{answer}");
    server.await.unwrap();
}

#[tokio::test]
async fn what_never_ends_is_waited_for_within_the_grace_time_and_no_longer() {
    let grace = Duration::from_secs(25);
    let (closing, server, _client) = asked_slowly(grace, Arc::new(Notify::new())).await;
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    closing.cancel();
    server.await.unwrap();
    assert!((grace..grace + Duration::from_secs(1)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn diagnostics_are_there_only_when_switched_on() {
    let closed = ready().await;
    assert_eq!(closed.get("/metrics").await.status, 404);
    assert_eq!(closed.get("/config").await.status, 404);

    let open = start(true).await;
    open.deploy("v1", true, 7);
    open.until_version("v1").await;
    open.fake.deploy("v2", r#"{"boolEnableLimitResults": true, "intResultLimit": -1}"#);
    let config = loop {
        let config = open.get("/config").await.json();
        if config["trouble"].is_string() {
            break config;
        }
    };
    assert_eq!(config["settings"]["intResultLimit"], 7);
    assert!(config["trouble"].as_str().unwrap().starts_with("version `v2` refused: invalid value"));
    let metrics = open.get("/metrics").await.body;
    for line in [
        "app_config_info{version=\"v1\"} 1",
        "app_config_trouble 1",
        "app_http_requests_total{route=\"/\",status=\"200\"}",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn what_is_too_large_or_unknown_is_refused_and_costs_nothing_else() {
    let running = ready().await;
    let head = "x".repeat(20_000);
    let large_head = running.send(&format!("GET / HTTP/1.1\r\nhost: app\r\nx: {head}\r\n\r\n")).await;
    assert_eq!(large_head.status, 431);
    let large_body = running
        .send("POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 20000\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(large_body.status, 413);
    let post =
        running.send("POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    assert_eq!(post.status, 405);
    let unknown = running.get("/wp-login.php").await;
    assert_eq!((unknown.status, unknown.json()["error"].as_str()), (404, Some("there is nothing here")));
    assert_eq!(unknown.header("x-request-id").unwrap().len(), 32);
    assert_eq!(running.get("/").await.status, 200);
}
