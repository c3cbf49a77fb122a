//! `cargo xtask bench survive`

mod harm;
mod picture;
mod stage;
mod start;
mod stories;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use futures::future::{try_join, try_join_all};

use super::program;
use crate::Common;
use crate::commands::sandbox::build;
use crate::image::head;
use crate::ui::Ui;
use crate::workspace::Workspace;
use harm::{Harm, Kind};
use stage::{Ended, Stage};
use stories::{STORIES, Story};

/// Commands that are killed, or whose calls fail, at every call; and whether the same command, run again, gets to the
/// same world.
#[derive(Args)]
pub(crate) struct Arguments {
    /// What is done to them.
    #[arg(long = "harm", value_enum, default_values_t = [Kind::Kill])]
    harms: Vec<Kind>,
    /// Only this command: bootstrap, teardown, …
    #[arg(long, value_name = "COMMAND")]
    only: Vec<String>,
    /// Of the calls that read, no more than so many, chosen by the seed.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// The same of those that write.
    #[arg(long, value_name = "N")]
    sample_writes: Option<usize>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many storms, each with a seed of its own.
    #[arg(long, default_value_t = 100)]
    storms: u64,
    /// How many at the same time.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// One trial: what is done to which command.
#[derive(Clone)]
struct Trial {
    story: &'static Story,
    harm: Harm,
}

/// What came of the trials of a command with one kind of harm.
#[derive(Clone, Debug, serde::Serialize)]
struct Row {
    command: &'static str,
    harm: Kind,
    /// How many calls that write, and that read, an undisturbed run makes.
    writes: usize,
    reads: usize,
    trials: usize,
    /// The run had ended before the call: nothing was harmed.
    unreached: usize,
    /// Harmed, and good all the same.
    unharmed: usize,
    /// Stopped, and good when run again.
    resumed: usize,
    failed: usize,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let program = match &common.binary {
        Some(binary) => std::path::absolute(binary).context("find the program")?,
        None => program(ui).await?,
    };
    let (sandbox, begun) = (build(ui).await?, Instant::now());
    let wanted = |story: &&Story| arguments.only.is_empty() || arguments.only.iter().any(|o| o == story.name);
    let stories: Vec<&'static Story> = STORIES.iter().filter(wanted).collect();
    for only in &arguments.only {
        let known: Vec<&str> = STORIES.iter().map(|story| story.name).collect();
        ensure!(known.contains(&only.as_str()), "there is no `{only}`, but {}", known.join("; "));
    }
    let first = async { Stage::set(&sandbox, &program, &stories).await?.knowing(&stories).await };
    let others = (1..arguments.workers.max(1)).map(|_| Stage::set(&sandbox, &program, &stories));
    let (first, mut others) = try_join(first, try_join_all(others)).await?;
    others.iter_mut().for_each(|stage| stage.expected = first.expected.clone());
    let stages: Vec<Stage> = std::iter::once(first).chain(others).collect();
    let table = Table::new(arguments, &stories, &stages[0]);
    ui.say(format_args!("{} trials.", table.queue.borrow().len()));
    try_join_all(stages.iter().map(|stage| table.work(stage, ui))).await?;
    let revision = head(&Workspace::find()?.root).await;
    table.show(
        ui,
        common,
        &format!(
            "Revision {}, seed {}, {} at a time, {:.0} s.",
            revision.as_deref().unwrap_or("unknown"),
            arguments.seed,
            stages.len(),
            begun.elapsed().as_secs_f64()
        ),
    );
    Ok(if table.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Table {
    queue: RefCell<VecDeque<Trial>>,
    rows: RefCell<Vec<Row>>,
    tried: Cell<usize>,
}

impl Table {
    fn new(arguments: &Arguments, stories: &[&'static Story], stage: &Stage) -> Self {
        let (mut queue, mut rows) = (VecDeque::new(), Vec::new());
        for story in stories {
            let (writes, reads) = stage.calls(story);
            for kind in &arguments.harms {
                let harms = kind.harms(writes, reads, arguments);
                let row = Row { command: story.name, harm: *kind, writes, reads, ..Row::none(*kind) };
                rows.push(Row { trials: harms.len(), ..row });
                queue.extend(harms.into_iter().map(|harm| Trial { story, harm }));
            }
        }
        Self { queue: RefCell::new(queue), rows: RefCell::new(rows), tried: Cell::new(0) }
    }

    /// Takes trials until there are none.
    async fn work(&self, stage: &Stage, ui: &Ui) -> Result<()> {
        loop {
            let Some(trial) = self.queue.borrow_mut().pop_front() else { return Ok(()) };
            let begun = Instant::now();
            let ended = stage.try_out(&trial).await;
            let (name, harm) = (trial.story.name, &trial.harm);
            match &ended {
                Err(error) => ui.say(format_args!("{name} {harm}: {error:#}")),
                Ok(ended) if ui.verbose => {
                    let took = begun.elapsed().as_secs_f64();
                    ui.say(format_args!("{name} {harm}: {ended:?} after {took:.1} s"));
                }
                Ok(_) => {}
            }
            if let Some(line) = self.note(&trial, ended) {
                ui.say(line);
            }
            self.tried.set(self.tried.get() + 1);
            if self.tried.get().is_multiple_of(50) {
                ui.say(format_args!("{} tried, {} failed…", self.tried.get(), self.failed()));
            }
        }
    }

    /// Counts a trial. The last one of its row gives the row's line.
    fn note(&self, trial: &Trial, ended: Result<Ended>) -> Option<String> {
        let mut rows = self.rows.borrow_mut();
        let is_its = |row: &&mut Row| row.command == trial.story.name && row.harm == trial.harm.kind;
        let row = rows.iter_mut().find(is_its)?;
        match ended {
            Ok(Ended::Unreached) => row.unreached += 1,
            Ok(Ended::Unharmed) => row.unharmed += 1,
            Ok(Ended::Resumed) => row.resumed += 1,
            Err(_) => row.failed += 1,
        }
        let tried = row.unreached + row.unharmed + row.resumed + row.failed;
        (tried == row.trials).then(|| row.line())
    }

    fn failed(&self) -> usize {
        self.rows.borrow().iter().map(|row| row.failed).sum()
    }

    /// Nothing failed, and the rows prove it.
    fn is_good(&self) -> bool {
        self.failed() == 0 && self.rows.borrow().iter().all(Row::is_proof)
    }

    fn show(&self, ui: &Ui, common: &Common, about: &str) {
        let rows = self.rows.borrow();
        if common.json {
            return ui.json(&*rows);
        }
        let mut lines = vec![
            format!("{about}\n"),
            "| command | calls that write, read | harm | trials | not reached | good at once | good when run again | not good |"
                .to_owned(),
            "| --- | --- | --- | --- | --- | --- | --- | --- |".to_owned(),
        ];
        lines.extend(rows.iter().map(Row::line));
        lines.push(format!("\n{PROOF}"));
        let poor = rows.iter().filter(|row| !row.is_proof());
        lines.extend(poor.map(|row| format!("Too few were reached: {}, {}.", row.command, row.harm)));
        ui.result(lines.join("\n"));
    }
}

/// What [`Row::is_proof`] demands.
const PROOF: &str = "Good is a table with nothing \"not good\", and in which most trials of each row were reached: \
                     at most two were not, or one in twenty.";

impl Row {
    /// Where nothing was harmed, nothing is proved. Runs differ by a few calls; so a few trials may come too late.
    fn is_proof(&self) -> bool {
        self.trials == 0 || self.unreached <= (self.trials / 20).max(2) && self.unreached * 2 < self.trials
    }

    fn none(harm: Kind) -> Self {
        let (writes, reads, trials, unreached, unharmed, resumed, failed) = Default::default();
        Self { command: "", harm, writes, reads, trials, unreached, unharmed, resumed, failed }
    }

    fn line(&self) -> String {
        let Self { command, harm, writes, reads, trials, unreached, unharmed, resumed, failed } = self;
        format!(
            "| {command} | {writes}, {reads} | {harm} | {trials} | {unreached} | {unharmed} | {resumed} | {failed} |"
        )
    }
}

/// The program again, as another one: what follows its end is no part of it.
fn another(program: &std::path::Path, directory: &std::path::Path) -> Result<PathBuf> {
    let mut bytes = std::fs::read(program).with_context(|| format!("read {}", program.display()))?;
    bytes.extend_from_slice(b"another");
    let path = directory.join("another");
    std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_which_many_were_not_reached_is_no_proof() {
        let row = |trials, unreached| Row { trials, unreached, ..Row::none(Kind::Kill) };
        for (trials, unreached) in [(0, 0), (1, 0), (5, 2), (40, 2), (100, 5)] {
            assert!(row(trials, unreached).is_proof(), "{unreached} of {trials}");
        }
        for (trials, unreached) in [(1, 1), (4, 2), (40, 3), (100, 6), (100, 99)] {
            assert!(!row(trials, unreached).is_proof(), "{unreached} of {trials}");
        }
    }
}
