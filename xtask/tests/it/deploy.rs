//! Another image for a stage, and back to the one before.

use crate::world::{self, Ended, World, get};
use sandbox::services::iam;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const DEPLOY: [&str; 4] = ["deploy", "--stage", "development", "--yes"];

fn command(world: &World, arguments: &[&str]) -> Command {
    let keys = iam::admin_keys(&world.sandbox.world());
    world.command(arguments, &keys.access_key_id, &keys.secret_access_key)
}

/// The app's program, changed by `change`: another image.
pub(crate) fn program(world: &World, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let command = command(world, &[]);
    let given = command.get_envs().find(|(name, _)| *name == "FOOTHOLD_BINARY").and_then(|(_, value)| value);
    let mut bytes = std::fs::read(given.expect("a program")).expect("read the program");
    change(&mut bytes);
    let path = world.file(name);
    std::fs::write(&path, bytes).expect("write a program");
    path
}

async fn deploy(world: &World, program: &Path, more: &[&str]) -> Ended {
    let mut command = command(world, &[&DEPLOY[..], more].concat());
    command.env("FOOTHOLD_BINARY", program);
    let output =
        tokio::task::spawn_blocking(move || command.output()).await.expect("a task").expect("run xtask");
    Ended {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

async fn runs(url: &str) -> String {
    let version: Value = serde_json::from_str(&get(&format!("{url}/version")).await.1).expect("JSON");
    version["image"].as_str().expect("an image").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_image_comes_and_goes_and_one_that_does_not_come_up_changes_nothing() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let first = runs(&url).await;
    world.xtask(&DEPLOY).await.good().says("runs this image already");

    let other = program(&world, "other", |bytes| bytes.push(0));
    deploy(&world, &other, &[]).await.good().says("Live in ");
    let second = runs(&url).await;
    assert_ne!(first, second);

    // What is left of the program cannot be run.
    let broken = program(&world, "broken", |bytes| bytes.truncate(64 * 1024));
    let failed = deploy(&world, &broken, &[]).await;
    assert_eq!(failed.status, 1, "{failed:?}");
    failed.says("the image did not come up").says("circuit breaker").says(&second);
    assert_eq!(runs(&url).await, second);

    deploy(&world, &other, &["--rollback"]).await.good().says("Live in ");
    assert_eq!(runs(&url).await, first);
    deploy(&world, &other, &["--image", &second]).await.good();
    assert_eq!(runs(&url).await, second);
    let missing = deploy(&world, &other, &["--image", "src-of-nothing"]).await;
    assert_eq!(missing.status, 1);
    missing.says("there is no image `src-of-nothing`");
}
