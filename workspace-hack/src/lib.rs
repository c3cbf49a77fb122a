//! Nothing: what counts is `Cargo.toml`, which says why.
