//! Who calls: by which credentials the management account is reached, and where the person has signed in.
//!
//! A profile that was asked for comes first and alone. Otherwise what the person has signed in to comes before what
//! happens to be in the environment.

use std::sync::Arc;

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::{
    Again, Ahead, ENDED, Identity, NoCredentials, Opened, Portal, PortalRole, Reach, Sso, identity, load,
    with_credentials,
};
use crate::resource::Busy;

/// Who calls, and with what.
pub(super) struct Found {
    pub(super) base: SdkConfig,
    pub(super) caller: Identity,
    pub(super) ahead: Ahead,
    pub(super) portal: Option<Arc<Portal>>,
}

pub(super) async fn find(reach: &Reach) -> Result<Found> {
    let opened = match &reach.sso {
        Some(sso) if reach.profile.is_none() => Portal::open(reach, sso).await?,
        _ => Opened::Nobody,
    };
    let base = load(reach).await?;
    match opened {
        Opened::Portal(portal) => with_portal(reach, base, portal).await,
        Opened::Nobody => alone(reach, base).await,
        Opened::Ended => match (alone(reach, base.clone()).await, &reach.sso) {
            (Ok(found), _) => Ok(found),
            (Err(_), Some(sso)) => with_portal(reach, base, signed_in_again(reach, sso).await?).await,
            (Err(error), None) => Err(error),
        },
    }
}

async fn signed_in_again(reach: &Reach, sso: &Sso) -> Result<Arc<Portal>> {
    let Some(Again(sign_in)) = &sso.again else { bail!(ENDED) };
    match Portal::open_with(reach, sso, sign_in().await?).await? {
        Opened::Portal(portal) => {
            portal.keep().await?;
            Ok(portal)
        }
        _ => bail!(ENDED),
    }
}

/// By credentials only.
async fn alone(reach: &Reach, base: SdkConfig) -> Result<Found> {
    let hint = match &reach.sso {
        Some(_) => ": run `cargo xtask login`, or choose a profile of the management account with --profile",
        None => ": sign in (`aws login`, `aws configure`), or choose a profile with --profile",
    };
    let found = identity(&base).await;
    let (caller, ahead) = found.map_err(|error| match error.is::<Busy>() {
        true => error.context("reach AWS from here (is there a network, a name server, a proxy?)"),
        false => error.context(format!("find out whose credentials these are in {}{hint}", reach.region)),
    })?;
    match &reach.management {
        Some(expected) if *expected != caller.account => bail!(
            "foothold.toml says that the management account is {expected}, and these credentials are of account {} \
             ({}){hint}",
            caller.account,
            caller.arn
        ),
        _ => Ok(Found { base: ahead.corrects(base), caller, ahead, portal: None }),
    }
}

/// The management account by the sign-in, or by credentials of it, or not at all.
async fn with_portal(reach: &Reach, base: SdkConfig, portal: Arc<Portal>) -> Result<Found> {
    let management = reach.management.clone().unwrap_or_default();
    if let Some(role) = portal.roles(&management).await?.into_iter().next() {
        let given = PortalRole { portal: portal.clone(), account: management, role };
        let base = with_credentials(&base, SharedCredentialsProvider::new(given));
        let (caller, ahead) = identity(&base).await?;
        return Ok(Found { base: ahead.corrects(base), caller, ahead, portal: Some(portal) });
    }
    let why = match alone(reach, base.clone()).await {
        Ok(found) if !management.is_empty() => return Ok(Found { portal: Some(portal), ..found }),
        Ok(Found { caller, .. }) => format!(
            "foothold.toml names no management account, and {} is not taken for it by chance",
            caller.account
        ),
        Err(_) => format!("your sign-in has no access to the management account {management}"),
    };
    let nobody = Identity { account: String::new(), arn: portal.sso.session.start_url.clone() };
    let base = with_credentials(&base, SharedCredentialsProvider::new(Nobody(why)));
    Ok(Found { base, caller: nobody, ahead: Ahead::default(), portal: Some(portal) })
}

/// No credentials, and why.
#[derive(Debug)]
struct Nobody(String);

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let none = NoCredentials(self.0.clone());
        future::ProvideCredentials::ready(Err(CredentialsError::provider_error(none)))
    }
}
