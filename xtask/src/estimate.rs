//! How long it will take and what it will cost, before anything is done.

use crate::graph::{Node, Shape};
use crate::report::{Judgement, Plan};

/// What AWS usually takes to make one, in seconds, and what it costs a month, in US dollars.
///
/// Durations are rough, as people report them; costs are list prices of eu-west-1 for the smallest size.
fn figures(kind: &str) -> (f64, f64) {
    match kind {
        "organization" => (10.0, 0.0),
        "account" => (180.0, 0.0),
        "image" => (120.0, 0.0),
        // Half a GB, idle; a quarter of a core that is always busy would be 12 more.
        "App Runner service" => (240.0, 2.6),
        // The load balancer, the smallest Fargate task, and two public addresses.
        "service" => (420.0, 18.0 + 9.0 + 7.2),
        "configuration" => (10.0, 0.0),
        "repository" => (1.0, 0.1),
        _ => (1.0, 0.0),
    }
}

/// Seconds until everything that is to be made is there: the longest way through what needs what.
pub(crate) fn seconds(shape: &Shape, plan: &Plan) -> f64 {
    let mut ends = vec![0.0_f64; plan.lines.len()];
    for node in shape.nodes() {
        let begins = shape.needs(node).map(|Node(need)| ends[need]).fold(0.0, f64::max);
        let line = &plan.lines[node.0];
        let takes = if line.result.is_change() && line.wanted { figures(line.label.kind).0 } else { 0.0 };
        ends[node.0] = begins + takes;
    }
    ends.into_iter().fold(0.0, f64::max)
}

/// US dollars a month of one of this kind, where that is worth a word.
pub(crate) fn costs(kind: &str) -> Option<f64> {
    Some(figures(kind).1).filter(|costs| *costs >= 1.0)
}

/// US dollars a month of everything wanted that stands or will.
pub(crate) fn monthly(plan: &Plan) -> f64 {
    let counts = |result: &Judgement| !matches!(result, Judgement::Foreign | Judgement::NotVisible(_));
    let wanted = plan.lines.iter().filter(|line| line.wanted && counts(&line.result));
    wanted.map(|line| figures(line.label.kind).1).sum()
}

/// US dollars a month of everything that is there and is to go.
pub(crate) fn monthly_until_deleted(plan: &Plan) -> f64 {
    let there = plan.lines.iter().filter(|line| matches!(line.result, Judgement::Delete));
    there.map(|line| figures(line.label.kind).1).sum()
}
