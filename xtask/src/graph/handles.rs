//! The handles of an environment's entries, and the values that are made from what entries have learned.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::rc::Rc;

use anyhow::Result;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use super::Node;
use crate::report::Known;
use crate::resource::Resource;

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

impl<R> Key<R> {
    pub(super) fn new(node: Node) -> Self {
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

/// Every node that a serialized resource names, wherever it is nested.
pub(super) fn collect(value: &Value, nodes: &mut BTreeSet<Node>) {
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
