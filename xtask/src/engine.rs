//! Two verbs, one walk: look at everything, or reconcile it with what is declared.
//!
//! **Architecture Invariant:** the engine names no service, prints nothing and stores nothing. It is
//! one task: no scheduler, no spawn. Each entry is a future that awaits its turn, looks, judges, and
//! asks at most once for each kind of change; the rest is looking again.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::future::join_all;
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit, SetOnce, watch};
use tokio::time::{Instant, sleep};

use crate::diff::{differences, one_line};
use crate::graph::{Environment, Label, Node, Shape};
use crate::report::{
    Act, After, Done, Failure, Judgement, Known, Learned, Outcome, Plan, Report, Scope,
};
use crate::resource::{Busy, Cx, NotVisible, Sight, State};

/// What the caller decides about a walk.
pub(crate) struct Options<'a> {
    /// Factor on all pauses; 1 against the real world.
    pub(crate) pace: f64,
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
    /// For `on`, since then. Told again only when it waits for something else.
    Waiting {
        on: Wait,
        #[serde(skip)]
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
    async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut stopped = self.0.subscribe();
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => None,
            value = future => Some(value),
        }
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            pace: 1.0,
            adopt: Vec::new(),
            stop: Stop::default(),
            listen: &|_| (),
        }
    }
}

/// Observes everything and judges it. Never writes.
pub(crate) async fn look<W>(
    environment: &Environment<W>,
    world: &W,
    options: &Options<'_>,
) -> Result<Plan> {
    environment.check(&options.adopt)?;
    let walk = Walk::new(environment, world, options);
    let mut judgements = join_all(walk.shape.nodes().map(|node| walk.look(node))).await;
    walk.keep_what_is_needed(&mut judgements);
    Ok(Report::new(walk.shape, judgements))
}

/// Makes everything wanted stand and, if it does, everything retired go.
///
/// Fails only when the declaration itself is faulty: what happens to the entries is in the report.
pub(crate) async fn reconcile<W>(
    environment: &Environment<W>,
    world: &W,
    options: &Options<'_>,
) -> Result<Done> {
    environment.check(&options.adopt)?;
    let walk = Walk::new(environment, world, options);
    let (wanted, retired): (Vec<Node>, Vec<Node>) =
        walk.shape.nodes().partition(|node| walk.is_wanted(*node));
    let make = async {
        join_all(wanted.iter().map(|node| walk.settle(*node))).await;
        walk.clear_the_way(&wanted);
    };
    tokio::join!(
        make,
        join_all(retired.iter().map(|node| walk.settle(*node)))
    );
    let outcomes = walk
        .shape
        .nodes()
        .filter_map(|node| walk.done[node.0].get().cloned());
    Ok(Report::new(walk.shape, outcomes))
}

struct Walk<'a, W> {
    environment: &'a Environment<W>,
    shape: &'a Shape,
    dependants: Vec<Vec<Node>>,
    world: &'a W,
    options: &'a Options<'a>,
    started: Instant,
    learned: Learned,
    lanes: HashMap<(&'static str, Option<Node>), Semaphore>,
    /// What looking first told, for those who live there.
    seen: Vec<SetOnce<Judgement>>,
    done: Vec<SetOnce<Outcome>>,
    /// Whether deletion may begin, and if not, what becomes of everything retired.
    cleared: SetOnce<Result<(), Outcome>>,
}

/// What one entry has been through.
struct Turn<'a> {
    node: Node,
    asked: Vec<Act>,
    /// The repair was asked for, and looking still tells of the failure that it is to repair.
    repairing: bool,
    /// Nothing that was read earlier counts.
    since: Instant,
    /// When it began to wait, for whatever reason: what patience and pauses are measured from.
    waiting: Instant,
    told: Option<Wait>,
    dependants_gone: bool,
    lane: Option<SemaphorePermit<'a>>,
}

enum Step {
    End(Outcome),
    Wait(String),
    Act(Act),
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

    // Looking and judging.

    async fn look(&self, node: Node) -> Judgement {
        for before in self
            .shape
            .needs(node)
            .filter(|need| self.is_wanted(node) || self.shape.place(node) == Some(*need))
        {
            self.seen[before.0].wait().await;
        }
        let (sight, judgement) = self.judged(node, self.started).await;
        let usable = |sight: &&Sight| sight.state == State::Ready || !self.is_wanted(node);
        if let Some(sight) = sight
            .as_ref()
            .filter(usable)
            .filter(|_| self.is_at_home(&judgement))
        {
            self.learned.learn(node, sight);
        }
        self.tell(node, What::Judged(judgement.clone()));
        set(&self.seen[node.0], judgement.clone());
        judgement
    }

