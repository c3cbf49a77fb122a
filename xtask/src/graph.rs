//! The environment: the list of what is wanted, what is used and what is retired, and the handles into it.
//!
//! **Architecture Invariant:** nobody lists needs. A resource's keys are its fields, and adding it
//! finds them; what was not added before cannot be named, so there are no cycles to detect.

mod handles;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::{self, Display, Formatter};

use crate::resource::{Lane, Object, Resource};
use anyhow::{Result, bail};
use handles::collect;
pub(crate) use handles::{Input, Key};

/// Everything that should exist, and everything that should no longer.
pub(crate) struct Environment<W> {
    objects: Vec<Box<dyn Object<W>>>,
    pub(crate) shape: Shape,
    twins: HashMap<Label, usize>,
    wish: Wish,
    /// What is used where it is retired.
    spared: HashSet<Label>,
    faults: Vec<String>,
}

/// Who is who, and who needs whom: all there is to know about an environment without its resources.
#[derive(Default)]
pub(crate) struct Shape {
    pub(crate) entries: Vec<Entry>,
}

/// One line of the environment.
pub(crate) struct Entry {
    pub(crate) label: Label,
    pub(crate) wish: Wish,
    pub(crate) place: Option<Node>,
    pub(crate) needs: BTreeSet<Node>,
    /// Retired first and wanted later: the entry that counts.
    replaced_by: Option<Node>,
}

/// What is to become of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To stand, as declared.
    #[default]
    Wanted,
    /// To be looked at, for those who live in it: never made, changed or deleted.
    Used,
    /// To be gone.
    Retired,
}

/// What a resource is called, wherever it is spoken of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct Label {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<Box<Label>>,
}

/// An entry of an environment, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(pub(crate) usize);

impl<W> Default for Environment<W> {
    fn default() -> Self {
        let (objects, shape, twins, wish, spared, faults) = Default::default();
        Self { objects, shape, twins, wish, spared, faults }
    }
}

impl<W> Environment<W> {
    /// Declares a resource. It needs every key among its fields.
    ///
    /// A label that is taken by another wanted resource is a fault of the declaration, which
    /// [`Self::check`] reports; what is wanted and anything else is wanted, and the rest is what it was first.
    pub(crate) fn add<R: Resource<World = W>>(&mut self, resource: R) -> Key<R> {
        let entry = self.entry(&resource);
        let node = Node(self.objects.len());
        if let Some(&twin) = self.twins.get(&entry.label) {
            if self.wish != Wish::Wanted {
                return Key::new(Node(twin));
            }
            if self.shape.entries[twin].is_wanted() {
                self.faults.push(format!("{} is declared twice", entry.label));
            }
            self.shape.entries[twin].replaced_by = Some(node);
        }
        self.twins.insert(entry.label.clone(), node.0);
        self.shape.entries.push(entry);
        self.objects.push(Box::new(resource));
        Key::new(node)
    }

    /// Declares, through the same functions, what should no longer exist.
    pub(crate) fn retire<T>(&mut self, declare: impl FnOnce(&mut Self) -> T) -> T {
        self.wishing(Wish::Retired, declare)
    }

    /// Declares, through the same functions, what the rest lives in and what is left as it is.
    pub(crate) fn using<T>(&mut self, declare: impl FnOnce(&mut Self) -> T) -> T {
        self.wishing(Wish::Used, declare)
    }

    /// What that one wants is nobody's to retire here from now on: it is used.
    pub(crate) fn spare(&mut self, other: &Self) {
        let wanted = other.shape.entries.iter().filter(|entry| entry.is_wanted());
        self.spared.extend(wanted.map(|entry| entry.label.clone()));
    }

    pub(crate) fn is_retired<R>(&self, key: Key<R>) -> bool {
        self.shape.entry(key.node()).wish == Wish::Retired
    }

