//! Everything that can exist because we declared it: one AWS thing per file.

pub(crate) mod account;
pub(crate) mod cli_profile;
pub(crate) mod deployment;
pub(crate) mod lifecycle_policy;
pub(crate) mod log_group;
pub(crate) mod organization;
pub(crate) mod repository;
pub(crate) mod repository_policy;
pub(crate) mod role;
pub(crate) mod stubs;
pub(crate) use stubs::*;
#[cfg(test)]
mod tests;
pub(crate) mod unit;

pub(crate) use account::{Account, Origin};
pub(crate) use cli_profile::Profile;
pub(crate) use lifecycle_policy::LifecyclePolicy;
pub(crate) use log_group::LogGroup;
pub(crate) use organization::Organization;
pub(crate) use repository::Repository;
pub(crate) use repository_policy::RepositoryPolicy;
pub(crate) use role::Role;
pub(crate) use unit::Unit;
