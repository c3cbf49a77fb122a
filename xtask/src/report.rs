//! What looking found and what reconciling did, what is known meanwhile, and what it all amounts to.

use std::any::Any;
use std::cell::OnceCell;
use std::fmt::{self, Display, Formatter};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Serialize, Serializer};

use crate::diff::Difference;
use crate::graph::{Input, Key, Label, Node, Shape};
use crate::resource::{Resource, SeenBy, Sight};

/// How one entry compares with what is declared.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Judgement {
    /// There, ready, and as declared.
    Same,
    /// Retired and not there.
    Absent,
    Create,
    Change(Vec<Difference>),
    /// Differs in what only a new one could have: shown, and refused.
    Replace(Vec<Difference>),
    /// Not ours yet, and its adoption was asked for.
    Adopt(Vec<Difference>),
    /// Failed earlier, for this reason: asked again.
    Repair(String),
    Delete,
    Coming(String),
    Going(String),
    Kept(String),
    Foreign,
    /// Not to be told before this one is there.
    After(Label),
    NotVisible(String),
    Failed(Failure),
    Interrupted,
}

/// How one entry ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Was as declared, and nothing was asked.
    Same,
    /// Retired and was not there.
    Absent,
    /// Was asked, and is seen to be so. The first thing asked, if there were several.
    Did(Act),
    Kept(String),
    Foreign,
    Replace(Vec<Difference>),
    NotVisible(String),
    Failed(Failure),
    /// Nothing was asked, because this one does not stand or is not gone.
    Skipped(Label),
    /// Stopped; what had been asked by then may still come true.
    Interrupted(Option<Act>),
}

/// What can be asked of a resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    Create,
    Change(Vec<Difference>),
    Adopt,
    Repair,
    Delete,
}

/// An error that several can hold. Its text is the whole chain, on one line.
#[derive(Clone, Debug)]
pub(crate) struct Failure(pub(crate) Rc<anyhow::Error>);

/// A value that cannot be known before this one is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct After(pub(crate) Label);

/// What everyone has learned, as far as the asking one may know it.
pub(crate) struct Known<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) learned: &'a Learned,
    pub(crate) asking: Node,
    pub(crate) scope: Scope,
}

/// What a resource may know: all its needs, or only where it lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Needs,
    Places,
}

/// What each entry has learned, once it has.
///
/// **Architecture Invariant:** lives as long as one walk. Nothing is remembered between walks.
pub(crate) struct Learned(Vec<OnceCell<Rc<dyn Any>>>);

/// One line per entry, in the order of declaration, and what was learned on the way.
pub(crate) struct Report<T> {
    pub(crate) lines: Vec<Line<T>>,
    learned: Learned,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line<T> {
    #[serde(flatten)]
    pub(crate) label: Label,
    pub(crate) wanted: bool,
    pub(crate) result: T,
}

/// What looking found.
pub(crate) type Plan = Report<Judgement>;
/// What reconciling did.
pub(crate) type Done = Report<Outcome>;

impl Known<'_> {
    /// What a need has learned, or [`After`] it, typed, when that must be awaited.
    pub(crate) fn of<R: Resource>(&self, key: &Key<R>) -> Result<&R::Learned> {
        let node = self.shape.resolve(key.node());
        let label = self.shape.label(node);
        if !self.may_ask(node) {
            bail!(
                "bug: {} asks here for {label}, which is not {}",
                self.shape.label(self.asking),
                self.scope
            );
        }
        let learned = self.learned.0[node.0].get().ok_or_else(|| After(label.clone()))?;
        let seen: &SeenBy<R> = learned.downcast_ref().context("bug: a key of another kind of resource")?;
        Ok(&seen.learned)
    }

    /// The value of an input, or [`After`].
    pub(crate) fn value<T: 'static>(&self, input: &Input<T>) -> Result<T> {
        input.make(self)
    }

    fn may_ask(&self, node: Node) -> bool {
        match self.scope {
            Scope::Needs => self.shape.needs(self.asking).any(|need| need == node) || self.is_place(node),
            Scope::Places => self.is_place(node),
        }
    }

    fn is_place(&self, node: Node) -> bool {
        self.shape.places(self.asking).any(|place| place == node)
    }
}

impl Display for Scope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Needs => "one of its needs",
            Self::Places => "its place",
        })
    }
}

impl Learned {
    pub(crate) fn nothing(entries: usize) -> Self {
        Self((0..entries).map(|_| OnceCell::new()).collect())
    }

    /// The first time counts: what is learned of a thing does not change during a walk.
    pub(crate) fn learn(&self, node: Node, sight: &Sight) {
        self.0[node.0].get_or_init(|| Rc::clone(&sight.seen));
    }

    pub(crate) fn has(&self, node: Node) -> bool {
        self.0[node.0].get().is_some()
    }
}

impl Judgement {
    /// Whether reconciling would do or await something here.
    pub(crate) fn is_change(&self) -> bool {
        use Judgement::{Absent, Failed, Foreign, Interrupted, Kept, NotVisible, Same};
        !matches!(self, Same | Absent | Kept(_) | Foreign | NotVisible(_) | Failed(_) | Interrupted)
    }
}