    /// Observes and judges, with what its place allows.
    async fn judged(&self, node: Node, since: Instant) -> (Option<Sight>, Judgement) {
        if let Some(judgement) = self.judged_from_place(node) {
            return (None, judgement);
        }
        self.tell(node, What::Looking);
        match self
            .environment
            .object(node)
            .observe(&self.cx(node, Scope::Places, since))
            .await
        {
            Ok(sight) => {
                let judgement = self.judge(node, sight.as_ref());
                (sight, judgement)
            }
            Err(error) => (None, self.unseen(node, error)),
        }
    }

    /// What can be told without looking, because of where it lives or because we were stopped.
    fn judged_from_place(&self, node: Node) -> Option<Judgement> {
        if self.options.stop.is_stopped() {
            return Some(Judgement::Interrupted);
        }
        let place = self
            .shape
            .place(node)
            .filter(|place| !self.learned.has(*place))?;
        Some(match self.seen[place.0].get() {
            Some(Judgement::NotVisible(why)) => Judgement::NotVisible(why.clone()),
            Some(Judgement::Foreign) if !self.is_wanted(node) => Judgement::Foreign,
            Some(Judgement::Absent | Judgement::Create) if !self.is_wanted(node) => {
                Judgement::Absent
            }
            Some(Judgement::After(cause)) => Judgement::After(cause.clone()),
            _ => Judgement::After(self.shape.label(place).clone()),
        })
    }

    fn judge(&self, node: Node, sight: Option<&Sight>) -> Judgement {
        match (self.is_wanted(node), sight) {
            (false, None) => Judgement::Absent,
            (false, Some(sight)) => self.judge_retired(node, sight),
            (true, None) => match self.desired(node) {
                Err(judgement @ Judgement::Failed(_)) => judgement,
                _ => Judgement::Create,
            },
            (true, Some(sight)) => self.judge_wanted(node, sight),
        }
    }

    fn judge_retired(&self, node: Node, sight: &Sight) -> Judgement {
        let object = self.environment.object(node);
        match (&sight.state, object.keep()) {
            _ if !sight.ours && object.shared() => {
                Judgement::Kept("used as found, not ours".to_owned())
            }
            _ if !sight.ours => Judgement::Foreign,
            (_, Some(why)) => Judgement::Kept(why),
            (State::Going(why), None) => Judgement::Going(why.clone()),
            _ => Judgement::Delete,
        }
    }

    fn judge_wanted(&self, node: Node, sight: &Sight) -> Judgement {
        let as_found = !sight.ours && self.environment.object(node).shared();
        let adopted = !sight.ours
            && self
                .options
                .adopt
                .iter()
                .any(|asked| self.shape.label(node).is_asked(asked));
        match &sight.state {
            _ if !sight.ours && !as_found && !adopted => Judgement::Foreign,
            State::Coming(why) => Judgement::Coming(why.clone()),
            State::Going(why) => Judgement::Going(why.clone()),
            State::Failed(reason) if as_found => Judgement::Failed(anyhow!("{reason}").into()),
            State::Failed(reason) => Judgement::Repair(reason.clone()),
            State::Ready if as_found && !adopted => Judgement::Same,
            State::Ready => self.compare(node, sight, adopted),
        }
    }

    fn compare(&self, node: Node, sight: &Sight, adopted: bool) -> Judgement {
        let desired = match self.desired(node) {
            Ok(desired) => desired,
            Err(judgement) => return judgement,
        };
        let found = differences(&sight.owned, &desired);
        let fixed = self.environment.object(node).create_only();
        match () {
            () if found
                .iter()
                .any(|one| fixed.iter().any(|path| one.within(path))) =>
            {
                Judgement::Replace(found)
            }
            () if adopted => Judgement::Adopt(found),
            () if found.is_empty() => Judgement::Same,
            () => Judgement::Change(found),
        }
    }

    fn desired(&self, node: Node) -> Result<serde_json::Value, Judgement> {
        let known = self.cx(node, Scope::Needs, self.started).known;
        self.environment
            .object(node)
            .desired(&known)
            .map_err(|error| match cause::<After>(&error) {
                Some(After(label)) => Judgement::After(label.clone()),
                None => Judgement::Failed(self.failed("declare", node, error)),
            })
    }

    fn unseen(&self, node: Node, error: anyhow::Error) -> Judgement {
        if let Some(Busy(why)) = cause(&error) {
            return Judgement::Coming(why.clone());
        }
        if let Some(NotVisible(why)) = cause(&error) {
            return Judgement::NotVisible(why.clone());
        }
        Judgement::Failed(self.failed("look at", node, error))
    }

