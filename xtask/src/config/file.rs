//! `foothold.toml` as it is written: every key optional, every value with its place in the file.

use std::borrow::Cow;
use std::ops::Range;

use clap::ValueEnum;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_spanned::Spanned;

use crate::image::Platform as Architecture;

/// A value that may be missing, with its place in the file.
///
/// Unlike an `Option` it has no null in its JSON Schema: TOML has none.
#[derive(Clone, Debug)]
pub(super) struct Given<T>(Option<Spanned<T>>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Given(None)
    }
}

impl<T> Given<T> {
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(Spanned::get_ref)
    }

    /// The value and where it stands.
    pub(super) fn spanned(&self) -> Option<(&T, Range<usize>)> {
        self.0.as_ref().map(|value| (value.get_ref(), value.span()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(|value| Given(Some(value)))
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// What we want: the environment, its accounts and its stages.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "foothold.toml", extend("required" = ["name", "region"]))]
pub(super) struct File {
    /// The project: the application, and the prefix of everything else. Fixed at the first bootstrap.
    #[schemars(extend("pattern" = "^[A-Za-z][A-Za-z0-9-]*$", "maxLength" = 24, "examples" = ["ListServices"]))]
    pub(super) name: Given<String>,
    /// The AWS Region of everything. Fixed at the first bootstrap.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    pub(super) region: Given<String>,
    /// The address of each account made for us; `{name}` and `{account}` are replaced.
    #[schemars(extend("examples" = ["aws+{name}-{account}@example.com"]))]
    pub(super) email: Given<String>,
    /// What runs the containers, unless a stage says otherwise: Express Mode by default.
    pub(super) platform: Given<Platform>,
    /// The processors that the image is made for and runs on: x86_64 by default. App Runner has no arm64.
    pub(super) architecture: Given<Architecture>,
    /// False: no organization, every account is given by its id. True by default.
    pub(super) organization: Given<bool>,
    /// The account that holds the organization and runs nothing.
    pub(super) management: Management,
    /// Where people sign in; written by bootstrap when the organization has IAM Identity Center.
    pub(super) identity_center: IdentityCenter,
    /// The account of the images and of the central configuration.
    pub(super) config: Account,
    /// The stages, from the first that gets a change to the last.
    #[serde(rename = "stage")]
    pub(super) stages: Vec<Given<Stage>>,
    /// Where people and groups are kept: in Identity Center itself by default, where we make what is missing.
    pub(super) identity_source: Given<IdentitySource>,
    /// The groups of people; `developers`, `operators` and `administrators` by default.
    pub(super) groups: Given<Vec<Given<String>>>,
    /// The people, unless they come from an external identity source.
    pub(super) people: Vec<Given<Person>>,
    /// Permission sets besides those that there are by default, or instead of the one of that name.
    #[serde(rename = "permission_set")]
    pub(super) permission_sets: Vec<Given<PermissionSet>>,
    /// Who may do what where. A group without any has what it has by default.
    #[serde(rename = "assignment")]
    pub(super) assignments: Vec<Given<Assignment>>,
}

/// Where people and groups are kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum IdentitySource {
    /// In Identity Center itself.
    #[default]
    IdentityCenter,
    /// Elsewhere, and synchronized into Identity Center: they are looked up, never made.
    External,
}

/// A person who signs in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["email", "name"]))]
pub(super) struct Person {
    /// The person's e-mail address, which is also the name to sign in with.
    #[schemars(extend("examples" = ["ada@example.com"]))]
    pub(super) email: Given<String>,
    /// As the person is called.
    #[schemars(extend("examples" = ["Ada Lovelace"]))]
    pub(super) name: Given<String>,
    /// The groups that the person is in.
    pub(super) groups: Given<Vec<Given<String>>>,
}

/// What a person may do in an account, and for how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub(super) struct PermissionSet {
    /// In Identity Center it is `<project>-<name>`.
    #[schemars(extend("pattern" = "^[A-Za-z][A-Za-z0-9-]*$", "examples" = ["support"]))]
    pub(super) name: Given<String>,
    /// Policies that AWS manages, by their names: `ViewOnlyAccess` is `job-function/ViewOnlyAccess`.
    pub(super) managed: Given<Vec<Given<String>>>,
    /// A document of `policies/`; it may have the placeholders `{{project}}`, `{{region}}` and `{{role_path}}`.
    #[schemars(extend("examples" = ["support.json"]))]
    pub(super) policy: Given<String>,
    /// How long a session lasts: 1 to 12 hours, 1 by default.
    pub(super) session_hours: Given<u32>,
}

/// A group's permission set in some accounts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["group", "permission_set", "accounts"]))]
pub(super) struct Assignment {
    /// One of `groups`.
    #[schemars(extend("examples" = ["developers"]))]
    pub(super) group: Given<String>,
    /// One of `permission_set`, or of those that there are by default: `developer`, `operator`, `administrator`,
    /// `read-only`, `dns-read-only`, `billing-view`, and `config-<stage>` for each stage.
    #[schemars(extend("examples" = ["developer"]))]
    pub(super) permission_set: Given<String>,
    /// Stages by name, `unprotected`, `protected` (stages), `stages`, `config`, `management`, `all`.
    pub(super) accounts: Given<Vec<Given<String>>>,
}

/// What runs the containers of a stage.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Platform {
    /// ECS Express Mode.
    #[default]
    EcsExpress,
    /// App Runner, closed to accounts that had no service in it before 2026-04-30.
    AppRunner,
}

