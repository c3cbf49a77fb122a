//! A profile in the shared config file of the AWS CLI and the SDKs, on this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};
use futures::FutureExt as _;
use serde::Serialize;

use super::Account;
use crate::aws::Aws;
use crate::graph::{Key, Node};
use crate::profiles::{self, Text};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// A profile that takes a role of an account. It is ours if its section carries our comment.
#[derive(Serialize)]
pub(crate) struct Profile {
    /// See [`profiles::config_file`].
    pub(crate) file: PathBuf,
    pub(crate) project: String,
    pub(crate) name: String,
    pub(crate) account: Key<Account>,
    pub(crate) source: Source,
    pub(crate) region: String,
    pub(crate) role: String,
    /// Where it is not AWS: the sandbox.
    pub(crate) endpoint: Option<String>,
}

/// The profile whose credentials take the role, or, without one, the environment's credentials.
#[derive(Serialize)]
pub(crate) struct Source(pub(crate) Option<String>);

#[derive(Serialize)]
pub(crate) struct Owned {
    settings: BTreeMap<String, String>,
}

pub(crate) struct Learned;

impl Resource for Profile {
    type World = Aws;
    type Owned = Owned;
    type Learned = Learned;
    const KIND: &'static str = "profile";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn place(&self) -> Option<Node> {
        None
    }

    fn desired(&self, known: &Known<'_>) -> Result<Owned> {
        let id = &known.of(&self.account)?.id;
        let source = match &self.source {
            Source(Some(profile)) => ("source_profile", profile.clone()),
            Source(None) => ("credential_source", "Environment".to_owned()),
        };
        let role = ("role_arn", format!("arn:aws:iam::{id}:role/{}", self.role));
        let endpoint = self.endpoint.clone().map(|endpoint| ("endpoint_url", endpoint));
        let settings = [role, source, ("region", self.region.clone())].into_iter().chain(endpoint);
        let settings = settings.map(|(key, value)| (key.to_owned(), value));
        Ok(Owned { settings: settings.collect() })
    }

    async fn observe(&self, _: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        let text = profiles::read(&self.file)?;
        let text = Text::parse(&text).with_context(|| format!("read {}", self.file.display()))?;
        let Some(section) = text.section(&self.section()) else { return Ok(None) };
        let value = |key: &&str| Some(((*key).to_owned(), section.get(key)?));
        let owned = Owned { settings: KEYS.iter().filter_map(value).collect() };
        let ours = section.is_of(&self.project);
        Ok(Some(Seen { owned, learned: Learned, ours, state: State::Ready }))
    }

    async fn apply(&self, _: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        let settings: Vec<_> =
            KEYS.iter().map(|key| (*key, desired.settings.get(*key).map(String::as_str))).collect();
        let change = |text: &mut Text| text.set(&self.section(), &self.project, &settings);
        profiles::edit(&self.file, &self.project, change, |text| self.reads_back(text, desired))
    }

    async fn delete(&self, _: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        let change = |text: &mut Text| {
            if text.section(&self.section()).is_some_and(|section| section.is_of(&self.project)) {
                text.remove(&self.section());
            }
        };
        profiles::edit(&self.file, &self.project, change, |_| Ok(()))
    }
}

/// What we set. Other settings of a profile are its owner's.
const KEYS: &[&str] = &["role_arn", "source_profile", "credential_source", "region", "endpoint_url"];

impl Profile {
    fn section(&self) -> String {
        profiles::profile(&self.name)
    }

    /// Whether the SDK's own parser finds in `text` what we want to have written.
    fn reads_back(&self, text: &str, desired: &Owned) -> Result<()> {
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, text).build();
        let (fs, env) = (Fs::from_slice(&[]), Env::from_slice(&[]));
        // Nothing is awaited where the contents are given: between reading and writing nobody else has a turn.
        let read = aws_config::profile::load(&fs, &env, &files, None).now_or_never();
        let read = read.context("read the text at once")?.context("read it as the AWS SDKs do")?;
        let found = read.get_profile(&self.name).context("find the profile as the AWS SDKs do")?;
        match desired.settings.iter().find(|(key, value)| found.get(key) != Some(value.as_str())) {
            None => Ok(()),
            Some((key, value)) => {
                bail!("the AWS SDKs read `{key}` as {:?}, and not `{value}`", found.get(key))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Access, Mark};
    use crate::graph::Environment;
    use crate::resources::Origin;

    fn profile(name: &str) -> Profile {
        let mut e = Environment::default();
        let account = e.add(Account {
            label: "dev".to_owned(),
            origin: Origin::Given { id: "111122223333".to_owned() },
            unit: None,
            access: Access::Role("OrganizationAccountAccessRole".to_owned()),
            region: "eu-west-1".to_owned(),
            mark: Mark { project: "Shop".to_owned(), stage: None },
            close: false,
        });
        let (region, role) = ("eu-west-1".to_owned(), "OrganizationAccountAccessRole".to_owned());
        let (project, name) = ("Shop".to_owned(), name.to_owned());
        Profile {
            file: PathBuf::new(),
            project,
            name,
            account,
            source: Source(None),
            region,
            role,
            endpoint: None,
        }
    }

    fn owned(region: &str) -> Owned {
        let settings = [("credential_source", "Environment"), ("region", region)];
        Owned { settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into() }
    }

    fn written(profile: &Profile, before: &str, owned: &Owned) -> String {
        let mut text = Text::parse(before).unwrap();
        let settings: Vec<_> = owned.settings.iter().map(|(key, value)| (&**key, Some(&**value))).collect();
        text.set(&profile.section(), "Shop", &settings);
        text.to_string()
    }

    #[test]
    fn the_sdks_own_parser_reads_what_we_write() {
        let profile = profile("dev");
        for before in ["", "[default]\r\ns3 =\r\n  x = 1", "# only\n\n", "[profile dev]\nregion = x\n  y\n"] {
            let text = written(&profile, before, &owned("eu-west-1"));
            profile.reads_back(&text, &owned("eu-west-1")).unwrap();
            let other = profile.reads_back(&text, &owned("eu-west-2")).err().unwrap().to_string();
            assert_eq!(other, "the AWS SDKs read `region` as Some(\"eu-west-1\"), and not `eu-west-2`");
        }
    }

    #[test]
    fn a_file_that_the_sdks_refuse_is_said_by_the_line() {
        let profile = profile("dev");
        let text = written(&profile, "nonsense\n", &owned("eu-west-1"));
        let error = format!("{:#}", profile.reads_back(&text, &owned("eu-west-1")).err().unwrap());
        assert!(error.contains("line 1"), "{error}");
    }
}
