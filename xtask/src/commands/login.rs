//! `cargo xtask login`

use std::io::IsTerminal as _;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use super::open::opened;
use crate::Common;
use crate::aws::signin::{self, Page, Way};
use crate::aws::{Again, Opened, Portal, Reach, Sso, SsoSession};
use crate::config::{Config, FILE, IdentityCenter};
use crate::environment::MANAGEMENT;
use crate::profiles::{self, Rewrite, Settings, Text};
use crate::project::{NO_CENTER, Project};
use crate::resources::cli_profile::reads_back;
use crate::ui::Ui;
use crate::ui::prompts::{Interrupted, Person};

/// Sign in to Identity Center, and write a profile for each of your accounts and roles.
///
/// A browser opens; over SSH, or with --device, a code is shown instead, for a browser anywhere. The session is kept
/// where every AWS SDK and the AWS CLI look for it. Nothing is written before the sign-in has come true.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Show a code to enter in a browser on any machine.
    #[arg(long)]
    device: bool,
    /// Print the link, and open nothing.
    #[arg(long)]
    no_browser: bool,
    /// Let `aws sso login` do it.
    #[arg(long)]
    aws_cli: bool,
    /// The address of the access portal, where foothold.toml does not have it yet.
    #[arg(long, value_name = "URL")]
    start_url: Option<String>,
    /// The Region of Identity Center, unless it is the project's.
    #[arg(long, value_name = "REGION", requires = "start_url")]
    sso_region: Option<String>,
    /// How many seconds to wait for the browser.
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE)]
    patience: u64,
}

/// Seconds in which a person finds the phone with the second factor.
const PATIENCE: u64 = 600;

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open(ui, common, None).await?;
    if let Some(start_url) = &arguments.start_url {
        let region = arguments.sso_region.clone().unwrap_or_else(|| project.config.region.clone());
        project.config.identity_center = Some(IdentityCenter { start_url: start_url.clone(), region });
    }
    let sso = project.sso().with_context(|| {
        if common.sandbox {
            return format!("find where to sign in: {NO_CENTER}");
        }
        format!(
            "find where to sign in: {FILE} has no [identity_center]. `cargo xtask bootstrap` writes it once the \
             organization has Identity Center; --start-url gives it before. Without Identity Center there is nothing \
             to sign in to: `aws login` or `aws configure` give credentials of the management account"
        )
    })?;
    // What could not be written afterwards is said before anybody signs in.
    Text::parse(&profiles::read(&project.workspace.profiles)?)
        .with_context(|| format!("read {}", project.workspace.profiles.display()))?;
    let portal = match arguments.aws_cli {
        true => by_aws_cli(&project, &sso, arguments).await?,
        false => signed_in(&project, &sso, arguments).await?,
    };
    if arguments.start_url.is_some() {
        Config::load(&project.workspace.foothold)?;
        project.remember_identity_center(&sso.session.start_url, &sso.session.region)?;
    }
    let profiles = write_profiles(&mut project, &portal).await?;
    ui.json(&json!({"session": sso.session.name, "profiles": profiles}));
    ui.say(match &profiles[..] {
        [] => "You are signed in, and no profile of this project leads to an account.".to_owned(),
        some => format!("You are signed in. Profiles: {}.", some.join(", ")),
    });
    Ok(ExitCode::SUCCESS)
}

async fn signed_in(project: &Project<'_>, sso: &Sso, arguments: &Arguments) -> Result<Arc<Portal>> {
    let way = if arguments.device { Way::Device } else { usual_way() };
    let (ui, browser) = (project.ui.clone(), !arguments.no_browser && std::io::stderr().is_terminal());
    let tell = move |page: &Page<'_>| tell(&ui, page, browser);
    let patience = Duration::from_secs(arguments.patience);
    let signing = signin::sign_in(&project.reach, &sso.session, way, patience, &tell);
    let token = project.stop.or(signing).await.ok_or(Interrupted("and nothing was written"))??;
    let portal = open(Portal::open_with(&project.reach, sso, token).await?)?;
    portal.keep().await?;
    Ok(portal)
}

/// The AWS CLI needs the section first, and says everything itself.
async fn by_aws_cli(project: &Project<'_>, sso: &Sso, arguments: &Arguments) -> Result<Arc<Portal>> {
    put(project, vec![session_section(sso)], Vec::new())?;
    let mut command = Command::new("aws");
    command.args(["sso", "login", "--sso-session", &sso.session.name]);
    command.args(arguments.device.then_some("--use-device-code"));
    command.args(arguments.no_browser.then_some("--no-browser"));
    command.env("AWS_CONFIG_FILE", &project.workspace.profiles).env("HOME", &project.workspace.home);
    command.envs(project.reach.only.as_ref().map(|endpoint| ("AWS_ENDPOINT_URL", endpoint)));
    let ended = command.status().context("run `aws`: is the AWS CLI installed?")?;
    if !ended.success() {
        bail!("`aws sso login` ended with {ended}")
    }
    open(Portal::open(&project.reach, sso).await?)
}

