//! A local AWS: as wide as Foothold needs, and as strict as AWS where it matters.

pub mod auth;
pub mod call;
pub mod clock;
pub mod fault;
pub mod runtime;
pub mod services;
pub mod world;
