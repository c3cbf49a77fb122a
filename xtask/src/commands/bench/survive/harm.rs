//! What is done to a run: killed at a call, a call that fails, or a storm of them.

use std::fmt::{self, Display, Formatter};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Arguments;

/// The kinds of harm, each a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// SIGKILL at every call, before it took effect and after.
    Kill,
    Throttle,
    /// Status 500.
    Error,
    /// The connection ends before the call took effect.
    CutBefore,
    /// The connection ends after the call took effect.
    CutAfter,
    /// No answer until the client gives up.
    Timeout,
    /// A read of the world before the last write.
    Stale,
    Expired,
    /// Three of ten calls fail.
    Storm,
}

/// One harm: at which call of a run.
#[derive(Clone, Debug)]
pub(super) struct Harm {
    pub(super) kind: Kind,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// The nth call, from 1, of those that write or of those that read.
    Call {
        nth: usize,
        writes: bool,
        after: bool,
    },
    Seed(u64),
}

impl Kind {
    /// All harms of this kind to a run of so many calls.
    pub(super) fn harms(self, writes: usize, reads: usize, arguments: &Arguments) -> Vec<Harm> {
        let harm = |place| Harm { kind: self, place };
        if self == Self::Storm {
            let seeds = (0..arguments.storms).map(|n| arguments.seed.wrapping_mul(1_000).wrapping_add(n));
            return seeds.map(Place::Seed).map(harm).collect();
        }
        let sides: &[bool] = if self == Self::Kill { &[false, true] } else { &[false] };
        let places = |count: usize, writes: bool| {
            (1..=count).flat_map(move |nth| {
                sides.iter().map(move |after| Place::Call { nth, writes, after: *after })
            })
        };
        // A stale read is a read.
        let writes = if self == Self::Stale { 0 } else { writes };
        let writing = sample(places(writes, true), arguments.sample_writes, arguments.seed);
        let reading = sample(places(reads, false), arguments.sample, arguments.seed);
        writing.into_iter().chain(reading).map(harm).collect()
    }
}

fn sample(places: impl Iterator<Item = Place>, most: Option<usize>, seed: u64) -> Vec<Place> {
    let mut places: Vec<Place> = places.collect();
    if let Some(most) = most {
        places.sort_by_cached_key(|place| Sha256::digest(format!("{seed} {place:?}")));
        places.truncate(most);
    }
    places
}

impl Harm {
    /// The sandbox's rules that do it.
    pub(super) fn rules(&self) -> Value {
        match self.place {
            Place::Call { nth, writes, after } => json!([{
                "client": CLIENT, "writes": writes, "skip": nth - 1, "times": 1, "kind": self.fault(after)
            }]),
            Place::Seed(seed) => {
                // Four independent chances that together leave seven of ten calls alone.
                let chance = 1.0 - 0.7_f64.powf(0.25);
                let kinds = ["throttle", "error", "cut_before", "cut_after"];
                let rule = |(n, kind): (u64, &str)| json!({"client": CLIENT, "kind": kind, "chance": {"of": chance, "seed": seed.wrapping_mul(7) + n}});
                (0..).zip(kinds).map(rule).collect()
            }
        }
    }

    fn fault(&self, after: bool) -> &'static str {
        match self.kind {
            Kind::Kill if after => "hold_after",
            Kind::Kill | Kind::Timeout => "hold_before",
            Kind::Throttle => "throttle",
            Kind::Error | Kind::Storm => "error",
            Kind::CutBefore => "cut_before",
            Kind::CutAfter => "cut_after",
            Kind::Stale => "stale",
            Kind::Expired => "expired",
        }
    }
}

/// In the user agent of every request of ours, and of nobody else's.
pub(super) const CLIENT: &str = "app/foothold";

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "killed",
            Self::Throttle => "throttled",
            Self::Error => "500",
            Self::CutBefore => "cut before",
            Self::CutAfter => "cut after",
            Self::Timeout => "no answer",
            Self::Stale => "stale read",
            Self::Expired => "expired",
            Self::Storm => "storm, 30 %",
        })
    }
}

impl Display for Harm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match self.place {
            Place::Seed(seed) => write!(f, ", seed {seed}"),
            Place::Call { nth, writes, after } => {
                let what = if writes { "write" } else { "read" };
                write!(f, " {} {what} {nth}", if after { "after" } else { "before" })
            }
        }
    }
}
