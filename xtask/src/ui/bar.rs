//! One thing that grows: a bar on a terminal, a line for each change elsewhere.

use std::cell::RefCell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Style, Ui};

/// A bar, gone when it is dropped.
pub(crate) struct Bar<'u> {
    ui: &'u Ui,
    label: String,
    bar: ProgressBar,
    last: RefCell<String>,
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
        Self { ui, label: label.to_owned(), bar, last: RefCell::default() }
    }

    /// Percent, and what is going on.
    pub(crate) fn set(&self, percent: f32, note: &str) {
        self.bar.set_position(percent.clamp(0.0, 100.0) as u64);
        self.bar.set_message(note.to_owned());
        let now = format!("{percent:.0} %, {note}");
        if self.last.replace(now.clone()) == now {
            return;
        }
        match self.ui.style {
            Style::Rich => {}
            Style::Plain => self.ui.say(format_args!("  {}: {now}", self.label)),
            Style::Json => self.ui.json(&json!({"label": self.label, "percent": percent, "note": note})),
        }
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
