//! Which configuration to follow, as the environment variables say.

use std::fmt;
use std::time::Duration;

/// What AppConfig accepts as RequiredMinimumPollIntervalInSeconds.
const POLL_SECONDS: std::ops::RangeInclusive<u64> = 15..=86_400;

/// What AppConfig takes of a hosted configuration at most: 1 MB, or 2 MB where one has asked for it.
const DEFAULT_MAX_BYTES: usize = 2 << 20;

/// One configuration profile in one environment, and the role that may read it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Application, by name or id.
    pub application: String,
    /// Environment, by name or id.
    pub environment: String,
    /// Configuration profile, by name or id.
    pub profile: String,
    /// ARN of the role to assume for reading.
    pub read_role: String,
    /// The shortest pause between polls to ask for; AppConfig's answers say the real one.
    pub poll_interval: Duration,
    /// Larger content is not read to its end.
    pub max_bytes: usize,
}

/// Everything that is wrong with the environment variables, at once.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceError {
    pub problems: Vec<String>,
}

impl Source {
    /// Reads `APPCONFIGAPPNAME`, `APPCONFIGENV`, `APPCONFIGCONF`, `APPCONFIGREADROLE`
    /// and, where set, `APPCONFIGPOLLSECONDS` (15 to 86400).
    pub fn from_env() -> Result<Self, SourceError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// As [`Source::from_env`], from any table of names. An empty value counts as missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SourceError> {
        let mut problems = Vec::new();
        let mut required = |name: &str| {
            let value = lookup(name).filter(|value| !value.is_empty());
            value.unwrap_or_else(|| {
                problems.push(format!("{name} is not set"));
                String::new()
            })
        };
        let application = required("APPCONFIGAPPNAME");
        let profile = required("APPCONFIGCONF");
        let environment = required("APPCONFIGENV");
        let read_role = required("APPCONFIGREADROLE");
        let poll_interval = poll_seconds(&lookup).map_err(|problem| problems.push(problem));
        match poll_interval {
            Ok(poll_interval) if problems.is_empty() => {
                let max_bytes = DEFAULT_MAX_BYTES;
                Ok(Self { application, environment, profile, read_role, poll_interval, max_bytes })
            }
            _ => Err(SourceError { problems }),
        }
    }
}

fn poll_seconds(lookup: &impl Fn(&str) -> Option<String>) -> Result<Duration, String> {
    let Some(text) = lookup("APPCONFIGPOLLSECONDS").filter(|text| !text.is_empty()) else {
        return Ok(Duration::from_secs(*POLL_SECONDS.start()));
    };
    let seconds = text.parse().ok().filter(|seconds| POLL_SECONDS.contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("APPCONFIGPOLLSECONDS is `{text}`, not a number from 15 to 86400"))
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join(", "))
    }
}

impl std::error::Error for SourceError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(name: &str) -> Option<String> {
        let value = match name {
            "APPCONFIGAPPNAME" => "ListServices",
            "APPCONFIGCONF" => "Profile",
            "APPCONFIGENV" => "development",
            "APPCONFIGREADROLE" => "arn:aws:iam::111111111111:role/read",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn with(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| {
            if asked == name { Some(value.to_owned()) } else { complete(asked) }
        }
    }

    #[test]
    fn four_variables_are_enough() {
        let source = Source::from_lookup(complete).unwrap();
        assert_eq!(source.environment, "development");
        assert_eq!(source.profile, "Profile");
        assert_eq!(source.poll_interval, Duration::from_secs(15));
    }

    #[test]
    fn every_missing_variable_is_named_in_one_error() {
        let error = Source::from_lookup(|name| (name == "APPCONFIGENV").then(String::new)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "APPCONFIGAPPNAME is not set, APPCONFIGCONF is not set, APPCONFIGENV is not set, APPCONFIGREADROLE is not set"
        );
    }

    #[test]
    fn the_poll_interval_is_within_what_appconfig_takes() {
        let poll =
            |text| Source::from_lookup(with("APPCONFIGPOLLSECONDS", text)).map(|source| source.poll_interval);
        assert_eq!(poll("60"), Ok(Duration::from_secs(60)));
        assert_eq!(poll(""), Ok(Duration::from_secs(15)));
        for refused in ["14", "86401", "-1", "soon"] {
            assert!(poll(refused).unwrap_err().to_string().contains(refused));
        }
    }
}
