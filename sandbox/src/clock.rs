//! Time in the sandbox: real time plus what was advanced. Durations that AWS takes are divided by the scale.

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as AWS's JSON protocols write times.
pub type Time = f64;

/// The sandbox's clock. Credentials and signatures live in its unscaled time, because clients keep their own clocks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clock {
    /// How many seconds of AWS's waiting pass in one real second. 1.0 is AWS's own pace.
    pub scale: f64,
    /// Seconds added by `advance`.
    pub advanced: f64,
    /// How many seconds AWS's clock is ahead of this machine's.
    #[serde(default)]
    pub ahead: f64,
}

impl Clock {
    pub fn new(scale: f64) -> Self {
        Self { scale, advanced: 0.0, ahead: 0.0 }
    }

    /// Now: AWS's time of day plus what was advanced.
    pub fn now(&self) -> Time {
        self.of_day() + self.advanced
    }

    /// The time of day as AWS has it, and tells it: this machine's, unless one of them is wrong.
    pub fn of_day(&self) -> Time {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        real.as_secs_f64() + self.ahead
    }

    /// When something will be over that takes AWS `seconds`.
    pub fn due(&self, seconds: f64) -> Time {
        self.now() + self.scaled(seconds)
    }

    /// How long the sandbox takes for what takes AWS `seconds`.
    pub fn scaled(&self, seconds: f64) -> f64 {
        seconds / self.scale
    }

    /// Lets `seconds` pass at once: tokens and sessions age by them, and what was due within them is due.
    pub fn advance(&mut self, seconds: f64) {
        self.advanced += seconds;
    }
}
