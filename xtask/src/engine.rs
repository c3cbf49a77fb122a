//! Two verbs, one walk: look at everything, or reconcile it with what is declared.
//!
//! **Architecture Invariant:** the engine names no service, prints nothing and stores nothing. It is
//! one task: no scheduler, no spawn. Each entry is a future that awaits its turn, looks, judges, and
//! asks at most once for each kind of change; the rest is looking again.

mod judge;
#[cfg(test)]
mod tests;
mod turn;
mod waiting;

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;

use anyhow::Result;
use futures::future::join_all;
use serde::{Serialize, Serializer};
use tokio::sync::{Semaphore, SetOnce, watch};
use tokio::time::Instant;

pub(crate) use waiting::GaveUp;

use crate::graph::{Environment, Label, Node, Queue, Shape};
use crate::report::{Act, Done, Failure, Judgement, Known, Learned, Outcome, Plan, Report, Scope};
use crate::resource::{Cx, Object};

/// What the caller decides about a walk.
pub(crate) struct Options<'a> {
    /// Factor on all pauses; 1 against the real world.
    pub(crate) pace: f64,
    /// Factor on how long anything is waited for.
    pub(crate) patience: f64,
    /// Foreign resources to take over, as `KIND/NAME`.
    pub(crate) adopt: Vec<String>,
    pub(crate) stop: Stop,
    /// Hears everything, as it happens.
    pub(crate) listen: &'a dyn Fn(Event<'_>),
}

/// Something that happened to one entry.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event<'a> {
    #[serde(flatten)]
    pub(crate) label: &'a Label,
    pub(crate) what: What,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Looking,
    /// For `on`, since then. Told again when it waits for something else, and every minute.
    Waiting {
        on: Wait,
        #[serde(rename = "seconds", serialize_with = "elapsed")]
        since: Instant,
    },
    Acting(Act),
    Judged(Judgement),
    Done(Outcome),
}

/// What an entry waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wait {
    /// A need that is not ready, or, when deleting, one that needs this and is not gone.
    For(Label),
    /// Everything wanted, before anything is deleted.
    Wanted,
    /// Its turn in the lane of that name.
    Lane(&'static str),
    /// The world: it is on its way, or says not now.
    World(String),
}

/// Ends a walk from outside: calls under way finish, waits end, nothing starts.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// What the future gives, unless stopped before it does.
    pub(crate) async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut stopped = self.0.subscribe();
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => None,
            value = future => Some(value),
        }
    }

    /// What the future comes to; `tell` is called if it is stopped meanwhile.
    pub(crate) async fn telling<T>(&self, future: impl Future<Output = T>, tell: impl FnOnce()) -> T {
        let mut future = pin!(future);
        match self.or(&mut future).await {
            Some(value) => value,
            None => {
                tell();
                future.await
            }
        }
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { pace: 1.0, patience: 1.0, adopt: Vec::new(), stop: Stop::default(), listen: &|_| () }
    }
}

fn elapsed<S: Serializer>(since: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(since.elapsed().as_secs())
}

/// Observes everything and judges it. Never writes.
pub(crate) async fn look<W>(environment: &Environment<W>, world: &W, options: &Options<'_>) -> Result<Plan> {
    environment.check(&options.adopt)?;
    let walk = Walk::new(environment, world, options);
    let mut judgements = join_all(walk.shape.nodes().map(|node| walk.look(node))).await;
    walk.keep_what_is_needed(&mut judgements);
    Ok(Report::new(walk.shape, walk.learned, judgements))
}

/// Makes everything wanted stand and, if it does, everything retired go. What is used is only looked at.
///
/// Fails only when the declaration itself is faulty: what happens to the entries is in the report.
pub(crate) async fn reconcile<W>(
    environment: &Environment<W>,
    world: &W,
    options: &Options<'_>,
) -> Result<Done> {
    environment.check(&options.adopt)?;
    let walk = Walk::new(environment, world, options);
    let (wanted, others): (Vec<Node>, Vec<Node>) = walk.shape.nodes().partition(|node| walk.is_wanted(*node));
    let make = async {
        join_all(wanted.iter().map(|node| walk.settle(*node))).await;
        walk.clear_the_way(&wanted);
    };
    tokio::join!(make, join_all(others.iter().map(|node| walk.settle(*node))));
    let outcomes: Vec<Outcome> =
        walk.shape.nodes().filter_map(|node| walk.done[node.0].get().cloned()).collect();
    Ok(Report::new(walk.shape, walk.learned, outcomes))
}

struct Walk<'a, W> {
    environment: &'a Environment<W>,
    shape: &'a Shape,
    dependants: Vec<Vec<Node>>,
    world: &'a W,
    options: &'a Options<'a>,
    started: Instant,
    learned: Learned,
    lanes: HashMap<Queue, Semaphore>,
    /// What looking first told, for those who live there.
    seen: Vec<SetOnce<Judgement>>,
    done: Vec<SetOnce<Outcome>>,
    /// Whether deletion may begin, and if not, what becomes of everything retired.
    cleared: SetOnce<Result<(), Outcome>>,
}

impl<'a, W> Walk<'a, W> {
    fn new(environment: &'a Environment<W>, world: &'a W, options: &'a Options<'a>) -> Self {
        let shape = &environment.shape;
        let entries = shape.entries.len();
        Self {
            environment,
            shape,
            dependants: shape.dependants(),
            world,
            options,
            started: Instant::now(),
            learned: Learned::nothing(entries),
            lanes: lanes(environment),
            seen: (0..entries).map(|_| SetOnce::new()).collect(),
            done: (0..entries).map(|_| SetOnce::new()).collect(),
            cleared: SetOnce::new(),
        }
    }

    fn object(&self, node: Node) -> &dyn Object<W> {
        self.environment.object(node)
    }

    fn is_wanted(&self, node: Node) -> bool {
        self.shape.entry(node).is_wanted()
    }

    fn holds(&self, holder: Node) -> String {
        format!("{} is kept", self.shape.label(holder))
    }

    fn failed(&self, verb: &str, node: Node, error: anyhow::Error) -> Failure {
        let context = format!("{verb} {}", self.shape.label(node));
        error.context(context).into()
    }

    fn tell(&self, node: Node, what: What) {
        let label = self.shape.label(node);
        (self.options.listen)(Event { label, what });
    }

    fn tell_waiting(&self, node: Node, on: Wait, since: Instant) {
        self.tell(node, What::Waiting { on, since });
    }

    fn cx(&self, node: Node, scope: Scope, since: Instant) -> Cx<'_, W> {
        let (shape, learned) = (self.shape, &self.learned);
        let known = Known { shape, learned, asking: node, scope };
        Cx { world: self.world, known, since, pace: self.options.pace }
    }
}

/// The queues that are named, each as wide as its narrowest user says.
fn lanes<W>(environment: &Environment<W>) -> HashMap<Queue, Semaphore> {
    let (shape, mut widths) = (&environment.shape, HashMap::new());
    for lane in shape.nodes().filter_map(|node| environment.object(node).lane()) {
        let width: &mut usize = widths.entry(shape.queue(&lane)).or_insert(lane.width);
        *width = lane.width.min(*width).max(1);
    }
    let queues = widths.into_iter().map(|(lane, width)| (lane, Semaphore::new(width)));
    queues.collect()
}

/// The typed reason in an error, however deep.
fn cause<T: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&T> {
    error.downcast_ref().or_else(|| error.chain().find_map(|inner| inner.downcast_ref()))
}

/// The first answer counts.
fn set<T>(cell: &SetOnce<T>, value: T) {
    drop(cell.set(value));
}
