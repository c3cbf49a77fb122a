//! The record of every request: who, what, with which input, and how it ended.

use crate::locked::locked;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The number of the request since the start, from 1.
    pub number: u64,
    pub request_id: String,
    /// When it arrived: seconds since 1970 by the real clock.
    pub at: f64,
    /// How long the answer took, in real seconds.
    pub took: f64,
    pub service: String,
    pub operation: String,
    pub region: String,
    /// The caller's ARN; empty for unsigned requests.
    pub caller: String,
    pub account: String,
    /// Input by member names; secrets and blobs are left out.
    pub input: Map<String, Value>,
    /// The HTTP status; 0 when the connection was cut.
    pub status: u16,
    /// The error's code, or how the connection was cut.
    pub error: Option<String>,
    /// The client as it names itself.
    pub user_agent: String,
}

/// Keeps records as JSON lines in a file, and none of them in memory.
pub struct Recorder(Mutex<Lines>);

struct Lines {
    file: File,
    /// Where in the file the first record is that counts.
    from: u64,
    /// Where its last one ends.
    end: u64,
}

/// How many bytes the file has at most: then it begins anew.
const LIMIT: u64 = 1 << 28;

impl Recorder {
    /// Writes to `requests.jsonl` in `directory`, after what is there.
    pub fn open(directory: &Path) -> std::io::Result<Self> {
        let path = directory.join("requests.jsonl");
        let file = File::options().create(true).read(true).append(true).open(path)?;
        let end = file.metadata()?.len();
        Ok(Self(Mutex::new(Lines { file, from: end, end })))
    }

    /// Adds a record. One that cannot be written, on a full disk, is lost.
    pub fn add(&self, mut record: Record) {
        record.input = hide(record.input);
        let mut lines = self.lines();
        if lines.end > LIMIT && lines.file.set_len(0).is_ok() {
            (lines.from, lines.end) = (0, 0);
        }
        let Ok(mut line) = serde_json::to_vec(&record) else { return };
        line.push(b'\n');
        if lines.file.write_all(&line).is_ok() {
            lines.end += line.len() as u64;
        }
    }

    /// All requests since the start or the last [`Recorder::clear`].
    pub fn all(&self) -> Vec<Record> {
        let mut lines = self.lines();
        let from = lines.from;
        let mut text = String::new();
        let read = lines.file.seek(SeekFrom::Start(from)).and_then(|_| lines.file.read_to_string(&mut text));
        drop(lines);
        match read {
            Ok(_) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
            Err(_) => Vec::new(),
        }
    }

    pub fn clear(&self) {
        let mut lines = self.lines();
        lines.from = lines.end;
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        locked(&self.0)
    }
}

/// Members whose values are secrets, or large.
const HIDDEN: &[&str] = &[
    "Content",
    "ConfigurationToken",
    "InitialConfigurationToken",
    "refreshToken",
    "clientSecret",
    "code",
    "codeVerifier",
    "accessToken",
    "deviceCode",
    "WebIdentityToken",
    "layerPartBlob",
    "assertion",
];

fn hide(input: Map<String, Value>) -> Map<String, Value> {
    let shown = |(name, value): (String, Value)| match HIDDEN.contains(&name.as_str()) {
        true => (name, Value::String("…".to_owned())),
        false => (name, value),
    };
    input.into_iter().map(shown).collect()
}
