//! The commands that are harmed, and the worlds they start from.

/// A command, and where it starts.
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [&'static str],
    pub(super) from: From,
    /// Whether it brings another program than the one that runs.
    pub(super) another: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// An AWS with one account.
    Nothing,
    /// What bootstrap has made.
    Bootstrapped,
    /// The same, but somebody has switched Identity Center on, and has declared people and a protected stage.
    Switched,
    /// What bootstrap has made of that.
    Peopled,
    /// The same, but somebody has taken some of it out of the file.
    Left,
}

pub(super) const BOOTSTRAP: &[&str] = &["bootstrap", "--yes", "--confirm", "production"];

const fn story(name: &'static str, from: From, arguments: &'static [&'static str]) -> Story {
    Story { name, arguments, from, another: false }
}

pub(super) const STORIES: &[Story] = &[
    story("bootstrap", From::Nothing, &["bootstrap", "--yes"]),
    story(
        "config set",
        From::Bootstrapped,
        // A killed one's deployment may still be under way.
        &["config", "set", "intResultLimit=3", "--stage", "development", "--yes", "--wait"],
    ),
    Story {
        another: true,
        ..story("deploy", From::Bootstrapped, &["deploy", "--stage", "development", "--yes"])
    },
    story("teardown --stage", From::Bootstrapped, &["teardown", "--stage", "development", "--yes"]),
    story("teardown", From::Bootstrapped, &["teardown", "--yes"]),
    story("bootstrap, people", From::Switched, BOOTSTRAP),
    story(
        "teardown --stage, protected",
        From::Peopled,
        &["teardown", "--stage", "production", "--yes", "--confirm", "production"],
    ),
    story("teardown --orphans", From::Left, &["teardown", "--orphans", "--yes", "--confirm", "ListServices"]),
    story("teardown, people", From::Peopled, &["teardown", "--yes", "--confirm", "ListServices"]),
];

/// One stage that runs, and one that does not.
pub(super) const FOOTHOLD: &str = include_str!("../foothold.toml");

/// Before everything else. Leaves the file, too.
pub(super) const GROUPS: &str = "groups = [\"developers\", \"operators\", \"administrators\", \"support\"]\n";

/// After everything else.
pub(super) const PEOPLE: &str = r#"
[[people]]
email = "ada@example.com"
name = "Ada Lovelace"
groups = ["developers", "operators"]
"#;

/// After that: who and what leaves the file.
pub(super) const SUPPORT: &str = r#"
[[people]]
email = "grace@example.com"
name = "Grace Hopper"
groups = ["support"]

[[permission_set]]
name = "support"
managed = ["ViewOnlyAccess"]

[[assignment]]
group = "support"
permission_set = "support"
accounts = ["unprotected"]
"#;

pub(super) const PRODUCTION: &str = r#"
[[stage]]
name = "production"
protected = true
"#;
