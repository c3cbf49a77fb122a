//! Whatever is in the file: refused with a reason, or ours is put in and taken out again without a trace.

use super::*;
use crate::any::{corpus, holds, tell, texts};

const WORDS: &[&str] = &[
    "",
    " ",
    "\t",
    "\r",
    "\u{feff}",
    "\u{0}",
    "\u{2028}",
    "é",
    "=",
    "[",
    "]",
    "[]",
    "[ ]",
    "[profile ]",
    "[profile dev]",
    "[profile 'dev']",
    "[profile \"dev\"] # his",
    "  [profile dev]",
    "[PROFILE dev]",
    "[profile dev",
    "[default]",
    "# managed by cargo xtask: Shop",
    "# managed by cargo xtask: ",
    "#",
    ";",
    "region = eu-west-1",
    "REGION=x",
    "  region = x",
    "role_arn",
    "source_profile =",
    "  more",
];

/// Whether the file is one that is changed.
fn changed_and_back(file: &str) -> bool {
    let Ok(text) = Text::parse(file).map_err(|error| assert!(!error.to_string().is_empty())) else {
        return false;
    };
    assert_eq!(text.to_string(), file);
    for name in text.sections_of("Shop") {
        assert!(text.section(&name).is_some(), "{name}");
    }
    if text.section(&profile("dev")).is_none() {
        let one = with(file, "dev");
        assert_eq!(without(&one, "dev"), file, "by {one:?}");
    }
    let (_, _) = (name_for(file, "Shop", "dev"), session_for(file, "Shop", "https://x"));
    let _roles = signing_in(file, "Shop");
    let set = with(file, "dev");
    assert_eq!(with(&set, "dev"), set, "set again, nothing changes");
    let section = Text::parse(&set).unwrap();
    let section = section.section(&profile("dev")).unwrap();
    assert!(section.is_of("Shop"));
    for (key, value) in ROLE {
        assert_eq!(section.get(key).as_deref(), *value, "{key} in {set:?}");
    }
    true
}

#[test]
fn whatever_is_in_the_file_it_is_refused_or_changed_and_changed_back() {
    let corpus = corpus("profiles/tests/corpus");
    assert_eq!(corpus.iter().filter(|file| changed_and_back(file)).count(), corpus.len());
    let good = std::cell::Cell::new(0);
    let tried = |file: String| good.set(good.get() + u32::from(changed_and_back(&file)));
    holds(file!(), 5_000, texts(corpus, WORDS), tried);
    tell(&format!("{}: {} of them were changed", file!(), good.get()));
    assert!(good.get() > 1_000, "{} were changed", good.get());
}
