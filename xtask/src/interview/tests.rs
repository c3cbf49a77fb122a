use std::collections::VecDeque;

use super::*;
use crate::config::{Size, Strategy};
use crate::ui::prompts::{Interrupted, Refusal};

/// Answers in order; an empty line takes the default, `^C` interrupts.
struct Scripted(VecDeque<&'static str>);

impl Scripted {
    fn new<const N: usize>(answers: [&'static str; N]) -> Self {
        Scripted(answers.into())
    }

    fn next(&mut self, question: &str) -> Result<&'static str> {
        match self.0.pop_front().unwrap_or_else(|| panic!("no answer to {question:?}")) {
            "^C" => Err(Interrupted("and nothing was changed").into()),
            answer => Ok(answer),
        }
    }
}

impl Prompter for Scripted {
    fn text(&mut self, question: &str, default: Option<&str>, refusal: Refusal<'_>) -> Result<String> {
        loop {
            let answer = self.next(question)?;
            let answer = if answer.is_empty() { default.expect(question) } else { answer };
            if refusal(answer).is_none() {
                return Ok(answer.to_owned());
            }
        }
    }

    fn choose(&mut self, question: &str, options: &[&str], default: usize) -> Result<usize> {
        let answer = self.next(question)?;
        let place = options.iter().position(|option| *option == answer);
        Ok(if answer.is_empty() { default } else { place.expect(question) })
    }

    fn confirm(&mut self, question: &str, default: bool) -> Result<bool> {
        Ok(match self.next(question)? {
            "" => default,
            answer => answer == "y",
        })
    }
}

fn real() -> Surroundings {
    let mail = Some("jane.doe+x@example.org".into());
    Surroundings { mail, ..Surroundings::default() }
}

fn sandbox() -> Surroundings {
    Surroundings { sandbox: true, ..Surroundings::default() }
}

#[test]
fn in_the_sandbox_everything_has_a_default() {
    let draft = ask(&Answers::default(), &sandbox(), None).unwrap();
    assert_eq!(draft, Draft::default());
    let config = draft.check().unwrap();
    assert_eq!(config.running_stage(None).unwrap().1.label, "dev");
    assert!(config.stages[2].protected);
}

#[test]
fn without_a_terminal_every_missing_answer_is_named_at_once() {
    let error = ask(&Answers::default(), &real(), None).unwrap_err().to_string();
    assert!(error.ends_with("pass --region, --email"), "{error}");
    let answers = Answers {
        region: Some("eu-north-1".into()),
        email: Some("a+{account}@b.cd".into()),
        ..Answers::default()
    };
    assert_eq!(ask(&answers, &real(), None).unwrap().region, "eu-north-1");
}

#[test]
fn answers_by_the_return_key_alone_make_an_environment() {
    let mut person = Scripted::new([""; 10]);
    let draft = ask(&Answers::default(), &real(), Some(&mut person)).unwrap();
    assert_eq!(draft.email.as_deref(), Some("jane.doe+{name}-{account}@example.org"));
    assert!(person.0.is_empty());
    draft.check().unwrap();
}

#[test]
fn refused_answers_are_asked_again_and_accounts_may_exist() {
    let mut person = Scripted::new([
        "9lives",
        "Shop",
        "eu-west-11",
        "eu-west-2",
        "App Runner (only where it was in use before May 2026)",
        "one, one",
        "one,two,live",
        "one that exists",
        "1111",
        "111111111111",
        "one that exists",
        "111111111111",
        "222222222222",
        "none yet",
        "make one",
        "live",
        "x",
        "a{account}@b.cd",
    ]);
    let draft = ask(&Answers::default(), &real(), Some(&mut person)).unwrap();
    assert!(person.0.is_empty(), "{:?}", person.0);
    assert_eq!(draft.config, Account::Exists("111111111111".into()));
    let accounts: Vec<_> = draft.stages.iter().map(|stage| stage.account.clone()).collect();
    assert_eq!(
        accounts,
        [Some(Account::Exists("222222222222".into())), None, Some(Account::Make("live".into()))]
    );
    let config = draft.check().unwrap();
    assert_eq!((config.name.as_str(), config.region.as_str()), ("Shop", "eu-west-2"));
    assert_eq!(config.stages[2].platform, Platform::AppRunner);
}

#[test]
fn every_answer_has_a_flag() {
    let flags = Answers {
        name: Some("Shop".into()),
        region: Some("eu-west-2".into()),
        email: Some("a+{account}@b.cd".into()),
        platform: Some(Platform::AppRunner),
        architecture: Some(Architecture::X86_64),
        stages: Some(vec!["one".into(), "two".into(), "three".into()]),
        protected: Some(vec!["three".into()]),
        accounts: vec![
            ("one".into(), "222222222222".into()),
            ("two".into(), "second".into()),
            ("three".into(), "none".into()),
        ],
        config_account_id: Some("111111111111".into()),
        management_account_id: Some("999999999999".into()),
        organization: None,
    };
    let mut nobody_is_asked = Scripted::new([]);
    let config = ask(&flags, &real(), Some(&mut nobody_is_asked)).unwrap().check().unwrap();
    assert_eq!(config.management.account_id.as_deref(), Some("999999999999"));
    assert_eq!(config.stages[1].account.as_ref().unwrap().email.as_deref(), Some("a+second@b.cd"));
    assert_eq!((config.stages[2].protected, config.stages[2].strategy), (true, Strategy::GRADUAL));
    assert_eq!(config.stages[0].size, Size::default());
}

#[test]
fn an_image_is_for_this_machine_where_the_platform_has_that_and_nobody_says_otherwise() {
    let arm = Surroundings { architecture: Architecture::Arm64, ..sandbox() };
    let of = |answers: &Answers| ask(answers, &arm, None).unwrap();
    let express = of(&Answers::default());
    assert_eq!(express.check().unwrap().architecture, Architecture::Arm64);
    assert!(express.text().contains("\narchitecture = \"arm64\""), "{}", express.text());
    let other = Answers { architecture: Some(Architecture::X86_64), ..Answers::default() };
    assert_eq!(of(&other).check().unwrap().architecture, Architecture::X86_64);
    let app_runner = Answers { platform: Some(Platform::AppRunner), ..Answers::default() };
    assert_eq!(of(&app_runner).check().unwrap().architecture, Architecture::X86_64);
    let both = Answers { architecture: Some(Architecture::Arm64), ..app_runner };
    let refused = ask(&both, &arm, None).unwrap_err().to_string();
    assert!(refused.contains("App Runner has no arm64"), "{refused}");
}

#[test]
fn wrong_flags_are_refused_with_what_to_write_instead() {
    let refused = |answers: Answers| format!("{:#}", ask(&answers, &sandbox(), None).unwrap_err());
    let some = |text: &str| Some(text.to_owned());
    assert!(refused(Answers { name: some("9"), ..Answers::default() }).contains("the first a letter"));
    assert!(refused(Answers { region: some("eu-west"), ..Answers::default() }).contains("write `region ="));
    assert!(refused(Answers { email: some("a@b"), ..Answers::default() }).contains("example.com"));
    assert!(
        refused(Answers { stages: Some(vec!["schema".into()]), ..Answers::default() })
            .contains("schema.json")
    );
    assert!(
        refused(Answers { protected: Some(vec!["x".into()]), ..Answers::default() })
            .contains("--protected x")
    );
    let accounts = |stage: &str, account: &str| vec![(stage.to_owned(), account.to_owned())];
    assert!(
        refused(Answers { accounts: accounts("x", "y"), ..Answers::default() }).contains("--account x=…")
    );
    assert!(
        refused(Answers { accounts: accounts("testing", "123"), ..Answers::default() }).contains("12 digits")
    );
}

#[test]
fn an_interrupted_interview_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    for at in 0..10 {
        let mut answers = vec![""; at];
        answers.push("^C");
        let mut person = Scripted(answers.into());
        let error = load_or_ask(&file, &Answers::default(), &real(), Some(&mut person)).unwrap_err();
        assert!(error.is::<Interrupted>(), "{error:#}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn the_file_is_written_once_and_then_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let first = load_or_ask(&file, &Answers::default(), &sandbox(), None).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(load_or_ask(&file, &Answers::default(), &sandbox(), None).unwrap(), first);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let late = Answers { name: Some("Other".into()), ..Answers::default() };
    let error = load_or_ask(&file, &late, &sandbox(), None).unwrap_err().to_string();
    assert!(error.contains("edit it instead"), "{error}");
}

#[test]
fn accounts_that_all_exist_need_no_organization() {
    let answers = Answers {
        config_account_id: Some("111111111111".into()),
        accounts: vec![("development".into(), "222222222222".into())],
        region: Some("eu-west-1".into()),
        ..Answers::default()
    };
    let config = ask(&answers, &real(), None).unwrap().check().unwrap();
    assert_eq!((config.organization, config.email), (false, None));
}

#[test]
fn the_file_reads_like_this() {
    let expected = r##"#:schema ./foothold.schema.json
# What we want. `cargo xtask plan` shows what an edit would change.

name = "ListServices"             # fixed
region = "eu-west-1"              # fixed
email = "aws+{name}-{account}@example.com" # of the accounts that are made; each needs its own
platform = "ecs-express"          # or "app-runner", per stage too

[config]                          # images and configuration
account = "config"                # made as listservices-config

[[stage]]
name = "development"
account = "dev"                   # made as listservices-dev

[[stage]]
name = "testing"                  # no account yet: the environment exists, nothing runs

[[stage]]
name = "production"               # no account yet: the environment exists, nothing runs
protected = true                  # changes ask for its name
"##;
    assert_eq!(Draft::default().text(), expected);
}
