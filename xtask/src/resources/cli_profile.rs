//! A profile in the shared config file of the AWS CLI and the SDKs, on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};
use futures::FutureExt as _;
use serde::Serialize;

use crate::aws::Aws;
use crate::graph::{Input, Node};
use crate::profiles::{self, Settings, Text, Way, keys_of};
use crate::report::Known;
use crate::resource::{Cx, Resource, Seen, SeenBy, State};

/// A profile for an account. It is ours if its section carries our comment.
#[derive(Serialize)]
pub(crate) struct Profile {
    /// See [`profiles::config_file`].
    pub(crate) file: PathBuf,
    pub(crate) project: String,
    pub(crate) name: String,
    /// The account's id.
    pub(crate) account: Input<String>,
    pub(crate) way: Way,
    pub(crate) region: String,
    /// Where it is not AWS: the sandbox.
    pub(crate) endpoint: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Owned {
    pub(super) settings: Settings,
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
        let id = known.value(&self.account)?;
        Ok(Owned { settings: self.way.settings(&id, &self.region, self.endpoint.as_deref()) })
    }

    async fn observe(&self, _: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        self.section().look()
    }

    async fn apply(&self, _: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, desired: &Owned) -> Result<()> {
        self.section().put(desired)
    }

    async fn delete(&self, _: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        self.section().take()
    }
}

impl Profile {
    fn section(&self) -> Section<'_> {
        Section { file: &self.file, project: &self.project, name: profiles::profile(&self.name) }
    }
}

/// A section of the shared config file.
pub(super) struct Section<'s> {
    pub(super) file: &'s Path,
    pub(super) project: &'s str,
    pub(super) name: String,
}

impl Section<'_> {
    pub(super) fn look(&self) -> Result<Option<Seen<Owned, Learned>>> {
        let text = profiles::read(self.file)?;
        let text = Text::parse(&text).with_context(|| format!("read {}", self.file.display()))?;
        let Some(section) = text.section(&self.name) else { return Ok(None) };
        let owned = Owned { settings: section.settings(keys_of(&self.name)) };
        let ours = section.is_of(self.project);
        Ok(Some(Seen { owned, learned: Learned, ours, state: State::Ready }))
    }

    pub(super) fn put(&self, desired: &Owned) -> Result<()> {
        let (name, settings) = (&self.name, &desired.settings);
        let change = |text: &mut Text| text.put(name, self.project, keys_of(name), settings);
        let check = |text: &str| reads_back(text, &[(name.clone(), settings.clone())]);
        profiles::edit(self.file, self.project, change, check)
    }

    pub(super) fn take(&self) -> Result<()> {
        let change = |text: &mut Text| text.take(&self.name, self.project);
        profiles::edit(self.file, self.project, change, |_| Ok(()))
    }
}

/// Whether the SDK's own parser finds in `text` what we want to have written in each of these sections.
pub(crate) fn reads_back(text: &str, sections: &[(String, Settings)]) -> Result<()> {
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, text).build();
    let (fs, env) = (Fs::from_slice(&[]), Env::from_slice(&[]));
    // Nothing is awaited where the contents are given: between reading and writing nobody else has a turn.
    let read = aws_config::profile::load(&fs, &env, &files, None).now_or_never();
    let read = read.context("read the text at once")?.context("read it as the AWS SDKs do")?;
    for (section, settings) in sections {
        let get = |key: &str| match section.split_once(' ') {
            Some(("sso-session", name)) => read.sso_session(name).and_then(|session| session.get(key)),
            Some((_, name)) => read.get_profile(name).and_then(|profile| profile.get(key)),
            None => None,
        };
        if let Some((key, value)) = settings.iter().find(|(key, value)| get(key) != Some(value.as_str())) {
            bail!("the AWS SDKs read `{key}` of [{section}] as {:?}, and not `{value}`", get(key))
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::Source;

    fn profile(name: &str) -> Profile {
        let account = Input::from("111122223333".to_owned());
        let region = "eu-west-1".to_owned();
        let way = Way::Role { role: "OrganizationAccountAccessRole".to_owned(), source: Source::Environment };
        let (project, name) = ("Shop".to_owned(), name.to_owned());
        Profile { file: PathBuf::new(), project, name, account, way, region, endpoint: None }
    }

    fn owned(region: &str) -> Owned {
        let settings = [("credential_source", "Environment"), ("region", region)];
        Owned { settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into() }
    }

    fn written(profile: &Profile, before: &str, owned: &Owned) -> String {
        let mut text = Text::parse(before).unwrap();
        let settings: Vec<_> = owned.settings.iter().map(|(key, value)| (&**key, Some(&**value))).collect();
        text.set(&profile.section().name, "Shop", &settings);
        text.to_string()
    }

    #[test]
    fn the_sdks_own_parser_reads_what_we_write() {
        let profile = profile("dev");
        for before in ["", "[default]\r\ns3 =\r\n  x = 1", "# only\n\n", "[profile dev]\nregion = x\n  y\n"] {
            let text = written(&profile, before, &owned("eu-west-1"));
            let read = |owned: Owned| reads_back(&text, &[(profile.section().name, owned.settings)]);
            read(owned("eu-west-1")).unwrap();
            let other = read(owned("eu-west-2")).err().unwrap().to_string();
            assert_eq!(
                other,
                "the AWS SDKs read `region` of [profile dev] as Some(\"eu-west-1\"), and not `eu-west-2`"
            );
        }
    }

    #[test]
    fn a_file_that_the_sdks_refuse_is_said_by_the_line() {
        let profile = profile("dev");
        let text = written(&profile, "nonsense\n", &owned("eu-west-1"));
        let error = format!(
            "{:#}",
            reads_back(&text, &[(profile.section().name, owned("eu-west-1").settings)]).err().unwrap()
        );
        assert!(error.contains("line 1"), "{error}");
    }
}
