//! The contract between the engine and one thing that exists because we declared it.
//!
//! A resource is a plain, serializable struct whose fields are its declaration: literal values,
//! [`Key`](crate::graph::Key)s of what it needs, and [`Input`](crate::graph::Input)s made from what
//! a need has learned.
//!
//! ```ignore
//! #[derive(Serialize)]
//! pub(crate) struct LogGroup {
//!     pub(crate) account: Key<Account>,   // its place: where it lives and is looked for
//!     pub(crate) name: String,
//!     pub(crate) reader: Input<String>,   // e.g. `role.learns(|role| role.arn.clone())`
//!     pub(crate) days: i32,
//! }
//!
//! #[derive(Serialize)]                    // what we own: compared, shown, repaired
//! pub(crate) struct Owned { retention: Option<i32>, reader: String }
//!
//! pub(crate) struct Learned { pub(crate) arn: String }
//!
//! impl Resource for LogGroup {
//!     type World = Aws;
//!     type Owned = Owned;
//!     type Learned = Learned;
//!     const KIND: &'static str = "log group";
//!
//!     fn name(&self) -> String { self.name.clone() }
//!     fn place(&self) -> Option<Node> { Some(self.account.node()) }
//!
//!     fn desired(&self, known: &Known<'_>) -> Result<Owned> {
//!         Ok(Owned { retention: Some(self.days), reader: known.value(&self.reader)? })
//!     }
//!
//!     async fn observe(&self, cx: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
//!         let logs = cx.world.logs(&cx.known.of(&self.account)?.id);  // only keys of the place here
//!         let Some(group) = logs.describe(&self.name).await? else { return Ok(None) };
//!         let owned = Owned { retention: group.retention, reader: group.tag("reader") };
//!         Ok(Some(Seen { owned, learned: Learned { arn: group.arn }, ours: group.is_ours, state: State::Ready }))
//!     }
//!
//!     async fn apply(&self, cx: &Cx<'_, Aws>, current: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
//!         if current.is_none() { /* create; AlreadyExists is `bail!(Busy("…"))`: look again */ }
//!         /* put retention and tags: the same calls on creation, adoption and repair */
//!     }
//!
//!     async fn delete(&self, cx: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> { /* ask; gone already is fine */ }
//! }
//! ```

use std::any::Any;
use std::fmt::{self, Display, Formatter};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::{FutureExt as _, LocalBoxFuture};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::graph::Node;
use crate::report::Known;

/// One thing that exists because we declared it.
///
/// **Architecture Invariant:** a resource knows no order, no progress, no prompt, no diff and no
/// wait loop. It says what it wants, looks, asks for one change at a time, and returns.
pub(crate) trait Resource: Serialize + 'static {
    /// What calls go through.
    type World;
    /// What we own: compared with what is there, shown, repaired. `None` and a missing field are equal.
    type Owned: Serialize + 'static;
    /// What only looking can tell: ids, ARNs, URLs.
    type Learned: 'static;

    /// As a person calls it, lowercase: `role`, `configuration profile`.
    const KIND: &'static str;
    /// Fields of [`Self::Owned`] that cannot change after creation: a difference is shown and refused.
    const CREATE_ONLY: &'static [&'static str] = &[];

    /// Unique among its kind in its place.
    fn name(&self) -> String;

    /// What it lives in: an account, an application. Also one of its needs.
    fn place(&self) -> Option<Node>;

    /// The owned fields as declared. Pure: reads its own fields and what its needs have learned.
    fn desired(&self, known: &Known<'_>) -> Result<Self::Owned>;

    /// Reads what is there, or `None`; never writes. May ask `cx.known` only for keys of its place
    /// (the place's own place included), so that it can be seen, and removed, without its other needs.
    ///
    /// Fails with [`Busy`] when it cannot be read yet, with [`NotVisible`] when we may not read it.
    async fn observe(&self, cx: &Cx<'_, Self::World>) -> Result<Option<SeenBy<Self>>>;

    /// Asks for what is `desired`, whatever is there, and returns without waiting: ids are learned by
    /// looking. Idempotent. `current` is `None` (create), differs (change), is not ours (adopt: tag it)
    /// or [`State::Failed`] (repair; to delete is enough, the engine then asks for the creation).
    ///
    /// Fails with [`Busy`] when nothing was done and looking again will tell more.
    async fn apply(
        &self,
        cx: &Cx<'_, Self::World>,
        current: Option<&SeenBy<Self>>,
        desired: &Self::Owned,
    ) -> Result<()>;

    /// Asks for deletion and returns without waiting. Copes with half-made things. Like
    /// [`Self::observe`], knows only its place.
    async fn delete(&self, cx: &Cx<'_, Self::World>, current: &SeenBy<Self>) -> Result<()>;

    /// Why it stays when it is no longer wanted.
    fn keep(&self) -> Option<String> {
        None
    }

    /// Whether one that is not ours is used as found, instead of being foreign.
    fn shared(&self) -> bool {
        false
    }

    /// What bounds how many of these may be under way at once.
    fn lane(&self) -> Option<Lane> {
        None
    }

    /// How long to wait for it, from its turn and again from each thing we ask of it.
    fn patience(&self) -> Duration {
        Duration::from_secs(5 * 60)
    }
}

/// What a resource of this type sees.
pub(crate) type SeenBy<R> = Seen<<R as Resource>::Owned, <R as Resource>::Learned>;

/// What looking found.
#[derive(Clone, Debug)]
pub(crate) struct Seen<Owned, Learned> {
    pub(crate) owned: Owned,
    pub(crate) learned: Learned,
    /// It carries our mark, or its place does.
    pub(crate) ours: bool,
    pub(crate) state: State,
}

/// Whether what was seen can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    /// Being made or changed, by whomever.
    Coming(String),
    /// Being deleted: it will be absent.
    Going(String),
    /// Over, and it stays so for a time that nobody can shorten: nothing more can be asked of it.
    Over(String),
    /// It will not become ready by itself. Found so, it is repaired once; after a change of ours it is the end.
    Failed(String),
}

/// What a call is made with.
pub(crate) struct Cx<'a, W> {
    pub(crate) world: &'a W,
    pub(crate) known: Known<'a>,
    /// A listing shared with others may answer if it was begun at or after this.
    pub(crate) since: Instant,
    /// Factor on all pauses; 1 against the real world.
    pub(crate) pace: f64,
}

