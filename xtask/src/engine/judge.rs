//! Looking at one entry, and judging what was seen against what is declared.

use std::collections::HashMap;

use anyhow::anyhow;
use serde_json::Value;
use tokio::time::Instant;

use super::{Walk, What, cause, set};
use crate::diff::differences;
use crate::graph::{Label, Node, Wish};
use crate::report::{After, Judgement, Scope};
use crate::resource::{Busy, NotVisible, Sight, State};

impl<W> Walk<'_, W> {
    /// Looks once, after what it must know for that.
    pub(super) async fn look(&self, node: Node) -> Judgement {
        let (wanted, place) = (self.is_wanted(node), self.shape.place(node));
        for need in self.shape.needs(node).filter(|need| wanted || place == Some(*need)) {
            self.seen[need.0].wait().await;
        }
        let (sight, judgement) = self.judged(node, self.started).await;
        let unusable = matches!(judgement, Judgement::Foreign | Judgement::Failed(_));
        let usable = |sight: &Sight| !unusable && (!wanted || sight.state == State::Ready);
        if let Some(sight) = sight.filter(usable) {
            self.learned.learn(node, &sight);
        }
        self.tell(node, What::Judged(judgement.clone()));
        set(&self.seen[node.0], judgement.clone());
        judgement
    }

    /// Observes and judges, with what its place allows.
    pub(super) async fn judged(&self, node: Node, since: Instant) -> (Option<Sight>, Judgement) {
        if let Some(judgement) = self.judged_from_place(node) {
            return (None, judgement);
        }
        self.tell(node, What::Looking);
        let cx = self.cx(node, Scope::Places, since);
        match self.object(node).observe(&cx).await {
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
        let unwanted = !self.is_wanted(node);
        let place = self.shape.place(node).filter(|place| !self.learned.has(*place))?;
        Some(match self.seen[place.0].get() {
            Some(Judgement::NotVisible(why)) => Judgement::NotVisible(why.clone()),
            Some(Judgement::Foreign) if unwanted => Judgement::Foreign,
            Some(Judgement::Absent | Judgement::Create) if unwanted => Judgement::Absent,
            Some(Judgement::After(cause)) => Judgement::After(cause.clone()),
            _ => Judgement::After(self.shape.label(place).clone()),
        })
    }

    fn judge(&self, node: Node, sight: Option<&Sight>) -> Judgement {
        match (self.shape.entry(node).wish, sight) {
            (Wish::Used | Wish::Retired, None) => Judgement::Absent,
            (Wish::Used, Some(sight)) if sight.ours || self.object(node).shared() => Judgement::Same,
            (Wish::Used, Some(_)) => Judgement::Foreign,
            (Wish::Retired, Some(sight)) => self.judge_retired(node, sight),
            (Wish::Wanted, None) => match self.desired(node) {
                Err(judgement @ Judgement::Failed(_)) => judgement,
                _ => Judgement::Create,
            },
            (Wish::Wanted, Some(sight)) => self.judge_wanted(node, sight),
        }
    }

    fn judge_retired(&self, node: Node, sight: &Sight) -> Judgement {
        let object = self.object(node);
        match (&sight.state, object.keep()) {
            _ if !sight.ours && object.shared() => Judgement::Kept("not ours, used as found".into()),
            _ if !sight.ours => Judgement::Foreign,
            (_, Some(why)) => Judgement::Kept(why),
            (State::Over(why), None) => Judgement::Kept(why.clone()),
            (State::Going(why), None) => Judgement::Going(why.clone()),
            _ => Judgement::Delete,
        }
    }

    fn judge_wanted(&self, node: Node, sight: &Sight) -> Judgement {
        let label = self.shape.label(node);
        let adopted = !sight.ours && self.options.adopt.iter().any(|asked| label.is_asked(asked));
        let as_found = !sight.ours && !adopted && self.object(node).shared();
        match &sight.state {
            _ if !sight.ours && !as_found && !adopted => Judgement::Foreign,
            State::Coming(why) => Judgement::Coming(why.clone()),
            State::Going(why) => Judgement::Going(why.clone()),
            State::Over(reason) => Judgement::Failed(anyhow!("{reason}").into()),
            State::Failed(reason) if as_found => Judgement::Failed(anyhow!("{reason}").into()),
            State::Failed(reason) => Judgement::Repair(reason.clone()),
            State::Ready if as_found => Judgement::Same,
            State::Ready => self.compare(node, sight, adopted),
        }
    }

    fn compare(&self, node: Node, sight: &Sight, adopted: bool) -> Judgement {
        let desired = match self.desired(node) {
            Ok(desired) => desired,
            Err(judgement) => return judgement,
        };
        let found = differences(&sight.owned, &desired);
        let fixed = self.object(node).create_only();
        let needs_new = found.iter().any(|one| fixed.iter().any(|path| one.within(path)));
        match () {
            () if needs_new => Judgement::Replace(found),
            () if adopted => Judgement::Adopt(found),
            () if found.is_empty() => Judgement::Same,
            () => Judgement::Change(found),
        }
    }

    fn desired(&self, node: Node) -> Result<Value, Judgement> {
        let known = self.cx(node, Scope::Needs, self.started).known;
        let after = |error| match cause(&error) {
            Some(After(label)) => self.hidden(node, label).unwrap_or_else(|| Judgement::After(label.clone())),
            None => Judgement::Failed(self.failed("declare", node, error)),
        };
        self.object(node).desired(&known).map_err(after)
    }

    /// What is not to be told because a need of that name may not be seen.
    fn hidden(&self, node: Node, need: &Label) -> Option<Judgement> {
        let need = self.shape.needs(node).find(|one| self.shape.label(*one) == need)?;
        self.seen[need.0].get().filter(|judgement| matches!(judgement, Judgement::NotVisible(_))).cloned()
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

    /// In a plan, what stays keeps what it needs.
    pub(super) fn keep_what_is_needed(&self, judgements: &mut [Judgement]) {
        let nodes = self.shape.nodes().enumerate();
        let index: HashMap<Node, usize> = nodes.map(|(index, node)| (node, index)).collect();
        for node in self.shape.nodes().rev() {
            let mut holders = self.dependants[node.0].iter();
            let holder = holders.find(|holder| match &judgements[index[holder]] {
                Judgement::Kept(_) => true,
                Judgement::Foreign => self.shape.place(**holder) == Some(node),
                _ => false,
            });
            if let (Judgement::Delete, Some(holder)) = (&judgements[index[&node]], holder) {
                judgements[index[&node]] = Judgement::Kept(self.holds(*holder));
            }
        }
    }
}
