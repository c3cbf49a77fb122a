//! `/events`: the listing as a server-sent event, now and after every change.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use live_config::Current;
use settings::Settings;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::listing::Listing;
use crate::state::App;

struct Follower {
    app: Arc<App>,
    changes: watch::Receiver<Option<Arc<Current<Settings>>>>,
    _place: OwnedSemaphorePermit,
}

/// 204 when all places are taken: a browser then stops reconnecting, and the page polls instead.
pub(crate) async fn events(State(app): State<Arc<App>>) -> Response {
    let Ok(place) = app.streams.clone().try_acquire_owned() else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let mut changes = app.settings.subscribe();
    changes.mark_changed();
    let follower = Follower { app, changes, _place: place };
    Sse::new(follow(follower)).keep_alive(KeepAlive::default()).into_response()
}

/// Ends when the app shuts down.
fn follow(follower: Follower) -> impl Stream<Item = Result<Event, axum::Error>> {
    futures::stream::unfold(follower, |mut follower| async {
        let current = tokio::select! {
            () = follower.app.closing.cancelled() => None,
            current = next(&mut follower.changes) => current,
        }?;
        let listing = Listing::new(&follower.app, &current);
        let event = Event::default().event("listing").json_data(listing);
        Some((event, follower))
    })
}

async fn next(
    changes: &mut watch::Receiver<Option<Arc<Current<Settings>>>>,
) -> Option<Arc<Current<Settings>>> {
    loop {
        changes.changed().await.ok()?;
        let current = changes.borrow_and_update().clone();
        if current.is_some() {
            return current;
        }
    }
}
