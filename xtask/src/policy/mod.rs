//! The documents in `policies/`: read when needed, their placeholders filled, compared in one form.
//!
//! **Architecture Invariant:** a value never changes the structure of a document, nor what it matches:
//! documents are parsed first, and values go into strings only, without wildcards.

mod canonical;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value as Json;

pub(crate) use canonical::{canonical, canonical_text};

/// A document and the values it wants.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) file: &'static str,
    pub(crate) values: &'static [&'static str],
}

const fn policy(file: &'static str, values: &'static [&'static str]) -> Policy {
    Policy { file, values }
}

/// Who may pull images: our roles of the organization.
pub(crate) const ECR_REPOSITORY: Policy = policy("ecr-repository.json", &["organization_id", "role_path"]);
/// The same outside an organization, account by account; `account_roots` is a list of ARNs.
pub(crate) const ECR_REPOSITORY_WITHOUT_ORGANIZATION: Policy =
    policy("ecr-repository-without-organization.json", &["account_roots", "role_path"]);
/// Which images expire.
pub(crate) const ECR_LIFECYCLE: Policy = policy("ecr-lifecycle.json", &[]);
/// What the read role of a stage may do.
pub(crate) const READ_ROLE: Policy = policy(
    "read-role.json",
    &["application_id", "config_account_id", "environment_id", "profile_id", "region"],
);
/// Who may be the read role of a stage.
pub(crate) const READ_ROLE_TRUST: Policy =
    policy("read-role-trust.json", &["app_role_arn", "organization_id", "stage_account_id"]);
/// The same outside an organization.
pub(crate) const READ_ROLE_TRUST_WITHOUT_ORGANIZATION: Policy =
    policy("read-role-trust-without-organization.json", &["app_role_arn", "stage_account_id"]);
/// What the running application may do.
pub(crate) const APP_ROLE: Policy = policy("app-role.json", &["read_role_arn"]);
/// Who may be the application: ECS, for tasks of the stage's account.
pub(crate) const APP_ROLE_TRUST: Policy = policy("app-role-trust.json", &["stage_account_id"]);
/// The same on App Runner, which is not documented to say for whom it acts.
pub(crate) const APP_ROLE_TRUST_APP_RUNNER: Policy = policy("app-role-trust-app-runner.json", &[]);
/// Who may pull the image and write the logs: ECS, for tasks of the stage's account.
pub(crate) const EXECUTION_ROLE_TRUST: Policy = policy("execution-role-trust.json", &["stage_account_id"]);
/// Who may make the load balancer: ECS Express Mode.
pub(crate) const INFRASTRUCTURE_ROLE_TRUST: Policy = policy("infrastructure-role-trust.json", &[]);
/// Who may pull the image for App Runner.
pub(crate) const ACCESS_ROLE_TRUST: Policy = policy("access-role-trust.json", &[]);
/// What a developer may do in a stage that is not protected, beyond what AWS's own policies allow.
pub(crate) const DEVELOPER: Policy = policy("developer.json", &["role_path"]);
/// How an operator deploys.
pub(crate) const OPERATOR: Policy = policy("operator.json", &["region", "role_path", "service"]);
/// What reaches the configuration of one stage, and its images.
pub(crate) const CONFIGURATION_EDITOR: Policy = policy(
    "configuration-editor.json",
    &["application_arn", "environment_id", "profile_id", "read_role_arn", "repository_arn", "strategy_arns"],
);

/// Every document that we know.
pub(crate) const ALL: [&Policy; 15] = [
    &ECR_REPOSITORY,
    &ECR_REPOSITORY_WITHOUT_ORGANIZATION,
    &ECR_LIFECYCLE,
    &READ_ROLE,
    &READ_ROLE_TRUST,
    &READ_ROLE_TRUST_WITHOUT_ORGANIZATION,
    &APP_ROLE,
    &APP_ROLE_TRUST,
    &APP_ROLE_TRUST_APP_RUNNER,
    &EXECUTION_ROLE_TRUST,
    &INFRASTRUCTURE_ROLE_TRUST,
    &ACCESS_ROLE_TRUST,
    &DEVELOPER,
    &OPERATOR,
    &CONFIGURATION_EDITOR,
];

impl Policy {
    /// The document with its values, each a string or a list of strings.
    pub(crate) fn render(&self, dir: &Path, values: &[(&str, Json)]) -> Result<Json> {
        let mut document = self.read(dir)?;
        for (name, value) in values {
            harmless(value).with_context(|| format!("put {{{{{name}}}}} into {}", self.file))?;
        }
        let given: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let faults = self.faults(&document, &given);
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        fill(&mut document, values).with_context(|| format!("fill {}", self.file))?;
        Ok(document)
    }

    fn read(&self, dir: &Path) -> Result<Json> {
        read(dir, self.file)
    }

    /// Placeholders without a value, and values without a placeholder.
    fn faults(&self, document: &Json, given: &[&str]) -> Vec<String> {
        let names = used_in(document);
        let unused = given.iter().filter(|name| !names.iter().any(|(_, used)| used == *name));
        let unused = unused.map(|name| format!("{}: nothing in it uses {{{{{name}}}}}", self.file));
        unknown(self.file, &names, given).into_iter().chain(unused).collect()
    }
}

fn read(dir: &Path, file: &str) -> Result<Json> {
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text)
        .map_err(|e| anyhow::anyhow!("{}:{}:{}: not JSON: {e}", path.display(), e.line(), e.column()))
}

