//! A config file as lines. Reads what all SDKs read alike, and changes one section at a time.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::ops::Range;

use anyhow::{Result, bail};

use super::{Settings, keys_of};

/// A config file. Displayed, it is the file again.
pub(crate) struct Text {
    /// Each with its line end; the last one may have none.
    lines: Vec<String>,
}

/// One section: its header, and everything up to its last setting. What follows belongs to nobody.
pub(crate) struct Section<'t> {
    lines: &'t [String],
    start: usize,
}

const MARK: &str = "# managed by cargo xtask: ";

impl Text {
    /// Fails, naming the lines, on what the SDKs refuse or read differently from one another.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let mut seen = HashMap::new();
        for (number, line) in (1..).zip(&lines) {
            if content(line).contains('\r') {
                bail!(
                    "line {number} has a carriage return that ends no line, which some SDKs take for a line end"
                );
            }
            if !line.starts_with('[') {
                continue;
            }
            let Some(name) = header(line) else {
                bail!("line {number} opens a section and never closes it: `{}`", content(line));
            };
            if let Some(first) = seen.insert(name.clone(), number) {
                bail!("the section `[{name}]` is there twice, on lines {first} and {number}: keep one");
            }
        }
        Ok(Self { lines })
    }

    pub(crate) fn section(&self, name: &str) -> Option<Section<'_>> {
        let start = self.lines.iter().position(|line| header(line).is_some_and(|found| found == name))?;
        let ends = |line: &String| line.starts_with('[');
        let next = self.lines[start + 1..].iter().position(ends).map_or(self.lines.len(), |n| start + 1 + n);
        let last = (start..next).rev().find(|line| !idle(&self.lines[*line])).unwrap_or(start);
        Some(Section { lines: &self.lines[start..=last], start })
    }

    /// The names of all sections of a project.
    pub(crate) fn sections_of(&self, project: &str) -> Vec<String> {
        let names = self.lines.iter().filter_map(|line| header(line));
        names.filter(|name| self.section(name).is_some_and(|section| section.is_of(project))).collect()
    }

    /// The file as it may be shown: of what we did not write, only the names of settings, since a value may be a secret.
    pub(crate) fn shown(&self, project: &str) -> String {
        let mut ours = vec![None; self.lines.len()];
        for name in self.sections_of(project) {
            if let Some(section) = self.section(&name) {
                ours[section.range()].fill(Some(keys_of(&name)));
            }
        }
        self.lines.iter().zip(ours).map(|(line, keys)| show(line, keys) + "\n").collect()
    }

    /// Gives a section these settings: `None` takes one away, and those that are not named stay.
    pub(crate) fn set(&mut self, name: &str, project: &str, settings: &[(&str, Option<&str>)]) {
        if self.section(name).is_none() {
            self.append(name);
        }
        if let Some(section) = self.section(name).filter(|section| !section.is_of(project)) {
            let after = section.start + 1;
            self.insert(after, &format!("{MARK}{project}"));
        }
        for (key, value) in settings {
            self.set_one(name, key, *value);
        }
    }

    /// Gives a section exactly these of the settings that are ours to set.
    pub(crate) fn put(&mut self, name: &str, project: &str, keys: &[&str], settings: &Settings) {
        let settings: Vec<_> =
            keys.iter().map(|key| (*key, settings.get(*key).map(String::as_str))).collect();
        self.set(name, project, &settings);
    }

    /// Takes a section of this project away; anybody else's stays.
    pub(crate) fn take(&mut self, name: &str, project: &str) {
        if self.section(name).is_some_and(|section| section.is_of(project)) {
            self.remove(name);
        }
    }

    /// Takes a section away with the empty line that was put before it.
    pub(crate) fn remove(&mut self, name: &str) {
        let Some(section) = self.section(name) else { return };
        let mut range = section.range();
        if range.start > 0 && content(&self.lines[range.start - 1]).is_empty() {
            range.start -= 1;
        }
        let unended = self.lines[range.end - 1].ends_with('\n');
        let last = range.end == self.lines.len();
        self.lines.drain(range);
        if let (true, false, Some(before)) = (last, unended, self.lines.last_mut()) {
            before.truncate(content(before).len());
        }
    }

    fn append(&mut self, name: &str) {
        if self.lines.is_empty() {
            self.lines.push(format!("[{name}]\n"));
            return;
        }
        self.insert(self.lines.len(), "");
        self.insert(self.lines.len(), &format!("[{name}]"));
    }

    fn set_one(&mut self, name: &str, key: &str, value: Option<&str>) {
        let Some(section) = self.section(name) else { return };
        let (found, end) = (section.setting(key), section.range().end);
        match (found, value) {
            (Some((_, had)), Some(value)) if had == value => {}
            (Some((range, _)), Some(value)) => {
                let ending = self.ending(range.end - 1).to_owned();
                self.lines.splice(range, [format!("{key} = {value}{ending}")]);
            }
            (Some((range, _)), None) => {
                self.lines.drain(range);
            }
            (None, Some(value)) => self.insert(end, &format!("{key} = {value}")),
            (None, None) => {}
        }
    }

    /// A new line, ended as the others are: a file without a final line end still has none afterwards.
    fn insert(&mut self, at: usize, line: &str) {
        let ending = self.ending(0).to_owned();
        let ending = if ending.is_empty() { "\n".to_owned() } else { ending };
        let before = &mut self.lines[at - 1];
        if before.ends_with('\n') {
            self.lines.insert(at, format!("{line}{ending}"));
        } else {
            before.push_str(&ending);
            self.lines.insert(at, line.to_owned());
        }
    }

    fn ending(&self, line: usize) -> &str {
        self.lines.get(line).map_or("", |line| &line[content(line).len()..])
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| f.write_str(line))
    }
}

