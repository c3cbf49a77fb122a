//! Stories about the sandbox, told with AWS's own SDK: each with its own sandbox, so that they run in parallel.

mod world;

mod denials;
mod iam;
mod sts;
mod wire;
