//! Faults on demand: what a network and a busy cloud do, at the call that a test names.

use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// One rule. A request that fits it, after `skip` that also did, gets the fault, `times` times.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The model's service name, or `registry`; any when absent.
    pub service: Option<String>,
    /// The operation's name; the registry's are `GET manifest`, `PUT upload`, …
    pub operation: Option<String>,
    pub account: Option<String>,
    /// A part of the client's user agent.
    pub client: Option<String>,
    /// Only operations that change something (true) or only ones that read (false).
    pub writes: Option<bool>,
    /// How many fitting requests pass first: the nth call is `skip` n-1.
    #[serde(default)]
    pub skip: u64,
    /// How often it happens; absent: always.
    pub times: Option<u64>,
    /// The chance of each fitting request, from a seed, for storms.
    pub chance: Option<Chance>,
    pub kind: Kind,
    /// How many requests fitted so far.
    #[serde(default)]
    pub seen: u64,
    /// How many of them got the fault.
    #[serde(default)]
    pub hit: u64,
}

/// A seeded chance between 0 and 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chance {
    pub of: f64,
    pub seed: u64,
}

/// What happens instead of the answer, or to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The service's throttling error, before anything took effect.
    Throttle,
    /// 500 before anything took effect.
    Error,
    /// The connection ends before the request took effect.
    CutBefore,
    /// The connection ends after the request took effect.
    CutAfter,
    /// The answer comes this many real milliseconds later.
    Delay(u64),
    /// A read answers from the world as it was before the last write.
    Stale,
    /// The caller's credentials are said to have expired.
    Expired,
    /// The caller is denied.
    Denied,
    /// No answer ever, and nothing takes effect; `GET held` tells of it.
    HoldBefore,
    /// No answer ever, although the request took effect; `GET held` tells of it.
    HoldAfter,
    /// The request took effect, and its answer is spoilt by this seed.
    Garbled(u64),
}

/// Of one request, what rules look at.
pub struct Seen<'a> {
    pub service: &'a str,
    pub operation: &'a str,
    pub account: &'a str,
    /// How the client names itself.
    pub client: &'a str,
}

/// The first rule's fault that this request gets. Every rule that fits counts it.
pub fn strike(rules: &mut [Rule], request: &Seen) -> Option<Kind> {
    let mut struck = None;
    for rule in rules.iter_mut().filter(|rule| rule.fits(request)) {
        rule.seen += 1;
        if struck.is_none() && rule.strikes() {
            rule.hit += 1;
            struck = Some(rule.kind.clone());
        }
    }
    struck
}

impl Rule {
    fn fits(&self, request: &Seen) -> bool {
        let is = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|w| w == given);
        is(&self.service, request.service)
            && is(&self.operation, request.operation)
            && is(&self.account, request.account)
            && self.client.as_deref().is_none_or(|part| request.client.contains(part))
            && self.writes.is_none_or(|writes| writes != reads(request.operation))
    }

    fn strikes(&self) -> bool {
        let due = self.seen > self.skip && self.times.is_none_or(|times| self.hit < times);
        due && self.chance.as_ref().is_none_or(|chance| chance.happens(self.seen))
    }
}

impl Chance {
    fn happens(&self, nth: u64) -> bool {
        // SplitMix64: every draw is a function of the seed and its number.
        let mut z = self.seed.wrapping_add(nth.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 <= self.of
    }
}

/// Whether an operation only reads, by its name.
pub fn reads(operation: &str) -> bool {
    let starts = |prefix: &&str| operation.starts_with(prefix);
    [
        "Get",
        "List",
        "Describe",
        "Filter",
        "BatchGet",
        "BatchCheck",
        "AssumeRole",
        "Simulate",
        "Decode",
        "GET ",
        "HEAD ",
    ]
    .iter()
    .any(starts)
}

/// The error of a fault that refuses.
pub fn refusal(kind: &Kind, service: &str) -> Option<Fault> {
    match kind {
        Kind::Throttle => Some(throttle(service)),
        Kind::Error => Some(
            Fault::new("InternalFailure", "We encountered an internal error. Please try again.").status(500),
        ),
        Kind::Expired => {
            Some(Fault::new("ExpiredTokenException", "The security token included in the request is expired"))
        }
        Kind::Denied => {
            Some(Fault::new("AccessDeniedException", "User is not authorized to perform this operation"))
        }
        _ => None,
    }
}

/// The throttling error by the name that the service gives it.
pub fn throttle(service: &str) -> Fault {
    let code = match service {
        "organizations" => "TooManyRequestsException",
        _ => "ThrottlingException",
    };
    Fault::new(code, "Rate exceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: Kind) -> Rule {
        let text = serde_json::json!({"service": "ecr", "skip": 1, "times": 1, "kind": kind});
        serde_json::from_value(text).expect("a rule")
    }

    const PUT: Seen = Seen { service: "ecr", operation: "PutImage", account: "1", client: "aws-cli/2 md/x" };

    #[test]
    fn the_nth_call_is_struck_and_no_other() {
        let mut rules = [rule(Kind::CutAfter)];
        let struck: Vec<_> = (0..4).map(|_| strike(&mut rules, &PUT)).collect();
        assert_eq!(struck, [None, Some(Kind::CutAfter), None, None]);
    }

    #[test]
    fn other_services_are_left_alone() {
        let mut rules = [rule(Kind::Throttle)];
        let other = Seen { service: "ecs", ..PUT };
        assert!((0..4).all(|_| strike(&mut rules, &other).is_none()));
    }

    #[test]
    fn only_the_client_that_is_named_is_struck() {
        let mut rules = [Rule { client: Some("boto".to_owned()), skip: 0, ..rule(Kind::HoldAfter) }];
        assert_eq!(strike(&mut rules, &PUT), None);
        assert_eq!(strike(&mut rules, &Seen { client: "boto3/1", ..PUT }), Some(Kind::HoldAfter));
    }

    #[test]
    fn a_chance_is_near_what_it_says_and_repeats() {
        let chance = Chance { of: 0.3, seed: 7 };
        let draws: Vec<bool> = (0..10_000).map(|n| chance.happens(n)).collect();
        let share = draws.iter().filter(|d| **d).count();
        assert!((2_800..3_200).contains(&share), "{share}");
        assert_eq!(draws, (0..10_000).map(|n| chance.happens(n)).collect::<Vec<_>>());
    }
}
