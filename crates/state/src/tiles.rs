use casemate_fs::{Dir, FsError};
use casemate_ledger::{TilePath, TileSource, TileStore};
use casemate_model::StoreError;

/// The files of the log in a private directory, under the paths that C2SP tlog-tiles gives them.
#[derive(Clone, Debug)]
pub struct TileFiles {
    directory: Dir,
}

impl TileFiles {
    /// Keeps the log in `directory`, after removing what a crash left half-written there.
    pub fn open(directory: Dir) -> Result<Self, FsError> {
        directory.sweep_staged()?;
        Ok(Self { directory })
    }

    /// The directory that holds the last name of a path, made when absent, and that name.
    fn holder<'p>(&self, path: &'p str) -> Result<(Dir, &'p str), FsError> {
        let mut holder = self.directory.clone();
        let mut rest = path;
        while let Some((name, after)) = rest.split_once('/') {
            holder = holder.private_subdir(name)?;
            rest = after;
        }
        Ok((holder, rest))
    }

    fn remove(&self, path: &str) -> Result<(), FsError> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let holder = match parent {
            "" => Ok(self.directory.clone()),
            parent => self.directory.subdir(parent),
        };
        match holder {
            Ok(holder) => holder.remove_subdir(name).map(drop),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl TileSource for TileFiles {
    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        match self.directory.read_bounded(&path.to_string(), path.bytes_max() as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error @ FsError::TooLarge { .. }) => {
                Err(StoreError::Damaged { what: "file of the log", source: Box::new(error) })
            }
            Err(error) => Err(unavailable("read a file of the log", error)),
        }
    }
}

impl TileStore for TileFiles {
    fn write(&self, path: TilePath, bytes: &[u8]) -> Result<(), StoreError> {
        let path = path.to_string();
        let writing = self.holder(&path).and_then(|(holder, name)| holder.replace(name, bytes));
        writing.map_err(|error| unavailable("write a file of the log", error))
    }

    fn remove_partials(&self, full: TilePath) -> Result<(), StoreError> {
        self.remove(&format!("{full}.p")).map_err(|error| unavailable("remove parts of a full tile", error))
    }
}

fn unavailable(action: &'static str, error: FsError) -> StoreError {
    StoreError::Unavailable { action, source: Box::new(error) }
}
