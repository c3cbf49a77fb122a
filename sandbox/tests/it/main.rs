//! Stories about the sandbox, told with AWS's own SDK: each with its own sandbox, so that they run in parallel.

mod image;
mod world;

mod apprunner;
mod denials;
mod ecs;
mod iam;
mod sts;
mod wire;
