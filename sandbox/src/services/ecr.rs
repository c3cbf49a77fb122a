//! Elastic Container Registry.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {}

pub fn handle(call: &mut Call) -> Answer {
    Err(Fault::not_implemented(call.service, call.operation))
}

/// An image that may be pulled: its manifest and where its blobs are.
pub struct Pull {
    /// `sha256:…` of the manifest.
    pub digest: String,
    pub manifest: serde_json::Value,
}

/// Resolves `HOST/ACCOUNT/REGION/NAME@sha256:…` or `…:TAG` as the caller's pull would: both sides' policies are asked.
pub fn pull(
    _world: &mut crate::world::World,
    _image: &str,
    _caller: &crate::auth::Caller,
) -> Result<Pull, Fault> {
    Err(Fault::new("CannotPullContainerError", "no such image"))
}
