//! One request as a service sees it: who calls, what for, and the world to do it in.

use crate::auth::{self, Caller};
use crate::clock::Time;
use crate::fault::Fault;
use crate::world::World;
use serde_json::{Map, Value};

/// What an operation answers: its output by the model's member names, or AWS's refusal.
///
/// Times are seconds since 1970 as numbers and blobs are base64 strings; the wire layer gives them the protocol's form.
pub type Answer = Result<Value, Fault>;

/// A decoded, validated request. Lengths, patterns, enums and required members have been checked against the model.
pub struct Call<'w> {
    pub world: &'w mut World,
    /// The model's name: `organizations`, `appconfigdata`, …
    pub service: &'w str,
    pub operation: &'w str,
    /// The Region that the request was signed for; `us-east-1` for global services.
    pub region: &'w str,
    pub input: Map<String, Value>,
    /// Who signed it. `None` for the few operations that AWS takes unsigned.
    pub caller: Option<Caller>,
    /// Whether the operation has asked [`Call::allow`] yet: one that answers without is a bug, and answers 500.
    pub authorized: bool,
}

/// Letters that ids are made from.
pub const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
/// Letters of access keys and unique ids.
pub const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters of digests and UUID-like ids.
pub const HEX: &str = "0123456789abcdef";
/// Letters of account ids.
pub const DIGITS: &str = "0123456789";

impl Call<'_> {
    /// The caller's account id.
    pub fn account(&self) -> String {
        self.caller.as_ref().map(|c| c.account.clone()).unwrap_or_default()
    }

    /// `<account>/<region>`: the key of what the caller's account has in this Region.
    pub fn here(&self) -> String {
        format!("{}/{}", self.account(), self.region)
    }

    pub fn now(&self) -> Time {
        self.world.clock.now()
    }

    /// When something will be over that takes AWS `seconds`.
    pub fn due(&self, seconds: f64) -> Time {
        self.world.clock.due(seconds)
    }

    /// Asks whether the caller may do `action` (`ecr:PutImage`) to `resource` (an ARN, or `*`).
    pub fn allow(&mut self, action: &str, resource: &str) -> Result<(), Fault> {
        self.allow_with(action, resource, &[], None)
    }

    /// The same with request context (`iam:PassedToService`, `aws:RequestTag/…`) and the resource's own policy.
    ///
    /// A resource policy counts as AWS counts it: it can allow within the account, must allow together with the
    /// caller's own policies across accounts, and its explicit deny wins.
    pub fn allow_with(
        &mut self,
        action: &str,
        resource: &str,
        context: &[(&str, &str)],
        policy: Option<&Value>,
    ) -> Result<(), Fault> {
        self.authorized = true;
        let caller = self.caller.clone();
        auth::allow(
            self.world,
            caller.as_ref(),
            self.region,
            &auth::Question { action, resource, context, policy },
        )
    }

    /// For operations that need no permission, such as GetCallerIdentity.
    pub fn anyone(&mut self) {
        self.authorized = true;
    }

    /// A string member, or `""` where it is absent.
    pub fn text(&self, member: &str) -> &str {
        self.opt_text(member).unwrap_or_default()
    }

    pub fn opt_text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    pub fn int(&self, member: &str) -> Option<i64> {
        self.input.get(member).and_then(Value::as_i64)
    }

    pub fn flag(&self, member: &str) -> bool {
        self.input.get(member).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A list member, empty where it is absent.
    pub fn list(&self, member: &str) -> Vec<Value> {
        self.input.get(member).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// A list of strings, empty where it is absent.
    pub fn texts(&self, member: &str) -> Vec<String> {
        self.list(member).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    }

    /// One page of `items`, and the token of the next: `max` and `token` name the input's members.
    ///
    /// A token that the sandbox did not give is refused with `code`.
    pub fn page<T>(
        &self,
        items: Vec<T>,
        (max, default): (&str, usize),
        token: &str,
        code: &str,
    ) -> Result<(Vec<T>, Option<String>), Fault> {
        let start = match self.opt_text(token) {
            None | Some("") => 0,
            Some(t) => decode_token(t)
                .filter(|start| *start <= items.len())
                .ok_or_else(|| Fault::new(code, format!("Invalid {token}")))?,
        };
        let size = self
            .int(max)
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n > 0)
            .unwrap_or(default)
            .min(default.max(1000));
        let total = items.len();
        let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
        let next = start + page.len();
        Ok((page, (next < total).then(|| format!("page-{next:08}"))))
    }
}

fn decode_token(token: &str) -> Option<usize> {
    token.strip_prefix("page-")?.parse().ok()
}
