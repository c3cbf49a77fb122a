//! Faults found in one file: all of them, each with its place and what to write instead.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// One fault: what is wrong, where, and what to write instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: Range<usize>,
    pub(crate) what: String,
    pub(crate) instead: String,
}

impl Fault {
    pub(crate) fn new(at: Range<usize>, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Fault { at, what: what.into(), instead: instead.into() }
    }
}

/// Every fault of one file, in the file's order.
#[derive(Debug)]
pub(crate) struct Faults {
    source: NamedSource<String>,
    faults: Vec<Fault>,
}

impl Faults {
    pub(super) fn new(file: &str, text: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|a, b| (a.at.start, a.at.end, &a.what).cmp(&(b.at.start, b.at.end, &b.what)));
        faults.dedup();
        Faults { source: NamedSource::new(file, text.to_owned()), faults }
    }

    /// The faults as pictures of their lines, for a terminal of that width.
    pub(crate) fn picture(&self, colour: bool, width: usize) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_context_lines(1);
        let mut out = String::new();
        for fault in &self.faults {
            let shown = Shown { fault, source: &self.source };
            if handler.render_report(&mut out, &shown).is_err() {
                return self.to_string();
            }
            out.push('\n');
        }
        out + &self.count() + "\n"
    }

    /// The first fault in a sentence, without its place: for an answer that is not in a file yet.
    pub(crate) fn first(&self) -> Option<String> {
        self.faults.first().map(|fault| format!("{}: {}", fault.what, fault.instead))
    }

    #[cfg(test)]
    pub(super) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn count(&self) -> String {
        match self.faults.len() {
            1 => format!("1 fault in {}", self.source.name()),
            n => format!("{n} faults in {}", self.source.name()),
        }
    }

    /// One fault as `file:line:column: what is wrong: what to write instead`.
    fn line(&self, fault: &Fault) -> String {
        let before = &self.source.inner()[..fault.at.start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        format!("{}:{line}:{column}: {}: {}", self.source.name(), fault.what, fault.instead)
    }
}

/// Plain lines, as for a log: one per fault.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count())?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n{}", self.line(fault)))
    }
}

impl std::error::Error for Faults {}

/// A fault on its file, as miette draws it.
#[derive(Debug)]
struct Shown<'a> {
    fault: &'a Fault,
    source: &'a NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.what)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::underline(self.fault.at.clone()))))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.fault.instead))
    }
}
