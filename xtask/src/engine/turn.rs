//! One entry's turn: wait for it, look, ask for a change at most once, look again.
//!
//! **Architecture Invariant:** after something was asked, it is never asked again: it is looked for.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::{Wait, Walk, What, cause, set};
use crate::diff::one_line;
use crate::graph::{Node, Wish};
use crate::report::{Act, Judgement, Outcome, Scope};
use crate::resource::{Busy, Sight};

/// What one entry has been through.
pub(super) struct Turn<'a> {
    pub(super) node: Node,
    asked: Vec<Act>,
    /// The repair was asked for, and looking still tells of the failure that it is to repair.
    repairing: bool,
    /// Nothing that was read earlier counts.
    since: Instant,
    /// When it began to wait, for whatever reason: what patience and pauses are measured from.
    pub(super) waiting: Instant,
    /// What was told that it waits for, and when.
    pub(super) told: Option<(Wait, Instant)>,
    dependants_gone: bool,
    lane: Option<SemaphorePermit<'a>>,
}

/// What was seen less than this ago, without waiting for others since, is still so.
const FRESH: Duration = Duration::from_millis(100);

enum Step {
    End(Outcome),
    /// It came to nothing, for this reason.
    Fail(String),
    Wait(String),
    Act(Act),
}

impl<W> Walk<'_, W> {
    /// The whole life of one entry in a walk.
    pub(super) async fn settle(&self, node: Node) {
        let (Ok(outcome) | Err(outcome)) = self.take_turn(node).await;
        self.tell(node, What::Done(outcome.clone()));
        let after = Judgement::After(self.shape.label(node).clone());
        set(&self.seen[node.0], after);
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
                Step::Fail(reason) => return Ok(self.fallen(&turn, reason)),
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
                if !outcome.stands() {
                    return Err(outcome.passed_on(self.shape.label(need)));
                }
            }
            return Ok(());
        }
        if self.shape.entry(node).wish == Wish::Retired {
            if self.cleared.get().is_none() {
                self.tell_waiting(node, Wait::Wanted, Instant::now());
            }
            self.cleared.wait().await.clone()?;
        }
        match self.shape.place(node) {
            Some(place) if !self.is_wanted(place) => drop(self.seen[place.0].wait().await),
            Some(place) => {
                let outcome = self.outcome_of(place, node).await;
                if !outcome.stands() {
                    return Err(outcome.passed_on(self.shape.label(place)));
                }
            }
            None => {}
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

    /// Waits until this may be asked for. `false` when time has passed since it was looked at: look again.
    async fn admit<'s>(&'s self, turn: &mut Turn<'s>, act: &Act) -> Result<bool, Outcome> {
        let before = Instant::now();
        if *act == Act::Delete && !turn.dependants_gone {
            self.await_dependants(turn.node).await?;
            turn.dependants_gone = true;
        }
        if turn.lane.is_none() {
            turn.lane = self.enter_lane(turn).await?;
        }
        if before.elapsed() < FRESH {
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

    async fn enter_lane<'s>(&'s self, turn: &Turn<'s>) -> Result<Option<SemaphorePermit<'s>>, Outcome> {
        let lane = self.object(turn.node).lane();
        let Some((lane, queue)) = lane.and_then(|lane| self.lanes.get_key_value(&self.shape.queue(&lane)))
        else {
            return Ok(None);
        };
        if let Ok(permit) = queue.try_acquire() {
            return Ok(Some(permit));
        }
        self.tell_waiting(turn.node, Wait::Lane(lane.0), Instant::now());
        let permit = self.options.stop.or(queue.acquire()).await;
        permit.map(Result::ok).ok_or_else(|| turn.interrupted())
    }

    async fn act(&self, turn: &mut Turn<'_>, act: Act, sight: Option<Sight>) -> Result<(), Outcome> {
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

    async fn ask(&self, node: Node, act: &Act, sight: Option<&Sight>, since: Instant) -> Result<()> {
        let object = self.object(node);
        match (act, sight) {
            (Act::Delete, Some(sight)) => {
                let cx = self.cx(node, Scope::Places, since);
                object.delete(&cx, sight).await
            }
            _ => {
                let cx = self.cx(node, Scope::Needs, since);
                object.apply(&cx, sight).await
            }
        }
    }

    /// Deletion may begin when everything wanted stands.
    pub(super) fn clear_the_way(&self, wanted: &[Node]) {
        let fallen = wanted.iter().find_map(|node| {
            let outcome = self.done[node.0].get().filter(|outcome| !outcome.stands())?;
            Some(outcome.passed_on(self.shape.label(*node)))
        });
        set(&self.cleared, fallen.map_or(Ok(()), Err));
    }

    async fn outcome_of(&self, other: Node, waiting: Node) -> &Outcome {
        let done = &self.done[other.0];
        if done.get().is_none() {
            let on = Wait::For(self.shape.label(other).clone());
            self.tell_waiting(waiting, on, Instant::now());
        }
        done.wait().await
    }

    /// What becomes of one that failed after, and so because of, what was asked.
    fn fallen(&self, turn: &Turn<'_>, reason: String) -> Outcome {
        let verb = turn.asked.last().map_or("await", Act::verb);
        Outcome::Failed(self.failed(verb, turn.node, anyhow!(reason)))
    }
}

impl Turn<'_> {
    fn new(node: Node) -> Self {
        let now = Instant::now();
        Self {
            node,
            asked: Vec::new(),
            repairing: false,
            since: now,
            waiting: now,
            told: None,
            dependants_gone: false,
            lane: None,
        }
    }

    /// What follows from looking: each thing is asked once, and then looked for.
    fn next(&mut self, judgement: Judgement) -> Step {
        self.repairing &= matches!(judgement, Judgement::Repair(_));
        let first = self.asked.first().cloned();
        match judgement {
            Judgement::Same => Step::End(first.map_or(Outcome::Same, Outcome::Did)),
            Judgement::Absent => Step::End(first.map_or(Outcome::Absent, Outcome::Did)),
            Judgement::Create if self.has_applied() => Step::Wait("not seen yet".to_owned()),
            Judgement::Create => Step::Act(Act::Create),
            // A new thing may be there before it is as declared: an account lands in the root, and is moved.
            Judgement::Change(found) if self.has_applied() && !self.has_only_created() => {
                Step::Wait(format!("still differs: {}", one_line(&found)))
            }
            Judgement::Change(found) => Step::Act(Act::Change(found)),
            Judgement::Adopt(_) if first.is_some() => Step::Wait("not yet seen as ours".to_owned()),
            Judgement::Adopt(_) => Step::Act(Act::Adopt),
            Judgement::Repair(reason) if self.repairing => Step::Wait(reason),
            Judgement::Repair(reason) if first.is_some() => Step::Fail(reason),
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

    fn has_only_created(&self) -> bool {
        self.asked.iter().all(|act| *act == Act::Create)
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
        self.asked.iter().any(|act| matches!(act, Act::Create | Act::Change(_)))
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

    pub(super) fn interrupted(&self) -> Outcome {
        Outcome::Interrupted(self.asked.first().cloned())
    }
}
