//! The configuration, changed every second.

use std::cell::Cell;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::commands::config::place::Place;
use crate::content::label;
use crate::resources::deployment::Refusal;

pub(super) struct Changes {
    place: Place,
    next: Cell<usize>,
}

/// How many contents there are, which are deployed in turn: AppConfig keeps 100 versions.
const CONTENTS: usize = 40;

impl Changes {
    pub(super) fn new(place: Place) -> Self {
        Self { place, next: Cell::new(0) }
    }

    /// The label and the limit of all versions that are deployed.
    pub(super) fn versions(&self) -> Vec<(String, usize)> {
        (0..CONTENTS).map(|number| (label(&content(number)), limit(number))).collect()
    }

    /// Changes the configuration, and waits until nothing is under way any more.
    pub(super) async fn settled(&self) -> Result<()> {
        self.calm().await?;
        self.change().await?;
        self.calm().await
    }

    async fn calm(&self) -> Result<()> {
        while self.place.target.deployments().await?.iter().any(|it| it.state.is_under_way()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Changes the configuration every second for as long as `work` takes. Gives what comes of it, and how often.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> Result<(T, usize)> {
        let changed = Cell::new(0);
        let change = async {
            let mut seconds = interval(Duration::from_secs(1));
            seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                seconds.tick().await;
                match self.change().await {
                    Ok(started) => changed.set(changed.get() + usize::from(started)),
                    Err(error) => return error,
                }
            }
        };
        tokio::select! {
            done = work => Ok((done, changed.get())),
            error = change => Err(error.context("change the configuration")),
        }
    }

    /// False while the change before is still under way.
    async fn change(&self) -> Result<bool> {
        let (target, content) = (&self.place.target, content(self.next.get()));
        let version = target.version(&content, "bench").await?;
        match target.start(&version, &self.place.quick, "bench", None).await {
            Ok(_) => self.next.set(self.next.get() + 1),
            Err(Refusal::Other(error)) => return Err(error),
            Err(Refusal::Conflict) => return Ok(false),
        }
        Ok(true)
    }
}

fn content(number: usize) -> Value {
    json!({"boolEnableLimitResults": true, "intResultLimit": limit(number)})
}

fn limit(number: usize) -> usize {
    number % CONTENTS + 1
}
