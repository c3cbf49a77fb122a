//! Lists the AWS services of its region, limited by a configuration that changes while it runs.
//!
//! Worth keeping when this one page is replaced: the typed live configuration, and everything a service needs
//! around it. No request waits for AWS.

pub mod environment;
pub mod logs;
pub mod server;

mod bounds;
mod events;
mod listing;
mod metrics;
mod page;
mod routes;
mod services;
mod state;

pub use routes::router;
pub use state::App;
