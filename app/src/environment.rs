//! The environment variables, all read at the start, all complaints at once.
//!
//! | variable | what it is |
//! | --- | --- |
//! | `APPCONFIGAPPNAME`, `APPCONFIGCONF`, `APPCONFIGENV`, `APPCONFIGREADROLE` | the configuration to follow, and the role that reads it; required |
//! | `AWS_REGION` or `AWS_DEFAULT_REGION` | required; the platform sets it |
//! | `PORT` | where to listen, 5000 |
//! | `APPCONFIGPOLLSECONDS` | pause between polls, 15 to 86400, 15 |
//! | `EXPOSE` | `metrics`, `config` or both with a comma: routes that are off otherwise |
//! | `IMAGE_DIGEST`, `REVISION` | what `/version` says it runs |
//! | `RUST_LOG` | which log lines, `target=level` with commas; by default what changes and what fails |

use std::fmt;

use live_config::{Source, SourceError};

const DEFAULT_PORT: u16 = 5000;

/// What the platform told the app.
pub struct Environment {
    pub source: Source,
    pub region: String,
    pub port: u16,
    pub expose_metrics: bool,
    pub expose_config: bool,
    pub image_digest: Option<String>,
    pub revision: Option<String>,
}

/// Every variable that is missing or wrong.
#[derive(Debug)]
pub struct Problems(Vec<String>);

impl Environment {
    pub fn read() -> Result<Self, Problems> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut problems = Vec::new();
        let source =
            Source::from_lookup(lookup).map_err(|SourceError { problems: found }| problems.extend(found));
        let region = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION"));
        if region.is_none() {
            problems.push("AWS_REGION is not set".to_owned());
        }
        let port = port(lookup("PORT")).map_err(|problem| problems.push(problem));
        let expose = expose(lookup("EXPOSE")).map_err(|problem| problems.push(problem));
        let (Ok(source), Some(region), Ok(port), Ok(expose)) = (source, region, port, expose) else {
            return Err(Problems(problems));
        };
        let (expose_metrics, expose_config) = expose;
        Ok(Self {
            source,
            region,
            port,
            expose_metrics,
            expose_config,
            image_digest: lookup("IMAGE_DIGEST"),
            revision: lookup("REVISION"),
        })
    }
}

fn port(text: Option<String>) -> Result<u16, String> {
    let Some(text) = text else {
        return Ok(DEFAULT_PORT);
    };
    text.parse().map_err(|_| format!("PORT is `{text}`, not a port"))
}

fn expose(text: Option<String>) -> Result<(bool, bool), String> {
    let (mut metrics, mut config) = (false, false);
    for word in text.iter().flat_map(|text| text.split(',')).map(str::trim) {
        match word {
            "metrics" => metrics = true,
            "config" => config = true,
            _ => {
                return Err(format!("EXPOSE has `{word}`, neither `metrics` nor `config`"));
            }
        }
    }
    Ok((metrics, config))
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &[(&str, &str)] = &[
        ("APPCONFIGAPPNAME", "ListServices"),
        ("APPCONFIGCONF", "Profile"),
        ("APPCONFIGENV", "development"),
        ("APPCONFIGREADROLE", "arn:aws:iam::111111111111:role/read"),
        ("AWS_REGION", "eu-west-1"),
    ];

    fn read(extra: &[(&str, &str)]) -> Result<Environment, String> {
        let find = |name: &str| extra.iter().chain(COMPLETE).find(|(key, _)| *key == name);
        Environment::from_lookup(|name| find(name).map(|(_, value)| (*value).to_owned()))
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn the_required_variables_are_enough() {
        let environment = read(&[]).unwrap();
        assert_eq!(environment.port, 5000);
        assert!(!environment.expose_metrics && !environment.expose_config);
    }

    #[test]
    fn everything_missing_is_one_error_that_names_it_all() {
        let problems = Environment::from_lookup(|_| None).err().unwrap().to_string();
        for (name, _) in COMPLETE {
            assert!(problems.contains(name), "{name} in {problems}");
        }
    }

    #[test]
    fn what_is_wrong_is_quoted() {
        let problems =
            read(&[("PORT", "http"), ("EXPOSE", "metrics,secrets"), ("AWS_REGION", "")]).err().unwrap();
        assert_eq!(
            problems,
            "AWS_REGION is not set, PORT is `http`, not a port, EXPOSE has `secrets`, neither `metrics` nor `config`"
        );
    }

    #[test]
    fn routes_are_exposed_by_name() {
        let environment = read(&[("EXPOSE", "config, metrics"), ("PORT", "8080")]).unwrap();
        assert!(environment.expose_metrics && environment.expose_config);
        assert_eq!(environment.port, 8080);
    }
}
