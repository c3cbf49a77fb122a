//! Stories: an app of two crates built, assembled, pushed to a registry that nobody here wrote, and read back.

mod cloud;
mod engines;
mod fingerprints;
mod fixture;
mod making;
mod pushing;
mod refusing;
mod registry;
