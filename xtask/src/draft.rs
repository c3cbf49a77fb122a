//! A `foothold.toml` in the making: what the interview has so far, and the text it becomes.

use std::fmt::Write;

use toml_edit::Value;

use crate::config::{Config, FILE, Faults, Platform};
use crate::image::Platform as Architecture;

/// What is to be declared; always a whole one, from the first default on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) email: Option<String>,
    pub(crate) platform: Platform,
    pub(crate) architecture: Architecture,
    pub(crate) organization: bool,
    pub(crate) management: Option<String>,
    pub(crate) config: Account,
    pub(crate) stages: Vec<Stage>,
}

/// An account: to be made under that name, or one that exists, by its id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Account {
    Make(String),
    Exists(String),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) account: Option<Account>,
    pub(crate) protected: bool,
}

impl Default for Draft {
    fn default() -> Self {
        let stage = |name: &str| Stage { name: name.into(), account: None, protected: name == "production" };
        Draft {
            name: "ListServices".into(),
            region: "eu-west-1".into(),
            email: Some("aws+{name}-{account}@example.com".into()),
            platform: Platform::default(),
            architecture: Architecture::default(),
            organization: true,
            management: None,
            config: Account::Make("config".into()),
            stages: vec![
                Stage { account: Some(Account::Make("dev".into())), ..stage("development") },
                stage("testing"),
                stage("production"),
            ],
        }
    }
}

impl Draft {
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        std::iter::once(&self.config).chain(self.stages.iter().filter_map(|stage| stage.account.as_ref()))
    }

    pub(crate) fn check(&self) -> Result<Config, Faults> {
        Config::parse(FILE, &self.text())
    }

    /// The first thing the file's own check would say.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.check().err().and_then(|faults| faults.first())
    }

    /// The file, with the comments that let people edit it.
    pub(crate) fn text(&self) -> String {
        let mut out = String::from(
            "#:schema ./foothold.schema.json\n# What we want. `cargo xtask plan` shows what an edit would change.\n\n",
        );
        line(&mut out, "name", &self.name, "fixed");
        line(&mut out, "region", &self.region, "fixed");
        if let Some(email) = &self.email {
            line(&mut out, "email", email, "of the accounts that are made; each needs its own");
        }
        let (platform, other) = match self.platform {
            Platform::EcsExpress => ("ecs-express", "app-runner"),
            Platform::AppRunner => ("app-runner", "ecs-express"),
        };
        line(&mut out, "platform", platform, &format!("or \"{other}\", per stage too"));
        if self.architecture != Architecture::default() {
            line(&mut out, "architecture", &self.architecture.to_string(), "of the image; or \"x86_64\"");
        }
        if !self.organization {
            out += "organization = false              # every account exists and is given by its id\n";
        }
        if let Some(id) = &self.management {
            out += "\n[management]\n";
            line(&mut out, "account_id", id, "every run proves it");
        }
        out += "\n[config]                          # images and configuration\n";
        account(&mut out, &self.config, &self.name);
        for stage in &self.stages {
            out += "\n[[stage]]\n";
            self.stage(&mut out, stage);
        }
        out
    }

    fn stage(&self, out: &mut String, stage: &Stage) {
        match &stage.account {
            Some(of_stage) => {
                plain(out, "name", &stage.name);
                account(out, of_stage, &self.name);
            }
            None => line(out, "name", &stage.name, "no account yet: the environment exists, nothing runs"),
        }
        if stage.protected {
            out.push_str("protected = true                  # changes ask for its name\n");
        }
    }
}

fn account(out: &mut String, account: &Account, project: &str) {
    match account {
        Account::Make(label) => {
            let made = format!("made as {}", crate::names::Names::new(project).account(label));
            line(out, "account", label, &made);
        }
        Account::Exists(id) => line(out, "account_id", id, "exists: never renamed, moved or closed"),
    }
}

fn plain(out: &mut String, key: &str, value: &str) {
    writeln!(out, "{key} = {}", Value::from(value)).ok();
}

fn line(out: &mut String, key: &str, value: &str, comment: &str) {
    let setting = format!("{key} = {}", Value::from(value));
    writeln!(out, "{setting:<33} # {comment}").ok();
}
