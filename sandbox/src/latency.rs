//! How long AWS takes to answer.

use serde::{Deserialize, Serialize};

/// A latency profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// As fast as the machine.
    #[default]
    None,
    /// AWS's usual round trips, scaled like its other durations.
    Realistic,
}

impl Latency {
    /// Seconds (AWS's) until the answer of an operation. Estimates: AWS documents none.
    pub fn seconds(self, service: &str, operation: &str) -> f64 {
        match (self, service, operation) {
            (Self::None, ..) => 0.0,
            (_, "organizations", "CreateOrganization") => 5.0,
            (_, "organizations", "CreateAccount") => 2.0,
            (_, "ecs", "CreateExpressGatewayService") => 3.0,
            (_, "sts" | "appconfigdata", _) => 0.05,
            (_, _, operation) if crate::faults::reads(operation) => 0.08,
            _ => 0.2,
        }
    }
}