    fn wishing<T>(&mut self, wish: Wish, declare: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.wish, wish);
        let declared = declare(self);
        self.wish = before;
        declared
    }

    /// Whether the declaration makes sense, and `adopt` names (as `KIND/NAME`) only what it declares.
    pub(crate) fn check(&self, adopt: &[String]) -> Result<()> {
        let is_known = |asked: &&String| {
            let wanted = self.shape.nodes().filter(|node| self.shape.entry(*node).is_wanted());
            wanted.map(|node| self.shape.label(node)).any(|label| label.is_asked(asked))
        };
        let unknown = adopt.iter().filter(|asked| !is_known(asked));
        let unknown = unknown.map(|asked| format!("nothing wanted is called `{asked}`"));
        let faults: Vec<String> = self.faults.iter().cloned().chain(unknown).collect();
        if !faults.is_empty() {
            bail!("declare the environment: {}", faults.join("; "));
        }
        Ok(())
    }

    pub(crate) fn object(&self, node: Node) -> &dyn Object<W> {
        self.objects[node.0].as_ref()
    }

    fn entry<R: Resource<World = W>>(&mut self, resource: &R) -> Entry {
        let place = resource.place().map(|place| self.shape.resolve(place));
        let label = Label {
            kind: R::KIND,
            name: resource.name(),
            place: place.map(|place| Box::new(self.shape.label(place).clone())),
        };
        let found = serde_json::to_value(resource);
        let found = found.map_err(|error| self.faults.push(format!("{label} cannot be serialized: {error}")));
        let mut needs: BTreeSet<Node> = place.into_iter().collect();
        collect(&found.unwrap_or_default(), &mut needs);
        let needs = needs.into_iter().map(|need| self.shape.resolve(need)).collect();
        self.check_needs(&label, &needs);
        let wish = match self.wish {
            Wish::Retired if self.spared.contains(&label) => Wish::Used,
            wish => wish,
        };
        Entry { label, wish, place, needs, replaced_by: None }
    }

    fn check_needs(&mut self, label: &Label, needs: &BTreeSet<Node>) {
        let retired = needs.iter().find(|need| self.shape.entries[need.0].wish == Wish::Retired);
        if let (Wish::Wanted, Some(need)) = (self.wish, retired) {
            let need = self.shape.label(*need);
            self.faults.push(format!("{label} is wanted and needs {need}, which is retired"));
        }
    }
}

impl Entry {
    pub(crate) fn is_wanted(&self) -> bool {
        self.wish == Wish::Wanted
    }
}

impl Shape {
    /// Every entry that counts, needs before what needs them.
    pub(crate) fn nodes(&self) -> impl DoubleEndedIterator<Item = Node> {
        let counts = |node: &Node| self.entries[node.0].replaced_by.is_none();
        (0..self.entries.len()).map(Node).filter(counts)
    }

    pub(crate) fn entry(&self, node: Node) -> &Entry {
        &self.entries[self.resolve(node).0]
    }

    pub(crate) fn label(&self, node: Node) -> &Label {
        &self.entry(node).label
    }

    /// Its place, the place of that, and so on.
    pub(crate) fn places(&self, node: Node) -> impl Iterator<Item = Node> {
        std::iter::successors(self.place(node), |place| self.place(*place))
    }

    pub(crate) fn place(&self, node: Node) -> Option<Node> {
        self.entry(node).place.map(|place| self.resolve(place))
    }

    pub(crate) fn needs(&self, node: Node) -> impl Iterator<Item = Node> {
        self.entry(node).needs.iter().map(|need| self.resolve(*need))
    }

    /// Who needs it, for every entry.
    pub(crate) fn dependants(&self) -> Vec<Vec<Node>> {
        let mut dependants = vec![Vec::new(); self.entries.len()];
        for node in self.nodes() {
            self.needs(node).for_each(|need| dependants[need.0].push(node));
        }
        dependants
    }

    pub(crate) fn queue(&self, lane: &Lane) -> Queue {
        (lane.name, lane.of.map(|of| self.resolve(of)))
    }

    pub(crate) fn resolve(&self, node: Node) -> Node {
        self.entries[node.0].replaced_by.map_or(node, |newer| self.resolve(newer))
    }
}

/// What tells one lane from another.
pub(crate) type Queue = (&'static str, Option<Node>);

impl Label {
    /// Whether `asked` (`KIND/NAME`, spaces or hyphens) means this.
    pub(crate) fn is_asked(&self, asked: &str) -> bool {
        let same = |kind: &str| kind.replace('-', " ").eq_ignore_ascii_case(&self.kind.replace('-', " "));
        asked.split_once('/').is_some_and(|(kind, name)| same(kind) && name == self.name)
    }
}

/// ``role `deploy` in account `dev` ``
impl Display for Label {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)?;
        self.place.iter().try_for_each(|place| write!(f, " in {place}"))
    }
}
