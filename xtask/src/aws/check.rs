//! What would stop a bootstrap in AWS, each with its remedy.

use tokio::time::Instant;

use super::{Aws, explain};
use crate::commands::doctor::Finding;
use crate::config::{self, Config, Platform};
use crate::resources::identity_center::{console, instance};

/// Everything that can be asked without changing anything.
pub(crate) async fn all(aws: &Aws, config: &Config) -> Vec<Finding> {
    let mut findings = vec![credentials(aws), clock(aws), management(aws, config), region(config)];
    // Where nobody acts in the management account, nothing can be asked of it.
    if config.organization && aws.manages() {
        findings.push(organization(aws).await);
        findings.push(accounts(aws, config).await);
        findings.push(identity_center(aws, config).await);
    }
    findings.extend(app_runner(config));
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

fn region(config: &Config) -> Finding {
    let region = &config.region;
    match config::is_opt_in(region) {
        false => Finding::good("Region", region),
        true => Finding::bad(
            "Region",
            format!(
                "{region} is off in new accounts: enable it in each account (console: Account, AWS Regions), or choose another"
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

async fn accounts(aws: &Aws, config: &Config) -> Finding {
    let what = "accounts";
    let listed = aws.organizations().list_accounts().into_paginator().send().try_collect().await;
    let made: Vec<_> = match listed.map_err(explain) {
        Ok(pages) => pages.into_iter().flat_map(|page| page.accounts.unwrap_or_default()).collect(),
        Err(failure) if failure.is(&["AWSOrganizationsNotInUseException"]) => Vec::new(),
        Err(failure) => return Finding::bad(what, format!("{failure}: allow organizations:ListAccounts")),
    };
    let is_there = |email: &str| {
        made.iter().any(|account| account.email().is_some_and(|e| e.eq_ignore_ascii_case(email)))
    };
    let missing = config
        .accounts()
        .filter_map(|account| account.email.as_deref())
        .filter(|email| !is_there(email))
        .count();
    // AWS's default quota; new organizations may have less, and only Service Quotas knows.
    let note = format!("{} in the organization, {missing} to be made; the default quota is 10", made.len());
    match made.len() + missing > 10 {
        true => Finding::bad(
            what,
            format!("{note}: ask for more in the console, Service Quotas, AWS Organizations"),
        ),
        false => Finding::good(what, note),
    }
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

fn app_runner(config: &Config) -> Option<Finding> {
    let used =
        config.stages.iter().any(|stage| stage.account.is_some() && stage.platform == Platform::AppRunner);
    let made = config
        .stages
        .iter()
        .any(|s| s.platform == Platform::AppRunner && s.account.as_ref().is_some_and(|a| a.id.is_none()));
    let note = "closed to new customers since 2026-04-30: only accounts that used it before can";
    used.then(|| match made {
        true => Finding::bad(
            "App Runner",
            format!("{note}, and this one is to be made; use platform = \"ecs-express\""),
        ),
        false => Finding::good("App Runner", note),
    })
}
