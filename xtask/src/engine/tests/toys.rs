//! A world of toys: things that take time to come and to go, and can lag, fail and be drifted by hand.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::engine::{self, Event, Options, Stop, What};
use crate::graph::{Environment, Input, Key, Node};
use crate::report::{Done, Judgement, Known, Outcome, Plan};
use crate::resource::{Busy, Cx, Lane, NotVisible, Resource, Seen, SeenBy, State};

pub(super) const READ: Duration = Duration::from_millis(100);
pub(super) const WRITE: Duration = Duration::from_millis(300);

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The declaration of a toy.
#[derive(Serialize)]
pub(super) struct Toy {
    pub(super) name: String,
    pub(super) place: Option<Key<Toy>>,
    pub(super) needs: Vec<Key<Toy>>,
    /// Owned: this, and the ids of what it needs.
    pub(super) colour: String,
    pub(super) ids: Input<Vec<u64>>,
    pub(super) size: u32,
    pub(super) takes: Duration,
    pub(super) goes: Duration,
    pub(super) keep: bool,
    pub(super) shared: bool,
    pub(super) patience: Duration,
    #[serde(skip)]
    pub(super) lane: Option<Lane>,
    /// A forbidden wish: to know all needs while only looking.
    pub(super) curious: bool,
}

pub(super) fn toy(name: &str) -> Toy {
    Toy {
        name: name.to_owned(),
        place: None,
        needs: Vec::new(),
        colour: "red".to_owned(),
        ids: Input::from(Vec::new()),
        size: 1,
        takes: Duration::ZERO,
        goes: Duration::ZERO,
        keep: false,
        shared: false,
        patience: seconds(600),
        lane: None,
        curious: false,
    }
}

impl Toy {
    pub(super) fn needs(self, needs: &[Key<Toy>]) -> Self {
        let ids = needs.iter().map(|need| need.learns(|learned| learned.id)).collect();
        Self { needs: needs.to_vec(), ids: Input::all(ids), ..self }
    }

    pub(super) fn within(self, place: Key<Toy>) -> Self {
        Self { place: Some(place), ..self }
    }

    pub(super) fn takes(self, takes: u64) -> Self {
        Self { takes: seconds(takes), ..self }
    }

    pub(super) fn goes(self, goes: u64) -> Self {
        Self { goes: seconds(goes), ..self }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Owned {
    pub(super) colour: String,
    pub(super) ids: Vec<u64>,
    pub(super) size: u32,
}

#[derive(Clone)]
pub(super) struct Learned {
    pub(super) id: u64,
}

impl Resource for Toy {
    type World = World;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "toy";
    const CREATE_ONLY: &'static [&'static str] = &["size"];

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        self.place.map(|place| place.node())
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        Ok(Owned { colour: self.colour.clone(), ids: known.value(&self.ids)?, size: self.size })
    }

    async fn observe(&self, cx: &Cx<'_, World>) -> Result<Option<SeenBy<Self>>> {
        if let Some(place) = &self.place {
            cx.known.of(place)?;
        }
        if self.curious {
            cx.known.value(&self.ids)?;
        }
        cx.world.call("read", &self.name, READ, |world| world.read(&self.name)).await
    }

    async fn apply(&self, cx: &Cx<'_, World>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let verb = if current.is_none() { "create" } else { "change" };
        let effect = |world: &World| match current {
            None => world.create(self, desired),
            Some(seen) if matches!(seen.state, State::Failed(_)) => world.remove(&self.name, seconds(1)),
            Some(_) => world.change(self, desired),
        };
        cx.world.call(verb, &self.name, WRITE, effect).await
    }

    async fn delete(&self, cx: &Cx<'_, World>, _: &SeenBy<Self>) -> Result<()> {
        let effect = |world: &World| world.remove(&self.name, self.goes);
        cx.world.call("delete", &self.name, WRITE, effect).await
    }

    fn keep(&self) -> Option<String> {
        self.keep.then(|| "toys are kept".to_owned())
    }

    fn shared(&self) -> bool {
        self.shared
    }

