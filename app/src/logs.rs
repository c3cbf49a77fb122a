//! Structured logs: one JSON object a line, on stdout.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// `live_config` says what `aws_config` warns of, in fewer words.
const DEFAULT: &str = "warn,app=info,live_config=info,aws_config=error";

/// Sends everything, panics included, to stdout. `RUST_LOG` chooses the lines.
pub fn start() {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let targets = wanted.parse::<Targets>().ok().filter(|_| !wanted.is_empty());
    let targets = targets.unwrap_or_else(|| DEFAULT.parse().unwrap_or_default());
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    tracing_subscriber::registry().with(lines).with(targets).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}
