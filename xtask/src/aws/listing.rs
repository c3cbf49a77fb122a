//! Lists that several look at.

use std::rc::Rc;

use anyhow::Result;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A list that many ask for and few calls answer.
pub(crate) struct Listing<T>(Mutex<Option<(Instant, Rc<Vec<T>>)>>);

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self(tokio::sync::Mutex::new(None))
    }
}

impl<T> Listing<T> {
    /// A list that was begun at or after `instant`, from a call of somebody else's where there is one.
    pub(crate) async fn since(
        &self,
        instant: Instant,
        list: impl AsyncFnOnce() -> Result<Vec<T>>,
    ) -> Result<Rc<Vec<T>>> {
        let mut last = self.0.lock().await;
        if let Some((_, known)) = last.as_ref().filter(|(begun, _)| *begun >= instant) {
            return Ok(known.clone());
        }
        let begun = Instant::now();
        let listed = Rc::new(list().await?);
        *last = Some((begun, listed.clone()));
        Ok(listed)
    }
}
