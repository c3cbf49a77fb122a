//! The background task: poll, judge, swap, wait.

use std::convert::Infallible;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::reader::{Content, Reader};
use crate::{Current, Status, Trouble};

/// Until the first value there is nothing to serve: try again soon.
const LONGEST_PAUSE_WITHOUT_VALUE: Duration = Duration::from_secs(5);

/// Polls until nobody listens any more.
pub(crate) async fn run<T, P, E>(
    reader: Reader,
    parse: P,
    current: watch::Sender<Option<Arc<Current<T>>>>,
    status: watch::Sender<Status>,
) where
    P: Fn(&[u8]) -> Result<T, E>,
    E: fmt::Display,
{
    tokio::select! {
        _ = poll_forever(reader, parse, &current, &status) => {}
        () = current.closed() => {}
    }
}

async fn poll_forever<T, P, E>(
    mut reader: Reader,
    parse: P,
    current: &watch::Sender<Option<Arc<Current<T>>>>,
    status: &watch::Sender<Status>,
) -> Infallible
where
    P: Fn(&[u8]) -> Result<T, E>,
    E: fmt::Display,
{
    loop {
        let result = match reader.read().await {
            Ok(Some(content)) => take(content, &parse, current),
            // What was refused is still the newest.
            Ok(None) if current.borrow().is_none() && !is_refused(&status.borrow()) => {
                Err(Trouble::Unread("nothing is deployed yet".to_owned()))
            }
            Ok(None) => Ok(Taken::Unchanged),
            Err(reason) => Err(Trouble::Unread(reason)),
        };
        status.send_modify(|status| record(status, result));
        let failures = status.borrow().failures_in_a_row;
        let pause = pause(reader.interval(), failures, current.borrow().is_some());
        tokio::time::sleep(pause).await;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// AppConfig has nothing newer than what this session saw.
    Unchanged,
    /// Content arrived and is in use.
    InUse,
}

fn take<T, E: fmt::Display>(
    content: Content,
    parse: &impl Fn(&[u8]) -> Result<T, E>,
    current: &watch::Sender<Option<Arc<Current<T>>>>,
) -> Result<Taken, Trouble> {
    let fingerprint = fingerprint(&content.bytes);
    let version = match content.label {
        label if label.is_empty() => format!("unlabelled-{fingerprint:016x}"),
        label => label,
    };
    // A new session repeats what the one before brought.
    let in_use = |now: &Arc<Current<T>>| now.version == version && now.fingerprint == fingerprint;
    if current.borrow().as_ref().is_some_and(in_use) {
        return Ok(Taken::InUse);
    }
    let value = parse(&content.bytes)
        .map_err(|error| Trouble::Refused { version: version.clone(), reason: error.to_string() })?;
    tracing::info!(version, "configuration taken");
    current.send_replace(Some(Arc::new(Current { value, version, taken: Instant::now(), fingerprint })));
    Ok(Taken::InUse)
}

fn record(status: &mut Status, result: Result<Taken, Trouble>) {
    status.polls += 1;
    let unread = matches!(result, Err(Trouble::Unread(_)));
    status.failures_in_a_row = if unread { status.failures_in_a_row + 1 } else { 0 };
    status.failed_polls += u64::from(unread);
    if !unread {
        status.confirmed = Some(Instant::now());
    }
    match result {
        // "Unchanged" after a refused version means that the refused one is still the newest.
        Ok(Taken::Unchanged) if is_refused(status) => {}
        Ok(_) => status.trouble = None,
        Err(trouble) => {
            tracing::warn!(failures = status.failures_in_a_row, "configuration {trouble}");
            status.trouble = Some(trouble);
        }
    }
}

fn is_refused(status: &Status) -> bool {
    matches!(status.trouble, Some(Trouble::Refused { .. }))
}

/// After a success a little more than AppConfig's interval (less is an error to AppConfig);
/// after failures from an eighth of it, doubling, to four times it.
fn pause(interval: Duration, failures: u32, has_value: bool) -> Duration {
    let jitter = 1.0 + fastrand::f64() / 10.0;
    if failures == 0 {
        return interval.mul_f64(jitter);
    }
    let longest = if has_value { interval * 4 } else { LONGEST_PAUSE_WITHOUT_VALUE.min(interval * 4) };
    let backoff = interval / 8 * 2u32.pow((failures - 1).min(5));
    backoff.min(longest).mul_f64(jitter)
}

/// The same on every instance of one build; not for security.
fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(16);

    fn about(pause: Duration, expected: u64) -> bool {
        let expected = Duration::from_secs(expected);
        (expected..=expected.mul_f64(1.1)).contains(&pause)
    }

    #[test]
    fn a_success_waits_at_least_the_interval_and_a_little_more() {
        for _ in 0..1000 {
            assert!(about(pause(INTERVAL, 0, true), 16));
        }
    }

    #[test]
    fn failures_double_the_pause_up_to_four_intervals() {
        let pauses = [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 64), (7, 64), (u32::MAX, 64)];
        for (failures, expected) in pauses {
            assert!(about(pause(INTERVAL, failures, true), expected), "after {failures} failures");
        }
    }

    #[test]
    fn without_a_first_value_the_pause_stays_short() {
        assert!(about(pause(INTERVAL, 20, false), 5));
    }

    #[test]
    fn a_refused_version_stays_visible_until_another_is_taken() {
        let refused = Trouble::Refused { version: "v2".to_owned(), reason: "garbage".to_owned() };
        let mut status = Status::default();
        record(&mut status, Err(refused.clone()));
        record(&mut status, Ok(Taken::Unchanged));
        assert_eq!(status.trouble, Some(refused));
        assert_eq!(status.failures_in_a_row, 0);
        record(&mut status, Ok(Taken::InUse));
        assert_eq!(status.trouble, None);
    }
}
