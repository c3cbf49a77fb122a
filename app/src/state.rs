//! What every request can see.

use std::sync::Arc;

use live_config::{Current, LiveConfig};
use serde::Serialize;
use settings::Settings;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::environment::Environment;
use crate::metrics::Metrics;
use crate::services::{self, Services};

/// More event streams than this are sent away to poll instead.
pub(crate) const MAX_STREAMS: usize = 100;

/// The running app.
pub struct App {
    pub about: About,
    pub(crate) settings: LiveConfig<Settings>,
    pub(crate) services: Services,
    pub(crate) metrics: Metrics,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) closing: CancellationToken,
    pub(crate) expose_metrics: bool,
    pub(crate) expose_config: bool,
}

/// What does not change while the app runs.
#[derive(Serialize)]
pub struct About {
    /// Digest of the image, where the platform was told it.
    pub image: Option<String>,
    pub revision: Option<String>,
    /// Chosen anew at every start.
    pub instance: String,
    pub stage: String,
    pub region: String,
    #[serde(skip)]
    pub(crate) name: String,
}

impl App {
    pub fn new(environment: Environment, settings: LiveConfig<Settings>, closing: CancellationToken) -> Self {
        Self {
            settings,
            services: services::of(&environment.region),
            metrics: Metrics::default(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            closing,
            expose_metrics: environment.expose_metrics,
            expose_config: environment.expose_config,
            about: About {
                image: environment.image_digest,
                revision: environment.revision,
                instance: format!("{:016x}", fastrand::u64(..)),
                stage: environment.source.environment,
                region: environment.region,
                name: environment.source.application,
            },
        }
    }

    pub(crate) fn current(&self) -> Option<Arc<Current<Settings>>> {
        self.settings.current()
    }
}
