use std::path::Path;

use casemate_fs::{Dir, FsError};
use casemate_ledger::{Checkpoint, TilePath, TileSource};
use casemate_model::StoreError;

use crate::report::CliError;

/// The files of a log in a directory of the user, such as a copy of a node's.
pub(super) struct LogDirectory(Dir);

impl LogDirectory {
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        Ok(Self(casemate_fs::open_user_dir(path)?))
    }

    /// What the log calls itself, unchecked: it only says which key to check it with.
    pub(super) fn origin(&self) -> Result<String, CliError> {
        let name = TilePath::Checkpoint.to_string();
        let bytes = self.0.read_bounded(&name, Checkpoint::BYTES_MAX as u64)?;
        let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(String::from_utf8_lossy(first_line).into_owned())
    }
}

impl TileSource for LogDirectory {
    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.read_bounded(&path.to_string(), path.bytes_max() as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error @ FsError::TooLarge { .. }) => {
                Err(StoreError::Damaged { what: "file of the log", source: Box::new(error) })
            }
            Err(error) => {
                Err(StoreError::Unavailable { action: "read a file of the log", source: Box::new(error) })
            }
        }
    }
}
