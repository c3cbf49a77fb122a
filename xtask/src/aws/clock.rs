//! AWS's clock, where this machine's is wrong: a signature that is five minutes off is refused.
//!
//! The SDK learns from a refusal, client by client: of every client the first call would go twice, and what must never
//! be sent twice would fail.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

/// How many seconds AWS's clock is ahead of this machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead(i64);

/// What is not worth a word, and does not matter to AWS.
const GOOD: u64 = 120;

impl Ahead {
    /// What to tell about this machine's clock, if it is wrong.
    pub(crate) fn told(self) -> Option<String> {
        (self.0.unsigned_abs() > GOOD).then(|| self.to_string())
    }

    /// The same configuration with AWS's time.
    pub(super) fn corrects(self, config: SdkConfig) -> SdkConfig {
        match self.told() {
            Some(_) => config.to_builder().time_source(self).build(),
            None => config,
        }
    }
}

impl TimeSource for Ahead {
    fn now(&self) -> SystemTime {
        let (now, by) = (SystemTime::now(), Duration::from_secs(self.0.unsigned_abs()));
        let there = if self.0 < 0 { now.checked_sub(by) } else { now.checked_add(by) };
        there.unwrap_or(now)
    }
}

impl Display for Ahead {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (minutes, way) = (self.0.unsigned_abs() / 60, if self.0 < 0 { "ahead of" } else { "behind" });
        write!(
            f,
            "this machine's clock is {minutes} min {way} AWS's: this run goes by AWS's; set the clock right"
        )
    }
}

/// Hears from the answers of a call what time it is in AWS.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<AtomicI64>);

impl Heard {
    pub(super) fn ahead(&self) -> Ahead {
        Ahead(self.0.load(Ordering::Relaxed))
    }
}

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "Heard"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let there = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let (Some(there), Ok(here)) = (there, SystemTime::now().duration_since(UNIX_EPOCH)) {
            self.0.store(there.secs() - i64::try_from(here.as_secs())?, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_is_wrong_is_told_of() {
        assert_eq!(Ahead(100).told(), None);
        assert!(Ahead(3600).told().unwrap().contains("60 min behind AWS's"));
        assert!(Ahead(-86_400).told().unwrap().contains("1440 min ahead of AWS's"));
        assert!(Ahead(-3600).now() < SystemTime::now() && Ahead(3600).now() > SystemTime::now());
    }
}
