//! `cargo xtask config check`

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::Common;
use crate::config::Config;
use crate::content::Schema;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Every configuration file there is, and every one that a stage with an account needs.
pub(super) fn run(common: &Common, ui: &Ui) -> Result<ExitCode> {
    let mut workspace = Workspace::find()?;
    if common.sandbox {
        workspace = workspace.sandboxed()?;
    }
    let mut stages = stages_with_files(&workspace.configurations)?;
    // A checkout may not have been bootstrapped yet: then the files are all there is to know.
    if workspace.foothold.exists() {
        let config = Config::load(&workspace.foothold)?;
        config.knows(common.stage.as_deref())?;
        let running =
            config.stages.into_iter().filter(|stage| stage.account.is_some()).map(|stage| stage.name);
        stages.extend(running);
    }
    if let Some(stage) = &common.stage {
        stages = vec![stage.clone()];
    }
    stages.sort();
    stages.dedup();
    let schema = Schema::read(&workspace.configurations.join("schema.json"))?;
    let faults = faults(&schema, &stages, &|stage| workspace.content_file(stage));
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    ui.json(&stages);
    ui.say(format_args!("The configuration of {} is good.", stages.join(", ")));
    Ok(ExitCode::SUCCESS)
}

fn stages_with_files(directory: &Path) -> Result<Vec<String>> {
    let listed = std::fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))?;
    let mut stages = Vec::new();
    for entry in listed {
        let name = entry?.file_name().to_string_lossy().into_owned();
        stages.extend(name.strip_suffix(".json").filter(|stage| *stage != "schema").map(str::to_owned));
    }
    Ok(stages)
}

fn faults(schema: &Schema, stages: &[String], file: &dyn Fn(&str) -> std::path::PathBuf) -> Vec<String> {
    let check = |stage: &String| {
        let path = file(stage);
        let read = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()));
        let checked =
            read.and_then(|text| schema.check(&text).with_context(|| format!("check {}", path.display())));
        checked.err().map(|error| format!("{error:#}"))
    };
    stages.iter().filter_map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_all_files_are_told_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = |stage: &str| directory.path().join(format!("{stage}.json"));
        std::fs::write(file("good"), r#"{"boolEnableLimitResults": true, "intResultLimit": 1}"#).unwrap();
        std::fs::write(file("bad"), r#"{"boolEnableLimitResults": 1, "intResultLimit": -1}"#).unwrap();
        std::fs::write(file("broken"), "{").unwrap();
        std::fs::write(file("schema"), "{}").unwrap();
        let mut stages = stages_with_files(directory.path()).unwrap();
        stages.sort();
        assert_eq!(stages, ["bad", "broken", "good"]);
        stages.push("missing".to_owned());
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/config/schema.json");
        let faults = super::faults(&Schema::read(&schema).unwrap(), &stages, &file);
        let [bad, broken, missing] = &faults[..] else { panic!("{faults:?}") };
        assert!(
            bad.contains("bad.json") && bad.contains("boolEnableLimitResults") && bad.contains("minimum"),
            "{bad}"
        );
        assert!(broken.contains("broken.json") && missing.contains("missing.json"), "{faults:?}");
    }
}
