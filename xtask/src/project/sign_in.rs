//! Where people sign in, and what `foothold.toml` says about it for those who have only that.

use anyhow::{Context, Result};

use super::Project;
use crate::aws::{Sso, SsoSession};
use crate::commands::login;
use crate::config::{IdentityCenter, write};
use crate::environment::{self, Declaration, Declared};
use crate::graph::Label;
use crate::profiles::{self, Rewrite, Text};
use crate::report::{Judgement, Plan};
use crate::resource::Resource as _;
use crate::resources::{Profile, SsoSession as Section};

/// The sections of the shared config file that a plan removes.
fn gone(plan: &Plan) -> Vec<String> {
    let removed = plan.lines.iter().filter(|line| matches!(line.result, Judgement::Delete));
    let section = |label: &Label| match label.kind {
        Profile::KIND => Some(profiles::profile(&label.name)),
        Section::KIND => Some(profiles::sso_session(&label.name)),
        _ => None,
    };
    removed.filter_map(|line| section(&line.label)).collect()
}

impl Project<'_> {
    /// Where people sign in, if `foothold.toml` says so.
    pub(crate) fn sso(&self) -> Option<Sso> {
        let IdentityCenter { start_url, region } = self.config.identity_center.clone()?;
        // A file that cannot be read is the profiles' own error, at their turn.
        let text = profiles::read(&self.workspace.profiles).unwrap_or_default();
        let name = profiles::session_for(&text, &self.config.name, &start_url);
        let session = SsoSession { name, start_url, region };
        let again = login::again(self.ui, &self.reach, &session);
        let prefer = self.config.roles_to_prefer(self.common.stage.as_deref());
        Some(Sso { session, home: self.workspace.home.clone(), prefer, again })
    }

    /// Writes where people sign in into `foothold.toml`, so that whoever has only that can.
    pub(crate) fn remember_identity_center(&self, start_url: &str, region: &str) -> Result<()> {
        let known = self.config.identity_center.as_ref();
        if known.is_some_and(|known| known.start_url == start_url && known.region == region) {
            return Ok(());
        }
        let file = &self.workspace.foothold;
        let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        write::save(file, &write::set_identity_center(&text, start_url, region)?)?;
        self.ui.say(format_args!("Wrote to {} where people sign in: {start_url}", file.display()));
        Ok(())
    }

    /// How the shared config file will change: the end of a plan, empty where it will not.
    pub(crate) fn about_this_machine(
        &self,
        from: &Declaration,
        declared: Option<&Declared>,
        plan: &Plan,
    ) -> String {
        let Ok(before) = Text::parse(&from.shared_config) else { return String::new() };
        let sections = declared.map(|declared| environment::sections(from, declared, plan));
        let rewrite = Rewrite::of(&before, &self.config.name, sections.unwrap_or_default(), gone(plan));
        match rewrite.difference(&from.profiles, &from.shared_config) {
            Ok(shown) if !shown.is_empty() => format!("\n\n{}", shown.trim_end()),
            _ => String::new(),
        }
    }

    /// Writes into `foothold.toml` what the profiles are called whose names are somebody else's here, and says so.
    pub(crate) fn remember_profile_names(&mut self) -> Result<()> {
        let shared = profiles::read(&self.workspace.profiles).unwrap_or_default();
        let (project, file) = (self.config.name.clone(), self.workspace.foothold.clone());
        for (stage, account) in self.config.accounts_mut() {
            let name = profiles::name_for(&shared, &project, &account.label);
            if account.profile.is_some() || account.profile_name.is_some() || name == account.label {
                continue;
            }
            let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            write::save(&file, &write::set_profile_name(&text, stage.as_deref(), &name)?)?;
            self.ui.say(format_args!(
                "There is a profile `{}` that is not ours: ours is `{name}`, as {} says now.",
                account.label,
                file.display()
            ));
            account.profile_name = Some(name);
        }
        Ok(())
    }
}
