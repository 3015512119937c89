//! Where packed forms and unpacked content are written to.

use std::io::{self, Write};

use casemate_fs::{SealedBuilder, SealedBytes};
use casemate_model::{Digest, Hasher};

use super::{Blobs, StoredWriter};
use crate::ObjectsError;

/// How much is written before the disk is measured again.
const UNMEASURED_BYTES_MAX: u64 = 64 << 20;

/// A file that is written only while the disk has room.
pub(super) struct MeasuredSink<'a> {
    blobs: &'a Blobs,
    pub(super) file: StoredWriter,
    unmeasured_bytes: u64,
}

impl<'a> MeasuredSink<'a> {
    pub(super) fn new(blobs: &'a Blobs) -> Result<Self, ObjectsError> {
        blobs.check_room()?;
        let file = blobs.stage_in(&blobs.directory)?;
        Ok(Self { blobs, file, unmeasured_bytes: 0 })
    }
}

impl Write for MeasuredSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unmeasured_bytes += bytes.len() as u64;
        if self.unmeasured_bytes > UNMEASURED_BYTES_MAX {
            self.blobs.check_room().map_err(io::Error::other)?;
            self.unmeasured_bytes = 0;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Content on its way into sealed memory, hashed on the way.
pub(super) struct HashedSink {
    builder: SealedBuilder,
    hasher: Hasher,
}

impl HashedSink {
    pub(super) fn new() -> Result<Self, ObjectsError> {
        Ok(Self { builder: SealedBytes::builder().map_err(ObjectsError::Files)?, hasher: Hasher::new() })
    }

    pub(super) fn seal(self) -> Result<(Digest, SealedBytes), ObjectsError> {
        Ok((self.hasher.finish(), self.builder.seal().map_err(ObjectsError::Files)?))
    }
}

impl Write for HashedSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.builder.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
