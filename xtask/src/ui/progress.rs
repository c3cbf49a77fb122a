//! A walk as it happens: live lines on a terminal, lines with times elsewhere, JSON events for programs.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Style, Ui, meanwhile, meter, text};
use crate::aws::Meter;
use crate::engine::{Event, Wait, What};
use crate::graph::Label;

/// Shows a walk's events. Off a terminal the library prints nothing, so lines are ours there.
pub(crate) struct Progress<'u> {
    ui: &'u Ui,
    started: Instant,
    bars: MultiProgress,
    overall: ProgressBar,
    lines: RefCell<HashMap<Label, ProgressBar>>,
    said: RefCell<HashSet<String>>,
}

impl<'u> Progress<'u> {
    /// For a walk over this many resources.
    pub(crate) fn new(ui: &'u Ui, entries: usize) -> Self {
        let bars = MultiProgress::new();
        let overall = match ui.style {
            Style::Rich => bars.add(ProgressBar::new(entries as u64).with_style(overall_style())),
            _ => ProgressBar::hidden(),
        };
        if ui.style == Style::Rich {
            overall.enable_steady_tick(Duration::from_millis(200));
        }
        Self {
            ui,
            started: Instant::now(),
            bars,
            overall,
            lines: RefCell::default(),
            said: RefCell::default(),
        }
    }

    /// Takes one event.
    pub(crate) fn hear(&self, event: &Event<'_>) {
        match self.ui.style {
            Style::Json => self.ui.json(event),
            Style::Plain => self.plain(event),
            Style::Rich => self.rich(event),
        }
    }

    /// What long work tells, shown among the lines of the walk.
    pub(crate) fn meter(&self) -> Meter {
        meter::above(self.ui, &self.bars, &self.overall)
    }

    /// Says something above the live lines.
    pub(crate) fn say(&self, said: &str) {
        self.overall.suspend(|| self.ui.say(said));
    }

    /// Ends the live lines.
    pub(crate) fn finish(&self) {
        self.lines.borrow_mut().drain().for_each(|(_, bar)| bar.finish_and_clear());
        self.overall.finish_and_clear();
    }

    fn plain(&self, event: &Event<'_>) {
        let note = match &event.what {
            What::Acting(act) => format!("{} {}…", act.verb(), event.label),
            What::Waiting { on: Wait::World(why), since } => {
                format!("{}: {}{}", event.label, without_request(why), meanwhile(since.elapsed()))
            }
            What::Done(outcome) => match text::outcome(outcome) {
                Some(ended) => format!("{}: {ended}", event.label),
                None => return,
            },
            _ => return,
        };
        // The same call again after "not now" is no news.
        if self.said.borrow_mut().insert(note.clone()) {
            self.ui.say(format_args!("{:7.1}s  {note}", self.started.elapsed().as_secs_f64()));
        }
    }

    fn rich(&self, event: &Event<'_>) {
        match &event.what {
            What::Acting(act) => self.line(event.label).set_message(format!("{}…", act.verb())),
            What::Waiting { on: Wait::World(why), .. } => {
                self.line(event.label).set_message(without_request(why).to_owned())
            }
            What::Waiting { on: Wait::Lane(lane), .. } => {
                self.line(event.label).set_message(format!("waits for its turn ({lane})"));
            }
            What::Done(outcome) => {
                if let Some(bar) = self.lines.borrow_mut().remove(event.label) {
                    bar.finish_and_clear();
                }
                self.overall.inc(1);
                if let Some(ended) = text::outcome(outcome) {
                    self.overall.suspend(|| self.ui.say(format_args!("  {} {ended}", event.label)));
                }
            }
            _ => {}
        }
    }

    fn line(&self, label: &Label) -> ProgressBar {
        let mut lines = self.lines.borrow_mut();
        let add = || {
            let bar = ProgressBar::new_spinner().with_style(line_style()).with_prefix(label.to_string());
            let bar = self.bars.insert_before(&self.overall, bar);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        };
        lines.entry(label.clone()).or_insert_with(add).clone()
    }
}

/// A reason without its request id, which is another each time.
fn without_request(why: &str) -> &str {
    why.split_once(" (request ").map_or(why, |(why, _)| why)
}

fn line_style() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner} {prefix:48!} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn overall_style() -> ProgressStyle {
    ProgressStyle::with_template("  {bar:40} {pos}/{len} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
