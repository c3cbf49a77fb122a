//! The accounts of the file: each made at its own e-mail address, or given by its id; none twice.

use std::ops::Range;

use super::Account;
use super::email::{expand, refusal};
use super::faults::Fault;
use super::file::{Account as Section, File, Given, Stage};
use super::shape::Pruned;
use crate::names::Names;

/// The lines that speak of one account.
pub(super) struct Lines<'a> {
    label: &'a Given<String>,
    id: &'a Given<String>,
    role: &'a Given<String>,
    profile: &'a Given<String>,
    profile_name: &'a Given<String>,
}

impl<'a> Lines<'a> {
    pub(super) fn of_config(section: &'a Section) -> Self {
        Lines {
            label: &section.account,
            id: &section.account_id,
            role: &section.role,
            profile: &section.profile,
            profile_name: &section.profile_name,
        }
    }

    /// None when the stage has no account (yet).
    pub(super) fn of_stage(stage: &'a Stage, pruned: &Pruned, faults: &mut Vec<Fault>) -> Option<Self> {
        if stage.account.get().or(stage.account_id.get()).is_some() {
            let Stage { account: label, account_id: id, role, profile, profile_name, .. } = stage;
            return Some(Lines { label, id, role, profile, profile_name });
        }
        let meant = pruned.had("account") || pruned.had("account_id");
        for (key, given) in [("role", &stage.role), ("profile", &stage.profile)] {
            if let Some((_, at)) = given.spanned().filter(|_| !meant) {
                let what = format!("`{key}` leads into an account, and this stage has none");
                faults.push(Fault::new(at, what, "add `account_id = \"…\"`, or remove it"));
            }
        }
        None
    }
}

/// The accounts so far, and what each must not share with another.
pub(super) struct Accounts<'a> {
    names: Names<'a>,
    email: Option<(&'a String, Range<usize>)>,
    /// Whether its absence is still to be told.
    email_missing: bool,
    /// False: every account must be given by its id.
    organization: bool,
    labels: Vec<String>,
    ids: Vec<String>,
    emails: Vec<String>,
}

impl<'a> Accounts<'a> {
    pub(super) fn new(file: &'a File, names: Names<'a>, pruned: &Pruned, faults: &mut Vec<Fault>) -> Self {
        let organization = file.organization.get().copied().unwrap_or(true);
        let mut accounts = Accounts {
            names,
            email: pattern(&file.email, names, faults),
            email_missing: file.email.get().is_none() && !pruned.had("email"),
            organization,
            labels: vec![],
            ids: vec![],
            emails: vec![],
        };
        let management = accounts.id(&file.management.account_id, faults);
        // Without an organization the account one starts from may well be one of those it runs in.
        accounts.ids.extend(management.filter(|_| organization));
        accounts
    }

    /// The account those lines speak of; `otherwise` is its label when they give none, `at` where it stands then.
    pub(super) fn add(
        &mut self,
        lines: Lines<'_>,
        otherwise: &str,
        at: Range<usize>,
        faults: &mut Vec<Fault>,
    ) -> Option<Account> {
        let (label, at) = lines.label.spanned().map_or((otherwise, at), |(label, at)| (label.as_str(), at));
        let to_make = lines.id.get().is_none();
        let sound = self.label(label, to_make, &at, faults);
        let id = self.id(lines.id, faults);
        if let Some(id) = &id {
            self.twin_id(id, lines.id, faults);
        }
        let email = if to_make && sound { self.address(label, &at, faults) } else { None };
        way_in(&lines, faults);
        let (role, profile) = (lines.role.get().cloned(), lines.profile.get().cloned());
        let profile_name = lines.profile_name.get().cloned();
        Some(Account { label: label.to_owned(), id, email, role, profile, profile_name })
    }

    fn label(&mut self, label: &str, to_make: bool, at: &Range<usize>, faults: &mut Vec<Fault>) -> bool {
        let account = self.names.account(label);
        let fault = if !is_label(label) {
            (
                format!("`{label}` cannot be the name of an account"),
                "write letters, digits and hyphens".to_owned(),
            )
        } else if matches!(label, "default" | "management") {
            (format!("`{label}` is the name of another profile"), "write another name: `dev`".to_owned())
        } else if to_make && account.len() > 50 {
            let what =
                format!("the account would be `{account}`, {} characters; AWS takes 50", account.len());
            (what, format!("write at most {} characters", 50 - self.names.account("").len()))
        } else if self.labels.contains(&label.to_lowercase()) {
            (
                format!("there is an account `{label}` already"),
                "every stage has its own: write another name".to_owned(),
            )
        } else {
            self.labels.push(label.to_lowercase());
            return true;
        };
        faults.push(Fault::new(at.clone(), fault.0, fault.1));
        false
    }

