//! Everything that can exist because we declared it: one AWS thing per file.

pub(crate) mod account;
pub(crate) mod app_runner_service;
pub(crate) mod application;
pub(crate) mod cli_profile;
pub(crate) mod configuration;
pub(crate) mod configuration_environment;
pub(crate) mod configuration_profile;
pub(crate) mod deployment;
pub(crate) mod express_service;
pub(crate) mod identity_center;
pub(crate) mod image;
pub(crate) mod lifecycle_policy;
pub(crate) mod live_tag;
pub(crate) mod log_group;
pub(crate) mod organization;
pub(crate) mod repository;
pub(crate) mod repository_policy;
pub(crate) mod role;
pub(crate) mod rollout;
mod serving;
pub(crate) mod strategy;
#[cfg(test)]
mod tests;
pub(crate) mod unit;

pub(crate) use account::{Account, Origin};
pub(crate) use app_runner_service::AppRunnerService;
pub(crate) use application::Application;
pub(crate) use cli_profile::Profile;
pub(crate) use configuration::Configuration;
pub(crate) use configuration_environment::ConfigurationEnvironment;
pub(crate) use configuration_profile::ConfigurationProfile;
pub(crate) use express_service::ExpressService;
pub(crate) use identity_center::IdentityCenter;
pub(crate) use image::{Image, ImageSource};
pub(crate) use lifecycle_policy::LifecyclePolicy;
pub(crate) use live_tag::LiveTag;
pub(crate) use log_group::LogGroup;
pub(crate) use organization::Organization;
pub(crate) use repository::Repository;
pub(crate) use repository_policy::RepositoryPolicy;
pub(crate) use role::Role;
pub(crate) use strategy::Strategy;
pub(crate) use unit::Unit;
