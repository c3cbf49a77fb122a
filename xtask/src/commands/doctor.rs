//! `cargo xtask doctor`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::Common;
use crate::aws::{Aws, check};
use crate::image::{BuilderKind, Host, Platform, choose};
use crate::project::Project;
use crate::ui::{Ui, text};

/// Tell what would stop a bootstrap, each with its remedy. Reads only.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The builder to ask for.
    #[arg(long, value_enum)]
    builder: Option<BuilderKind>,
}

/// One thing that was looked at.
#[derive(serde::Serialize)]
pub(crate) struct Finding {
    pub(crate) what: String,
    /// Whether a bootstrap can go on.
    pub(crate) good: bool,
    /// What was found, and what to do where it is not good.
    pub(crate) note: String,
}

impl Finding {
    pub(crate) fn good(what: &str, note: impl Into<String>) -> Self {
        Self { what: what.to_owned(), good: true, note: note.into() }
    }

    pub(crate) fn bad(what: &str, note: impl Into<String>) -> Self {
        Self { what: what.to_owned(), good: false, note: note.into() }
    }
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let project = Project::look_around(ui, common).await;
    let platform = project.as_ref().map(|project| project.config.architecture).unwrap_or_default();
    let mut findings = vec![tools(arguments.builder, platform).await];
    match project {
        Ok(project) => {
            findings.push(Finding::good("foothold.toml", file(&project)));
            findings.extend(cloud(&project).await);
        }
        Err(error) => findings.push(Finding::bad("foothold.toml", format!("{error:#}"))),
    }
    match common.json {
        true => ui.json(&findings),
        false => findings.iter().for_each(|finding| ui.result(line(finding))),
    }
    Ok(if findings.iter().all(|finding| finding.good) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn file(project: &Project) -> String {
    let file = &project.workspace.foothold;
    match file.exists() {
        true => file.display().to_string(),
        false => "none yet: bootstrap asks, and writes it".to_owned(),
    }
}

async fn tools(builder: Option<BuilderKind>, platform: Platform) -> Finding {
    match choose(builder, platform, &Host::probe(builder, platform).await) {
        Ok(builder) => Finding::good("image builder", builder.to_string()),
        Err(error) => Finding::bad("image builder", format!("{error:#}")),
    }
}

async fn cloud(project: &Project<'_>) -> Vec<Finding> {
    match Aws::connect(&project.where_to_look().asking_nobody()).await {
        Ok(aws) => check::all(&aws, &project.config).await,
        Err(error) => {
            let remedy = text::remedy(&error).map(|remedy| format!(": {remedy}")).unwrap_or_default();
            vec![Finding::bad("credentials", format!("{error:#}{remedy}"))]
        }
    }
}

fn line(finding: &Finding) -> String {
    let sign = if finding.good { "ok " } else { "NO " };
    format!("{sign} {:<20} {}", finding.what, finding.note)
}