fn open(opened: Opened) -> Result<Arc<Portal>> {
    match opened {
        Opened::Portal(portal) => Ok(portal),
        Opened::Nobody => bail!("`aws sso login` has kept no session where the SDKs look"),
        Opened::Ended => bail!("Identity Center does not take the session that it has just given"),
    }
}

/// Signs in again in the middle of a command, where there is somebody at a terminal.
pub(crate) fn again(ui: &Ui, reach: &Reach, session: &SsoSession) -> Option<Again> {
    Person::at_terminal()?;
    let (ui, reach, session) = (ui.clone(), Reach { sso: None, ..reach.clone() }, session.clone());
    Some(Again(Arc::new(move || {
        let (ui, reach, session) = (ui.clone(), reach.clone(), session.clone());
        let own = ui.clone();
        let tell = move |page: &Page<'_>| tell(&own, page, true);
        Box::pin(async move {
            ui.say("Your sign-in has ended. Sign in again, and this goes on.");
            signin::sign_in(&reach, &session, usual_way(), Duration::from_secs(PATIENCE), &tell).await
        })
    })))
}

/// A browser of this machine cannot be seen over SSH.
fn usual_way() -> Way {
    let remote = ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| std::env::var_os(name).is_some());
    if remote { Way::Device } else { Way::Browser }
}

fn tell(ui: &Ui, page: &Page<'_>, browser: bool) {
    if let Some(code) = page.code {
        ui.say(format_args!("The page shows the code {code}: go on only if it does."));
    }
    match browser && page.code.is_none() && opened(page.url) {
        true => ui.say(format_args!("A browser has opened. If it has not, open {}", page.url)),
        false => ui.say(format_args!("Open {}", page.url)),
    }
    ui.json(&json!({"open": page.url, "code": page.code}));
}

type Section = (String, Settings);

fn session_section(sso: &Sso) -> Section {
    let SsoSession { name, start_url, region } = &sso.session;
    (profiles::sso_session(name), profiles::of_session(start_url, region))
}

/// One profile for each account of the project and each role in it; the first role's has the account's name.
async fn write_profiles(project: &mut Project<'_>, portal: &Portal) -> Result<Vec<String>> {
    project.remember_profile_names()?;
    let (config, shared) = (&project.config, profiles::read(&project.workspace.profiles)?);
    let named = |account: &crate::config::Account| {
        let free = || profiles::name_for(&shared, &config.name, &account.label);
        account.profile_name.clone().unwrap_or_else(free)
    };
    let own = config.accounts().filter(|account| account.profile.is_none());
    let mut accounts: Vec<(String, Option<String>)> =
        own.map(|account| (named(account), id_of(portal, account))).collect();
    let management = profiles::name_for(&shared, &config.name, MANAGEMENT);
    accounts.push((management, config.management.account_id.clone()));
    let mut sections = vec![session_section(&portal.sso)];
    for (profile, id) in accounts {
        let Some(id) = id else { continue };
        for (index, role) in portal.roles(&id).await?.into_iter().enumerate() {
            let more = || profiles::name_for(&shared, &config.name, &profiles::also(&profile, &role));
            let name = if index == 0 { profile.clone() } else { more() };
            let way = profiles::Way::SignIn { session: portal.sso.session.name.clone(), role };
            let settings = way.settings(&id, &config.region, project.reach.only.as_deref());
            sections.push((profiles::profile(&name), settings));
        }
    }
    let had =
        profiles::signing_in(&shared, &config.name).into_iter().map(|(name, _)| profiles::profile(&name));
    let gone: Vec<String> = had.filter(|had| sections.iter().all(|(name, _)| name != had)).collect();
    let wanted = names_of(&sections);
    let written = put(project, sections, gone)?;
    for theirs in wanted.into_iter().filter(|name| !written.contains(name)) {
        let file = project.workspace.profiles.display();
        project.ui.say(format_args!(
            "Profile `{theirs}` in {file} is not ours, and was left as it is: rename it, or change `profile_name` in \
             {FILE}."
        ));
    }
    Ok(written)
}

fn names_of(sections: &[Section]) -> Vec<String> {
    sections.iter().filter_map(|(section, _)| section.strip_prefix("profile ").map(str::to_owned)).collect()
}

/// The id of an account: as given, or as the person's sign-in shows the account of its address.
fn id_of(portal: &Portal, account: &crate::config::Account) -> Option<String> {
    let email = account.email.as_deref();
    let is_it = |email: &str| portal.accounts.iter().find(|one| one.email.eq_ignore_ascii_case(email));
    account.id.clone().or_else(|| Some(is_it(email?)?.id.clone()))
}

/// Shows how the shared config file changes, and changes it. Returns the profiles that are ours in it.
fn put(project: &Project<'_>, sections: Vec<Section>, gone: Vec<String>) -> Result<Vec<String>> {
    let (file, name) = (&project.workspace.profiles, &project.config.name);
    let before = profiles::read(file)?;
    let rewrite = Rewrite::of(&Text::parse(&before)?, name, sections, gone);
    let shown = rewrite.difference(file, &before)?;
    if !shown.is_empty() {
        project.ui.say(shown);
    }
    profiles::edit(file, name, |text| rewrite.apply(text), |text| reads_back(text, &rewrite.sections))?;
    Ok(names_of(&rewrite.sections))
}
