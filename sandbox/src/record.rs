//! The record of every request: who, what, with which input, and how it ended.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

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

/// Keeps records in memory, and as JSON lines in a file where there is a directory.
#[derive(Default)]
pub struct Recorder {
    kept: Mutex<Vec<Record>>,
    file: Option<Mutex<File>>,
}

impl Recorder {
    /// Writes to `requests.jsonl` in `directory`.
    pub fn open(directory: &Path) -> std::io::Result<Self> {
        let file = File::options().create(true).append(true).open(directory.join("requests.jsonl"))?;
        Ok(Self { kept: Mutex::default(), file: Some(Mutex::new(file)) })
    }

    /// Adds a record. A record that cannot be written to the file is still kept in memory.
    pub fn add(&self, mut record: Record) {
        record.input = hide(record.input);
        if let (Some(file), Ok(line)) = (&self.file, serde_json::to_string(&record)) {
            let mut file = file.lock().unwrap_or_else(|e| e.into_inner());
            if writeln!(file, "{line}").is_err() {
                record.error.get_or_insert_with(|| "record not written".to_owned());
            }
        }
        let mut kept = self.kept.lock().unwrap_or_else(|e| e.into_inner());
        if kept.len() >= KEPT {
            kept.drain(..KEPT / 2);
        }
        kept.push(record);
    }

    /// All requests since the start or the last [`Recorder::clear`].
    pub fn all(&self) -> Vec<Record> {
        self.kept.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    pub fn clear(&self) {
        self.kept.lock().unwrap_or_else(|e| e.into_inner()).clear();
    }
}

/// How many records stay in memory at the most.
const KEPT: usize = 20_000;

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
