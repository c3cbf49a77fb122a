//! Any text, mostly like one that somebody wrote: for what has to hold whatever is read.
//!
//! The texts of a corpus are tried as they are, then edited at random. What was found once is a text of the corpus.
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` say how many more and which.

use std::fmt::Debug;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestRunner};

/// The files of a directory below `src/`, as text.
pub(crate) fn corpus(directory: &str) -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(directory);
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// One of these with up to eight edits, or no such thing at all. `words` are what may be put into it.
pub(crate) fn texts(seeds: Vec<String>, words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let edits = vec((any::<u8>(), any::<Index>(), any::<Index>(), select(words)), 0..8);
    let edited = (select(seeds), edits).prop_map(|(text, edits)| {
        edits.into_iter().fold(text, |text, (kind, at, to, word)| edit(&text, kind, &at, &to, word))
    });
    prop_oneof![9 => edited, 1 => any::<String>()]
}

fn edit(text: &str, kind: u8, at: &Index, to: &Index, word: &str) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if lines.is_empty() {
        return word.to_owned();
    }
    let (line, other) = (at.index(lines.len()), to.index(lines.len()));
    match kind % 8 {
        0 => drop(lines.remove(line)),
        1 => lines.insert(line, lines[other].clone()),
        2 => lines.swap(line, other),
        3 => lines.insert(line, format!("{word}\n")),
        // What follows the first separator, or what precedes it.
        4 | 5 => {
            let whole = lines[line].clone();
            let separator = whole.find(['=', ':']).map_or(0, |it| it + 1);
            lines[line] = match kind % 8 {
                4 => format!("{}{word}\n", &whole[..separator]),
                _ => format!("{word}{}", &whole[separator.saturating_sub(1)..]),
            };
        }
        6 => {
            let mut letters: Vec<char> = text.chars().collect();
            let (from, to) = (at.index(letters.len()), to.index(letters.len()));
            letters.drain(from.min(to)..from.max(to));
            return letters.into_iter().collect();
        }
        _ => {
            let mut letters: Vec<char> = text.chars().collect();
            let at = at.index(letters.len());
            letters.splice(at..at, word.chars());
            return letters.into_iter().collect();
        }
    }
    lines.concat()
}

/// Tries a property with so many values, the same in every run. `file` is the test's own: what fails is kept by it.
pub(crate) fn holds<S: Strategy>(file: &'static str, cases: u32, values: S, property: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let given = Config::default();
    let seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(20_261_126),
        fixed => fixed,
    };
    let config = Config {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { given.cases } else { cases },
        rng_seed: seed,
        source_file: Some(file),
        failure_persistence: Some(Box::new(FileFailurePersistence::SourceParallel("proptest-regressions"))),
        ..given
    };
    let tried = config.cases;
    let held = TestRunner::new(config).run(&values, |value| {
        property(value);
        Ok(())
    });
    if let Err(failure) = held {
        panic!("{failure}");
    }
    tell(&format!("{file}: {tried} inputs tried"));
}

/// Says a figure, to whoever runs it with `--show-output`. CI gathers them.
#[expect(clippy::print_stdout, reason = "how much was tried is what such a test has to tell")]
pub(crate) fn tell(figure: &str) {
    println!("figure: {figure}");
}