impl<W> Cx<'_, W> {
    /// So much of the world's time.
    pub(crate) fn paced(&self, time: Duration) -> Duration {
        time.mul_f64(self.pace)
    }
}

/// A queue that lets `width` through at a time, each until it is ready or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) of: Option<Node>,
    pub(crate) width: usize,
}

impl Lane {
    pub(crate) fn new(name: &'static str, width: usize) -> Self {
        Self { name, of: None, width }
    }

    /// One such lane for each `node`: one deployment per environment.
    #[cfg_attr(not(test), expect(dead_code, reason = "for what is bounded per place"))]
    pub(crate) fn of(self, node: Node) -> Self {
        Self { of: Some(node), ..self }
    }
}

/// Not now, look again: not readable yet, a conflict on write, AlreadyExists after a lagging read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Busy(pub(crate) String);

/// We may not look there. Never to be taken for absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotVisible(pub(crate) String);

impl Display for Busy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for NotVisible {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "not visible to you: {}", self.0)
    }
}

impl std::error::Error for Busy {}
impl std::error::Error for NotVisible {}

/// What was seen, with its types forgotten.
pub(crate) struct Sight {
    pub(crate) owned: Value,
    pub(crate) ours: bool,
    pub(crate) state: State,
    /// The [`Seen`] itself.
    pub(crate) seen: Rc<dyn Any>,
}

/// A resource with its types forgotten, so that the engine can hold them all in one list.
pub(crate) trait Object<W> {
    fn observe<'a>(&'a self, cx: &'a Cx<'a, W>) -> LocalBoxFuture<'a, Result<Option<Sight>>>;
    fn desired(&self, known: &Known<'_>) -> Result<Value>;
    fn apply<'a>(&'a self, cx: &'a Cx<'a, W>, current: Option<&'a Sight>) -> LocalBoxFuture<'a, Result<()>>;
    fn delete<'a>(&'a self, cx: &'a Cx<'a, W>, current: &'a Sight) -> LocalBoxFuture<'a, Result<()>>;
    fn create_only(&self) -> &'static [&'static str];
    fn keep(&self) -> Option<String>;
    fn shared(&self) -> bool;
    fn lane(&self) -> Option<Lane>;
    fn patience(&self) -> Duration;
}

impl<R: Resource> Object<R::World> for R {
    fn observe<'a>(&'a self, cx: &'a Cx<'a, R::World>) -> LocalBoxFuture<'a, Result<Option<Sight>>> {
        async move { Resource::observe(self, cx).await?.map(sight::<R>).transpose() }.boxed_local()
    }

    fn desired(&self, known: &Known<'_>) -> Result<Value> {
        Ok(serde_json::to_value(Resource::desired(self, known)?)?)
    }

    fn apply<'a>(
        &'a self,
        cx: &'a Cx<'a, R::World>,
        current: Option<&'a Sight>,
    ) -> LocalBoxFuture<'a, Result<()>> {
        async move {
            let desired = Resource::desired(self, &cx.known)?;
            let current = current.map(seen::<R>).transpose()?;
            Resource::apply(self, cx, current, &desired).await
        }
        .boxed_local()
    }

    fn delete<'a>(&'a self, cx: &'a Cx<'a, R::World>, current: &'a Sight) -> LocalBoxFuture<'a, Result<()>> {
        async move { Resource::delete(self, cx, seen::<R>(current)?).await }.boxed_local()
    }

    fn create_only(&self) -> &'static [&'static str] {
        R::CREATE_ONLY
    }

    fn keep(&self) -> Option<String> {
        Resource::keep(self)
    }

    fn shared(&self) -> bool {
        Resource::shared(self)
    }

    fn lane(&self) -> Option<Lane> {
        Resource::lane(self)
    }

    fn patience(&self) -> Duration {
        Resource::patience(self)
    }
}

fn sight<R: Resource>(seen: SeenBy<R>) -> Result<Sight> {
    let owned = serde_json::to_value(&seen.owned)?;
    Ok(Sight { owned, ours: seen.ours, state: seen.state.clone(), seen: Rc::new(seen) })
}

fn seen<R: Resource>(sight: &Sight) -> Result<&SeenBy<R>> {
    sight.seen.downcast_ref().context("bug: seen by another kind of resource")
}
