//! What is declared on this machine: the profiles of the accounts, and where they sign in.

use super::*;
use crate::report::Plan;

/// The profiles of an account: by the roles that the person signs in by, or by the role that leads there.
pub(super) fn profile(
    e: &mut Environment<Aws>,
    from: &Declaration,
    declared: &config::Account,
    account: Key<Account>,
) {
    profiles_of(e, from, account.learns(|account| account.id.clone()), ways_to(from, declared));
}

/// The profiles that lead to an account, and how.
fn ways_to(from: &Declaration, declared: &config::Account) -> Vec<(String, Way)> {
    // A profile that leads to the account already is the person's own.
    if declared.profile.is_some() {
        return Vec::new();
    }
    let way = Way::Role { role: role_of(declared), source: from.source.clone() };
    ways(from, &from.profile_name(declared), Some(way))
}

/// The profiles of the management account, which are of those who sign in.
fn ways_to_management(from: &Declaration) -> Vec<(String, Way)> {
    ways(from, &profiles::name_for(&from.shared_config, &from.config.name, MANAGEMENT), None)
}

fn ways(from: &Declaration, name: &str, otherwise: Option<Way>) -> Vec<(String, Way)> {
    let signing_in = profiles::signing_in(&from.shared_config, &from.config.name);
    let session = |role: &String| Way::SignIn { session: from.session_name(), role: role.clone() };
    let own = signing_in.iter().find(|(profile, _)| profile == name).map(|(_, role)| session(role));
    let mut ways: Vec<(String, Way)> =
        own.or(otherwise).into_iter().map(|way| (name.to_owned(), way)).collect();
    let also =
        |role: &str| profiles::name_for(&from.shared_config, &from.config.name, &profiles::also(name, role));
    let more = signing_in.iter().filter(|(profile, role)| *profile == also(role));
    ways.extend(more.map(|(profile, role)| (profile.clone(), session(role))));
    ways
}

fn profiles_of(
    e: &mut Environment<Aws>,
    from: &Declaration,
    account: Input<String>,
    ways: Vec<(String, Way)>,
) {
    for (name, way) in ways {
        e.add(Profile {
            file: from.profiles.clone(),
            project: from.config.name.clone(),
            name,
            account: account.clone(),
            way,
            region: from.config.region.clone(),
            endpoint: from.endpoint.clone(),
        });
    }
}

/// Where this machine's profiles sign in, and those of the management account that do.
pub(super) fn sign_in(
    e: &mut Environment<Aws>,
    from: &Declaration,
    identity_center: Option<Key<IdentityCenter>>,
) {
    let declared = from.config.identity_center.clone();
    let learned = identity_center.map(|it| it.learns(|it| (it.start_url.clone(), it.region.clone())));
    let portal = declared.map(|it| Input::from((it.start_url, it.region))).or(learned);
    if let Some(portal) = portal {
        let (file, project, name) = (from.profiles.clone(), from.config.name.clone(), from.session_name());
        e.add(SsoSession { file, project, name, portal });
    }
    if let Some(id) = &from.config.management.account_id {
        profiles_of(e, from, Input::from(id.clone()), ways_to_management(from));
    }
}

/// What the sections of the shared config file are to say, as far as a plan knows: an account that it does not know
/// is named.
pub(crate) fn sections(
    from: &Declaration,
    declared: &Declared,
    plan: &Plan,
) -> Vec<(String, profiles::Settings)> {
    let keys = std::iter::once(declared.center.account).chain(declared.accounts());
    let of = |(account, key): (&config::Account, Key<Account>)| {
        let unknown = || format!("<account {}>", account.label);
        let id = plan.learned(&key).map_or_else(unknown, |account| account.id.clone());
        ways_to(from, account).into_iter().map(move |way| (id.clone(), way))
    };
    let management = from.config.management.account_id.iter();
    let management =
        management.flat_map(|id| ways_to_management(from).into_iter().map(move |way| (id.clone(), way)));
    let profiles = from.config.accounts().zip(keys).flat_map(of).chain(management);
    let profiles = profiles.map(|(id, (name, way))| {
        (profiles::profile(&name), way.settings(&id, &from.config.region, from.endpoint.as_deref()))
    });
    let learned = declared.center.identity_center.and_then(|key| plan.learned(&key));
    let learned = learned.map(|center| (center.start_url.clone(), center.region.clone()));
    let portal = from.config.identity_center.clone().map(|it| (it.start_url, it.region)).or(learned);
    let session = portal.map(|(start_url, region)| {
        (profiles::sso_session(&from.session_name()), profiles::of_session(&start_url, &region))
    });
    session.into_iter().chain(profiles).collect()
}
