//! IAM's pages: `Marker`, `MaxItems` (100 unless asked), `IsTruncated`.

use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};

/// One page under the output's member name.
pub(super) fn page(call: &Call, member: &str, items: Vec<Value>) -> Answer {
    let (items, marker) = cut(call, items)?;
    Ok(json!({member: items, "IsTruncated": marker.is_some(), "Marker": marker}))
}

pub(super) fn cut(call: &Call, items: Vec<Value>) -> Result<(Vec<Value>, Option<String>), Fault> {
    call.page(items, ("MaxItems", 100), "Marker", "ValidationError")
}