    fn id(&self, given: &Given<String>, faults: &mut Vec<Fault>) -> Option<String> {
        let (id, at) = given.spanned()?;
        if id.len() == 12 && id.chars().all(|c| c.is_ascii_digit()) {
            return Some(id.clone());
        }
        let digits: String = id.chars().filter(char::is_ascii_digit).collect();
        let instead = match digits.len() {
            12 => format!("write \"{digits}\""),
            n => format!("write its 12 digits, this has {n}"),
        };
        faults.push(Fault::new(at, format!("`{id}` is not the id of an account"), instead));
        None
    }

    fn twin_id(&mut self, id: &str, given: &Given<String>, faults: &mut Vec<Fault>) {
        if !self.ids.iter().any(|seen| seen == id) {
            return self.ids.push(id.to_owned());
        }
        let at = given.spanned().map_or(0..0, |(_, at)| at);
        let what = format!("account {id} is in use above");
        faults.push(Fault::new(at, what, "every stage has its own account, and management runs nothing"));
    }

    /// The address of an account to make.
    fn address(&mut self, label: &str, at: &Range<usize>, faults: &mut Vec<Fault>) -> Option<String> {
        if !self.organization {
            let what = format!("account `{label}` can only be made in an organization");
            let instead = "add `account_id = \"…\"`, or remove `organization = false`";
            faults.push(Fault::new(at.clone(), what, instead));
            return None;
        }
        let Some((pattern, place)) = self.email.clone() else {
            if std::mem::take(&mut self.email_missing) {
                let what = "`email` is missing, and accounts are to be made";
                faults.push(Fault::new(0..0, what, "add `email = \"aws+{name}-{account}@example.com\"`"));
            }
            return None;
        };
        let address = expand(pattern, &self.names.slug(), label);
        if let Some((what, instead)) = refusal(&address) {
            faults.push(Fault::new(place, what, instead));
            return None;
        }
        let folded = address.to_lowercase();
        if self.emails.contains(&folded) {
            let what =
                format!("every account needs an address of its own, `{label}` would have {address} too");
            faults.push(Fault::new(place, what, "add {account} to it: aws+{account}@example.com"));
            return None;
        }
        self.emails.push(folded);
        Some(address)
    }
}

/// The pattern, unless AWS would refuse every address made from it.
fn pattern<'a>(
    email: &'a Given<String>,
    names: Names<'_>,
    faults: &mut Vec<Fault>,
) -> Option<(&'a String, Range<usize>)> {
    let (pattern, at) = email.spanned()?;
    let Some((what, instead)) = refusal(&expand(pattern, &names.slug(), "dev")) else {
        return Some((pattern, at));
    };
    faults.push(Fault::new(at, what, instead));
    None
}

fn way_in(lines: &Lines<'_>, faults: &mut Vec<Fault>) {
    let role = lines.role.spanned().filter(|(role, _)| !is_role(role));
    if let Some((role, at)) = role {
        let instead = "write the role's name as IAM shows it, without the ARN";
        faults.push(Fault::new(at, format!("`{role}` is not the name of a role"), instead));
    }
    let profile = lines.profile.spanned();
    let named = [profile.clone(), lines.profile_name.spanned()].into_iter().flatten();
    for (profile, at) in named.filter(|(profile, _)| !is_profile(profile)) {
        let what = format!("{profile:?} cannot be a profile of the AWS CLI");
        faults.push(Fault::new(at, what, "write it as in `aws configure list-profiles`"));
    }
    if let (Some(_), Some((_, at))) = (lines.role.get(), profile) {
        faults.push(Fault::new(at, "both `role` and `profile` lead into this account", "keep one of them"));
    }
}

fn is_label(label: &str) -> bool {
    label.starts_with(|c: char| c.is_ascii_alphanumeric())
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn is_role(role: &str) -> bool {
    let name = role.rsplit('/').next().unwrap_or_default();
    (1..=64).contains(&name.len())
        && role.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c))
}

fn is_profile(profile: &str) -> bool {
    !profile.is_empty() && !profile.contains(|c: char| c.is_control() || "[]'\"#;".contains(c))
}
