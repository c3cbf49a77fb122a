//! Who is signing in and who is signed in. All of it lives in the clients' own time, unscaled.

use crate::call::LOWER;
use crate::clock::Time;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Clients, sign-ins under way, and tokens.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct SignIn {
    pub(super) clients: BTreeMap<String, Client>,
    /// By device code.
    pub(super) devices: BTreeMap<String, Device>,
    /// By authorization code.
    pub(super) codes: BTreeMap<String, Code>,
    /// By access token.
    pub(super) tokens: BTreeMap<String, Token>,
    /// By refresh token.
    pub(super) refreshes: BTreeMap<String, Token>,
}

/// A registered client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Client {
    pub(super) secret: String,
    pub(super) name: String,
    pub(super) expires: Time,
    pub(super) scopes: Vec<String>,
    pub(super) redirects: Vec<String>,
    pub(super) grants: Vec<String>,
}

/// A device that waits for a person to approve it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) user_code: String,
    pub(super) client: String,
    pub(super) expires: Time,
    /// Not before then may it ask again.
    pub(super) next: Time,
    pub(super) interval: f64,
    pub(super) decision: Decision,
}

/// What a person has decided about a sign-in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Decision {
    Open,
    /// The user's id.
    Allowed(String),
    Denied,
}

/// An authorization code, good for one exchange.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) client: String,
    pub(super) redirect: String,
    /// base64url of the SHA-256 of the verifier.
    pub(super) challenge: String,
    pub(super) user: String,
    pub(super) expires: Time,
}

/// A user's session, as a token stands for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) user: String,
    pub(super) client: String,
    pub(super) expires: Time,
    /// When the person has to sign in again.
    pub(super) ends: Time,
}

/// A secret that nobody guesses.
pub(super) fn secret(world: &mut World) -> String {
    world.id(LOWER, 48)
}

/// The scope that reaches accounts. Without any scope a client is of the old kind, which reaches them too.
pub(super) fn reaches_accounts(client: &Client) -> bool {
    client.scopes.is_empty() || client.scopes.iter().any(|s| s == "sso:account:access")
}
