//! The answer the app exists for, made from exactly one configuration version.

use live_config::Current;
use serde::Serialize;
use settings::Settings;

use crate::state::App;

/// The services of the region, as many as the configuration allows.
#[derive(Serialize)]
pub(crate) struct Listing<'a> {
    pub(crate) stage: &'a str,
    pub(crate) region: &'a str,
    /// The configuration version that decided the limit.
    pub(crate) version: &'a str,
    /// Seconds since this instance took that version.
    pub(crate) age: u64,
    /// `null`: all of them.
    pub(crate) limit: Option<usize>,
    /// How many the region has.
    pub(crate) total: usize,
    pub(crate) services: &'a [&'static str],
}

impl<'a> Listing<'a> {
    pub(crate) fn new(app: &'a App, current: &'a Current<Settings>) -> Self {
        let all = &app.services.names;
        let limit = current.value.limit();
        Self {
            stage: &app.about.stage,
            region: &app.about.region,
            version: &current.version,
            age: current.age().as_secs(),
            limit,
            total: all.len(),
            services: &all[..limit.map_or(all.len(), |limit| limit.min(all.len()))],
        }
    }
}
