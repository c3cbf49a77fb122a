//! What is declared on this machine: the profiles of the accounts, and where they sign in.

use super::*;

/// The profiles of an account: by the roles that the person signs in by, or by the role that leads there.
pub(super) fn profile(
    e: &mut Environment<Aws>,
    from: &Declaration,
    declared: &config::Account,
    account: Key<Account>,
) {
    // A profile that leads to the account already is the person's own.
    if declared.profile.is_none() {
        let (name, id) = (from.profile_name(declared), account.learns(|account| account.id.clone()));
        let way = Way::Role { role: role_of(declared), source: from.source_profile.clone() };
        profiles_of(e, from, &name, id, Some(way));
    }
}

fn profiles_of(
    e: &mut Environment<Aws>,
    from: &Declaration,
    name: &str,
    account: Input<String>,
    otherwise: Option<Way>,
) {
    let signing_in = profiles::signing_in(&from.shared_config, &from.config.name);
    let session = |role: &String| Way::SignIn { session: from.session_name(), role: role.clone() };
    let own = signing_in.iter().find(|(profile, _)| profile == name).map(|(_, role)| session(role));
    let mut ways: Vec<(String, Way)> =
        own.or(otherwise).into_iter().map(|way| (name.to_owned(), way)).collect();
    let more = signing_in.iter().filter(|(profile, role)| *profile == profiles::also(name, role));
    ways.extend(more.map(|(profile, role)| (profile.clone(), session(role))));
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
        let name = profiles::name_for(&from.shared_config, &from.config.name, MANAGEMENT);
        profiles_of(e, from, &name, Input::from(id.clone()), None);
    }
}
