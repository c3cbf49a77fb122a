//! The one door to the SDK: whose credentials, which account, which Region.
//!
//! **Architecture Invariant:** the SDK is named here and in `resources/` only. Every client belongs to a [`Door`],
//! and a door opens after STS has proved which account is behind it.

use crate::resource::{Busy, NotVisible};
use anyhow::{Context, Error, Result, bail};
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Debug, Display, Formatter};
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

mod caller;
pub(crate) mod check;
mod client;
mod clock;
mod door;
mod failure;
mod fence;
mod listing;
mod login_session;
mod mark;
mod portal;
mod session;
mod settings;
pub(crate) mod signin;
mod token;

use caller::Found;
use clock::{Ahead, Heard};
pub(crate) use door::Door;
use failure::NoCredentials;
pub(crate) use failure::{Failure, explain, gone, read, remedy, wrote};
pub(crate) use listing::Listing;
pub(crate) use mark::Mark;
pub(crate) use portal::{Again, Opened, Portal, PortalAccount, Sso, SsoSession, sign_out};
use portal::{ENDED, PortalRole};
pub(crate) use session::SessionKeys;
use settings::{SESSION, load, unsigned, with_credentials};

/// How a run reaches AWS.
#[derive(Clone, Default)]
pub(crate) struct Reach {
    /// The profile of the caller; the SDK's default chain where absent.
    pub(crate) profile: Option<String>,
    pub(crate) region: String,
    /// The only endpoint that requests may go to. Absent: AWS, or what the SDK's own settings say.
    pub(crate) only: Option<String>,
    /// An access key and its secret instead of the SDK's default chain.
    pub(crate) keys: Option<(String, String)>,
    /// Where the person may have signed in.
    pub(crate) sso: Option<Sso>,
    /// The management account, once it is known.
    pub(crate) management: Option<String>,
}

impl Reach {
    /// AWS itself, as a profile or the SDK's default chain sees it.
    pub(crate) fn new(profile: Option<String>, region: &str) -> Self {
        Self { profile, region: region.to_owned(), ..Self::default() }
    }

    /// The same, by which nobody is asked to sign in again.
    pub(crate) fn asking_nobody(self) -> Self {
        Self { sso: self.sso.map(|sso| Sso { again: None, ..sso }), ..self }
    }
}

/// Hears how far long work has come: what it is, how much is done, and of how much (0: nobody knows).
pub(crate) type Meter = Box<dyn Fn(&str, u64, u64)>;

/// AWS as the person who calls sees it, and a door into each account.
pub(crate) struct Aws {
    pub(crate) region: String,
    /// Whoever acts in the management account; of no account where nobody does.
    pub(crate) caller: Identity,
    /// How wrong this machine's clock is.
    pub(crate) ahead: Ahead,
    /// Where the person has signed in.
    pub(crate) portal: Option<Arc<Portal>>,
    only: Option<String>,
    /// With the caller's credentials, or with none.
    base: SdkConfig,
    doors: RefCell<HashMap<(String, Access), Opening>>,
    pub(crate) accounts: Listing<aws_sdk_organizations::types::Account>,
    pub(crate) requests: Listing<aws_sdk_organizations::types::CreateAccountStatus>,
    /// The requests for accounts that this run has made, by the account's name.
    pub(crate) asked: RefCell<HashMap<String, String>>,
    /// When AWS last took no request for an account, and why. Held by who asks for one.
    pub(crate) refused: Mutex<Option<(Instant, String)>>,
    /// Identity Center's instances, wherever they are.
    pub(crate) instances: Listing<aws_sdk_ssoadmin::types::InstanceMetadata>,
    /// Name and ARN of every permission set.
    pub(crate) permission_sets: Listing<(String, String)>,
    /// The names of those that were looked at once, by their ARNs: a permission set is never renamed.
    pub(crate) permission_set_names: RefCell<HashMap<String, String>>,
    pub(crate) meter: RefCell<Meter>,
}

