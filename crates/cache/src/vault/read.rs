//! Reading an entry: copy, seal, and only then hash what was sealed.

use std::io::{self, Read, Write};

use casemate_fs::{SealedBuilder, SealedBytes};

use super::{Subject, Vault, signature_of};
use crate::CacheError;
use crate::event::{Sign, Step};
use crate::index::Slot;
use crate::record::{Method, RECORD_BYTES, Record, RecordFault};
use crate::secret::{hashes_to, same};
use crate::store::{FileId, Opened};
use casemate_encryption::frames::{self, FRAME_BYTES, FrameError};

/// Why an entry that is in the index cannot be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Tampered(FileId, Sign),
    Expired,
    /// Signed under another key or for another user.
    Foreign,
}

/// The outer error is the system's, the inner one the entry's.
pub(super) type Tried<T> = Result<Result<T, Fault>, CacheError>;

impl Vault {
    pub(super) fn read(&self, subject: &Subject<'_>, slot: &Slot) -> Tried<SealedBytes> {
        let file = FileId::record(subject.entry);
        let (record, signature) = match self.read_record(file)? {
            Ok(read) => read,
            Err(fault) => return Ok(Err(fault)),
        };
        if !same(&signature, &slot.signature) || !same(&record.blob, &slot.content) {
            return Ok(Err(Fault::Tampered(file, Sign::Forged)));
        }
        if !self.is_current(&record) {
            return Ok(Err(Fault::Expired));
        }
        self.around.watcher.step(Step::RecordRead);
        self.read_content(subject, &record)
    }

    /// Reads a record and verifies that we signed it, for the entry whose name it has.
    pub(super) fn read_record(&self, file: FileId) -> Tried<(Record, [u8; 32])> {
        let tampered = |sign| Ok(Err(Fault::Tampered(file, sign)));
        let (mut reader, len) = match self.store.open(file)? {
            Opened::Missing => return tampered(Sign::Missing),
            Opened::Suspect(sign) => return tampered(sign),
            Opened::File { reader, len } => (reader, len),
        };
        if len != RECORD_BYTES as u64 {
            return tampered(Sign::Malformed);
        }
        let mut bytes = [0; RECORD_BYTES];
        match frames::read_all(&mut reader, &mut bytes) {
            Ok(()) => {}
            Err(FrameError::Broken) => return tampered(Sign::Malformed),
            Err(FrameError::Io(source)) => return Err(read_error(source)),
        }
        match Record::open(&bytes, &self.keys) {
            Err(RecordFault::Malformed) => tampered(Sign::Malformed),
            Err(RecordFault::Forged) => tampered(Sign::Forged),
            Err(RecordFault::OtherKey) => Ok(Err(Fault::Foreign)),
            Ok(record) if !same(&record.entry, &file.name) => tampered(Sign::Forged),
            Ok(record) if record.uid != self.around.uid => Ok(Err(Fault::Foreign)),
            Ok(record) => Ok(Ok((record, signature_of(&bytes)))),
        }
    }

    /// Whether the wall clock says that a record is neither too old nor from the future.
    pub(super) fn is_current(&self, record: &Record) -> bool {
        let now = self.around.clock.now();
        record.created <= now.saturating_add(CLOCK_LEEWAY) && now < record.expires
    }

    fn read_content(&self, subject: &Subject<'_>, record: &Record) -> Tried<SealedBytes> {
        let file = FileId::content(record.blob);
        let tampered = |sign| Ok(Err(Fault::Tampered(file, sign)));
        let (mut reader, len) = match self.store.open(file)? {
            Opened::Missing => return tampered(Sign::Missing),
            Opened::Suspect(sign) => return tampered(sign),
            Opened::File { reader, len } => (reader, len),
        };
        if len != self.stored_len(record.content_len) || record.method != self.method {
            return tampered(Sign::Broken);
        }
        self.around.watcher.step(Step::ContentOpened);
        let mut builder = SealedBytes::builder()?;
        match self.decode(subject, record, &mut reader, &mut builder) {
            Ok(()) => {}
            Err(FrameError::Broken) => return tampered(Sign::Broken),
            Err(FrameError::Io(source)) => return Err(read_error(source)),
        }
        // Nobody can change these bytes any more, so that those which are hashed are those which are handed out.
        let sealed = builder.seal()?;
        self.around.watcher.step(Step::ContentCopied);
        if !hashes_to(sealed.as_slice()?, subject.key.digest()) {
            return tampered(Sign::WrongHash);
        }
        Ok(Ok(sealed))
    }

    fn decode(
        &self,
        subject: &Subject<'_>,
        record: &Record,
        from: &mut dyn Read,
        into: &mut SealedBuilder,
    ) -> Result<(), FrameError> {
        match record.method {
            Method::Plain => copy(from, record.content_len, into),
            Method::Frames => {
                let key = frames::unwrap(&self.keys.wrap, &subject.identity, &record.wrapped);
                let key = key.ok_or(FrameError::Broken)?;
                frames::read(&key, &subject.identity, record.content_len, from, into)
            }
        }
    }
}

/// Copies exactly so much, however much there is.
fn copy(from: &mut dyn Read, content_len: u64, into: &mut dyn Write) -> Result<(), FrameError> {
    let mut buffer = vec![0; FRAME_BYTES];
    let mut left = content_len;
    while left > 0 {
        let length = usize::try_from(left.min(FRAME_BYTES as u64)).expect("at most 64 KiB");
        frames::read_all(from, &mut buffer[..length])?;
        into.write_all(&buffer[..length]).map_err(FrameError::Io)?;
        left -= length as u64;
    }
    frames::end(from)
}

fn read_error(source: io::Error) -> CacheError {
    CacheError::Files(casemate_fs::FsError::Io {
        action: "read",
        path: "an entry of the cache".into(),
        source,
    })
}

/// How far a clock may be set back without costing the newest entries. Far less than entries live.
const CLOCK_LEEWAY: std::time::Duration = std::time::Duration::from_secs(120);
