//! Where records and contents lie: opaque bytes under names that say nothing.

pub(crate) mod files;
pub(crate) mod memory;

use std::io::{self, Read, Write};

use casemate_fs::FsError;
use data_encoding::HEXLOWER;

use crate::event::Sign;
use crate::index::Name;

/// A place for files that are written once. It checks nothing of what is in them.
pub(crate) trait Store: Send + Sync {
    /// Writes a file that has no name yet.
    fn stage<'a>(&'a self, file: FileId, fill: Fill<'_>) -> Result<Box<dyn Staged + 'a>, FsError>;

    /// Opens a file for reading.
    fn open(&self, file: FileId) -> Result<Opened, FsError>;

    /// Removes whatever has a file's name.
    fn remove(&self, file: FileId) -> Result<(), FsError>;
}

/// A file that is complete and has no name.
pub(crate) trait Staged {
    /// Gives it its name at once.
    fn commit(self: Box<Self>) -> Result<(), FsError>;
}

/// Writes a file's bytes.
pub(crate) type Fill<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// What is found under a file's name.
pub(crate) enum Opened {
    Missing,
    /// Something that nobody of ours put there.
    Suspect(Sign),
    File {
        reader: Box<dyn Read>,
        len: u64,
    },
}

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub(crate) name: Name,
    pub(crate) kind: FileKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FileKind {
    Record,
    Content,
}

impl FileId {
    pub(crate) fn record(name: Name) -> Self {
        Self { name, kind: FileKind::Record }
    }

    pub(crate) fn content(name: Name) -> Self {
        Self { name, kind: FileKind::Content }
    }

    /// The two directories that it lies in, one in the other.
    pub(crate) fn fan_out(&self) -> [String; 2] {
        [HEXLOWER.encode(&self.name[..1]), HEXLOWER.encode(&self.name[1..2])]
    }

    pub(crate) fn file_name(&self) -> String {
        let end = match self.kind {
            FileKind::Record => RECORD_END,
            FileKind::Content => CONTENT_END,
        };
        format!("{}{end}", HEXLOWER.encode(&self.name))
    }

    /// Where it lies, relative to the cache's directory.
    pub(crate) fn place(&self) -> String {
        let [outer, inner] = self.fan_out();
        format!("{outer}/{inner}/{}", self.file_name())
    }

    /// Reads a name that [`FileId::file_name`] made and that lies in the directory it belongs in.
    pub(crate) fn parse(dir: &str, file_name: &str) -> Option<Self> {
        let (hex, kind) = match (file_name.strip_suffix(RECORD_END), file_name.strip_suffix(CONTENT_END)) {
            (Some(hex), _) => (hex, FileKind::Record),
            (None, Some(hex)) => (hex, FileKind::Content),
            (None, None) => return None,
        };
        let name = HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()?;
        let file = Self { name, kind };
        (file.fan_out().join("/") == dir).then_some(file)
    }
}

const RECORD_END: &str = ".entry";
const CONTENT_END: &str = ".content";
