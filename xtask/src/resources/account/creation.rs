//! Asking for an account, and why AWS does not make it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_sdk_organizations::config::retry::RetryConfig;
use aws_sdk_organizations::error::SdkError;
use aws_sdk_organizations::operation::create_account::CreateAccountError;
use aws_sdk_organizations::types::{
    ConstraintViolationExceptionReason as Limit, CreateAccountFailureReason as Reason, CreateAccountStatus,
    Tag,
};
use tokio::time::Instant;

use super::{ANOTHER, Account, accounts, in_progress, is_young, requests};
use crate::aws::{Access, Aws, explain};
use crate::resource::{Busy, Cx};
use crate::resources::organization::AGAIN;

/// AWS takes one request in so long, once it has taken three. Those it refuses count: while a new organization is being
/// finalized one account asks for all, or there would be none left when it is.
const RATE: Duration = Duration::from_secs(10);

/// Asks for it once.
pub(super) async fn ask(account: &Account, cx: &Cx<'_, Aws>, name: &str, email: &str) -> Result<()> {
    let mut refused_before = cx.world.refused.lock().await;
    if let Some((at, why)) = &*refused_before
        && at.elapsed() < cx.paced(RATE)
    {
        return Err(Busy(why.clone()).into());
    }
    let tags: Result<Vec<Tag>, _> =
        account.tags().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let role = match &account.access {
        Access::Role(role) | Access::Exactly(role) => Some(role.clone()),
        Access::Profile(_) => None,
    };
    let request = cx.world.organizations().create_account().account_name(name).email(email);
    let request = request.set_role_name(role).set_tags(Some(tags?)).customize();
    // Never sent twice: AWS would not know the second one for the first.
    let once = aws_sdk_organizations::config::Builder::new().retry_config(RetryConfig::disabled());
    let answer = request.config_override(once).send().await;
    let limit = limit(&answer);
    let refused = match answer.map_err(explain) {
        Ok(answer) => return note(cx.world, name, answer.create_account_status),
        Err(failure) if failure.is(AGAIN) || failure.transient => {
            *refused_before = Some((Instant::now(), failure.to_string()));
            return Err(Busy(failure.to_string()).into());
        }
        Err(failure) => failure,
    };
    match passing(cx, limit).await? {
        Some(why) => {
            let why = format!("{why}: {refused}");
            *refused_before = Some((Instant::now(), why.clone()));
            Err(Busy(why).into())
        }
        None => Err(refused.into()),
    }
}

/// Why a limit is not for ever; none where it is.
async fn passing(cx: &Cx<'_, Aws>, limit: Option<Limit>) -> Result<Option<&'static str>> {
    Ok(match limit {
        // It counts those that an earlier run asked for, too.
        Some(Limit::AccountCreationRateLimitExceeded) => {
            let under_way = requests(cx, Instant::now()).await?.iter().any(in_progress);
            under_way.then_some("AWS is creating other accounts")
        }
        // What a new organization says, as well as a full one.
        Some(Limit::AccountNumberLimitExceeded) => {
            let (accounts, now) = (accounts(cx.world, cx.since).await?, cx.world.now());
            let new = accounts.iter().all(|account| is_young(account, now));
            new.then_some("the organization is new, and may take no accounts for up to an hour")
        }
        _ => None,
    })
}

/// Which limit AWS says is reached.
fn limit<T>(answer: &Result<T, SdkError<CreateAccountError>>) -> Option<Limit> {
    match answer.as_ref().err()?.as_service_error()? {
        CreateAccountError::ConstraintViolationException(violation) => violation.reason.clone(),
        _ => None,
    }
}

pub(super) fn refusal(reason: Option<&Reason>, email: &str) -> anyhow::Error {
    let code = reason.map_or("no reason given", Reason::as_str);
    match reason {
        Some(Reason::EmailAlreadyExists) => {
            anyhow!("{code}: an account that is not in this organization has {email}, and {ANOTHER}")
        }
        Some(Reason::ConcurrentAccountModification) => anyhow!(
            "{code}: AWS was asked for an account of {email} twice at a time; run it again, and if that does not help, \
             an account that is not in this organization has the address, and {ANOTHER}"
        ),
        Some(Reason::InvalidEmail) => {
            anyhow!("{code}: AWS does not take {email}: change `email` in foothold.toml")
        }
        Some(Reason::AccountLimitExceeded) => anyhow!(
            "{code}: the organization may not have more accounts: ask for a higher quota of accounts at \
             https://console.aws.amazon.com/servicequotas/home/services/organizations/quotas, then run it again"
        ),
        _ => anyhow!("{code}: AWS could not create the account; run it again"),
    }
}

/// Keeps which request is this run's: an older one of the name may have failed for an older address.
fn note(aws: &Aws, name: &str, status: Option<CreateAccountStatus>) -> Result<()> {
    let id = status.and_then(|status| status.id).context("the request to create the account has no id")?;
    aws.asked.borrow_mut().insert(name.to_owned(), id);
    Ok(())
}
