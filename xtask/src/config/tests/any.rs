//! Whatever is in the file: no panic, and every fault with its line and a proposal. What is good stays good.

use super::*;
use crate::any::{corpus, holds, tell, texts};

const WORDS: &[&str] = &[
    "",
    " ",
    "\"\"",
    "\"é\u{1f980}\"",
    "'\t'",
    "\"\\u0000\"",
    "\"\"\"\na\n\"\"\"",
    "-1",
    "0",
    "1e999",
    "nan",
    "99999999999999999999",
    "true",
    "1979-05-27",
    "[]",
    "[[]]",
    "[{}]",
    "{}",
    "{ name = \"x\" }",
    "[\"dev\", 1]",
    "name",
    "account",
    "account_id",
    "stage",
    "region",
    "[stage]",
    "[[stage]]",
    "[[stage.account]]",
    "[config]",
    "[[config]]",
    "[people]",
    "[[people]]",
    "[\"\"]",
    "\"dev\"",
    "\"config\"",
    "\"testing\"",
    "\"production\"",
    "\"111111111111\"",
    "\"222222222222\"",
    "\"{name}{account}@x\"",
    "\"a@b.c\"",
    "\"us-east-1\"",
    "\"ap-east-1\"",
    "\"app-runner\"",
    "\"gradual\"",
    "\"all\"",
    "name = \"x\"",
    "account = \"y\"",
    "protected = true",
    "=",
    "\"",
    "'''",
    "[",
    "]",
    "{",
    "#",
    "\r",
    "\u{feff}",
    "\u{0}",
];

/// Every fault says where it is in the file, what is wrong and what to write.
fn sound(text: &str, faults: &Faults) {
    let shown = faults.to_string();
    let lines = text.matches('\n').count() + 1;
    assert!(!faults.faults().is_empty(), "refused without a fault");
    for fault in faults.faults() {
        assert!(fault.at.start <= fault.at.end && text.get(fault.at.clone()).is_some(), "{fault:?}");
        assert!(!fault.what.trim().is_empty() && !fault.instead.trim().is_empty(), "{fault:?}");
        let line = text[..fault.at.start].matches('\n').count() + 1;
        assert!(line <= lines && shown.contains(&format!("{FILE}:{line}:")), "{fault:?} in {shown}");
    }
    for (colour, width) in [(false, 80), (true, 20)] {
        assert!(!faults.picture(colour, width).is_empty());
    }
}

/// What the commands write into a good file changes what it is to change, and nothing else.
fn written(text: &str, config: &Config) {
    let read = |text: anyhow::Result<String>| {
        let text = text.expect("a good file can be written to");
        Config::parse(FILE, &text).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    };
    let mut expected = config.clone();
    let center =
        IdentityCenter { start_url: "https://d-9.awsapps.com/start".into(), region: "eu-west-3".into() };
    let new = read(write::set_identity_center(text, &center.start_url, &center.region));
    expected.identity_center = Some(center);
    assert_eq!(new, expected);
    if !text.contains("777777777777") && config.management.account_id.is_none() {
        let new = read(write::set_management_account(text, "777777777777"));
        let management = Management { account_id: Some("777777777777".into()) };
        assert_eq!(new, Config { management, ..config.clone() });
    }
    for (stage, account) in config.clone().accounts_mut() {
        if account.profile.is_some() || account.profile_name.is_some() {
            continue;
        }
        let new = read(write::set_profile_name(text, stage.as_deref(), "ours-x"));
        let mut expected = config.clone();
        let all = expected.accounts_mut().filter(|(name, _)| *name == stage);
        all.for_each(|(_, account)| account.profile_name = Some("ours-x".into()));
        assert_eq!(new, expected);
    }
}

fn checked(text: &str) -> bool {
    match Config::parse(FILE, text) {
        Ok(config) => written(text, &config),
        Err(faults) => {
            sound(text, &faults);
            return false;
        }
    }
    true
}

#[test]
fn whatever_is_in_the_file_is_answered_with_a_line_and_a_proposal() {
    let corpus = corpus("config/tests/corpus");
    assert!(corpus.iter().filter(|text| checked(text)).count() >= 3);
    let good = std::cell::Cell::new(0);
    holds(file!(), 1_000, texts(corpus, WORDS), |text| good.set(good.get() + u32::from(checked(&text))));
    tell(&format!("{}: {} of them good", file!(), good.get()));
    assert!(good.get() > 50, "{} good ones", good.get());
}
