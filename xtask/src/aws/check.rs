//! What would stop a bootstrap in AWS, each with its remedy.

use anyhow::Result;
use tokio::time::Instant;

use super::{Aws, explain, read};
use crate::commands::doctor::Finding;
use crate::config::{self, Config, Platform};
use crate::environment::member;
use crate::resources::account::{self, id_of};
use crate::resources::identity_center::{console, instance};

/// Everything that can be asked without changing anything.
pub(crate) async fn all(aws: &Aws, config: &Config) -> Vec<Finding> {
    let since = Instant::now();
    let mut findings = vec![credentials(aws), clock(aws), management(aws, config)];
    // Where nobody acts in the management account, nothing can be asked of it.
    if config.organization && aws.manages() {
        findings.push(organization(aws).await);
        findings.push(accounts(aws, config, since).await);
        findings.push(identity_center(aws, config).await);
    }
    findings.push(region(aws, config, since).await);
    findings.extend(app_runner(aws, config, since).await);
    findings
}

fn credentials(aws: &Aws) -> Finding {
    let arn = &aws.caller.arn;
    match arn.ends_with(":root") {
        false => Finding::good("credentials", arn),
        true => Finding::bad(
            "credentials",
            format!(
                "{arn} is root, which cannot assume roles. In the console: IAM, Users, Create user, attach \
                 AdministratorAccess, Security credentials, Create access key; then `aws configure`"
            ),
        ),
    }
}

/// Good either way: what is sent goes by AWS's.
fn clock(aws: &Aws) -> Finding {
    Finding::good("clock", aws.ahead.told().unwrap_or_else(|| "as AWS's".to_owned()))
}

/// Credentials of another account than the one in foothold.toml are refused before anything is looked at.
fn management(aws: &Aws, config: &Config) -> Finding {
    let what = "management account";
    match (aws.manages(), config.management.account_id.as_deref()) {
        (true, _) => Finding::good(what, &aws.caller.account),
        (false, id) => Finding::bad(
            what,
            format!(
                "your sign-in has no access to {}: a bootstrap needs its credentials (--profile); what your \
                 accounts allow goes without",
                id.unwrap_or("it, which foothold.toml does not name")
            ),
        ),
    }
}

/// A Region that is off in an account lets nobody in there.
async fn region(aws: &Aws, config: &Config, since: Instant) -> Finding {
    let region = &config.region;
    let mut closed = Vec::new();
    if config::is_opt_in(region) {
        for declared in config.accounts() {
            let access = &member(config, declared, None).access;
            let open = match id_of(aws, config, declared, since).await {
                Ok(Some(id)) => aws.door(&id, access).await.is_ok(),
                _ => false,
            };
            closed.extend((!open).then_some(declared.label.as_str()));
        }
    }
    match closed.is_empty() {
        true => Finding::good("Region", region),
        false => Finding::bad(
            "Region",
            format!(
                "{region} is off in new accounts, and does not let us into {}: enable it in each (console: Account, \
                 AWS Regions), or choose another",
                closed.join(", ")
            ),
        ),
    }
}

async fn organization(aws: &Aws) -> Finding {
    let what = "organization";
    let answer = aws.organizations().describe_organization().send().await;
    let found = match answer.map_err(explain) {
        Ok(answer) => answer.organization,
        Err(failure) if failure.is(&["AWSOrganizationsNotInUseException"]) => {
            return Finding::good(what, "none yet: bootstrap makes one");
        }
        Err(failure) => {
            return Finding::bad(what, format!("{failure}: allow organizations:DescribeOrganization"));
        }
    };
    let Some(found) = found else { return Finding::bad(what, "AWS describes none") };
    let (id, head) = (found.id().unwrap_or_default(), found.master_account_id().unwrap_or_default());
    if head != aws.caller.account {
        return Finding::bad(
            what,
            format!("account {} is a member of {id}: use credentials of {head}", aws.caller.account),
        );
    }
    match found.feature_set().map(|set| set.as_str()) {
        Some("ALL") => Finding::good(what, id),
        _ => Finding::bad(
            what,
            format!(
                "{id} has consolidated billing only: enable all features in the console, Organizations, Settings"
            ),
        ),
    }
}

async fn accounts(aws: &Aws, config: &Config, since: Instant) -> Finding {
    let what = "accounts";
    let (there, missing) = match counted(aws, config, since).await {
        Ok(counts) => counts,
        Err(error) => return Finding::bad(what, format!("{error:#}: allow organizations:ListAccounts")),
    };
    let (note, needed) = (format!("{there} in the organization, {missing} to be made"), there + missing);
    match quota(aws).await {
        Ok(Some(quota)) if needed <= quota => Finding::good(what, format!("{note}; the quota is {quota}")),
        Ok(Some(quota)) => Finding::bad(
            what,
            format!(
                "{note}; the quota is {quota}: ask for more in the console, Service Quotas, AWS Organizations"
            ),
        ),
        Ok(None) => Finding::good(what, note),
        Err(error) => {
            Finding::good(what, format!("{note}; how many there may be is not visible ({error:#})"))
        }
    }
}

/// How many accounts there are, and how many are to be made.
async fn counted(aws: &Aws, config: &Config, since: Instant) -> Result<(usize, usize)> {
    let there = account::accounts(aws, since).await?.len();
    let mut missing = 0;
    for declared in config.accounts() {
        missing += usize::from(id_of(aws, config, declared, since).await?.is_none());
    }
    Ok((there, missing))
}

/// How many accounts the organization may have: 10 by default, and less in some new ones. Organizations is global, and
/// its quotas are found in us-east-1 only.
async fn quota(aws: &Aws) -> Result<Option<usize>> {
    const ACCOUNTS: &str = "L-29A0C5DF";
    let request = aws.service_quotas("us-east-1").get_service_quota();
    let answer = request.service_code("organizations").quota_code(ACCOUNTS).send().await;
    let quota = read(answer, &["NoSuchResourceException"])?.and_then(|answer| answer.quota);
    Ok(quota.and_then(|quota| quota.value).map(|value| value as usize))
}

/// Good either way: everything but people's access goes without it.
async fn identity_center(aws: &Aws, config: &Config) -> Finding {
    let what = "Identity Center";
    match instance(aws, Instant::now()).await {
        Ok(Some(found)) => Finding::good(what, format!("{} in {}", found.start_url, found.region)),
        Ok(None) => Finding::good(
            what,
            format!(
                "off; for people's access, in the management account: {}, Enable",
                console(&config.region)
            ),
        ),
        Err(error) => Finding::bad(what, format!("{error:#}: allow sso:ListInstances")),
    }
}

async fn app_runner(aws: &Aws, config: &Config, since: Instant) -> Option<Finding> {
    let on_app_runner = config.stages.iter().filter(|stage| stage.platform == Platform::AppRunner);
    let (mut used, mut new) = (false, None);
    for account in on_app_runner.filter_map(|stage| stage.account.as_ref()) {
        used = true;
        if let Ok(None) = id_of(aws, config, account, since).await {
            new = Some(&account.label);
        }
    }
    let note = "closed to new customers since 2026-04-30: only accounts that used it before can";
    used.then(|| match new {
        Some(new) => Finding::bad(
            "App Runner",
            format!("{note}, and {new} is to be made; use platform = \"ecs-express\""),
        ),
        None => Finding::good("App Runner", note),
    })
}
