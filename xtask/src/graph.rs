//! The environment: the list of what is wanted and what is retired, and the handles into it.
//!
//! **Architecture Invariant:** nobody lists needs. A resource's keys are its fields, and adding it
//! finds them; what was not added before cannot be named, so there are no cycles to detect.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Display, Formatter};
use std::marker::PhantomData;
use std::rc::Rc;

use anyhow::{Result, bail};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use crate::report::Known;
use crate::resource::{Lane, Object, Resource};

/// Everything that should exist, and everything that should no longer.
pub(crate) struct Environment<W> {
    objects: Vec<Box<dyn Object<W>>>,
    pub(crate) shape: Shape,
    twins: HashMap<Label, usize>,
    retiring: bool,
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
    pub(crate) wanted: bool,
    pub(crate) place: Option<Node>,
    pub(crate) needs: BTreeSet<Node>,
    /// Retired first and wanted later: the entry that counts.
    replaced_by: Option<Node>,
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

/// The handle of a resource of type `R`. A field of this type is a need.
pub(crate) struct Key<R> {
    node: Node,
    resource: PhantomData<fn() -> R>,
}

type Make<T> = dyn Fn(&Known<'_>) -> Result<T>;

/// A value that is made from what needs have learned: an ARN inside a policy. Or a plain value.
pub(crate) struct Input<T> {
    needs: Vec<Node>,
    make: Rc<Make<T>>,
}

impl<W> Default for Environment<W> {
    fn default() -> Self {
        let (objects, shape, twins, faults) = Default::default();
        Self { objects, shape, twins, retiring: false, faults }
    }
}

impl<W> Environment<W> {
    /// Declares a resource. It needs every key among its fields.
    ///
    /// A label that is taken by another wanted resource is a fault of the declaration, which
    /// [`Self::check`] reports; what is both wanted and retired is wanted.
    pub(crate) fn add<R: Resource<World = W>>(&mut self, resource: R) -> Key<R> {
        let entry = self.entry(&resource);
        let node = Node(self.objects.len());
        if let Some(&twin) = self.twins.get(&entry.label) {
            if self.retiring {
                return Key::new(Node(twin));
            }
            if self.shape.entries[twin].wanted {
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
        let before = std::mem::replace(&mut self.retiring, true);
        let declared = declare(self);
        self.retiring = before;
        declared
    }

    /// Whether the declaration makes sense, and `adopt` names (as `KIND/NAME`) only what it declares.
    pub(crate) fn check(&self, adopt: &[String]) -> Result<()> {
        let is_known = |asked: &&String| {
            let wanted = self.shape.nodes().filter(|node| self.shape.entry(*node).wanted);
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
        Entry { label, wanted: !self.retiring, place, needs, replaced_by: None }
    }

    fn check_needs(&mut self, label: &Label, needs: &BTreeSet<Node>) {
        let retired = needs.iter().find(|need| !self.shape.entries[need.0].wanted);
        if let (false, Some(need)) = (self.retiring, retired) {
            let need = self.shape.label(*need);
            self.faults.push(format!("{label} is wanted and needs {need}, which is retired"));
        }
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

impl<R> Key<R> {
    fn new(node: Node) -> Self {
        Self { node, resource: PhantomData }
    }

    /// The same entry, its type forgotten.
    pub(crate) fn node(&self) -> Node {
        self.node
    }
}

impl<R: Resource> Key<R> {
    /// A value made from what this has learned.
    pub(crate) fn learns<T>(self, make: impl Fn(&R::Learned) -> T + 'static) -> Input<T> {
        Input { needs: vec![self.node], make: Rc::new(move |known| known.of(&self).map(&make)) }
    }
}

impl<T: 'static> Input<T> {
    pub(crate) fn make(&self, known: &Known<'_>) -> Result<T> {
        (self.make)(known)
    }

    /// A value made from this one, if that can be done.
    pub(crate) fn and_then<U>(self, change: impl Fn(T) -> Result<U> + 'static) -> Input<U> {
        Input { needs: self.needs, make: Rc::new(move |known| change((self.make)(known)?)) }
    }

    /// Both values, when both are known.
    pub(crate) fn and<U: 'static>(self, other: Input<U>) -> Input<(T, U)> {
        let needs = self.needs.into_iter().chain(other.needs).collect();
        Input { needs, make: Rc::new(move |known| Ok(((self.make)(known)?, (other.make)(known)?))) }
    }

    /// All values, when all are known.
    pub(crate) fn all(inputs: Vec<Input<T>>) -> Input<Vec<T>> {
        let needs = inputs.iter().flat_map(|input| input.needs.clone()).collect();
        Input { needs, make: Rc::new(move |known| inputs.iter().map(|input| input.make(known)).collect()) }
    }
}

impl<T: Clone + 'static> From<T> for Input<T> {
    fn from(value: T) -> Self {
        Self { needs: Vec::new(), make: Rc::new(move |_| Ok(value.clone())) }
    }
}

// By hand: derived ones would ask the same of `R` and `T`.
impl<R> Copy for Key<R> {}
impl<R> Clone for Key<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Clone for Input<T> {
    fn clone(&self) -> Self {
        Self { needs: self.needs.clone(), make: Rc::clone(&self.make) }
    }
}

const MARK: &str = "foothold::node";

/// Marked, so that [`collect`] finds it wherever it is nested.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(MARK, &self.0)?;
        map.end()
    }
}

impl<R> Serialize for Key<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.node.serialize(serializer)
    }
}

impl<T> Serialize for Input<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.needs.serialize(serializer)
    }
}

fn collect(value: &Value, nodes: &mut BTreeSet<Node>) {
    match value {
        Value::Object(map) => {
            let marked = map.get(MARK).and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
            nodes.extend(marked.map(Node));
            map.values().for_each(|value| collect(value, nodes));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, nodes)),
        _ => {}
    }
}
