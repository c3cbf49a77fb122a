//! `cargo xtask`: from one AWS account to a running application, and back.

#![expect(dead_code, unused_imports, reason = "no command uses the engine yet")]

mod aws;
mod config;
mod diff;
mod draft;
mod engine;
mod graph;
mod image;
mod interview;
mod names;
mod policy;
mod report;
mod resource;
mod resources;
mod ui;

fn main() {}
