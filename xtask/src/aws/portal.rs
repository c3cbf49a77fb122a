//! Identity Center's access portal, as the person who has signed in sees it: accounts, roles, and their credentials.

use std::fmt::{self, Debug, Formatter};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Error, Result};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_smithy_types::DateTime;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::token::{Cache, Token};
use super::{Failure, NoCredentials, Reach, explain, signin, unsigned};

/// What people sign in to: the `[sso-session]` of the shared config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SsoSession {
    /// The name of the section, and of the token in the cache.
    pub(crate) name: String,
    pub(crate) start_url: String,
    pub(crate) region: String,
}

/// A session, and what a run does with it.
#[derive(Clone, Debug)]
pub(crate) struct Sso {
    pub(crate) session: SsoSession,
    /// The directory that has `.aws/sso/cache`.
    pub(crate) home: PathBuf,
    /// Permission sets, from the one to be used first.
    pub(crate) prefer: Vec<String>,
    /// Signs in again, where there is somebody to ask.
    pub(crate) again: Option<Again>,
}

/// Signs in again.
#[derive(Clone)]
pub(crate) struct Again(pub(crate) Arc<dyn Fn() -> BoxFuture<'static, Result<Token>> + Send + Sync>);

/// The portal, open for a person.
pub(crate) struct Portal {
    pub(crate) sso: Sso,
    pub(crate) accounts: Vec<PortalAccount>,
    cache: Cache,
    oidc: aws_sdk_ssooidc::Client,
    client: aws_sdk_sso::Client,
    token: Mutex<Token>,
}

/// An account that the person may enter.
#[derive(Clone, Debug)]
pub(crate) struct PortalAccount {
    pub(crate) id: String,
    pub(crate) email: String,
}

/// What became of opening it.
pub(crate) enum Opened {
    Portal(Arc<Portal>),
    /// Nobody has signed in on this machine.
    Nobody,
    /// Somebody had, and it has ended.
    Ended,
}

impl Portal {
    /// Asks for the accounts of the person whose token is in the cache. Never asks anybody to sign in.
    pub(crate) async fn open(reach: &Reach, sso: &Sso) -> Result<Opened> {
        let cache = Cache::of(&sso.home, &sso.session.name);
        match cache.read()?.filter(|token| token.start_url == sso.session.start_url) {
            None => Ok(Opened::Nobody),
            Some(token) => Self::open_with(reach, sso, token).await,
        }
    }

    /// The same with a token that was just given.
    pub(crate) async fn open_with(reach: &Reach, sso: &Sso, token: Token) -> Result<Opened> {
        let config = unsigned(reach, &sso.session.region).await?;
        let (oidc, client) = (aws_sdk_ssooidc::Client::new(&config), aws_sdk_sso::Client::new(&config));
        let cache = Cache::of(&sso.home, &sso.session.name);
        let mut portal =
            Self { sso: sso.clone(), accounts: Vec::new(), cache, oidc, client, token: token.into() };
        let Some(token) = portal.current().await? else { return Ok(Opened::Ended) };
        let listed = portal.client.list_accounts().access_token(token).into_paginator().items().send();
        portal.accounts = match listed.collect::<Result<Vec<_>, _>>().await.map_err(explain) {
            Ok(found) => found.into_iter().map(PortalAccount::from).collect(),
            Err(failure) if failure.is(&[UNAUTHORIZED]) => return Ok(Opened::Ended),
            Err(failure) => return Err(Error::new(failure).context("list the accounts of your sign-in")),
        };
        Ok(Opened::Portal(Arc::new(portal)))
    }

    /// The roles of the person in an account, the one to be used first at first. None where there is no access.
    pub(crate) async fn roles(&self, account: &str) -> Result<Vec<String>> {
        if !self.accounts.iter().any(|one| one.id == account) {
            return Ok(Vec::new());
        }
        let ask = |token| {
            let request = self.client.list_account_roles().access_token(token).account_id(account);
            let listed = request.into_paginator().items().send();
            async { listed.collect::<Result<Vec<_>, _>>().await.map_err(explain) }
        };
        let listed =
            self.asked(ask).await?.with_context(|| format!("list your roles in account {account}"))?;
        let mut roles: Vec<String> = listed.into_iter().filter_map(|role| role.role_name).collect();
        let prefer = &self.sso.prefer;
        roles.sort_by_key(|role| prefer.iter().position(|one| one == role).unwrap_or(prefer.len()));
        Ok(roles)
    }

    /// Where a browser that is signed in gets the console of an account.
    pub(crate) fn console(&self, account: &str, role: &str) -> String {
        let start_url = self.sso.session.start_url.trim_end_matches('/');
        format!("{start_url}/#/console?account_id={account}&role_name={role}")
    }

    /// Writes what was signed in with to the cache that every SDK reads.
    pub(crate) async fn keep(&self) -> Result<()> {
        self.cache.write(&*self.token.lock().await)
    }

    /// An access token that is good: renewed, or signed in for again.
    async fn token(&self) -> Result<String, NoCredentials> {
        let current = self.current().await.map_err(|error| NoCredentials(format!("{error:#}")))?;
        match (current, &self.sso.again) {
            (Some(token), _) => Ok(token),
            (None, Some(again)) => self.signed_in_again(again).await,
            (None, None) => Err(NoCredentials(ENDED.to_owned())),
        }
    }

    async fn signed_in_again(&self, Again(sign_in): &Again) -> Result<String, NoCredentials> {
        let mut token = self.token.lock().await;
        // Somebody else who waited for the lock may have done it.
        if !token.is_good() {
            let signed = sign_in().await.map_err(|error| NoCredentials(format!("{error:#}")))?;
            self.cache.write(&signed).map_err(|error| NoCredentials(format!("{error:#}")))?;
            *token = signed;
        }
        Ok(token.access_token.clone())
    }

    /// The access token as long as it is good, renewed when it will not be for long.
    async fn current(&self) -> Result<Option<String>> {
        let mut token = self.token.lock().await;
        if token.is_fresh() {
            return Ok(Some(token.access_token.clone()));
        }
        // Another program may have renewed it: what renews is good for one use.
        if let Some(newer) = self.cache.read().ok().flatten().filter(Token::is_fresh) {
            *token = newer;
            return Ok(Some(token.access_token.clone()));
        }
        if let Some(with) = token.renewal()
            && let Some(renewed) = signin::renewed(&self.oidc, &token, with).await?
        {
            self.cache.write(&renewed)?;
            *token = renewed;
        }
        Ok(token.is_good().then(|| token.access_token.clone()))
    }

    async fn credentials(&self, account: &str, role: &str) -> Result<Credentials, NoCredentials> {
        let ask = |token| {
            let request = self.client.get_role_credentials().access_token(token);
            let request = request.account_id(account).role_name(role);
            async { request.send().await.map_err(explain) }
        };
        let answer = self.asked(ask).await?.map_err(|failure| {
            NoCredentials(format!("Identity Center gives you no role `{role}` there: {failure}"))
        })?;
        let incomplete = || NoCredentials("Identity Center sent incomplete credentials".to_owned());
        let found = answer.role_credentials.ok_or_else(incomplete)?;
        let expires = DateTime::from_millis(found.expiration).try_into().map_err(|_| incomplete())?;
        let (id, secret) = found.access_key_id.zip(found.secret_access_key).ok_or_else(incomplete)?;
        Ok(Credentials::new(id, secret, found.session_token, Some(expires), "identity center"))
    }

    /// The portal's answer: where the session was ended from elsewhere, after signing in again.
    async fn asked<T, F>(&self, ask: impl Fn(String) -> F) -> Result<Result<T, Failure>, NoCredentials>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let used = self.token().await?;
        let answer = ask(used.clone()).await;
        match (&answer, &self.sso.again) {
            (Err(failure), Some(again)) if failure.is(&[UNAUTHORIZED]) => {
                let mut token = self.token.lock().await;
                // Somebody else may have signed in again in the meantime.
                if token.access_token == used {
                    token.expires_at = time::OffsetDateTime::UNIX_EPOCH;
                }
                drop(token);
                Ok(ask(self.signed_in_again(again).await?).await)
            }
            (Err(failure), None) if failure.is(&[UNAUTHORIZED]) => Err(NoCredentials(ENDED.to_owned())),
            _ => Ok(answer),
        }
    }
}

