//! What everything is called: every name that derives from `foothold.toml`, in one place.

use sha2::{Digest, Sha256};

use crate::config::Platform;

/// The unit of the account that holds images and configuration.
pub(crate) const DEPLOYMENTS: &str = "Deployments";
/// The unit of the accounts in which the stages run.
pub(crate) const WORKLOADS: &str = "Workloads";

/// How long the name of a permission set may be.
const PERMISSION_SET: usize = 32;

/// The names of one project.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    project: &'a str,
}

impl<'a> Names<'a> {
    pub(crate) fn new(project: &'a str) -> Self {
        Names { project }
    }

    /// The name in lower case, where AWS or custom asks for it.
    pub(crate) fn slug(self) -> String {
        self.project.to_ascii_lowercase()
    }

    /// The name of a member account: unique per project, because creation requests carry no e-mail.
    pub(crate) fn account(self, label: &str) -> String {
        format!("{}-{label}", self.slug())
    }

    /// The ECR repository; ECR refuses capitals.
    pub(crate) fn repository(self) -> String {
        self.slug()
    }

    /// The AppConfig application.
    pub(crate) fn application(self) -> String {
        self.project.to_owned()
    }

    /// The AppConfig configuration profile.
    pub(crate) fn configuration_profile(self) -> String {
        format!("{}AppConfigConfigProfile", self.project)
    }

    /// Our own AppConfig deployment strategy without a bake time.
    pub(crate) fn quick_strategy(self) -> String {
        format!("{}Quick", self.project)
    }

    /// The path of all our roles: one listing finds them.
    pub(crate) fn role_path(self) -> String {
        format!("/foothold/{}/", self.project)
    }

    /// The role in the config account that may read one stage's configuration.
    pub(crate) fn read_role(self, stage: &str) -> String {
        format!("AppConfig{}AccessRole-{stage}", self.project)
    }

    /// The inline policy of the read role.
    pub(crate) fn read_policy(self) -> String {
        format!("AppConfig{}AccessPolicy", self.project)
    }

    /// The running application's own role.
    pub(crate) fn app_role(self, platform: Platform) -> String {
        match platform {
            Platform::EcsExpress => format!("Ecs{}CrossConfigRole", self.project),
            Platform::AppRunner => format!("AppRunner{}CrossConfigRole", self.project),
        }
    }

    /// The inline policy of the application's role.
    pub(crate) fn app_policy(self) -> String {
        format!("AssumeAppConfig{}AccessPolicy", self.project)
    }

    /// ECS: the role that pulls the image and writes the logs.
    pub(crate) fn execution_role(self) -> String {
        format!("Ecs{}ExecutionRole", self.project)
    }

    /// ECS Express Mode: the role that makes the load balancer and the scaling.
    pub(crate) fn infrastructure_role(self) -> String {
        format!("Ecs{}InfrastructureRole", self.project)
    }

    /// App Runner: the role that pulls the image.
    pub(crate) fn access_role(self) -> String {
        format!("AppRunner{}EcrAccessRole", self.project)
    }

    /// All roles of a stage's account.
    pub(crate) fn roles(self, platform: Platform) -> Vec<String> {
        match platform {
            Platform::EcsExpress => {
                vec![self.app_role(platform), self.execution_role(), self.infrastructure_role()]
            }
            Platform::AppRunner => vec![self.app_role(platform), self.access_role()],
        }
    }

    /// The service that runs the application.
    pub(crate) fn service(self) -> String {
        self.project.to_owned()
    }

    /// A permission set. Those of all projects of an organization are in one list, and AWS takes 32 characters.
    pub(crate) fn permission_set(self, name: &str) -> String {
        let whole = format!("{}-{name}", self.project);
        if whole.len() <= PERMISSION_SET {
            return whole;
        }
        let mark = hex::encode(&Sha256::digest(&whole)[..3]);
        format!("{}-{mark}", whole[..PERMISSION_SET - mark.len() - 1].trim_end_matches('-'))
    }

    /// The log group of a stage.
    pub(crate) fn log_group(self, stage: &str) -> String {
        format!("/foothold/{}/{stage}", self.project)
    }
}

/// The ARN of a role under a path that begins and ends with `/`.
pub(crate) fn role_arn(account_id: &str, path: &str, role: &str) -> String {
    format!("arn:aws:iam::{account_id}:role{path}{role}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_sets_fit_and_stay_apart() {
        let names = Names::new("ABCDEFGHIJKLMNOPQRSTUVWX");
        assert_eq!(Names::new("ListServices").permission_set("developer"), "ListServices-developer");
        let (one, other) = (names.permission_set("administrator"), names.permission_set("administrators"));
        assert!(one.len() <= 32 && other.len() <= 32 && one != other, "{one} {other}");
    }
}
