//! Requests that get no answer, so that a client can be ended in the middle of one.

use crate::faults::Seen;
use crate::server::Trouble;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Who is held, and the word that lets all go.
pub struct Held {
    who: watch::Sender<Option<Value>>,
    let_go: watch::Sender<()>,
}

impl Default for Held {
    fn default() -> Self {
        Self { who: watch::Sender::new(None), let_go: watch::Sender::new(()) }
    }
}

/// Tells that nobody is held any more, also when the client has gone away.
struct End<'h>(&'h Held);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.who.send_replace(None);
    }
}

impl Held {
    /// Waits until somebody is held, and tells who.
    pub async fn next(&self) -> Value {
        let mut who = self.who.subscribe();
        who.wait_for(Option::is_some).await.ok().and_then(|who| who.clone()).unwrap_or_default()
    }

    /// Cuts everybody who is held.
    pub fn let_go(&self) {
        self.let_go.send_replace(());
    }

    /// Holds a request until it is let go, or its client goes away, which drops this.
    pub(crate) async fn keep(&self, seen: &Seen<'_>) -> Trouble {
        let mut let_go = self.let_go.subscribe();
        let told = json!({"service": seen.service, "operation": seen.operation, "account": seen.account});
        let _end = End(self);
        self.who.send_replace(Some(told));
        // The sender is as old as we are: it cannot be gone.
        let_go.changed().await.ok();
        Trouble::Cut("held, and let go")
    }
}
