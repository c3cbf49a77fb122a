//! Long work in numbers: a bar on a terminal, now and then a line elsewhere.

use std::cell::{Cell, OnceCell};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressFinish, ProgressStyle};

use super::{Style, Ui};
use crate::aws::Meter;

/// How long nothing is said off a terminal.
const SILENCE: Duration = Duration::from_secs(10);

/// What long work tells: what it is, how much is done, and of how much (0: nobody knows). The bar ends with it.
pub(crate) fn meter(ui: &Ui) -> Meter {
    match ui.style {
        Style::Rich => {
            bar(|| MultiProgress::new().add(ProgressBar::new(0).with_finish(ProgressFinish::AndClear)))
        }
        Style::Plain => lines(ui.clone()),
        Style::Json => Box::new(|_, _, _| ()),
    }
}

/// The same among the bars of a walk.
pub(super) fn above(ui: &Ui, bars: &MultiProgress, overall: &ProgressBar) -> Meter {
    let (bars, overall) = (bars.clone(), overall.clone());
    match ui.style {
        Style::Rich => bar(move || {
            bars.insert_before(&overall, ProgressBar::new(0).with_finish(ProgressFinish::AndClear))
        }),
        _ => meter(ui),
    }
}

fn bar(new: impl Fn() -> ProgressBar + 'static) -> Meter {
    let bar = OnceCell::new();
    Box::new(move |what, done, total| {
        let bar: &ProgressBar = bar.get_or_init(&new);
        bar.set_style(if total == 0 { work_style() } else { bytes_style() });
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(what.to_owned());
        if total > 0 && done >= total {
            bar.finish_and_clear();
        }
    })
}

fn lines(ui: Ui) -> Meter {
    let said = Cell::new(None::<Instant>);
    Box::new(move |what, done, total| {
        if said.get().is_none_or(|at| at.elapsed() >= SILENCE) {
            said.set(Some(Instant::now()));
            let of = if total == 0 { String::new() } else { format!(", {done} of {total} bytes") };
            ui.say(format_args!("           {what}{of}"));
        }
    })
}

fn work_style() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner} {pos} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bytes_style() -> ProgressStyle {
    ProgressStyle::with_template("  {msg} {bar:30} {bytes}/{total_bytes}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