impl Outcome {
    /// Whether what needs this can go on.
    pub(crate) fn stands(&self) -> bool {
        matches!(self, Self::Same | Self::Did(Act::Create | Act::Change(_) | Act::Adopt | Act::Repair))
    }

    /// Whether what this needed can go.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Absent | Self::Did(Act::Delete))
    }

    /// What becomes of another that had to wait for this, which is called `label`.
    pub(crate) fn passed_on(&self, label: &Label) -> Self {
        match self {
            Self::Skipped(cause) => Self::Skipped(cause.clone()),
            Self::Interrupted(_) => Self::Interrupted(None),
            _ => Self::Skipped(label.clone()),
        }
    }
}

impl<T> Report<T> {
    pub(crate) fn new(shape: &Shape, learned: Learned, results: impl IntoIterator<Item = T>) -> Self {
        let lines = shape.nodes().zip(results).map(|(node, result)| {
            let entry = shape.entry(node);
            Line { label: entry.label.clone(), wanted: entry.is_wanted(), result }
        });
        Self { lines: lines.collect(), learned }
    }

    /// What was learned of a resource, if it was seen.
    pub(crate) fn learned<R: Resource>(&self, key: &Key<R>) -> Option<&R::Learned> {
        let seen: &SeenBy<R> = self.learned.0.get(key.node().0)?.get()?.downcast_ref()?;
        Some(&seen.learned)
    }

    /// How it is with a resource.
    pub(crate) fn of<R>(&self, key: &Key<R>) -> Option<&T> {
        self.lines.get(key.node().0).map(|line| &line.result)
    }

    pub(crate) fn count(&self, of: impl Fn(&T) -> bool) -> usize {
        self.lines.iter().filter(|line| of(&line.result)).count()
    }

    fn any(&self, of: impl Fn(&Line<T>) -> bool) -> bool {
        self.lines.iter().any(of)
    }
}

impl Plan {
    /// What was learned of a resource that is to be there already. Fails with why it was not seen, or with `missing`.
    pub(crate) fn seen<R: Resource>(
        &self,
        key: &Key<R>,
        missing: impl Fn() -> String,
    ) -> Result<&R::Learned> {
        if let Some(learned) = self.learned(key) {
            return Ok(learned);
        }
        let mut line = self.lines.get(key.node().0);
        while let Some(Line { result: Judgement::After(before), .. }) = line {
            line = self.lines.iter().find(|line| line.label == *before);
        }
        match line.map(|line| (&line.label, &line.result)) {
            Some((label, Judgement::NotVisible(why))) => bail!("{label} is not visible to you: {why}"),
            Some((_, Judgement::Failed(why))) => bail!("{why}"),
            _ => bail!(missing()),
        }
    }
}

/// Everything was done, kept things included.
pub(crate) const DONE: u8 = 0;
/// Something failed or was not reached.
pub(crate) const FAILED: u8 = 1;
/// `--check` found changes.
pub(crate) const CHANGES: u8 = 3;
pub(crate) const INTERRUPTED: u8 = 130;

impl Plan {
    /// Whether reconciling would do nothing.
    pub(crate) fn is_settled(&self) -> bool {
        !self.any(|line| line.result.is_change())
    }

    /// The exit status of a plan; with `check`, of one that must find nothing to do.
    pub(crate) fn exit_status(&self, check: bool) -> u8 {
        let blocked = |line: &Line<Judgement>| match line.result {
            Judgement::NotVisible(_) | Judgement::Failed(_) => true,
            Judgement::Foreign => check && line.wanted,
            _ => false,
        };
        match () {
            () if self.any(|line| matches!(line.result, Judgement::Interrupted)) => INTERRUPTED,
            () if self.any(blocked) => FAILED,
            () if check && !self.is_settled() => CHANGES,
            () => DONE,
        }
    }
}

impl Done {
    /// The exit status: what is foreign fails only those who wanted it.
    pub(crate) fn exit_status(&self) -> u8 {
        let failed = |line: &Line<Outcome>| match line.result {
            Outcome::Kept(_) => false,
            Outcome::Foreign => line.wanted,
            _ => !line.result.stands() && !line.result.is_gone(),
        };
        match () {
            () if self.any(|line| matches!(line.result, Outcome::Interrupted(_))) => INTERRUPTED,
            () if self.any(failed) => FAILED,
            () => DONE,
        }
    }
}

impl Act {
    /// As one says what is asked: ``create role `deploy` ``.
    pub(crate) fn verb(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change(_) => "change",
            Self::Adopt => "adopt",
            Self::Repair => "repair",
            Self::Delete => "delete",
        }
    }
}

/// A duration as people say it: `40 s`, `12 min`.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..120 => format!("{} s", time.as_secs()),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

impl Display for After {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "after {}", self.0)
    }
}

impl std::error::Error for After {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(Rc::new(error))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