    fn lane(&self) -> Option<Lane> {
        self.lane.clone()
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

/// What is really there. Reads tell how it was `lag` ago.
#[derive(Default)]
pub(super) struct World {
    pub(super) calls: RefCell<Vec<Call>>,
    things: RefCell<BTreeMap<String, History>>,
    pub(super) lag: Cell<Duration>,
    /// Names are not unique: creating makes another one, and this counts them.
    pub(super) doubles: Cell<bool>,
    pub(super) made: RefCell<BTreeMap<String, usize>>,
    /// The next calls of this verb to that name fail so.
    faults: RefCell<Vec<(String, Fault)>>,
    last_id: Cell<u64>,
}

/// Every version, and since when; `None` is gone.
type History = Vec<(Instant, Option<Thing>)>;

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) verb: &'static str,
    pub(super) name: String,
    pub(super) begun: Instant,
    pub(super) ended: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(super) struct Thing {
    pub(super) id: u64,
    pub(super) owned: Owned,
    pub(super) ours: bool,
    pub(super) ready: Instant,
    pub(super) gone: Option<Instant>,
    pub(super) failed: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    Error,
    Busy,
    NotVisible,
    /// The creation is accepted, and what it makes never becomes ready.
    Stillborn,
}

impl World {
    /// Half of the time passes before the effect, half after it, so that a kill can fall on either side.
    async fn call<T>(
        &self,
        verb: &'static str,
        name: &str,
        takes: Duration,
        effect: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        let index = self.calls.borrow().len();
        let begun = Instant::now();
        self.calls.borrow_mut().push(Call { verb, name: name.to_owned(), begun, ended: None });
        sleep(takes / 2).await;
        let result = match self.fault(verb, name) {
            Some(Fault::Error) => Err(anyhow::anyhow!("no more {name}")),
            Some(Fault::Busy) => Err(anyhow::Error::new(Busy("not now".to_owned())).context("wrapped")),
            Some(Fault::NotVisible) => Err(NotVisible("access denied".to_owned()).into()),
            Some(Fault::Stillborn) | None => effect(self),
        };
        sleep(takes / 2).await;
        self.calls.borrow_mut()[index].ended = Some(Instant::now());
        result
    }

    pub(super) fn fail(&self, verb: &str, name: &str, fault: Fault, times: usize) {
        let faults = std::iter::repeat_n((format!("{verb} {name}"), fault), times);
        self.faults.borrow_mut().extend(faults);
    }

    fn fault(&self, verb: &str, name: &str) -> Option<Fault> {
        let call = format!("{verb} {name}");
        let mut faults = self.faults.borrow_mut();
        let index = faults.iter().position(|(of, _)| *of == call)?;
        Some(faults.remove(index).1)
    }

    fn read(&self, name: &str) -> Result<Option<SeenBy<Toy>>> {
        let now = Instant::now();
        let Some(thing) = self.as_of(name, now.checked_sub(self.lag.get()).unwrap_or(now)) else {
            return Ok(None);
        };
        if thing.gone.is_some_and(|gone| gone <= now) {
            return Ok(None);
        }
        let state = match &thing.failed {
            _ if thing.gone.is_some() => State::Going("going".to_owned()),
            _ if thing.ready > now => State::Coming("coming".to_owned()),
            Some(reason) => State::Failed(reason.clone()),
            None => State::Ready,
        };
        let learned = Learned { id: thing.id };
        Ok(Some(Seen { owned: thing.owned, learned, ours: thing.ours, state }))
    }

    fn as_of(&self, name: &str, then: Instant) -> Option<Thing> {
        let things = self.things.borrow();
        let history = things.get(name)?;
        history.iter().rev().find(|(at, _)| *at <= then)?.1.clone()
    }

    /// What is there now, gone things excepted.
    pub(super) fn now(&self, name: &str) -> Option<Thing> {
        let now = Instant::now();
        self.as_of(name, now).filter(|thing| thing.gone.is_none_or(|gone| gone > now))
    }

    fn put(&self, name: &str, thing: Option<Thing>) {
        let mut things = self.things.borrow_mut();
        things.entry(name.to_owned()).or_default().push((Instant::now(), thing));
    }

    fn create(&self, toy: &Toy, desired: &Owned) -> Result<()> {
        if self.now(&toy.name).is_some() && !self.doubles.get() {
            bail!(Busy(format!("{} is already there", toy.name)));
        }
        *self.made.borrow_mut().entry(toy.name.clone()).or_default() += 1;
        let stillborn = self.fault("birth", &toy.name).is_some();
        self.put(
            &toy.name,
            Some(Thing {
                id: self.next_id(),
                owned: desired.clone(),
                ours: true,
                ready: Instant::now() + toy.takes,
                gone: None,
                failed: stillborn.then(|| "stillborn".to_owned()),
            }),
        );
        Ok(())
    }