/// A door that opens once, for all who wait.
type Opening = Rc<OnceCell<Rc<Door>>>;

/// Who STS says we are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Identity {
    pub(crate) account: String,
    pub(crate) arn: String,
}

/// How to get into an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) enum Access {
    /// By assuming a role of that account, by its name, from the caller's credentials.
    Role(String),
    /// By a profile of the shared config file.
    Profile(String),
    /// By this role and no other, whoever gives it.
    Exactly(String),
}

impl Aws {
    /// Finds out who calls: where the person has signed in, and by which credentials the management account is
    /// reached, if at all. Fails where neither is there, or where credentials lead to another account.
    pub(crate) async fn connect(reach: &Reach) -> Result<Self> {
        let Found { base, caller, ahead, portal } = caller::find(reach).await?;
        let doors = RefCell::default();
        let (accounts, requests, asked, refused) = Default::default();
        let (instances, permission_sets, permission_set_names) = Default::default();
        let (region, only) = (reach.region.clone(), reach.only.clone());
        let meter: Meter = Box::new(|_, _, _| ());
        let meter = RefCell::new(meter);
        Ok(Self {
            region,
            caller,
            ahead,
            portal,
            only,
            base,
            doors,
            accounts,
            requests,
            asked,
            refused,
            instances,
            permission_sets,
            permission_set_names,
            meter,
        })
    }

    /// The caller's own account: the management account, where there is an organization.
    pub(crate) fn organizations(&self) -> aws_sdk_organizations::Client {
        aws_sdk_organizations::Client::new(&self.base)
    }

    /// Identity Center as its own Region has it.
    pub(crate) fn sso_admin(&self, region: &str) -> aws_sdk_ssoadmin::Client {
        aws_sdk_ssoadmin::Client::new(&self.in_region(region))
    }

    /// The people and groups of Identity Center, in its own Region.
    pub(crate) fn identity_store(&self, region: &str) -> aws_sdk_identitystore::Client {
        aws_sdk_identitystore::Client::new(&self.in_region(region))
    }

    /// The quotas of services, in a Region of theirs.
    pub(crate) fn service_quotas(&self, region: &str) -> aws_sdk_servicequotas::Client {
        aws_sdk_servicequotas::Client::new(&self.in_region(region))
    }

    /// The time as AWS has it.
    pub(crate) fn now(&self) -> SystemTime {
        TimeSource::now(&self.ahead)
    }

    fn in_region(&self, region: &str) -> SdkConfig {
        self.base.to_builder().region(Region::new(region.to_owned())).build()
    }

    /// Whether anybody acts in the management account.
    pub(crate) fn manages(&self) -> bool {
        !self.caller.account.is_empty()
    }

    /// The account of this address or name, as the person's sign-in shows it.
    pub(crate) fn signed_in_to(&self, is: impl Fn(&PortalAccount) -> bool) -> Option<&PortalAccount> {
        self.portal.as_ref()?.accounts.iter().find(|account| is(account))
    }

    /// The door into an account. Fails with [`NotVisible`] where it is closed to the person.
    pub(crate) async fn door(&self, account: &str, access: &Access) -> Result<Rc<Door>> {
        let key = (account.to_owned(), access.clone());
        let cell = self.doors.borrow_mut().entry(key).or_default().clone();
        cell.get_or_try_init(|| self.open(account, access)).await.cloned()
    }

