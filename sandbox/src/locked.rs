//! What one request holds at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock, also when a test's thread has panicked with it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
