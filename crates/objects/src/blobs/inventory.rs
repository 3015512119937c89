//! What lies in the directory of a project's blobs, form by form: for checking it, and for putting it in order.

use casemate_delta::segmented::ReadAt;
use casemate_fs::{Dir, EntryKind, FsError};
use casemate_model::Digest;

use super::{Blobs, PACKED, PIECES, packed_path_of, path_of};
use crate::ObjectsError;

/// A form in which a blob can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Its content as it is.
    Whole,
    /// Compressed, or as a difference to another blob.
    Packed,
}

/// The files of one blob, by their lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forms {
    pub(crate) digest: Digest,
    pub(crate) whole: Option<u64>,
    pub(crate) packed: Option<u64>,
}

/// What one directory holds.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// Sorted by digest.
    pub(crate) blobs: Vec<Forms>,
    /// Names that are no blob's, or not one's that belongs here.
    pub(crate) strangers: Vec<String>,
}

/// What reading a form to its end showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is the content.
    Sound {
        /// The bytes of the content.
        size_bytes: u64,
        /// The bytes of the form, before it is encrypted.
        stored_bytes: u64,
    },
    /// It is not there.
    Absent,
    /// Its bytes are not what was stored.
    Damaged,
    /// It is a difference to a blob that cannot serve.
    Base {
        /// That blob.
        base: Digest,
        /// What is wrong with it.
        why: BaseFault,
    },
    /// The disk does not give it.
    Unreadable(String),
}

impl Condition {
    /// The bytes of the form, if it serves.
    pub(crate) fn stored_bytes(&self) -> Option<u64> {
        match self {
            Self::Sound { stored_bytes, .. } => Some(*stored_bytes),
            _ => None,
        }
    }
}

/// Why a blob cannot serve as a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseFault {
    /// It is not there.
    Missing,
    /// Its bytes are not what was stored.
    Damaged,
    /// It is a difference itself.
    Difference,
}