    async fn open(&self, account: &str, access: &Access) -> Result<Rc<Door>> {
        let given = self.given(account, access).await?;
        let (signed_in, role) = match (&given, access) {
            (Some((role, _)), _) => (true, Some(role.clone())),
            (None, Access::Role(role) | Access::Exactly(role)) => (false, Some(role.clone())),
            (None, Access::Profile(_)) => (false, None),
        };
        let config = match given {
            Some((_, config)) => config,
            None => self.config(account, access).await?,
        };
        let instead = match (signed_in, access) {
            (false, Access::Exactly(wanted)) => self.offered(account, wanted).await?,
            _ => String::new(),
        };
        let (found, ahead) =
            identity(&config).await.with_context(|| format!("get into account {account}{instead}"))?;
        let config = ahead.corrects(config);
        if found.account != account {
            bail!("{access} leads to account {}, and not to {account}", found.account);
        }
        let (account, arn) = (found.account, found.arn);
        Ok(Rc::new(Door { account, arn, role, signed_in, config }))
    }

    /// The role that Identity Center gives the person there, and what calls with it.
    async fn given(&self, account: &str, access: &Access) -> Result<Option<(String, SdkConfig)>> {
        let Some(portal) = &self.portal else { return Ok(None) };
        let mut roles = portal.roles(account).await?.into_iter();
        let role = match access {
            Access::Exactly(wanted) => roles.find(|role| role == wanted),
            _ => roles.next(),
        };
        let config = |role| {
            let given = PortalRole { portal: portal.clone(), account: account.to_owned(), role };
            with_credentials(&self.base, SharedCredentialsProvider::new(given))
        };
        Ok(role.map(|role| (role.clone(), config(role))))
    }

    /// What the person's sign-in gives instead of a role that it does not give.
    async fn offered(&self, account: &str, wanted: &str) -> Result<String> {
        let Some(portal) = &self.portal else { return Ok(String::new()) };
        Ok(match portal.roles(account).await?.join(", ") {
            none if none.is_empty() => String::new(),
            roles => format!(" by role `{wanted}`, which your sign-in does not give there; it gives {roles}"),
        })
    }

    async fn config(&self, account: &str, access: &Access) -> Result<SdkConfig> {
        match access {
            Access::Role(_) if account == self.caller.account => Ok(self.base.clone()),
            Access::Role(role) | Access::Exactly(role) => {
                if !self.manages() {
                    return Err(NotVisible(format!(
                        "your sign-in has no access to account {account}, and there are no credentials of the \
                         management account"
                    ))
                    .into());
                }
                let arn = format!("arn:aws:iam::{account}:role/{role}");
                let assume = AssumeRoleProvider::builder(arn).session_name(SESSION).configure(&self.base);
                Ok(with_credentials(&self.base, SharedCredentialsProvider::new(assume.build().await)))
            }
            Access::Profile(name) => {
                let only = self.only.clone();
                load(&Reach { only, ..Reach::new(Some(name.clone()), &self.region) }).await
            }
        }
    }
}

/// Whose credentials these are, and what time it is in AWS.
async fn identity(config: &SdkConfig) -> Result<(Identity, Ahead)> {
    let (heard, request) = (Heard::default(), aws_sdk_sts::Client::new(config).get_caller_identity());
    let answer = request.customize().interceptor(heard.clone()).send().await;
    let found = answer.map_err(|error| match explain(error) {
        failure if failure.denied() => Error::new(NotVisible(failure.to_string())),
        failure if failure.transient => Error::new(Busy(failure.to_string())),
        failure => Error::new(failure),
    })?;
    let (account, arn) =
        (found.account.context("STS names no account")?, found.arn.context("STS names no ARN")?);
    Ok((Identity { account, arn }, heard.ahead()))
}

/// Without the keys: what is formatted may be logged, or be a panic's message.
impl Debug for Reach {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { profile, region, only, sso, management, keys: _ } = self;
        let mut shown = f.debug_struct("Reach");
        shown.field("profile", profile).field("region", region).field("only", only);
        shown.field("sso", sso).field("management", management).finish_non_exhaustive()
    }
}

impl Display for Access {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) | Self::Exactly(name) => write!(f, "role `{name}`"),
            Self::Profile(name) => write!(f, "profile `{name}`"),
        }
    }
}
