//! What IAM keeps for an account.

use crate::clock::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One account's IAM.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Roles by name. IAM's names are unique whatever their case: the key is in lower case.
    pub roles: BTreeMap<String, Role>,
    /// Users by name in lower case.
    pub users: BTreeMap<String, Entity>,
    /// Customer-managed policies by ARN.
    pub policies: BTreeMap<String, Managed>,
    /// Access keys by id: those of users, and root's.
    pub keys: BTreeMap<String, AccessKey>,
    pub alias: Option<String>,
    /// Deletions of service-linked roles by task id.
    pub deletions: BTreeMap<String, Deletion>,
}

/// What users and roles have in common.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entity {
    pub name: String,
    pub path: String,
    /// `AROA…` or `AIDA…`: trust policies remember this, not the ARN.
    pub id: String,
    pub arn: String,
    pub created: Time,
    pub access: Lagging<Access>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    #[serde(flatten)]
    pub entity: Entity,
    pub description: Option<String>,
    /// Seconds that a session may last.
    pub max_session: i64,
    /// The service that a service-linked role belongs to.
    pub linked_to: Option<String>,
    pub last_used: Option<(Time, String)>,
}

/// What decides about access, and reaches the rest of AWS late.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// A role's trust policy, its IAM principals replaced by their unique ids.
    pub trust: Value,
    /// Inline policies' documents by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached managed policies, in the order they were attached.
    pub attached: Vec<String>,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Managed {
    pub name: String,
    pub path: String,
    pub id: String,
    pub document: String,
    pub description: Option<String>,
    pub created: Time,
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessKey {
    pub secret: String,
    /// The user's name. `None`: root.
    pub user: Option<String>,
    pub active: bool,
    pub created: Time,
}

/// A service-linked role goes away some time after it was asked to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deletion {
    pub role: String,
    pub due: Time,
    pub done: bool,
}

/// A value whose changes others see only after a while; its owner sees them at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lagging<T> {
    /// When each value is seen from, oldest first.
    history: Vec<(Time, T)>,
    latest: T,
}

impl<T: Clone> Lagging<T> {
    pub fn new(value: T, seen_from: Time) -> Self {
        Self { history: vec![(seen_from, value.clone())], latest: value }
    }

    /// The value as its owner sees it.
    pub fn latest(&self) -> &T {
        &self.latest
    }

    /// The value as others see it; nothing as long as it is too new.
    pub fn seen(&self, now: Time) -> Option<&T> {
        self.history.iter().rev().find(|(from, _)| *from <= now).map(|(_, value)| value)
    }

    /// Changes the value; others see the old one until `seen_from`.
    pub fn change(&mut self, now: Time, seen_from: Time, change: impl FnOnce(&mut T)) {
        change(&mut self.latest);
        let current = self.history.iter().rposition(|(from, _)| *from <= now).unwrap_or(0);
        self.history.drain(..current);
        self.history.push((seen_from, self.latest.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_late_and_in_order() {
        let mut value = Lagging::new(1, 10.0);
        assert_eq!((value.latest(), value.seen(9.0), value.seen(10.0)), (&1, None, Some(&1)));
        value.change(12.0, 22.0, |v| *v = 2);
        value.change(14.0, 24.0, |v| *v = 3);
        assert_eq!(value.latest(), &3);
        assert_eq!([21.0, 22.0, 24.0].map(|t| *value.seen(t).unwrap()), [1, 2, 3]);
    }

    #[test]
    fn history_does_not_grow() {
        let mut value = Lagging::new(0, 0.0);
        for i in 1..100 {
            value.change(f64::from(i) * 100.0, f64::from(i) * 100.0 + 10.0, |v| *v = i);
        }
        assert_eq!(value.history.len(), 2);
    }
}
