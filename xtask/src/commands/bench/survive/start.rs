//! Where stories start: worlds that are kept, and the files that belong to them.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::stage::{Files, PATIENCE, Stage, write};
use super::stories::{BOOTSTRAP, From, GROUPS, PEOPLE, PRODUCTION, SUPPORT, Story};
use crate::probe::Method;

/// A start, and what the workspace has there. The sandbox keeps its world by the same name.
pub(super) struct Kept {
    from: From,
    files: Files,
}

impl From {
    /// The start that this one is made from.
    fn before(self) -> Option<Self> {
        match self {
            Self::Nothing => None,
            Self::Bootstrapped => Some(Self::Nothing),
            Self::Switched => Some(Self::Bootstrapped),
            Self::Peopled => Some(Self::Switched),
            Self::Left => Some(Self::Peopled),
        }
    }

    fn needs(self, other: Self) -> bool {
        self == other || self.before().is_some_and(|before| before.needs(other))
    }
}

impl Stage {
    /// Makes every start that these stories need, each from the one before.
    pub(super) async fn keep(&mut self, stories: &[&'static Story]) -> Result<()> {
        self.kept.push(Kept { from: From::Nothing, files: self.files()? });
        for from in [From::Bootstrapped, From::Switched, From::Peopled, From::Left] {
            if stories.iter().any(|story| story.from.needs(from)) {
                self.start(from.before().context("bug: made from nothing")?).await?;
                self.make(from).await.with_context(|| format!("make the start {from:?}"))?;
                self.world.control(Method::POST, &format!("keep/{from:?}"), None).await?;
                self.kept.push(Kept { from, files: self.files()? });
            }
        }
        Ok(())
    }

    async fn make(&self, from: From) -> Result<()> {
        let file = self.world.file("foothold.toml");
        let text = std::fs::read_to_string(&file).context("read foothold.toml")?;
        match from {
            From::Nothing => bail!("bug: nothing is not made"),
            From::Bootstrapped => self.good(&["bootstrap", "--yes"], false).await,
            From::Switched => {
                let settings = json!({"identity_center": true});
                self.world.control(Method::POST, "settings", Some(settings)).await?;
                write(&file, &format!("{GROUPS}{text}{PEOPLE}{SUPPORT}{PRODUCTION}"))
            }
            From::Peopled => self.good(BOOTSTRAP, false).await,
            From::Left => {
                let mut left = text;
                for part in [GROUPS, SUPPORT, PRODUCTION] {
                    ensure!(left.contains(part), "bug: foothold.toml is\n{left}");
                    left = left.replacen(part, "", 1);
                }
                write(&file, &left)
            }
        }
    }

    /// Puts the world and the workspace to where a story starts.
    pub(super) async fn start(&self, from: From) -> Result<()> {
        let root = self.world.file("");
        for (name, _) in self.files()? {
            let path = root.join(name);
            std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
        let kept =
            self.kept.iter().find(|kept| kept.from == from).context("bug: a start that is not kept")?;
        let path = if from == From::Nothing { "reset".to_owned() } else { format!("restore/{from:?}") };
        if from == From::Nothing {
            let settings = json!({"identity_center": false, "throttles": false});
            self.world.control(Method::POST, "settings", Some(settings)).await?;
        }
        self.world.control(Method::POST, &path, None).await?;
        kept.files.iter().try_for_each(|(name, text)| write(&root.join(name), text))?;
        if from == From::Nothing { Ok(()) } else { self.serves().await }
    }

    /// Waits until what runs in a restored world has started.
    async fn serves(&self) -> Result<()> {
        let ready = async {
            loop {
                let world = self.world.control(Method::GET, "alike", None).await?;
                let mut tasks =
                    world["runtime"]["tasks"].as_object().into_iter().flat_map(|tasks| tasks.values());
                if tasks.any(|task| task["status"] == "RUNNING" && task["healthy"] == true) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.context("wait for the restored service")?
    }
}
