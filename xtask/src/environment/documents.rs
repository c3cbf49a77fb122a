//! The policies of what is declared: each waits for the ids that it names.

use super::*;

impl Declaration {
    /// A policy whose values come from what its needs have learned.
    pub(super) fn policy<T: 'static>(
        &self,
        policy: &'static Policy,
        from: Input<T>,
        values: impl Fn(T) -> Vec<(&'static str, Value)> + 'static,
    ) -> Input<Value> {
        let directory = self.policies.clone();
        from.and_then(move |known| policy.render(&directory, &values(known)))
    }

    pub(super) fn fixed(&self, policy: &'static Policy) -> Input<Value> {
        self.policy(policy, Input::from(()), |()| Vec::new())
    }

    pub(super) fn of_account(&self, account: Key<Account>, policy: &'static Policy) -> Input<Value> {
        self.policy(policy, account.learns(|a| a.id.clone()), |id| vec![("stage_account_id", json!(id))])
    }

    /// None where nobody pulls yet: without an organization the accounts are named, and IAM takes no empty list.
    pub(super) fn repository_policy(&self, organization: Option<Key<Organization>>) -> Option<Input<Value>> {
        let path = self.names().role_path();
        if let Some(organization) = organization {
            let id = organization.learns(|o| o.id.clone());
            return Some(self.policy(&policy::ECR_REPOSITORY, id, move |id| {
                vec![("organization_id", json!(id)), ("role_path", json!(path))]
            }));
        }
        let ids = self.config.stages.iter().filter_map(|s| s.account.as_ref()?.id.clone());
        let roots: Vec<String> = ids.map(|id| format!("arn:aws:iam::{id}:root")).collect();
        let of = |roots| {
            self.policy(&policy::ECR_REPOSITORY_WITHOUT_ORGANIZATION, Input::from(roots), move |roots| {
                vec![("account_roots", json!(roots)), ("role_path", json!(path))]
            })
        };
        (!roots.is_empty()).then(|| of(roots))
    }

    pub(super) fn read_role_trust(
        &self,
        center: &Center,
        stage: Key<Account>,
        platform: Platform,
    ) -> Input<Value> {
        let (path, role) = (self.names().role_path(), self.names().app_role(platform));
        let values = move |id: &str| {
            let arn = names::role_arn(id, &path, &role);
            vec![("app_role_arn", json!(arn)), ("stage_account_id", json!(id))]
        };
        let stage = stage.learns(|a| a.id.clone());
        match center.organization {
            Some(organization) => {
                let both = stage.and(organization.learns(|o| o.id.clone()));
                self.policy(&policy::READ_ROLE_TRUST, both, move |(id, organization)| {
                    [values(&id), vec![("organization_id", json!(organization))]].concat()
                })
            }
            None => self.policy(&policy::READ_ROLE_TRUST_WITHOUT_ORGANIZATION, stage, move |id| values(&id)),
        }
    }

    pub(super) fn read_policy(
        &self,
        center: &Center,
        environment: Key<ConfigurationEnvironment>,
    ) -> Input<Value> {
        let account = center.account.learns(|a| a.id.clone());
        let application = center.application.learns(|a| a.id.clone());
        let profile = center.profile.learns(|p| p.id.clone());
        let environment = environment.learns(|e| e.id.clone());
        let region = self.config.region.clone();
        let all = Input::all(vec![account, application, profile, environment]);
        self.policy(&policy::READ_ROLE, all, move |ids| {
            let names = ["config_account_id", "application_id", "profile_id", "environment_id"];
            let ids = names.into_iter().zip(ids.iter().map(|id| json!(id)));
            ids.chain([("region", json!(region))]).collect()
        })
    }

    pub(super) fn app_role_trust(&self, account: Key<Account>, platform: Platform) -> Input<Value> {
        match platform {
            Platform::EcsExpress => self.of_account(account, &policy::APP_ROLE_TRUST),
            Platform::AppRunner => self.fixed(&policy::APP_ROLE_TRUST_APP_RUNNER),
        }
    }

    pub(super) fn app_policy(&self, center: &Center, stage: &str) -> Input<Value> {
        let (path, role) = (self.names().role_path(), self.names().read_role(stage));
        self.policy(&policy::APP_ROLE, center.account.learns(|a| a.id.clone()), move |id| {
            vec![("read_role_arn", json!(names::role_arn(&id, &path, &role)))]
        })
    }
}
