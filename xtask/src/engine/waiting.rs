//! Waiting for the world: visibly, more and more patiently, and not for ever.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::turn::Turn;
use super::{Wait, Walk};
use crate::report::{Outcome, duration};

/// What was waited for is still to come: patience is at its end.
#[derive(Debug)]
pub(crate) struct GaveUp {
    waited: Duration,
    on: String,
}

impl Display for GaveUp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "gave up after {}: {}", duration(self.waited), self.on)
    }
}

impl std::error::Error for GaveUp {}

/// Whoever watches is told of a wait again after this, at a pace of 1.
const AGAIN: Duration = Duration::from_secs(60);

impl<W> Walk<'_, W> {
    /// Lets the world go on for a while, unless patience is at its end.
    pub(super) async fn wait(&self, turn: &mut Turn<'_>, why: String) -> Result<(), Outcome> {
        if self.options.stop.is_stopped() {
            return Err(turn.interrupted());
        }
        let waited = turn.waiting.elapsed();
        let patience = self.object(turn.node).patience().mul_f64(self.options.patience);
        if waited >= patience {
            let error = GaveUp { waited, on: why }.into();
            return Err(Outcome::Failed(self.failed("await", turn.node, error)));
        }
        let on = Wait::World(why);
        let again = AGAIN.mul_f64(self.options.pace);
        if !turn.told.as_ref().is_some_and(|(told, at)| *told == on && at.elapsed() < again) {
            self.tell_waiting(turn.node, on.clone(), turn.waiting);
            turn.told = Some((on, Instant::now()));
        }
        let pause = pause(waited, self.options.pace).min(patience - waited);
        let slept = self.options.stop.or(sleep(pause)).await;
        slept.ok_or_else(|| turn.interrupted())
    }
}

/// A tenth of the time waited, from half a second to fifteen, at this pace.
fn pause(waited: Duration, pace: f64) -> Duration {
    let pace = pace.max(0.001);
    (waited / 10).div_f64(pace).clamp(Duration::from_millis(500), Duration::from_secs(15)).mul_f64(pace)
}
