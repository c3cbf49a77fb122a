//! What can be configured in the app while it runs.
//!
//! The type and `app/config/schema.json` accept exactly the same documents; a test proves it.
//! A crate of its own, so that content can be checked where the app is not built.

use serde::{Deserialize, Serialize};

/// The app's configuration, named as the documents name it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(rename = "boolEnableLimitResults")]
    pub enable_limit_results: bool,
    #[serde(rename = "intResultLimit")]
    pub result_limit: u32,
}

impl Settings {
    /// Takes one whole JSON document, or says where and why not.
    pub fn parse(document: &[u8]) -> Result<Self, serde_json::Error> {
        // serde would take `[true, 10]` for a struct too; the schema knows objects only.
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(document)?;
        drop(object);
        serde_json::from_slice(document)
    }

    /// How many services to show; `None` for all of them.
    pub fn limit(&self) -> Option<usize> {
        self.enable_limit_results.then_some(self.result_limit as usize)
    }
}
