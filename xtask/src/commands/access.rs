//! `cargo xtask access`

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use crate::Common;
use crate::aws::Aws;
use crate::config::{Config, Where};
use crate::environment::People;
use crate::project::Project;
use crate::report::{DONE, Plan};
use crate::resource::NotVisible;
use crate::resources::account_assignment::held;
use crate::resources::identity_center::{Learned as Center, instance};
use crate::resources::{permission_set, user};
use crate::ui::Ui;

/// Show who may do what where: as declared, as it is, and where the two differ. Reads only.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only what this person may do, in whatever group.
    #[arg(long, value_name = "EMAIL")]
    person: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut project = Project::open(ui, common, None).await?;
    let aws = project.connect().await?;
    let mut declaration = project.declaration().await?;
    declaration.identity_center = project.identity_center(&aws).await?;
    let since = Instant::now();
    let (center, unseen) = match instance(&aws, since).await {
        Err(error) if error.is::<NotVisible>() => (None, Some(error)),
        found => (found?, None),
    };
    let mut matrix = Matrix::declared(&project.config);
    let (e, declared) = project.wanted(&declaration);
    if let (Some(people), Some(center)) = (&declared.people, &center) {
        let plan = project.look(&e, &aws, &[]).await?;
        let ours = permission_set::ours(&aws, center, &project.config.name, since).await?;
        matrix.see(&aws, center, people, &plan, &ours).await?;
    }
    if let Some(email) = &arguments.person {
        let names = principals(&project.config, &aws, center.as_ref(), email).await?;
        matrix.0.retain(|cell, _| names.iter().any(|name| name.eq_ignore_ascii_case(&cell.who)));
    }
    match common.json {
        true => ui.json(&matrix.rows()),
        false => {
            let absent = match (&center, &unseen) {
                (Some(_), _) => "missing: bootstrap makes it",
                (None, Some(_)) => "as declared; what there is is not visible to you",
                // Identity Center that is off has nothing and takes nothing.
                (None, None) => "waits for Identity Center",
            };
            ui.result(matrix.text(absent) + &project.about(declaration.identity_center));
        }
    }
    unseen.iter().for_each(|why| ui.say(why));
    Ok(ExitCode::from(DONE))
}

/// Who has what where.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Cell {
    account: String,
    permission_set: String,
    who: String,
}

/// How a cell is.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Is {
    declared: bool,
    there: bool,
    /// A group's, by a permission set of ours: bootstrap made it, as far as anybody can tell.
    ours: bool,
}

#[derive(Serialize)]
struct Row<'m> {
    #[serde(flatten)]
    cell: &'m Cell,
    #[serde(flatten)]
    is: Is,
}

#[derive(Default)]
struct Matrix(BTreeMap<Cell, Is>);

impl Matrix {
    fn declared(config: &Config) -> Self {
        let mut matrix = Self::default();
        for wanted in &config.people.assignments {
            let account = label(config, &wanted.account);
            let permission_set = config.names().permission_set(&wanted.permission_set);
            let cell = Cell { account, permission_set, who: wanted.group.clone() };
            matrix.0.entry(cell).or_default().declared = true;
        }
        matrix
    }

    /// Adds what is there, whoever made it.
    async fn see(
        &mut self,
        aws: &Aws,
        center: &Center,
        people: &People,
        plan: &Plan,
        ours: &[(String, String)],
    ) -> Result<()> {
        for (label, account) in &people.accounts {
            let Some(account) = plan.learned(account) else { continue };
            for found in held(aws, center, &account.id).await? {
                let ours = found.is_group && ours.iter().any(|(name, _)| *name == found.permission_set);
                let (permission_set, who) = (found.permission_set, found.who);
                let cell = Cell { account: label.clone(), permission_set, who };
                let is = self.0.entry(cell).or_default();
                (is.there, is.ours) = (true, ours);
            }
        }
        Ok(())
    }

    fn rows(&self) -> Vec<Row<'_>> {
        self.0.iter().map(|(cell, is)| Row { cell, is: *is }).collect()
    }

    /// `absent` is what is said of what is declared and was not seen.
    fn text(&self, absent: &'static str) -> String {
        if self.0.is_empty() {
            return "Nobody may do anything.".to_owned();
        }
        let width = |of: fn(&Cell) -> &String| self.0.keys().map(|cell| of(cell).chars().count()).max();
        let accounts = width(|cell| &cell.account).unwrap_or_default();
        let sets = width(|cell| &cell.permission_set).unwrap_or_default();
        let whos = width(|cell| &cell.who).unwrap_or_default();
        let lines = self.0.iter().map(|(Cell { account, permission_set, who }, is)| {
            let said = is.text(absent);
            format!("{account:<accounts$}  {permission_set:<sets$}  {who:<whos$}  {said}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Is {
    fn text(self, absent: &'static str) -> &'static str {
        match (self.declared, self.there, self.ours) {
            (true, true, _) => "as declared",
            (true, false, _) => absent,
            (false, _, true) => "no longer declared: `cargo xtask teardown --orphans` removes it",
            _ => "not declared: made by hand, and left alone",
        }
    }
}

/// The account as foothold.toml calls it.
fn label(config: &Config, place: &Where) -> String {
    match place {
        Where::Management => "management".to_owned(),
        Where::Config => config.config.label.clone(),
        Where::Stage(name) => {
            let stage = config.stages.iter().find(|stage| stage.name == *name);
            stage.and_then(|stage| stage.account.as_ref()).map_or_else(|| name.clone(), |a| a.label.clone())
        }
    }
}

/// The person, and the groups that the person is in: as Identity Center has them, or else as declared.
async fn principals(config: &Config, aws: &Aws, center: Option<&Center>, email: &str) -> Result<Vec<String>> {
    let groups = match center {
        Some(center) => user::groups_of(aws, center, email).await?,
        None => None,
    };
    let declared = config.people.people.iter().find(|person| person.email.eq_ignore_ascii_case(email));
    match groups.or_else(|| declared.map(|person| person.groups.clone())) {
        Some(groups) => Ok([vec![email.to_owned()], groups].concat()),
        None => {
            bail!("nobody signs in as {email}: neither Identity Center nor foothold.toml knows this address")
        }
    }
}
