//! Everything that can exist because we declared it: one AWS thing per file.

pub(crate) mod account;
pub(crate) mod log_group;
pub(crate) mod organization;
pub(crate) mod role;
pub(crate) mod unit;

pub(crate) use account::{Account, Origin};
pub(crate) use log_group::LogGroup;
pub(crate) use organization::Organization;
pub(crate) use role::Role;
pub(crate) use unit::Unit;
