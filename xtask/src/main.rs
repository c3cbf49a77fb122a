//! `cargo xtask`: bootstrap, look after and tear down the environment.

#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod config;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod draft;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod interview;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod names;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod policy;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod ui;

fn main() {}
