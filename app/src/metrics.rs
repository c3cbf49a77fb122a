//! Counters in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::state::{App, MAX_STREAMS};

/// Upper bounds in seconds.
const BUCKETS: [f64; 7] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Requests by route and status, and how long they took.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    requests: BTreeMap<(String, u16), u64>,
    buckets: [u64; BUCKETS.len()],
    seconds: f64,
}

impl Metrics {
    pub(crate) fn count(&self, route: &str, status: u16, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = took.as_secs_f64();
        counts.seconds += seconds;
        for (count, bound) in counts.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(seconds <= bound);
        }
        *counts.requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    fn write(&self, text: &mut String) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        family(text, "app_http_requests_total", "counter", "Requests answered.");
        for ((route, status), count) in &counts.requests {
            let _ =
                writeln!(text, "app_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}");
        }
        family(text, "app_http_request_seconds", "histogram", "Time to the head of the answer.");
        for (bound, count) in BUCKETS.iter().zip(counts.buckets) {
            let _ = writeln!(text, "app_http_request_seconds_bucket{{le=\"{bound}\"}} {count}");
        }
        let total: u64 = counts.requests.values().sum();
        let _ = writeln!(text, "app_http_request_seconds_bucket{{le=\"+Inf\"}} {total}");
        let _ = writeln!(text, "app_http_request_seconds_sum {}", counts.seconds);
        let _ = writeln!(text, "app_http_request_seconds_count {total}");
    }
}

/// Everything `/metrics` says.
pub(crate) fn text(app: &App) -> String {
    let mut text = String::new();
    app.metrics.write(&mut text);
    let status = app.settings.status();
    let streams = MAX_STREAMS - app.streams.available_permits();
    single(&mut text, "app_event_streams", "gauge", "Browsers that follow changes.", streams as f64);
    single(&mut text, "app_config_polls_total", "counter", "Polls of AppConfig.", status.polls as f64);
    single(
        &mut text,
        "app_config_failed_polls_total",
        "counter",
        "Polls without an answer.",
        status.failed_polls as f64,
    );
    let trouble = f64::from(u8::from(status.trouble.is_some()));
    single(&mut text, "app_config_trouble", "gauge", "1 while the newest version is not in use.", trouble);
    if let Some(confirmed) = status.confirmed {
        let seconds = confirmed.elapsed().as_secs_f64();
        single(&mut text, "app_config_confirmed_seconds", "gauge", "Since AppConfig last answered.", seconds);
    }
    if let Some(current) = app.current() {
        let age = current.age().as_secs_f64();
        single(&mut text, "app_config_age_seconds", "gauge", "Since the version in use was taken.", age);
        family(&mut text, "app_config_info", "gauge", "The version in use.");
        let version = label(&current.version);
        let _ = writeln!(text, "app_config_info{{version=\"{version}\"}} 1");
    }
    text
}

fn single(text: &mut String, name: &str, kind: &str, help: &str, value: f64) {
    family(text, name, kind, help);
    let _ = writeln!(text, "{name} {value}");
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_status_and_time() {
        let metrics = Metrics::default();
        metrics.count("/", 200, Duration::from_millis(3));
        metrics.count("/", 200, Duration::from_millis(30));
        metrics.count("/readyz", 503, Duration::from_secs(60));
        let mut text = String::new();
        metrics.write(&mut text);
        for line in [
            "app_http_requests_total{route=\"/\",status=\"200\"} 2",
            "app_http_requests_total{route=\"/readyz\",status=\"503\"} 1",
            "app_http_request_seconds_bucket{le=\"0.001\"} 0",
            "app_http_request_seconds_bucket{le=\"0.005\"} 1",
            "app_http_request_seconds_bucket{le=\"10\"} 2",
            "app_http_request_seconds_bucket{le=\"+Inf\"} 3",
            "app_http_request_seconds_count 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        assert_eq!(label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
