//! A local AWS: as wide as Foothold needs, and as strict as AWS where it matters.

pub mod auth;
pub mod call;
pub mod clock;
pub mod control;
pub mod durations;
pub mod fault;
pub mod faults;
pub mod garble;
pub mod held;
pub mod keep;
pub mod latency;
pub mod load;
mod locked;
pub mod model;
mod past;
pub mod record;
pub mod registry;
pub mod runtime;
mod sandbox;
pub mod server;
pub mod services;
pub mod snapshot;
pub mod wire;
pub mod world;

pub use sandbox::{Options, Sandbox};
