//! What this user has seen of nodes before: per log, the key and the newest checkpoint.
//!
//! A receipt or log proves nothing about who signed it unless the key is known. The first time, the key is believed
//! and remembered; from then on another key, or a log that went back or took another turn, is found.

use std::path::PathBuf;

use casemate_fs::Dir;
use casemate_ledger::{Checkpoint, NodePublicKey};
use casemate_model::Digest;

use crate::location;
use crate::report::CliError;

/// Most bytes of a remembered key and checkpoint.
const FILE_BYTES_MAX: u64 = 8 << 10;

/// What is remembered, or nothing at all.
pub(crate) struct Memory(Option<Dir>);

/// What is remembered of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The key that signs it.
    pub(crate) key: NodePublicKey,
    /// Its newest checkpoint that was seen.
    pub(crate) checkpoint: Checkpoint,
}

impl Memory {
    /// Opens the user's memory, making it when absent.
    pub(crate) fn open() -> Result<Self, CliError> {
        let directory = location::state_directory()?.join("known");
        Ok(Self(Some(Dir::open_private(&directory)?)))
    }

    /// A memory that neither knows nor keeps anything.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// What is remembered of the log `origin`.
    pub(crate) fn recall(&self, origin: &str) -> Result<Option<Known>, CliError> {
        let Some(directory) = &self.0 else { return Ok(None) };
        let name = file_name(origin);
        let bytes = match directory.read_bounded(&name, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let known = parse(&bytes).filter(|known| known.key.origin() == origin);
        known.map(Some).ok_or_else(|| CliError::Memory { path: directory.path().join(name) })
    }

    /// Remembers `seen`, unless a newer checkpoint of the log is remembered. Returns where, if anything is kept.
    pub(crate) fn remember(&self, seen: &Known) -> Result<Option<PathBuf>, CliError> {
        let Some(directory) = &self.0 else { return Ok(None) };
        let name = file_name(seen.key.origin());
        let newer = self.recall(seen.key.origin())?;
        if newer.is_none_or(|known| known.checkpoint.size() < seen.checkpoint.size()) {
            directory.replace(&name, format!("{}\n{}", seen.key, seen.checkpoint).as_bytes())?;
        }
        Ok(Some(directory.path().join(name)))
    }

    /// How many logs are remembered.
    pub(crate) fn count(&self) -> Result<usize, CliError> {
        let Some(directory) = &self.0 else { return Ok(0) };
        Ok(directory.entries()?.iter().filter(|entry| entry.name.ends_with(".txt")).count())
    }
}

/// An origin is somebody else's text, so the file is named after its digest.
fn file_name(origin: &str) -> String {
    format!("{}.txt", Digest::of(origin.as_bytes()).to_hex())
}

fn parse(bytes: &[u8]) -> Option<Known> {
    let (key, checkpoint) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
    let key: NodePublicKey = key.parse().ok()?;
    let checkpoint = Checkpoint::open(checkpoint, &key).ok()?;
    Some(Known { key, checkpoint })
}