    /// Whether others may live in it or use it, in a plan.
    fn is_at_home(&self, judgement: &Judgement) -> bool {
        !matches!(judgement, Judgement::Foreign | Judgement::Failed(_))
    }

    /// In a plan, what is kept keeps what it needs.
    fn keep_what_is_needed(&self, judgements: &mut [Judgement]) {
        let order: Vec<Node> = self.shape.nodes().collect();
        let index: HashMap<Node, usize> = order
            .iter()
            .enumerate()
            .map(|(index, node)| (*node, index))
            .collect();
        for (at, node) in order.iter().enumerate().rev() {
            let mut holders = self.dependants[node.0].iter();
            let kept = holders.find(|holder| match &judgements[index[holder]] {
                Judgement::Kept(_) => true,
                Judgement::Foreign => self.shape.place(**holder) == Some(*node),
                _ => false,
            });
            if let (Judgement::Delete, Some(holder)) = (&judgements[at], kept) {
                judgements[at] = Judgement::Kept(self.holds(*holder));
            }
        }
    }

    // Reconciling.

    async fn settle(&self, node: Node) {
        let outcome = match self.take_turn(node).await {
            Ok(outcome) | Err(outcome) => outcome,
        };
        self.tell(node, What::Done(outcome.clone()));
        set(
            &self.seen[node.0],
            Judgement::After(self.shape.label(node).clone()),
        );
        set(&self.done[node.0], outcome);
    }

    /// `Err` when something else than this entry decides how it ends.
    async fn take_turn(&self, node: Node) -> Result<Outcome, Outcome> {
        self.await_turn(node).await?;
        let mut turn = Turn::new(node);
        loop {
            let (sight, judgement) = self.judged(node, turn.since).await;
            turn.since = Instant::now();
            self.learn(node, sight.as_ref(), &judgement);
            match turn.next(judgement) {
                Step::End(outcome) => return Ok(outcome),
                Step::Wait(why) => self.wait(&mut turn, why).await?,
                Step::Act(act) if self.admit(&mut turn, &act).await? => {
                    self.act(&mut turn, act, sight).await?
                }
                Step::Act(_) => {} // The world went on meanwhile: look again.
            }
        }
    }

    async fn await_turn(&self, node: Node) -> Result<(), Outcome> {
        if self.is_wanted(node) {
            for need in self.shape.needs(node) {
                let outcome = self.outcome_of(need, node).await;
                outcome
                    .stands()
                    .then_some(())
                    .ok_or_else(|| outcome.passed_on(self.shape.label(need)))?;
            }
            return Ok(());
        }
        if self.cleared.get().is_none() {
            self.tell_waiting(node, Wait::Wanted, Instant::now());
        }
        self.cleared.wait().await.clone()?;
        if let Some(place) = self
            .shape
            .place(node)
            .filter(|place| !self.is_wanted(*place))
        {
            self.seen[place.0].wait().await;
        }
        Ok(())
    }

    /// Tells those who live here what they need to look for themselves.
    fn learn(&self, node: Node, sight: Option<&Sight>, judgement: &Judgement) {
        let usable = match judgement {
            Judgement::Same => true,
            Judgement::Foreign => false,
            _ => !self.is_wanted(node),
        };
        if let Some(sight) = sight.filter(|_| usable) {
            self.learned.learn(node, sight);
        }
        // Not readable yet is no answer.
        if !self.is_wanted(node) && !matches!((sight, judgement), (None, Judgement::Coming(_))) {
            set(&self.seen[node.0], judgement.clone());
        }
    }