/// What the portal says to a token that is good no more.
const UNAUTHORIZED: &str = "UnauthorizedException";
/// What to do then.
pub(super) const ENDED: &str = "your sign-in has ended: run `cargo xtask login`";

/// Ends the session and forgets it, whatever state it is in. Whether there was one.
pub(crate) async fn sign_out(reach: &Reach, sso: &Sso) -> Result<bool> {
    let cache = Cache::of(&sso.home, &sso.session.name);
    // One that is damaged, or has ended, cannot be ended by AWS.
    if let Some(token) = cache.read().ok().flatten() {
        let client = aws_sdk_sso::Client::new(&unsigned(reach, &sso.session.region).await?);
        let answer = client.logout().access_token(token.access_token).send().await.map_err(explain);
        if let Err(failure) = answer
            && !failure.is(&[UNAUTHORIZED])
        {
            cache.remove()?;
            return Err(Error::new(failure).context("end the session in AWS; it is forgotten here"));
        }
    }
    cache.remove()
}

/// Credentials of a role that Identity Center gives.
#[derive(Debug)]
pub(super) struct PortalRole {
    pub(super) portal: Arc<Portal>,
    pub(super) account: String,
    pub(super) role: String,
}

impl ProvideCredentials for PortalRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let found = self.portal.credentials(&self.account, &self.role).await;
            found.map_err(CredentialsError::provider_error)
        })
    }
}

impl From<aws_sdk_sso::types::AccountInfo> for PortalAccount {
    fn from(found: aws_sdk_sso::types::AccountInfo) -> Self {
        Self { id: found.account_id.unwrap_or_default(), email: found.email_address.unwrap_or_default() }
    }
}

impl Debug for Portal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("session", &self.sso.session).finish_non_exhaustive()
    }
}

impl Debug for Again {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Again")
    }
}
