//! An answer that AWS would refuse with: a code from the service's model, and its message.

use serde_json::Value;
use std::collections::BTreeMap;

/// An error as AWS names it. The wire layer turns it into the service's own form and status.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The error's code: the shape's name in the service's model (`RepositoryNotFoundException`), or its query code
    /// (`EntityAlreadyExists`), or one common to all services (`AccessDeniedException`, `ThrottlingException`).
    pub code: String,
    /// What AWS says, as near to its own words as is known.
    pub message: String,
    /// Further members of the error's shape, such as `Reason`.
    pub details: BTreeMap<String, Value>,
    /// The HTTP status, where neither the model nor the common codes say it.
    pub status: Option<u16>,
    /// The seed by which it is spoilt on its way.
    pub garbled: Option<u64>,
}

impl Fault {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { code, message, details: BTreeMap::new(), status: None, garbled: None }
    }

    /// Adds a member of the error's shape, such as `Reason` of `ConstraintViolationException`.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.details.insert(member.to_owned(), value.into());
        self
    }

    /// Sets the HTTP status of a code that no model knows.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The sandbox does not do this: said with 501 and the operation's name, never a silent success.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        Self::new("NotImplemented", format!("the sandbox does not implement {service} {operation}"))
            .status(501)
    }
}
