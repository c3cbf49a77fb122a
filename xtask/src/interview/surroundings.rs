//! What is known before anything is asked: of the person, and of the machine.

use std::process::Command;

use crate::image::Platform as Architecture;

/// What can be guessed without asking.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Where nothing costs and no mail arrives, every question has a default.
    pub(crate) sandbox: bool,
    /// The Region that other AWS tools would use.
    pub(crate) region: Option<String>,
    /// The address of the person.
    pub(crate) mail: Option<String>,
    /// What this machine can build for, and run.
    pub(crate) architecture: Architecture,
}

impl Surroundings {
    /// From the environment and from git.
    pub(crate) fn look(sandbox: bool) -> Self {
        let set = |key| std::env::var(key).ok().filter(|value| !value.is_empty());
        let git = Command::new("git").args(["config", "user.email"]).output().ok();
        let mail = git.and_then(|out| String::from_utf8(out.stdout).ok()).map(|mail| mail.trim().to_owned());
        let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
        Surroundings { sandbox, region, mail, architecture: Architecture::here() }
    }

    /// The person's own mailbox, with an alias for each account.
    pub(super) fn email(&self) -> Option<String> {
        if self.sandbox {
            return Some("aws+{name}-{account}@example.com".into());
        }
        let (local, domain) = self.mail.as_deref()?.split_once('@')?;
        let local = local.split('+').next().filter(|local| !local.is_empty())?;
        Some(format!("{local}+{{name}}-{{account}}@{domain}"))
    }
}
