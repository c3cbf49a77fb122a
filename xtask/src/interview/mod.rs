//! The first run: questions, each with a default and a flag, and the `foothold.toml` they make.

mod surroundings;

use std::path::Path;

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::config::{Config, FILE, Platform, write};
use crate::draft::{Account, Draft, Stage};
use crate::image::Platform as Architecture;
use crate::ui::prompts::Prompter;

pub(crate) use surroundings::Surroundings;

/// Answers for the first run, which writes `foothold.toml`. Whatever is missing is asked.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
#[command(next_help_heading = "Answers for the first run")]
pub(crate) struct Answers {
    /// The project: letters, digits and hyphens, at most 24; it can never be changed.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The AWS Region; it can never be changed.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The addresses of the accounts to make: `aws+{name}-{account}@example.com`.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) email: Option<String>,
    /// What runs the containers.
    #[arg(long, value_enum)]
    pub(crate) platform: Option<Platform>,
    /// The processors that they run on; this machine's by default, where the platform has them.
    #[arg(long, value_enum)]
    pub(crate) architecture: Option<Architecture>,
    /// The stages, from the first that gets a change to the last.
    #[arg(long, value_delimiter = ',', value_name = "STAGE,…")]
    pub(crate) stages: Option<Vec<String>>,
    /// The stages that ask for their name before they are changed; `production` by default.
    #[arg(long, value_delimiter = ',', value_name = "STAGE,…")]
    pub(crate) protected: Option<Vec<String>>,
    /// The account of a stage: a name to make one, 12 digits for one that exists, `none` for none yet.
    #[arg(long = "account", value_name = "STAGE=ACCOUNT", value_parser = pair)]
    pub(crate) accounts: Vec<(String, String)>,
    /// The account for images and configuration, when it exists.
    #[arg(long, value_name = "ID")]
    pub(crate) config_account_id: Option<String>,
    /// The account that holds the organization; found by itself otherwise.
    #[arg(long, value_name = "ID")]
    pub(crate) management_account_id: Option<String>,
    /// Whether there is an organization; without one every account must exist.
    #[arg(long, value_name = "BOOL")]
    pub(crate) organization: Option<bool>,
}

/// What is declared in the file; without a file, what the answers make of it, which is then written.
///
/// An interrupted interview writes nothing.
pub(crate) fn load_or_ask(
    file: &Path,
    answers: &Answers,
    around: &Surroundings,
    prompter: Option<&mut dyn Prompter>,
) -> Result<Config> {
    if file.exists() {
        ensure!(
            *answers == Answers::default(),
            "{} exists, so nothing is asked and answers are of no use: edit it instead",
            file.display()
        );
        return Config::load(file);
    }
    let draft = ask(answers, around, prompter)?;
    let config = draft.check()?;
    write::save(file, draft.text())?;
    Ok(config)
}

/// What the file would declare if nobody were asked anything: for those who only look around.
pub(crate) fn imagined(around: &Surroundings) -> Result<Config> {
    let around = Surroundings { sandbox: true, ..around.clone() };
    Ok(ask(&Answers::default(), &around, None)?.check()?)
}

/// Asks what the answers leave open. Without anybody to ask, defaults are taken, and what has none is named.
pub(crate) fn ask(
    answers: &Answers,
    around: &Surroundings,
    prompter: Option<&mut dyn Prompter>,
) -> Result<Draft> {
    let mut interview = Interview { draft: Draft::default(), prompter, missing: Vec::new() };
    interview.project(answers, around)?;
    interview.stages(answers)?;
    interview.email(answers, around)?;
    let Interview { mut draft, missing, .. } = interview;
    ensure!(
        missing.is_empty(),
        "{FILE} is not written yet and nobody can be asked: pass {}",
        missing.join(", ")
    );
    let made = draft.accounts().any(|account| matches!(account, Account::Make(_)));
    draft.organization = answers.organization.unwrap_or(made);
    draft.management = answers.management_account_id.clone();
    Ok(draft)
}

struct Interview<'a> {
    draft: Draft,
    prompter: Option<&'a mut dyn Prompter>,
    /// The flags of the answers that nobody gives.
    missing: Vec<&'static str>,
}