    /// Waits until this may be asked for. `false` when time has passed since it was looked at.
    async fn admit<'s>(&'s self, turn: &mut Turn<'s>, act: &Act) -> Result<bool, Outcome> {
        let before = Instant::now();
        if *act == Act::Delete && !turn.dependants_gone {
            self.await_dependants(turn.node).await?;
            turn.dependants_gone = true;
        }
        if turn.lane.is_none() {
            turn.lane = self.enter_lane(turn).await?;
        }
        if before == Instant::now() {
            return Ok(true);
        }
        turn.start_waiting();
        Ok(false)
    }

    async fn await_dependants(&self, node: Node) -> Result<(), Outcome> {
        for holder in &self.dependants[node.0] {
            let outcome = self.outcome_of(*holder, node).await;
            match outcome {
                _ if outcome.is_gone() => {}
                Outcome::Foreign if self.shape.place(*holder) != Some(node) => {}
                Outcome::Foreign | Outcome::Kept(_) => {
                    return Err(Outcome::Kept(self.holds(*holder)));
                }
                _ => return Err(outcome.passed_on(self.shape.label(*holder))),
            }
        }
        Ok(())
    }

    async fn enter_lane<'s>(
        &'s self,
        turn: &Turn<'s>,
    ) -> Result<Option<SemaphorePermit<'s>>, Outcome> {
        let Some(lane) = self.environment.object(turn.node).lane() else {
            return Ok(None);
        };
        let Some(queue) = self.lanes.get(&(lane.name, lane.of)) else {
            return Ok(None);
        };
        if let Ok(permit) = queue.try_acquire() {
            return Ok(Some(permit));
        }
        self.tell_waiting(turn.node, Wait::Lane(lane.name), Instant::now());
        let permit = self.options.stop.or(queue.acquire()).await;
        permit.map(Result::ok).ok_or_else(|| turn.interrupted())
    }

    async fn act(
        &self,
        turn: &mut Turn<'_>,
        act: Act,
        sight: Option<Sight>,
    ) -> Result<(), Outcome> {
        if self.options.stop.is_stopped() {
            return Err(turn.interrupted());
        }
        self.tell(turn.node, What::Acting(act.clone()));
        let asked = self.ask(turn.node, &act, sight.as_ref(), turn.since).await;
        turn.since = Instant::now();
        match asked {
            Ok(()) => turn.note(act),
            Err(error) => match cause(&error) {
                Some(Busy(why)) => return self.wait(turn, why.clone()).await,
                None => return Err(Outcome::Failed(self.failed(act.verb(), turn.node, error))),
            },
        }
        Ok(())
    }

    async fn ask(
        &self,
        node: Node,
        act: &Act,
        sight: Option<&Sight>,
        since: Instant,
    ) -> Result<()> {
        let object = self.environment.object(node);
        match (act, sight) {
            (Act::Delete, Some(sight)) => {
                object
                    .delete(&self.cx(node, Scope::Places, since), sight)
                    .await
            }
            _ => {
                object
                    .apply(&self.cx(node, Scope::Needs, since), sight)
                    .await
            }
        }
    }

    /// Lets the world go on for a while, unless patience is at its end.
    async fn wait(&self, turn: &mut Turn<'_>, why: String) -> Result<(), Outcome> {
        let (waited, patience) = (
            turn.waiting.elapsed(),
            self.environment.object(turn.node).patience(),
        );
        if waited >= patience {
            let error = anyhow!("{why}").context(format!("gave up after {} s", waited.as_secs()));
            return Err(Outcome::Failed(self.failed("await", turn.node, error)));
        }
        let on = Wait::World(why);
        if turn.told.as_ref() != Some(&on) {
            self.tell_waiting(turn.node, on.clone(), turn.waiting);
            turn.told = Some(on);
        }
        let pause = pause(waited, self.options.pace).min(patience - waited);
        self.options
            .stop
            .or(sleep(pause))
            .await
            .ok_or_else(|| turn.interrupted())
    }

    /// Deletion may begin when everything wanted stands.
    fn clear_the_way(&self, wanted: &[Node]) {
        let outcomes = wanted
            .iter()
            .filter_map(|node| Some((node, self.done[node.0].get()?)));
        let mut fallen = outcomes.filter(|(_, outcome)| !outcome.stands());
        let cleared = fallen.next().map_or(Ok(()), |(node, outcome)| {
            Err(outcome.passed_on(self.shape.label(*node)))
        });
        set(&self.cleared, cleared);
    }

    async fn outcome_of(&self, other: Node, waiting: Node) -> &Outcome {
        let done = &self.done[other.0];
        if done.get().is_none() {
            self.tell_waiting(
                waiting,
                Wait::For(self.shape.label(other).clone()),
                Instant::now(),
            );
        }
        done.wait().await
    }

    // Small things.

    fn is_wanted(&self, node: Node) -> bool {
        self.shape.entry(node).wanted
    }

    fn holds(&self, holder: Node) -> String {
        format!("{} is kept", self.shape.label(holder))
    }

    fn failed(&self, verb: &str, node: Node, error: anyhow::Error) -> Failure {
        error
            .context(format!("{verb} {}", self.shape.label(node)))
            .into()
    }

    fn tell(&self, node: Node, what: What) {
        (self.options.listen)(Event {
            label: self.shape.label(node),
            what,
        });
    }

    fn tell_waiting(&self, node: Node, on: Wait, since: Instant) {
        self.tell(node, What::Waiting { on, since });
    }

    fn cx(&self, node: Node, scope: Scope, since: Instant) -> Cx<'_, W> {
        let known = Known {
            shape: self.shape,
            learned: &self.learned,
            asking: node,
            scope,
        };
        Cx {
            world: self.world,
            known,
            since,
        }
    }
}

