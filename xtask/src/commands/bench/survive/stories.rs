//! The commands that are harmed, and the worlds they start from.

/// A command, and where it starts.
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [&'static str],
    pub(super) from: From,
    /// Whether it brings another program than the one that runs.
    pub(super) another: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// An AWS with one account.
    Nothing,
    /// What bootstrap has made.
    Bootstrapped,
}

pub(super) const BOOTSTRAP: &[&str] = &["bootstrap", "--yes"];

pub(super) const STORIES: &[Story] = &[
    Story { name: "bootstrap", arguments: BOOTSTRAP, from: From::Nothing, another: false },
    Story {
        name: "config set",
        // A killed one's deployment may still be under way.
        arguments: &["config", "set", "intResultLimit=3", "--stage", "development", "--yes", "--wait"],
        from: From::Bootstrapped,
        another: false,
    },
    Story {
        name: "deploy",
        arguments: &["deploy", "--stage", "development", "--yes"],
        from: From::Bootstrapped,
        another: true,
    },
    Story {
        name: "teardown --stage",
        arguments: &["teardown", "--stage", "development", "--yes"],
        from: From::Bootstrapped,
        another: false,
    },
    Story { name: "teardown", arguments: &["teardown", "--yes"], from: From::Bootstrapped, another: false },
];

/// One stage that runs, and one that does not.
pub(super) const FOOTHOLD: &str = include_str!("../foothold.toml");
