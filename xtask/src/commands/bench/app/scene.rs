//! What the two are measured in: a sandbox with one stage, the variables that its app gets, and its record.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::process::Command;

use super::changes::Changes;
use super::server::{self, Server};
use super::{Arguments, Measured, flask, load};
use crate::Common;
use crate::aws::{Access, SessionKeys};
use crate::commands::bench::world::World;
use crate::commands::config::place::Places;
use crate::names::Names;
use crate::probe::Method;
use crate::project::Project;
use crate::ui::Ui;

const STAGE: &str = "development";

/// At this pace of the sandbox the app polls once a second.
const SCALE: u64 = 15;

/// What the two are measured in.
pub(super) struct Scene {
    world: World,
    changes: Changes,
    /// The variables that the platform gives them.
    environment: Vec<(&'static str, String)>,
    /// The last parts of the ARNs that they call AWS by.
    sessions: Vec<String>,
}

impl Scene {
    /// A sandbox with one stage, whose app role may be taken by the admin, too.
    pub(super) async fn set(sandbox: &Path, program: &Path, common: &Common, ui: &Ui) -> Result<Self> {
        let world = World::start(sandbox, &["--scale", "600"]).await?;
        world.control(Method::POST, "settings", Some(json!({"throttles": false}))).await?;
        std::fs::write(world.file("foothold.toml"), FOOTHOLD).context("write foothold.toml")?;
        admit_admin(&world).context("let the admin be the app")?;
        let program = program.display().to_string();
        world.good(&["bootstrap", "--yes", "--pace", "0.02", "--binary", &program]).await?;
        world.control(Method::POST, "scale", Some(json!({"scale": SCALE}))).await?;

        let mut project = world.project(ui, common)?;
        let places = Places::look(&mut project).await?;
        let place = places.of(project.config.stage(Some(STAGE))?).await?;
        let environment = environment(&project, &places, &place.target.environment).await?;
        // By the environment's id, and not by its name as the service that bootstrap has started.
        let app = format!("/{}-{}", project.config.name, place.target.environment);
        let sessions = vec!["/foothold".to_owned(), app, format!("/{}", flask::SESSION)];
        Ok(Self { world, changes: Changes::new(place), environment, sessions })
    }

    pub(super) async fn measure(
        &self,
        command: &dyn Fn() -> Command,
        arguments: &Arguments,
        checked: bool,
    ) -> Result<Measured> {
        self.changes.settled().await?;
        let cold_start = server::cold_start(command, &self.environment, arguments.starts).await?;
        let server = Server::start(command(), &self.environment).await?;
        self.world.control(Method::DELETE, "requests", None).await?;
        let versions = if checked { self.changes.versions() } else { Vec::new() };
        let url = server.url();
        let load = load::run(&url, arguments.connections, arguments.seconds, &versions);
        let (load, changes) = self.changes.during(load).await?;
        let (memory_kib, calls) = (server.memory_kib()?, self.calls().await?);
        Ok(Measured { load: load?, checked, changes, memory_kib, calls, cold_start })
    }

    /// How many calls of theirs the sandbox has recorded.
    async fn calls(&self) -> Result<usize> {
        let record = self.world.control(Method::GET, "requests", None).await?;
        let of = |record: &Value, member: &str| record[member].as_str().unwrap_or_default().to_owned();
        let theirs = |record: &&Value| {
            ["sts", "appconfigdata"].contains(&of(record, "service").as_str())
                && self.sessions.iter().any(|session| of(record, "caller").ends_with(session))
        };
        Ok(record.as_array().into_iter().flatten().filter(theirs).count())
    }
}

const FOOTHOLD: &str = "name = \"ListServices\"\nregion = \"eu-west-1\"\n\
                        email = \"aws+{name}-{account}@example.com\"\n\n[config]\naccount = \"config\"\n\n\
                        [[stage]]\nname = \"development\"\naccount = \"dev\"\n";

/// Only tasks may be the app; here the admin may, too.
fn admit_admin(world: &World) -> Result<()> {
    let file = world.file("policies/app-role-trust.json");
    let mut trust: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let admin = format!("arn:aws:iam::{}:root", world.text("account_id"));
    let more = json!({"Effect": "Allow", "Principal": {"AWS": admin}, "Action": "sts:AssumeRole"});
    trust["Statement"].as_array_mut().context("it has no statements")?.push(more);
    Ok(std::fs::write(&file, trust.to_string())?)
}

/// What the platform tells the app, with this id of its environment in AppConfig, and the credentials of its role.
async fn environment(
    project: &Project<'_>,
    places: &Places,
    id: &str,
) -> Result<Vec<(&'static str, String)>> {
    let names = Names::new(&project.config.name);
    let declared = places.declared.stages.iter().find_map(|stage| stage.running.as_ref());
    let account = declared.and_then(|running| places.plan.learned(&running.account));
    let (config, account) =
        places.plan.learned(&places.declared.center.account).zip(account).context("find the accounts")?;
    let path = names.role_path();
    let role = format!(
        "{}{}",
        path.trim_start_matches('/'),
        names.app_role(project.config.stage(Some(STAGE))?.platform)
    );
    let door = places.aws.door(&account.id, &Access::Exactly(role)).await?;
    let SessionKeys { access_key_id, secret_access_key, token, .. } = door.credentials().await?;
    let read_role = format!("arn:aws:iam::{}:role{path}{}", config.id, names.read_role(STAGE));
    let region = &project.config.region;
    Ok(vec![
        ("APPCONFIGAPPNAME", names.application()),
        ("APPCONFIGCONF", names.configuration_profile()),
        ("APPCONFIGENV", id.to_owned()),
        ("APPCONFIGREADROLE", read_role),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region.clone()),
        ("AWS_ENDPOINT_URL", door.endpoint().unwrap_or_default().to_owned()),
        ("AWS_ACCESS_KEY_ID", access_key_id),
        ("AWS_SECRET_ACCESS_KEY", secret_access_key),
        ("AWS_SESSION_TOKEN", token.unwrap_or_default()),
    ])
}
