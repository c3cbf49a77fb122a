//! What ends a run from outside.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::Stop;

/// Stops at the first Ctrl-C or SIGTERM; the second ends the process. A terminal that goes away is a first one.
pub(crate) fn stop() -> Result<Stop> {
    let stop = Stop::default();
    // A file that may not get that large is an error of the write, and not the end.
    drop(signal(SignalKind::from_raw(TOO_LARGE))?);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Whoever was started by `nohup` is to go on.
    let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    let stopped = stop.clone();
    tokio::spawn(async move {
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _signal = interrupt.recv() => {}
                _signal = terminate.recv() => {}
                // A shell and the kernel both tell of it.
                _signal = hung_up => { stopped.stop(); continue }
            }
            if stopped.is_stopped() {
                std::process::exit(i32::from(crate::report::INTERRUPTED));
            }
            stopped.stop();
        }
    });
    Ok(stop)
}

/// SIGXFSZ, which has this number wherever we run.
const TOO_LARGE: i32 = 25;

/// Whether our parent has SIGHUP ignored, as Linux tells it.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}