    fn change(&self, toy: &Toy, desired: &Owned) -> Result<()> {
        let Some(thing) = self.now(&toy.name) else { bail!("no {} to change", toy.name) };
        let ready = thing.ready.max(Instant::now());
        self.put(&toy.name, Some(Thing { owned: desired.clone(), ours: true, ready, ..thing }));
        Ok(())
    }

    fn remove(&self, name: &str, goes: Duration) -> Result<()> {
        let Some(thing) = self.now(name) else {
            return Ok(());
        };
        let gone = thing.gone.unwrap_or(Instant::now() + goes);
        self.put(name, Some(Thing { gone: Some(gone), ..thing }));
        Ok(())
    }

    fn next_id(&self) -> u64 {
        self.last_id.set(self.last_id.get() + 1);
        self.last_id.get()
    }

    /// Somebody else makes one.
    pub(super) fn someone_makes(&self, name: &str) {
        let owned = Owned { colour: "theirs".to_owned(), ids: Vec::new(), size: 1 };
        let (id, ready) = (self.next_id(), Instant::now());
        self.put(name, Some(Thing { id, owned, ours: false, ready, gone: None, failed: None }));
    }

    /// Somebody changes it by hand.
    pub(super) fn drift(&self, name: &str, change: impl FnOnce(&mut Thing)) {
        let mut thing = self.now(name).unwrap();
        change(&mut thing);
        self.put(name, Some(thing));
    }

    pub(super) fn lose(&self, name: &str) {
        self.put(name, None);
    }

    /// What is there and what it looks like: to compare two worlds, whatever the ids.
    pub(super) fn picture(&self) -> BTreeMap<String, String> {
        let names: Vec<String> = self.things.borrow().keys().cloned().collect();
        let there = names.into_iter().filter_map(|name| Some((name.clone(), self.now(&name)?)));
        there.map(|(name, thing)| (name, format!("{} {:?}", thing.owned.colour, thing.failed))).collect()
    }

    pub(super) fn writes(&self) -> Vec<String> {
        let calls = self.calls.borrow();
        let writes = calls.iter().filter(|call| call.verb != "read");
        writes.map(|call| format!("{} {}", call.verb, call.name)).collect()
    }

    pub(super) fn forget_calls(&self) {
        self.calls.borrow_mut().clear();
    }

    pub(super) fn first(&self, verb: &str, name: &str) -> Option<Call> {
        self.calls.borrow().iter().find(|call| call.verb == verb && call.name == name).cloned()
    }
}

pub(super) type Toys = Environment<World>;

pub(super) async fn look(toys: &Toys, world: &World) -> Plan {
    engine::look(toys, world, &Options::default()).await.unwrap()
}

pub(super) async fn reconcile(toys: &Toys, world: &World) -> Done {
    engine::reconcile(toys, world, &Options::default()).await.unwrap()
}

pub(super) async fn reconcile_until(toys: &Toys, world: &World, stop: &Stop) -> Done {
    let options = Options { stop: stop.clone(), ..Options::default() };
    engine::reconcile(toys, world, &options).await.unwrap()
}

/// What was waited for, in order, as `name: what`.
pub(super) async fn waits(toys: &Toys, world: &World) -> (Done, Vec<String>) {
    let heard = RefCell::new(Vec::new());
    let listen = |event: Event<'_>| {
        if let What::Waiting { on, .. } = event.what {
            heard.borrow_mut().push(format!("{}: {on:?}", event.label.name));
        }
    };
    let done = engine::reconcile(toys, world, &Options { listen: &listen, ..Options::default() }).await;
    (done.unwrap(), heard.into_inner())
}

pub(super) fn outcome<'a>(done: &'a Done, name: &str) -> &'a Outcome {
    &done.lines.iter().find(|line| line.label.name == name).unwrap().result
}

pub(super) fn judgement<'a>(plan: &'a Plan, name: &str) -> &'a Judgement {
    &plan.lines.iter().find(|line| line.label.name == name).unwrap().result
}

/// All results, as text: short enough to read in an assertion.
pub(super) fn told<T: std::fmt::Debug>(report: &crate::report::Report<T>) -> Vec<String> {
    report.lines.iter().map(|line| format!("{} {:?}", line.label.name, line.result)).collect()
}