/// The account that holds the organization and runs nothing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Management {
    /// Its id, written by the interview; every run proves it.
    #[schemars(extend("pattern" = "^[0-9]{12}$", "examples" = ["111111111111"]))]
    pub(super) account_id: Given<String>,
}

/// Where people sign in; written by bootstrap when the organization has IAM Identity Center.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IdentityCenter {
    /// The address of the access portal.
    #[schemars(extend("pattern" = "^https://", "examples" = ["https://d-1234567890.awsapps.com/start"]))]
    pub(super) start_url: Given<String>,
    /// The Region of the instance, unless it is the project's.
    pub(super) region: Given<String>,
}

/// An account: one to make (`account`) or one that exists (`account_id`).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Account {
    /// What the account is called here; it is created as `<project>-<account>`.
    pub(super) account: Given<String>,
    /// An account that exists. It is never renamed, moved, tagged or closed.
    #[schemars(extend("pattern" = "^[0-9]{12}$", "examples" = ["111111111111"]))]
    pub(super) account_id: Given<String>,
    /// The role to enter it by, instead of `OrganizationAccountAccessRole`.
    pub(super) role: Given<String>,
    /// The AWS CLI profile to enter it by.
    pub(super) profile: Given<String>,
    /// What the profile that we write for it is called, instead of as the account.
    pub(super) profile_name: Given<String>,
}

/// A stage: an environment of the configuration, and with an account a running application.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub(super) struct Stage {
    /// As in `--stage`; its configuration is `app/config/<name>.json`.
    #[schemars(extend("pattern" = "^[A-Za-z][A-Za-z0-9-]*$", "examples" = ["development"]))]
    pub(super) name: Given<String>,
    /// What its account is called here; it is created as `<project>-<account>`. No account: nothing runs.
    pub(super) account: Given<String>,
    /// An account that exists. It is never renamed, moved, tagged or closed.
    #[schemars(extend("pattern" = "^[0-9]{12}$", "examples" = ["111111111111"]))]
    pub(super) account_id: Given<String>,
    /// The role to enter it by, instead of `OrganizationAccountAccessRole`.
    pub(super) role: Given<String>,
    /// The AWS CLI profile to enter it by.
    pub(super) profile: Given<String>,
    /// What the profile that we write for it is called, instead of as the account.
    pub(super) profile_name: Given<String>,
    /// What runs the containers of this stage.
    pub(super) platform: Given<Platform>,
    /// Changes ask for the stage's name, `--yes` is not enough. False by default.
    pub(super) protected: Given<bool>,
    /// How configuration spreads: `quick` (at once; the default), `gradual` (the default of protected
    /// stages), or one of AWS's own by name (`AppConfig.Canary10Percent20Minutes`).
    pub(super) strategy: Given<String>,
    /// Subnets, when the account has no default VPC: public ones, in two zones or more.
    pub(super) subnets: Given<Vec<Given<String>>>,
    /// Security groups, when the account has no default VPC.
    pub(super) security_groups: Given<Vec<Given<String>>>,
    /// More environment variables of the application, as `NAME=value`. No secrets: everybody who may look sees them.
    #[schemars(extend("examples" = [["EXPOSE=metrics", "RUST_LOG=debug"]]))]
    pub(super) environment: Given<Vec<Given<String>>>,
    /// CPU of a task, in units of 1/1024 of a core.
    pub(super) cpu: Given<u32>,
    /// Memory of a task, in MiB.
    pub(super) memory: Given<u32>,
    /// Tasks that always run: at least 1, there is no scaling to nothing.
    pub(super) min_tasks: Given<u32>,
    /// Tasks that run at most.
    pub(super) max_tasks: Given<u32>,
}

/// The JSON Schema of `foothold.toml`, which editors complete and check by.
pub(super) fn schema() -> Schema {
    schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<File>()
}
