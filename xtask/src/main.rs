//! `cargo xtask`: from one AWS account to a running application, and back.

#![expect(dead_code, unused_imports, reason = "no command uses the engine yet")]

mod aws;
mod diff;
mod engine;
mod graph;
mod image;
mod report;
mod resource;

fn main() {}
