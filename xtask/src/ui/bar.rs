//! One thing that grows: a bar on a terminal, a line for each change elsewhere.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Style, Ui, meanwhile};

/// What was said last, since when that has been so, and when it was said.
struct Said {
    text: String,
    since: Instant,
    at: Instant,
}

/// A bar, gone when it is dropped.
pub(crate) struct Bar<'u> {
    ui: &'u Ui,
    label: String,
    bar: ProgressBar,
    last: RefCell<Said>,
}

impl<'u> Bar<'u> {
    pub(crate) fn new(ui: &'u Ui, label: &str) -> Self {
        let bar = match ui.style {
            Style::Rich => ProgressBar::new(100).with_style(style()).with_prefix(label.to_owned()),
            _ => ProgressBar::hidden(),
        };
        if ui.style == Style::Rich {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let now = Instant::now();
        let last = Said { text: String::new(), since: now, at: now };
        Self { ui, label: label.to_owned(), bar, last: last.into() }
    }

    /// Percent, and what is going on.
    pub(crate) fn set(&self, percent: f32, note: &str) {
        self.bar.set_position(percent.clamp(0.0, 100.0) as u64);
        self.bar.set_message(note.to_owned());
        let Some(so_far) = self.news(format!("{percent:.0} %, {note}")) else { return };
        let (label, last) = (&self.label, self.last.borrow());
        match self.ui.style {
            Style::Rich => {}
            Style::Plain => self.ui.say(format_args!("  {label}: {}{}", last.text, meanwhile(so_far))),
            Style::Json => self.ui.json(
                &json!({"label": label, "percent": percent, "note": note, "seconds": so_far.as_secs()}),
            ),
        }
    }

    /// For how long it has been so, where that is to be said: when it is new, and now and then.
    fn news(&self, text: String) -> Option<Duration> {
        let (mut last, now) = (self.last.borrow_mut(), Instant::now());
        if last.text != text {
            *last = Said { text, since: now, at: now };
        } else if now - last.at < self.ui.reminder {
            return None;
        }
        last.at = now;
        Some(now - last.since)
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    let template = "  {spinner} {prefix}: {bar:30} {percent:>3} % {wide_msg} {elapsed}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