impl Turn<'_> {
    fn new(node: Node) -> Self {
        let now = Instant::now();
        let (asked, told, lane) = (Vec::new(), None, None);
        Self {
            node,
            asked,
            repairing: false,
            since: now,
            waiting: now,
            told,
            dependants_gone: false,
            lane,
        }
    }

    /// What follows from looking: each thing is asked once, and then looked for.
    fn next(&mut self, judgement: Judgement) -> Step {
        self.repairing &= matches!(judgement, Judgement::Repair(_));
        let first = self.asked.first().cloned();
        match judgement {
            Judgement::Same => Step::End(first.map_or(Outcome::Same, Outcome::Did)),
            Judgement::Absent => Step::End(first.map_or(Outcome::Absent, Outcome::Did)),
            Judgement::Create if self.has_applied() => Step::Wait("not to be seen yet".to_owned()),
            Judgement::Create => Step::Act(Act::Create),
            Judgement::Change(found) if self.has_applied() => {
                Step::Wait(format!("still differs: {}", one_line(&found)))
            }
            Judgement::Change(found) => Step::Act(Act::Change(found)),
            Judgement::Adopt(_) if first.is_some() => {
                Step::Wait("not to be seen as ours yet".to_owned())
            }
            Judgement::Adopt(_) => Step::Act(Act::Adopt),
            Judgement::Repair(reason) if self.repairing => Step::Wait(reason),
            Judgement::Repair(reason) if first.is_some() => {
                Step::End(Outcome::Failed(anyhow!("{reason}").into()))
            }
            Judgement::Repair(_) => Step::Act(Act::Repair),
            Judgement::Delete if first.is_some() => Step::Wait("still there".to_owned()),
            Judgement::Delete => Step::Act(Act::Delete),
            Judgement::Coming(why) | Judgement::Going(why) => Step::Wait(why),
            Judgement::Foreign | Judgement::Replace(_) if first.is_some() => {
                Step::Wait("as it was".to_owned())
            }
            judgement => Step::End(self.end(judgement)),
        }
    }

    /// What a judgement that leaves nothing to do or to wait for amounts to.
    fn end(&self, judgement: Judgement) -> Outcome {
        match judgement {
            Judgement::Kept(why) => Outcome::Kept(why),
            Judgement::Foreign => Outcome::Foreign,
            Judgement::Replace(found) => Outcome::Replace(found),
            Judgement::NotVisible(why) => Outcome::NotVisible(why),
            Judgement::Failed(failure) => Outcome::Failed(failure),
            Judgement::After(label) => Outcome::Skipped(label),
            _ => self.interrupted(),
        }
    }

    fn has_applied(&self) -> bool {
        self.asked
            .iter()
            .any(|act| matches!(act, Act::Create | Act::Change(_)))
    }

    fn note(&mut self, act: Act) {
        self.repairing = act == Act::Repair;
        self.asked.push(act);
        self.start_waiting();
    }

    fn start_waiting(&mut self) {
        self.waiting = Instant::now();
        self.told = None;
    }

    fn interrupted(&self) -> Outcome {
        Outcome::Interrupted(self.asked.first().cloned())
    }
}

/// A tenth of the time waited, from half a second to fifteen, at this pace.
fn pause(waited: Duration, pace: f64) -> Duration {
    let pace = pace.max(0.001);
    (waited / 10)
        .div_f64(pace)
        .clamp(Duration::from_millis(500), Duration::from_secs(15))
        .mul_f64(pace)
}

/// The queues that are named, each as wide as its narrowest user says.
fn lanes<W>(environment: &Environment<W>) -> HashMap<(&'static str, Option<Node>), Semaphore> {
    let mut widths = HashMap::new();
    for lane in environment
        .shape
        .nodes()
        .filter_map(|node| environment.object(node).lane())
    {
        let width = widths.entry((lane.name, lane.of)).or_insert(lane.width);
        *width = lane.width.clamp(1, (*width).max(1));
    }
    widths
        .into_iter()
        .map(|(lane, width)| (lane, Semaphore::new(width)))
        .collect()
}

/// The typed reason in an error, however deep.
fn cause<T: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&T> {
    error
        .downcast_ref()
        .or_else(|| error.chain().find_map(|inner| inner.downcast_ref()))
}

/// The first answer counts.
fn set<T>(cell: &SetOnce<T>, value: T) {
    drop(cell.set(value));
}

#[cfg(test)]
mod tests;
