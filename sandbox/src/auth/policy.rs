//! What one document says about one request.

use super::condition::{self, Context, like};
use super::document::{Document, Patterns, Principals, Statement};

/// A request as policies see it.
pub struct Request<'a> {
    pub action: &'a str,
    pub resource: &'a str,
    pub context: &'a Context,
    /// Who asks. `None`: nobody signed.
    pub who: Option<&'a Who>,
}

/// The names that a principal answers to in `Principal`.
#[derive(Clone, Debug, Default)]
pub struct Who {
    pub account: String,
    /// The ARN of the user, of the role's session, or of root.
    pub arn: String,
    /// A session's role.
    pub role: Option<String>,
    /// `AIDA…` or `AROA…`.
    pub id: String,
    /// `ecs-tasks.amazonaws.com`; then nothing else is set.
    pub service: Option<String>,
}

/// What a document says. In policies of resources it counts how the principal was named.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Says {
    Nothing,
    /// Allowed, to the principal's whole account: the account's own policies must allow as well.
    Account,
    /// Allowed to the session's role, or to everyone: boundaries and session policies still bound it.
    Role,
    /// Allowed to this very principal.
    Allow,
    Deny,
}

impl Document {
    /// What an identity's policy, a boundary or a session policy says: it names no principal.
    pub fn says(&self, request: &Request) -> Says {
        let told = self.statements.iter().filter(|s| s.applies(request));
        told.map(|s| if s.deny { Says::Deny } else { Says::Allow }).fold(Says::Nothing, strongest)
    }

    /// What a policy of a resource, or a role's trust policy, says.
    pub fn says_to(&self, request: &Request) -> Says {
        let told = self.statements.iter().filter(|s| s.applies(request));
        told.map(|s| match s.principals.as_ref().map_or(Says::Nothing, |p| p.name(request.who)) {
            Says::Nothing => Says::Nothing,
            _ if s.deny => Says::Deny,
            named => named,
        })
        .fold(Says::Nothing, strongest)
    }
}

fn strongest(a: Says, b: Says) -> Says {
    if b > a { b } else { a }
}

impl Statement {
    fn applies(&self, request: &Request) -> bool {
        self.actions.hold(|pattern| like(&pattern.to_lowercase(), &request.action.to_lowercase()))
            && self.resources.as_ref().is_none_or(|r| r.hold(|p| names(p, request)))
            && self
                .conditions
                .iter()
                .all(|(operator, key, values)| condition::met(operator, key, values, request.context))
    }
}

/// Whether a pattern of `Resource` names the request's resource.
fn names(pattern: &str, request: &Request) -> bool {
    let Some(pattern) = condition::fill(pattern, request.context) else {
        return false;
    };
    match pattern.splitn(6, ':').count() {
        6 => condition::arn_like(&pattern, request.resource),
        _ => like(&pattern, request.resource),
    }
}

impl Patterns {
    fn hold(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|p| matches(p)) != self.not
    }
}

impl Principals {
    fn name(&self, who: Option<&Who>) -> Says {
        let named = self.names.iter().map(|(kind, name)| names_principal(kind, name, who));
        let named = named.fold(Says::Nothing, strongest);
        match (self.not, named) {
            (false, named) => named,
            (true, Says::Nothing) => Says::Role,
            (true, _) => Says::Nothing,
        }
    }
}

fn names_principal(kind: &str, name: &str, who: Option<&Who>) -> Says {
    if kind == "AWS" && name == "*" {
        // To everyone: a user or root needs no more, a session stays within its bounds.
        return match who {
            Some(who) if who.role.is_none() => Says::Allow,
            _ => Says::Role,
        };
    }
    let Some(who) = who else {
        return Says::Nothing;
    };
    match kind {
        "Service" if who.service.as_deref() == Some(name) => Says::Allow,
        "AWS" if who.service.is_none() => names_aws(name, who),
        _ => Says::Nothing,
    }
}

fn names_aws(name: &str, who: &Who) -> Says {
    let root = format!("arn:aws:iam::{}:root", who.account);
    let is_role = who.role.as_deref() == Some(name) || (who.role.is_some() && name == who.id);
    if is_role {
        Says::Role
    } else if name == who.arn && name != root || name == who.id && name != who.account {
        Says::Allow
    } else if name == root || name == who.account {
        Says::Account
    } else {
        Says::Nothing
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