impl Section<'_> {
    pub(crate) fn is_of(&self, project: &str) -> bool {
        self.lines.iter().any(|line| line.trim_end().strip_prefix(MARK) == Some(project))
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.setting(key).map(|(_, value)| value)
    }

    /// Those of these settings that are there.
    pub(crate) fn settings(&self, keys: &[&str]) -> Settings {
        keys.iter().filter_map(|key| Some(((*key).to_owned(), self.get(key)?))).collect()
    }

    fn range(&self) -> Range<usize> {
        self.start..self.start + self.lines.len()
    }

    /// Where a setting stands in the file, with the lines that continue it, and its value.
    fn setting(&self, key: &str) -> Option<(Range<usize>, String)> {
        let named = |line: &String| setting(line).is_some_and(|(found, _)| found.eq_ignore_ascii_case(key));
        let first = self.lines.iter().position(named)?;
        let continues = |line: &&String| line.starts_with([' ', '\t']);
        let length = 1 + self.lines[first + 1..].iter().take_while(continues).count();
        let (_, value) = setting(&self.lines[first])?;
        let start = self.start + first;
        Some((start..start + length, value.to_owned()))
    }
}

/// A line without its end.
fn content(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Whether a line says nothing: empty, or a comment of somebody's. Our own comment is of the section it stands in.
fn idle(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with(['#', ';']) && !line.starts_with(MARK)
}

/// A line as it may be shown, in a section of ours with these settings or in somebody else's. A name of other letters
/// than settings have may be the secret itself.
fn show(line: &str, ours: Option<&[&str]>) -> String {
    let name = |key: &str| key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let set = |keys: &[&str], key: &str| keys.iter().any(|ours| ours.eq_ignore_ascii_case(key));
    match (ours, setting(line)) {
        (Some(keys), Some((key, value))) if set(keys, key) => format!("{key} = {value}"),
        (_, Some((key, _))) if name(key) => format!("{key} = …"),
        (Some(_), _) if header(line).is_some() || line.starts_with(MARK) => content(line).to_owned(),
        _ if line.trim().is_empty() => String::new(),
        _ => "…".to_owned(),
    }
}

/// The name in a section's header, with single spaces and without quotes.
fn header(line: &str) -> Option<String> {
    let (name, rest) = content(line).strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    let words = name.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
    (rest.is_empty() || rest.starts_with(['#', ';'])).then(|| words.collect::<Vec<_>>().join(" "))
}

/// Key and value, as the SDKs read them: a comment behind a value needs a space before it.
fn setting(line: &str) -> Option<(&str, &str)> {
    if line.starts_with([' ', '\t', '#', ';', '[']) {
        return None;
    }
    let (key, value) = content(line).split_once('=')?;
    let comment = [" #", " ;", "\t#", "\t;"].iter().filter_map(|start| value.find(start)).min();
    Some((key.trim(), value[..comment.unwrap_or(value.len())].trim()))
}
