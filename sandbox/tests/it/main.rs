//! Stories about the sandbox, told with AWS's own SDK: each with its own sandbox, so that they run in parallel.

mod image;
mod world;

mod appconfig;
mod apprunner;
mod denials;
mod ecr;
mod ecs;
mod fuzz;
mod iam;
mod keep;
mod load;
mod logs;
mod organizations;
mod permissions;
mod regions;
mod sts;
mod wire;
