//! Containers and ingress: runs what the services want run.

use serde::{Deserialize, Serialize};

/// What services want to run, and what became of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {}
