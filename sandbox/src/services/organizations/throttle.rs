//! The rates at which Organizations answers, per account and operation.

use crate::call::Call;
use crate::clock::Time;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// Tokens that one operation has left.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Bucket {
    tokens: f64,
    at: Time,
}

/// Requests a second, and how many at once. AWS documents these; operations that it does not name are not throttled.
fn limit(operation: &str) -> Option<(f64, f64)> {
    Some(match operation {
        "CreateAccount" => (0.1, 3.0),
        "CloseAccount" => (0.05, 1.0),
        "DescribeCreateAccountStatus" => (2.0, 2.0),
        "ListCreateAccountStatus" => (5.0, 8.0),
        "DescribeAccount" => (20.0, 30.0),
        "ListAccounts" => (8.0, 12.0),
        "ListParents" => (5.0, 8.0),
        "CreateOrganizationalUnit" => (1.0, 2.0),
        "MoveAccount" => (2.0, 3.0),
        "TagResource" => (4.0, 6.0),
        "ListRoots" => (1.0, 2.0),
        "EnableAWSServiceAccess" => (1.0, 2.0),
        _ => return None,
    })
}

/// Takes a token, or refuses.
pub(super) fn take(call: &mut Call) -> Result<(), Fault> {
    let Some((rate, burst)) = limit(call.operation).filter(|_| call.world.settings.throttles) else {
        return Ok(());
    };
    let (now, scale) = (call.now(), call.world.clock.scale);
    let key = format!("{}/{}", call.account(), call.operation);
    let full = Bucket { tokens: burst, at: now };
    let bucket = call.world.organizations.buckets.entry(key).or_insert(full);
    bucket.tokens = (bucket.tokens + (now - bucket.at) * scale * rate).min(burst);
    bucket.at = now;
    if bucket.tokens < 1.0 {
        return Err(Fault::new(
            "TooManyRequestsException",
            "You have sent too many requests in too short a period of time.",
        )
        .with("Type", "RATE_LIMIT_EXCEEDED"));
    }
    bucket.tokens -= 1.0;
    Ok(())
}
