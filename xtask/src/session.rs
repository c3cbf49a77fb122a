//! A stage's credentials for another program: the account proved, protected stages asked about, nothing else of ours.

use anyhow::{Result, bail};

use crate::Common;
use crate::aws::{Access, SessionKeys};
use crate::environment;
use crate::graph::Environment;
use crate::project::Project;
use crate::report::Judgement;
use crate::resource::NotVisible;
use crate::ui::Ui;

/// Who a program is to be, and where.
pub(crate) struct Session {
    pub(crate) stage: String,
    pub(crate) account: String,
    /// The role that was taken; none where a profile leads into the account.
    pub(crate) role: Option<String>,
    /// Where the access portal opens the console, where the person has signed in there.
    pub(crate) console: Option<String>,
    pub(crate) region: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) keys: SessionKeys,
}

/// Opens a session in the account of the stage, by its role or by another one. `None`: the person said no.
pub(crate) async fn open(ui: &Ui, common: &Common, role: Option<&str>) -> Result<Option<Session>> {
    let mut project = Project::open_anyway(ui, common).await?;
    let (stage, account) = project.config.running_stage(common.stage.as_deref())?;
    let name = stage.name.clone();
    let member = environment::member(&project.config, account, Some(&name));
    if stage.protected && !confirmed(ui, common, &name)? {
        return Ok(None);
    }
    let access = role.map_or_else(|| member.access.clone(), |role| Access::Exactly(role.to_owned()));
    if let (Access::Profile(profile), Some(role), None) =
        (&member.access, role, &project.config.identity_center)
    {
        bail!("stage `{name}` is entered by profile `{profile}`: choose a profile that has role `{role}`")
    }
    let aws = project.connect().await?;
    let mut e = Environment::default();
    let key = e.add(member);
    let plan = project.look(&e, &aws, &[]).await?;
    let id = match (plan.learned(&key), plan.of(&key)) {
        (Some(learned), _) => &learned.id,
        (None, Some(Judgement::NotVisible(why))) => return Err(NotVisible(why.clone()).into()),
        (None, Some(Judgement::Failed(failure))) => bail!("{failure}"),
        _ => bail!("find the account of stage `{name}`: run `cargo xtask plan`"),
    };
    let door = aws.door(id, &access).await?;
    let portal = aws.portal.as_ref().filter(|_| door.signed_in);
    Ok(Some(Session {
        stage: name,
        account: id.clone(),
        console: portal.zip(door.role.as_ref()).map(|(portal, role)| portal.console(id, role)),
        role: door.role.clone(),
        region: project.config.region.clone(),
        endpoint: door.endpoint().map(str::to_owned),
        keys: door.credentials().await?,
    }))
}

fn confirmed(ui: &Ui, common: &Common, stage: &str) -> Result<bool> {
    ui.confirm_name(&format!("Stage `{stage}` is protected."), stage, common.confirm.as_deref())
}

impl Session {
    /// The variables that a program gets.
    pub(crate) fn variables(&self) -> Vec<(&'static str, &str)> {
        let keys = &self.keys;
        let always = [
            ("AWS_ACCESS_KEY_ID", keys.access_key_id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key),
            ("AWS_REGION", &self.region),
            // What boto3 and the first AWS CLI read instead.
            ("AWS_DEFAULT_REGION", &self.region),
        ];
        let token = keys.token.as_deref().map(|token| ("AWS_SESSION_TOKEN", token));
        let endpoint = self.endpoint.as_deref().map(|endpoint| ("AWS_ENDPOINT_URL", endpoint));
        always.into_iter().chain(token).chain(endpoint).collect()
    }
}

/// The variables that say who or where a program is; there are more, of families that have no end.
pub(crate) const MISLEADING: [&str; 14] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ACCOUNT_ID",
    "AWS_ENDPOINT_URL",
];

/// Whether a variable says who or where a program is, and must not reach one that is somebody else somewhere else.
pub(crate) fn misleads(variable: &str) -> bool {
    let families = ["AWS_ENDPOINT_URL", "AWS_CONTAINER_", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"];
    MISLEADING.contains(&variable) || families.iter().any(|family| variable.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_who_or_where_misleads_and_the_rest_stays() {
        for name in
            ["AWS_PROFILE", "AWS_ENDPOINT_URL_STS", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_REGION"]
        {
            assert!(misleads(name), "{name}");
        }
        for name in ["PATH", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_PAGER", "AWSOME"] {
            assert!(!misleads(name), "{name}");
        }
    }
}