impl Blobs {
    /// Whether a blob has a file, whole or packed.
    pub(crate) fn is_there(&self, digest: &Digest) -> Result<bool, ObjectsError> {
        for path in [path_of(digest), packed_path_of(digest)] {
            match self.open_file(digest, &path) {
                Ok(_) => return Ok(true),
                Err(ObjectsError::BlobMissing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// The directories of blobs in the order of their digests, and what is none: files that a crash left half-written,
    /// and strangers.
    pub(crate) fn shelves(&self) -> Result<(Vec<String>, Vec<String>), ObjectsError> {
        let (mut shelves, mut strangers) = (Vec::new(), Vec::new());
        for first in self.directory.entries().map_err(ObjectsError::Files)? {
            if first.kind != EntryKind::Directory || !is_hex_pair(&first.name) {
                strangers.push(first.name);
                continue;
            }
            let directory = self.directory.subdir(&first.name).map_err(ObjectsError::Files)?;
            for second in directory.entries().map_err(ObjectsError::Files)? {
                let path = format!("{}/{}", first.name, second.name);
                let fits = second.kind == EntryKind::Directory && is_hex_pair(&second.name);
                if fits { shelves.push(path) } else { strangers.push(path) }
            }
        }
        Ok((shelves, strangers))
    }

    /// Lists one of [`Blobs::shelves`].
    pub(crate) fn shelf(&self, path: &str) -> Result<Shelf, ObjectsError> {
        let directory = self.directory.subdir(path).map_err(ObjectsError::Files)?;
        let mut shelf = Shelf::default();
        for entry in directory.entries().map_err(ObjectsError::Files)? {
            let (hex, form) = match (entry.name.strip_suffix(PACKED), entry.name.strip_suffix(PIECES)) {
                (Some(hex), _) => (hex, Some(Form::Packed)),
                (None, Some(hex)) => (hex, None),
                (None, None) => (entry.name.as_str(), Some(Form::Whole)),
            };
            let digest = format!("sha256:{hex}").parse::<Digest>().ok();
            let at_home = |digest: &Digest| path_of(digest) == format!("{path}/{hex}");
            let Some(digest) = digest.filter(|digest| entry.kind == EntryKind::File && at_home(digest))
            else {
                shelf.strangers.push(format!("{path}/{}", entry.name));
                continue;
            };
            // Sorted as their names are, a blob's files follow each other. A table alone is a blob without a form.
            if shelf.blobs.last().is_none_or(|last| last.digest != digest) {
                shelf.blobs.push(Forms { digest, whole: None, packed: None });
            }
            let forms = shelf.blobs.last_mut().expect("one was pushed");
            match form {
                Some(Form::Whole) => forms.whole = Some(entry.len),
                Some(Form::Packed) => forms.packed = Some(entry.len),
                None => {}
            }
        }
        Ok(shelf)
    }

    /// Reads a form of a blob to its end.
    pub(crate) fn examine(&self, digest: &Digest, form: Form) -> Result<Condition, ObjectsError> {
        let opened = match form {
            Form::Whole => self.open_whole(digest),
            Form::Packed => self.open_packed(digest),
        };
        // What was remembered of a base says nothing of what would be read after a restart.
        let opened = opened.and_then(|blob| match form {
            Form::Packed => self.check_base_of(digest).map(|()| blob),
            Form::Whole => Ok(blob),
        });
        // Without a key the table was made just now, by reading all of it.
        let checked = opened.and_then(|blob| match self.piece_key {
            Some(_) => blob.check_again().map(|()| blob),
            None => Ok(blob),
        });
        Ok(match checked {
            Ok(blob) => Condition::Sound {
                size_bytes: blob.size_bytes(),
                stored_bytes: self.open_file(digest, &form_path(digest, form))?.length(),
            },
            Err(ObjectsError::BlobMissing { digest: missing }) if missing == *digest => Condition::Absent,
            Err(ObjectsError::BlobMissing { digest: base }) => {
                Condition::Base { base, why: BaseFault::Missing }
            }
            Err(ObjectsError::Corrupt { digest: damaged }) if damaged == *digest => Condition::Damaged,
            Err(ObjectsError::Corrupt { digest: base }) => {
                let chained = self.examined_base(&base)?.is_some_and(|named| named.is_some());
                let why = if chained { BaseFault::Difference } else { BaseFault::Damaged };
                Condition::Base { base, why }
            }
            Err(ObjectsError::Io { action: "read", source }) => Condition::Unreadable(source.to_string()),
            Err(ObjectsError::Files(error)) => Condition::Unreadable(words(&error)),
            Err(error) => return Err(error),
        })
    }

    /// The base that the packed form of a blob names; `None` if there is no packed form of it that can be read, or if a
    /// whole one goes before.
    fn examined_base(&self, digest: &Digest) -> Result<Option<Option<Digest>>, ObjectsError> {
        match self.open_file(digest, &path_of(digest)) {
            Err(ObjectsError::BlobMissing { .. }) => Ok(self.named_base(digest)),
            Err(error) => Err(error),
            Ok(_) => Ok(None),
        }
    }

    /// The base that the packed form of a blob names, if that form can be read.
    pub(crate) fn named_base(&self, digest: &Digest) -> Option<Option<Digest>> {
        self.base_of(digest).ok()
    }

    /// Removes the other form of a blob if the one to keep is there and sound; true if it was removed.
    pub(crate) fn keep_only(&self, digest: &Digest, kept: Form) -> Result<bool, ObjectsError> {
        if !matches!(self.examine(digest, kept)?, Condition::Sound { .. }) {
            return Ok(false);
        }
        let other = match kept {
            Form::Whole => packed_path_of(digest),
            Form::Packed => path_of(digest),
        };
        self.remove_file(&other)
    }

    /// Moves one form of a blob to the quarantine, under a name that is free there; true if it was there.
    pub(crate) fn set_form_aside(&self, digest: &Digest, form: Form) -> Result<bool, ObjectsError> {
        let suffix = if form == Form::Packed { PACKED } else { "" };
        let quarantine = self.root.private_subdir("quarantine").map_err(ObjectsError::Files)?;
        let name = format!("{}.{}{suffix}", self.project, digest.to_hex());
        let name = free_name(&quarantine, name).map_err(ObjectsError::Files)?;
        let path = form_path(digest, form);
        self.forget(digest);
        match self.root.rename(&format!("content/{}/{path}", self.project), &format!("quarantine/{name}")) {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(ObjectsError::Files(error)),
        }
    }

    /// Removes what a crash left half-written; returns how many files.
    pub(crate) fn sweep(&self) -> Result<usize, ObjectsError> {
        self.directory.sweep_staged().map_err(ObjectsError::Files)
    }
}

fn form_path(digest: &Digest, form: Form) -> String {
    match form {
        Form::Whole => path_of(digest),
        Form::Packed => packed_path_of(digest),
    }
}

/// What was set aside before stays; nothing is put in its place.
fn free_name(quarantine: &Dir, name: String) -> Result<String, FsError> {
    let taken: Vec<String> = quarantine.entries()?.into_iter().map(|entry| entry.name).collect();
    let numbered = (1..).map(|number| format!("{name}.{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
    Ok(free.expect("numbers do not end"))
}

/// An error with its causes, on one line.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn is_hex_pair(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
