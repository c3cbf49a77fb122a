//! `cargo xtask logout`

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::Common;
use crate::aws::sign_out;
use crate::config::FILE;
use crate::project::{NO_CENTER, Project};
use crate::ui::Ui;

/// End the session of Identity Center, here and in AWS. The profiles stay, for the next sign-in.
#[derive(Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let project = Project::open_anyway(ui, common).await?;
    let why = if common.sandbox { NO_CENTER.to_owned() } else { format!("{FILE} has no [identity_center]") };
    let sso = project.sso().with_context(|| format!("find where to sign out: {why}"))?;
    ui.say(match sign_out(&project.reach, &sso).await? {
        true => "You are signed out. Credentials that were handed out stay good until they end, at most some hours.",
        false => "Nobody was signed in.",
    });
    Ok(ExitCode::SUCCESS)
}