/// Every placeholder, with the JSON pointer of its string.
fn used_in(document: &Json) -> Vec<(String, String)> {
    let mut found = Vec::new();
    placeholders(document, String::new(), &mut found);
    found
}

fn unknown(file: &str, used: &[(String, String)], given: &[&str]) -> Vec<String> {
    let known = || given.iter().map(|name| format!("{{{{{name}}}}}")).collect::<Vec<_>>().join(", ");
    let unknown = used.iter().filter(|(_, name)| !given.contains(&name.as_str()));
    let unknown = unknown.map(|(pointer, name)| {
        format!("{file}#{pointer}: unknown placeholder {{{{{name}}}}}; known here: {}", known())
    });
    unknown.collect()
}

/// What may stand in a document of a person's own.
pub(crate) const OWN_VALUES: [&str; 3] = ["project", "region", "role_path"];

/// A document that `foothold.toml` names, with those of the values that it uses.
pub(crate) fn render_own(dir: &Path, file: &str, values: &[(&str, Json)]) -> Result<Json> {
    let mut document = read(dir, file)?;
    let faults = unknown(file, &used_in(&document), &OWN_VALUES);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    fill(&mut document, values).with_context(|| format!("fill {file}"))?;
    Ok(document)
}

/// Checks every document before any call, those that `foothold.toml` names, too, and that there is no other.
pub(crate) fn check(dir: &Path, own: &[&str]) -> Result<()> {
    let mut faults = Vec::new();
    for policy in ALL {
        match policy.read(dir) {
            Ok(document) => faults.extend(policy.faults(&document, policy.values)),
            Err(e) => faults.push(format!("{e:#}")),
        }
    }
    for file in own {
        match read(dir, file) {
            Ok(document) => faults.extend(unknown(file, &used_in(&document), &OWN_VALUES)),
            Err(e) => faults.push(format!("{e:#}")),
        }
    }
    let used: Vec<&str> = ALL.iter().map(|policy| policy.file).chain(own.iter().copied()).collect();
    faults.extend(unused(dir, &used)?.iter().map(|file| format!("{file}: nothing uses it: remove it")));
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// The files of the directory that are not among those used.
pub(crate) fn unused(dir: &Path, used: &[&str]) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.with_context(|| format!("list {}", dir.display()))?.file_name();
        files.push(name.to_string_lossy().into_owned());
    }
    files.retain(|file| !used.contains(&file.as_str()));
    files.sort();
    Ok(files)
}

fn harmless(value: &Json) -> Result<()> {
    match value {
        Json::String(text) if text.contains(['*', '?', '$']) => bail!("{text} would match more than itself"),
        Json::String(text) if text.is_empty() => bail!("an empty value"),
        Json::String(_) => Ok(()),
        Json::Array(items) if !items.is_empty() && items.iter().all(Json::is_string) => {
            items.iter().try_for_each(harmless)
        }
        _ => bail!("{value} is neither a string nor a list of strings"),
    }
}

/// Every placeholder with the JSON pointer of its string. In keys none is allowed: they show as unknown.
fn placeholders(value: &Json, pointer: String, found: &mut Vec<(String, String)>) {
    match value {
        Json::String(text) => found.extend(names(text).map(|name| (pointer.clone(), name.to_owned()))),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                placeholders(item, format!("{pointer}/{index}"), found);
            }
        }
        Json::Object(object) => {
            for (key, value) in object {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                found.extend(names(key).map(|name| (pointer.clone(), format!("{name} in a key"))));
                placeholders(value, pointer, found);
            }
        }
        _ => {}
    }
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).map(|rest| rest.split_once("}}").map_or(rest, |(name, _)| name))
}

/// A string that is one placeholder becomes its value, a list too, whose items in a list are the list's own; inside a
/// string it must be a string.
fn fill(document: &mut Json, values: &[(&str, Json)]) -> Result<()> {
    match document {
        Json::String(text) => {
            let alone = values.iter().find(|(name, _)| *text == format!("{{{{{name}}}}}"));
            *document = alone
                .map_or_else(|| within(text, values).map(Json::String), |(_, value)| Ok(value.clone()))?;
            Ok(())
        }
        Json::Array(items) => {
            for mut item in std::mem::take(items) {
                let was_text = item.is_string();
                fill(&mut item, values)?;
                match item {
                    Json::Array(more) if was_text => items.extend(more),
                    one => items.push(one),
                }
            }
            Ok(())
        }
        Json::Object(object) => object.values_mut().try_for_each(|value| fill(value, values)),
        _ => Ok(()),
    }
}

/// One pass, so that a value that looks like a placeholder stays as it is.
fn within(text: &str, values: &[(&str, Json)]) -> Result<String> {
    let mut parts = text.split("{{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").with_context(|| format!("{text:?}: no }}}} after {{{{"))?;
        let value = values.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_str());
        out.push_str(value.with_context(|| format!("{text:?}: a list must stand alone in its string"))?);
        out.push_str(rest);
    }
    Ok(out)
}

#[cfg(test)]
mod any;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod tests;
