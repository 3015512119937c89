//! What a check of a bucket has done so far, in a file, so that it can be broken off and gone on with.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use casemate_model::Digest;
use casemate_remote::deltaglider::LogicalObject;
use serde::{Deserialize, Serialize};

use super::objects::Finding;
use crate::location;
use crate::report::CliError;

/// What was checked, and what it looked like then.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    key: String,
    size_bytes: u64,
    stored: String,
    finding: Finding,
}

/// The state of one check. It is saved now and then: a check that is killed does the last part again.
pub(super) struct Progress {
    path: PathBuf,
    /// Whether the user named the file, who then wants to keep it.
    named: bool,
    lines: BTreeMap<String, Line>,
    unsaved: usize,
    unsaved_bytes: u64,
}

impl Progress {
    /// Begins anew, or goes on with what an earlier check of the same address left.
    pub(super) fn open(address: &str, named: Option<&Path>, resume: bool) -> Result<Self, CliError> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => default_place(address)?,
        };
        let lines = if resume { read(&path)? } else { BTreeMap::new() };
        Ok(Self { path, named: named.is_some(), lines, unsaved: 0, unsaved_bytes: 0 })
    }

    /// What was found, if the object still looks as it did. What was damaged may have been mended since.
    pub(super) fn known(&self, object: &LogicalObject) -> Option<&Finding> {
        let line = self.lines.get(&object.key)?;
        let is_same = line.size_bytes == object.size_bytes && line.stored == object.modified.to_string();
        (is_same && !line.finding.is_damaged()).then_some(&line.finding)
    }

    /// Takes note of what was found.
    pub(super) fn note(&mut self, object: &LogicalObject, finding: &Finding) -> Result<(), CliError> {
        let (key, stored) = (object.key.clone(), object.modified.to_string());
        let line = Line { key: key.clone(), size_bytes: object.size_bytes, stored, finding: finding.clone() };
        self.lines.insert(key, line);
        self.unsaved += 1;
        self.unsaved_bytes += object.size_bytes;
        // More rarely the longer the file is, so that writing it stays a small part of the work.
        if self.unsaved >= SAVED_EACH.max(self.lines.len() / 16) || self.unsaved_bytes >= SAVED_BYTES {
            self.save()?;
        }
        Ok(())
    }

    /// Saves what is not saved yet.
    pub(super) fn save(&mut self) -> Result<(), CliError> {
        if self.unsaved == 0 {
            return Ok(());
        }
        let mut text = Vec::new();
        for line in self.lines.values() {
            serde_json::to_writer(&mut text, line).expect("plain values are JSON");
            text.push(b'\n');
        }
        let mut file = casemate_fs::create_user_file(&self.path)?;
        let what = || format!("`{}`", self.path.display());
        file.write_all(&text).map_err(|source| CliError::Write { what: what(), source })?;
        file.commit()?;
        (self.unsaved, self.unsaved_bytes) = (0, 0);
        Ok(())
    }

    /// The check is done. Nobody needs the file any more, unless somebody named it.
    pub(super) fn finish(mut self) -> Result<(), CliError> {
        if self.named {
            return self.save();
        }
        if let (Some(parent), Some(name)) =
            (self.path.parent(), self.path.file_name().and_then(|name| name.to_str()))
        {
            casemate_fs::open_user_dir(parent)?.remove_file(name)?;
        }
        Ok(())
    }
}

/// One file for each address.
fn default_place(address: &str) -> Result<PathBuf, CliError> {
    let directory = location::state_directory()?.join("verify");
    casemate_fs::Dir::open_private(&directory)?;
    Ok(directory.join(format!("{}.jsonl", Digest::of(address.as_bytes()).to_hex())))
}

fn read(path: &Path) -> Result<BTreeMap<String, Line>, CliError> {
    let bytes = match casemate_fs::read_config_file(path, FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines: Result<Vec<Line>, _> = lines.map(serde_json::from_slice).collect();
    let lines = lines.map_err(|_| CliError::Memory { path: path.to_owned() })?;
    Ok(lines.into_iter().map(|line| (line.key.clone(), line)).collect())
}

const SAVED_EACH: usize = 16;
const SAVED_BYTES: u64 = 256 << 20;
const FILE_BYTES_MAX: u64 = 1 << 30;