impl Interview<'_> {
    fn project(&mut self, answers: &Answers, around: &Surroundings) -> Result<()> {
        let default = self.draft.name.clone();
        let question = "Name of the project";
        self.line(question, answers.name.as_deref(), Some(&default), |draft, name| draft.name = name)?;
        let region = around.region.clone().or(around.sandbox.then(|| self.draft.region.clone()));
        // A guess is good enough where a person sees it: the Region can never be changed.
        let guess = region.or(self.prompter.is_some().then(|| self.draft.region.clone()));
        if guess.is_none() && answers.region.is_none() {
            self.missing.push("--region");
        } else {
            let question = "AWS Region";
            self.line(question, answers.region.as_deref(), guess.as_deref(), |draft, region| {
                draft.region = region
            })?;
        }
        let platforms = ["ECS Express Mode", "App Runner (only where it was in use before May 2026)"];
        let platform = match (answers.platform, &mut self.prompter) {
            (Some(platform), _) => platform,
            (None, None) => Platform::default(),
            (None, Some(person)) => match person.choose("What runs the containers", &platforms, 0)? {
                0 => Platform::EcsExpress,
                _ => Platform::AppRunner,
            },
        };
        self.draft.platform = platform;
        let guess =
            if platform == Platform::AppRunner { Architecture::default() } else { around.architecture };
        self.draft.architecture = answers.architecture.unwrap_or(guess);
        let refusal = answers.architecture.and_then(|_| self.draft.refusal());
        refusal.map_or(Ok(()), |refusal| bail!("{refusal}"))
    }

    fn stages(&mut self, answers: &Answers) -> Result<()> {
        let names: Vec<&str> = self.draft.stages.iter().map(|stage| stage.name.as_str()).collect();
        let default = names.join(",");
        let given = answers.stages.as_ref().map(|stages| stages.join(","));
        let set = |draft: &mut Draft, names: String| draft.stages = named(&names);
        self.line("Stages, first to last", given.as_deref(), Some(&default), set)?;
        self.protected(answers)?;
        self.config_account(answers)?;
        for (stage, _) in &answers.accounts {
            let known = self.draft.stages.iter().any(|known| known.name == *stage);
            ensure!(known, "--account {stage}=…: there is no stage `{stage}`");
        }
        for index in 0..self.draft.stages.len() {
            self.account(index, answers)?;
        }
        Ok(())
    }

    fn protected(&mut self, answers: &Answers) -> Result<()> {
        let Some(protected) = &answers.protected else { return Ok(()) };
        for name in protected {
            let known = self.draft.stages.iter().any(|stage| stage.name == *name);
            ensure!(known, "--protected {name}: there is no stage `{name}`");
        }
        for stage in &mut self.draft.stages {
            stage.protected = protected.contains(&stage.name);
        }
        Ok(())
    }

    fn config_account(&mut self, answers: &Answers) -> Result<()> {
        let ways = ["make one", "one that exists"];
        if let Some(id) = &answers.config_account_id {
            return self.line("", Some(id), None, |draft, id| draft.config = Account::Exists(id));
        }
        let Some(person) = &mut self.prompter else { return Ok(()) };
        if person.choose("Account for images and configuration", &ways, 0)? == 1 {
            self.line("Its id", None, None, |draft, id| draft.config = Account::Exists(id))?;
        }
        Ok(())
    }

    fn account(&mut self, index: usize, answers: &Answers) -> Result<()> {
        let name = self.draft.stages[index].name.clone();
        let set = |draft: &mut Draft, account: String| draft.stages[index].account = account_of(&account);
        if let Some((_, account)) = answers.accounts.iter().find(|(stage, _)| *stage == name) {
            return self.line("", Some(account), None, set);
        }
        let Some(person) = &mut self.prompter else { return Ok(()) };
        let question = format!("Account of stage {name}");
        let proposed = usize::from(self.draft.stages[index].account.is_none()) * 2;
        match person.choose(&question, &["make one", "one that exists", "none yet"], proposed)? {
            0 => self.line("What to call it", None, Some(short(&name)), set),
            1 => self.line("Its id", None, None, |draft, id| {
                draft.stages[index].account = Some(Account::Exists(id))
            }),
            _ => {
                self.draft.stages[index].account = None;
                Ok(())
            }
        }
    }

    fn email(&mut self, answers: &Answers, around: &Surroundings) -> Result<()> {
        let needed = self.draft.accounts().any(|account| matches!(account, Account::Make(_)));
        if !needed && answers.email.is_none() {
            self.draft.email = None;
            return Ok(());
        }
        let takes =
            |guess: &String| Draft { email: Some(guess.clone()), ..self.draft.clone() }.refusal().is_none();
        let guess = around.email().filter(|_| around.sandbox || self.prompter.is_some()).filter(takes);
        if answers.email.is_none() && guess.is_none() && self.prompter.is_none() {
            self.missing.push("--email");
            return Ok(());
        }
        let question = "E-mail of each account, which must reach you";
        self.line(question, answers.email.as_deref(), guess.as_deref(), |draft, email| {
            draft.email = Some(email)
        })
    }

    /// One answer: from its flag, from the person, or the default; refused as the file would be.
    fn line(
        &mut self,
        question: &str,
        given: Option<&str>,
        default: Option<&str>,
        set: impl Fn(&mut Draft, String),
    ) -> Result<()> {
        let draft = self.draft.clone();
        let refusal = |answer: &str| {
            let mut draft = draft.clone();
            set(&mut draft, answer.to_owned());
            draft.refusal()
        };
        let answer = match (given.or(default), &mut self.prompter) {
            (Some(answer), _) if given.is_some() => answer.to_owned(),
            (default, Some(person)) => person.text(question, default, &refusal)?,
            (Some(default), None) => default.to_owned(),
            (None, None) => bail!("{question}: nobody to ask"),
        };
        if let Some(refusal) = refusal(&answer) {
            bail!("{refusal}");
        }
        set(&mut self.draft, answer);
        Ok(())
    }
}

/// Stages by name: the first gets an account, those of production are protected.
fn named(names: &str) -> Vec<Stage> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let stage = |(index, name): (usize, &str)| Stage {
        name: name.to_owned(),
        account: (index == 0).then(|| Account::Make(short(name).to_owned())),
        protected: name.to_lowercase().starts_with("prod"),
    };
    names.enumerate().map(stage).collect()
}

/// What people call the account of such a stage.
fn short(stage: &str) -> &str {
    match stage {
        "development" => "dev",
        "testing" => "test",
        "production" => "prod",
        other => other,
    }
}

fn account_of(answer: &str) -> Option<Account> {
    match answer {
        "none" => None,
        id if !id.is_empty() && id.chars().all(|c| c.is_ascii_digit()) => {
            Some(Account::Exists(id.to_owned()))
        }
        label => Some(Account::Make(label.to_owned())),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (stage, account) = text.split_once('=').ok_or("write STAGE=ACCOUNT: development=dev")?;
    Ok((stage.to_owned(), account.to_owned()))
}

#[cfg(test)]
mod tests;
