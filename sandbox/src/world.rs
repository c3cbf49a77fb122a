//! Everything that exists: one value, so that it can be looked at, compared, kept and reset as a whole.

use crate::clock::Clock;
use crate::runtime;
use crate::services::{
    appconfig, appconfigdata, apprunner, ecr, ecs, iam, identity, logs, organizations, sts,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What belongs to an account, by account id.
pub type PerAccount<T> = BTreeMap<String, T>;

/// What belongs to an account in a Region, by `<account>/<region>` ([`crate::call::Call::here`]).
pub type PerRegion<T> = BTreeMap<String, T>;

/// The whole cloud. Every operation is a function of this and its input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    pub clock: Clock,
    pub settings: Settings,
    /// The next number that an id is made from: ids look random and repeat from run to run.
    pub ids: u64,
    pub organizations: organizations::State,
    pub iam: PerAccount<iam::State>,
    pub sts: sts::State,
    pub identity: identity::State,
    pub ecr: PerRegion<ecr::State>,
    pub appconfig: PerRegion<appconfig::State>,
    pub appconfigdata: appconfigdata::State,
    pub ecs: PerRegion<ecs::State>,
    pub apprunner: PerRegion<apprunner::State>,
    pub logs: PerRegion<logs::State>,
    /// Containers and ingress: what services want to run, and what became of it.
    pub runtime: runtime::State,
    /// Whether it has changed since it was written down ([`crate::keep`]).
    #[serde(skip)]
    pub unsaved: bool,
}

/// What the person who starts a sandbox can choose about its AWS.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The management account's id.
    pub management: String,
    /// The Region that the printed configuration names.
    pub region: String,
    /// Where the API is served, such as `http://127.0.0.1:4566`; filled in when it listens.
    pub endpoint: String,
    /// Where blobs, container roots and logs are kept. Blobs are files `blobs/<hex of sha256>`.
    pub directory: PathBuf,
    /// Regions that are opt-in and not enabled for any account.
    pub disabled_regions: Vec<String>,
    /// Accounts (ids or e-mail addresses) that used App Runner before it closed to new customers.
    pub app_runner_customers: Vec<String>,
    /// How many accounts the organization may have.
    pub account_quota: usize,
    /// E-mail addresses that accounts elsewhere in AWS use already.
    pub used_emails: Vec<String>,
    /// Whether throttles are enforced at AWS's documented rates (scaled).
    pub throttles: bool,
    /// Seconds (AWS's) until a new or changed IAM role is seen by the other services.
    pub iam_propagation: f64,
    /// Seconds (AWS's) that lists and descriptions may be behind what was written.
    pub consistency: f64,
    /// Seconds (AWS's) that an account creation takes.
    pub account_creation: f64,
    /// Seconds (AWS's) after an account was made in which its services say that they want a subscription.
    pub activation: f64,
    /// Seconds (AWS's) after CreateOrganization in which CreateAccount answers FinalizingOrganizationException.
    pub organization_finalizing: f64,
    /// Seconds (AWS's) after CreateOrganization in which CreateAccount says that there are too many accounts already.
    pub organization_limited: f64,
    /// Real seconds after which temporary credentials have expired, whatever was asked for.
    pub longest_session: f64,
    /// Whether accounts that are made have a default VPC.
    pub default_vpc: bool,
    /// Whether the organization has an Identity Center instance.
    pub identity_center: bool,
    /// Whether its people come from an external identity source: then the API cannot change them.
    pub external_identity_source: bool,
    /// Whether an organization with all features exists from the start.
    pub organization: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            management: "999999999999".to_owned(),
            region: "eu-west-1".to_owned(),
            endpoint: String::new(),
            directory: PathBuf::new(),
            disabled_regions: ["af-south-1", "me-south-1", "ap-east-1"].map(str::to_owned).to_vec(),
            app_runner_customers: Vec::new(),
            account_quota: 10,
            used_emails: Vec::new(),
            throttles: true,
            iam_propagation: 10.0,
            consistency: 0.0,
            account_creation: 60.0,
            activation: 0.0,
            organization_finalizing: 15.0,
            organization_limited: 0.0,
            longest_session: 43_200.0,
            default_vpc: true,
            identity_center: false,
            external_identity_source: false,
            organization: false,
        }
    }
}

impl World {
    /// An AWS with one account: the management account, its root, and its admin user.
    pub fn new(settings: Settings, scale: f64) -> Self {
        let mut world = Self {
            clock: Clock::new(scale),
            ids: 0,
            organizations: Default::default(),
            iam: Default::default(),
            sts: Default::default(),
            identity: Default::default(),
            ecr: Default::default(),
            appconfig: Default::default(),
            appconfigdata: Default::default(),
            ecs: Default::default(),
            apprunner: Default::default(),
            logs: Default::default(),
            runtime: Default::default(),
            unsaved: true,
            settings,
        };
        crate::services::found(&mut world);
        world
    }

    /// `length` characters of `alphabet`, never the same twice in a world, and the same in the same order in every run.
    pub fn id(&mut self, alphabet: &str, length: usize) -> String {
        self.ids += 1;
        let mut state = self.ids.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66_D1CE_CAFE;
        let letters = alphabet.as_bytes();
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(letters[(state >> 33) as usize % letters.len()])
            })
            .collect()
    }
}
