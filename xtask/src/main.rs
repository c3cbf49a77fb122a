//! `cargo xtask`: bootstrap, look after and tear down the environment.

#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod config;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod names;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod policy;

fn main() {}
