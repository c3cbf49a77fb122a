//! The world on disk: `world.json` in the sandbox's directory, so that neither a stop, a crash nor a reboot forgets.
//!
//! The file is written beside and renamed: whatever ends the process, what is there is a whole world. Changes are
//! written at the latest two seconds after they were made (later where writing itself takes long), and all of them when
//! the sandbox is stopped. What only passes by itself, and what containers log, does not make it be written: the one
//! happens again when it is due, the other is written with the next change.

use crate::faults;
use crate::server::Shared;
use crate::world::World;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a change waits for others at the most.
const PAUSE: Duration = Duration::from_secs(1);

/// Of its time, this is what writing may take: one part of so many.
const SHARE: u32 = 20;

fn file(directory: &Path) -> PathBuf {
    directory.join("world.json")
}

/// The world that was kept in `directory`. A file that cannot be read is an error: nothing is thrown away unasked.
pub fn read(directory: &Path) -> Result<Option<World>> {
    let path = file(directory);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("read {}", path.display())),
    };
    serde_json::from_slice(&text).map(Some).with_context(|| {
        format!(
            "read the kept world {} (another version of the sandbox may have written it; to forget it, remove {})",
            path.display(),
            directory.display()
        )
    })
}

/// Writes the world as it is now to its directory.
pub(crate) fn now(shared: &Shared) -> Result<()> {
    write(&shared.world())
}

fn write(world: &World) -> Result<()> {
    let directory = &world.settings.directory;
    let (path, beside) = (file(directory), directory.join("world.json.new"));
    let written = || -> Result<()> {
        let mut to = BufWriter::new(File::create(&beside)?);
        serde_json::to_writer(&mut to, world)?;
        to.flush()?;
        to.get_ref().sync_data()?;
        Ok(fs::rename(&beside, &path)?)
    };
    written().with_context(|| format!("write {}", path.display()))
}

/// Whether an operation leaves something that should survive. Sessions and tokens do, whatever their operation is called.
pub(crate) fn changes(operation: &str) -> bool {
    let gives = ["AssumeRole", "GetSessionToken"];
    !faults::reads(operation) || gives.iter().any(|name| operation.starts_with(name))
}

/// Writes the world whenever it has changed, until `end`.
pub(crate) async fn run(shared: Arc<Shared>, end: CancellationToken) {
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let Some(changed) = changed(&shared) else { continue };
        let began = Instant::now();
        let written = tokio::task::spawn_blocking(move || write(&changed)).await;
        pause = PAUSE.max(began.elapsed() * SHARE);
        if let Ok(Err(e)) = written {
            shared.world().unsaved = true;
            warn(&e);
        }
    }
}

/// A copy of the world, if it has changed since the last one was taken.
fn changed(shared: &Shared) -> Option<World> {
    let mut world = shared.world();
    let changed = std::mem::take(&mut world.unsaved);
    changed.then(|| world.clone())
}

#[expect(clippy::print_stderr, reason = "the sandbox's log is its standard error")]
fn warn(error: &anyhow::Error) {
    eprintln!("{error:#}");
}
