use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use casemate_fs::{File, SealedBytes};
use casemate_model::{Digest, Hasher};

use crate::ObjectsError;
use crate::blobs::CHUNK_BYTES;

/// Content that was checked against its digest, and that nobody can change or swap any more.
///
/// Small content is a sealed copy in memory. Large content is the very descriptor that was hashed; as a disk may
/// still fail under it, it is hashed again while it is read, and reading ends in an error before its last piece if
/// the hash differs, so that a transfer cannot look complete.
pub struct VerifiedBlob {
    size_bytes: u64,
    source: Source,
}

enum Source {
    Sealed(SealedBytes),
    Held { file: File, digest: Digest },
}

impl VerifiedBlob {
    pub(crate) fn sealed(bytes: SealedBytes, size_bytes: u64) -> Self {
        Self { size_bytes, source: Source::Sealed(bytes) }
    }

    pub(crate) fn held(file: File, digest: Digest, size_bytes: u64) -> Self {
        Self { size_bytes, source: Source::Held { file, digest } }
    }

    /// The size of the content in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The content as sealed memory, for a guest. Large content is copied, and refused above `bytes_max`.
    pub fn into_sealed(self, bytes_max: u64) -> Result<SealedBytes, ObjectsError> {
        if self.size_bytes > bytes_max {
            return Err(ObjectsError::TooLarge { bytes_max });
        }
        if let Source::Sealed(bytes) = self.source {
            return Ok(bytes);
        }
        let mut builder = SealedBytes::builder().map_err(ObjectsError::Files)?;
        self.read_pieces(|piece| {
            let written = std::io::Write::write_all(&mut builder, &piece);
            written.map_err(|source| ObjectsError::Io { action: "write", source })
        })?;
        builder.seal().map_err(ObjectsError::Files)
    }

    /// Hands a part of the content to `sink` piece by piece, in order. Blocks; call it off the runtime.
    pub fn read_range(
        self,
        range: Range<u64>,
        mut sink: impl FnMut(Bytes) -> Result<(), ObjectsError>,
    ) -> Result<(), ObjectsError> {
        if range == (0..self.size_bytes) {
            return self.read_pieces(sink);
        }
        let length = range.end.saturating_sub(range.start);
        let mut reader: Box<dyn Read> = match self.source {
            Source::Sealed(bytes) => Box::new(bytes.reader_from(range.start).take(length)),
            Source::Held { mut file, .. } => {
                file.seek(SeekFrom::Start(range.start)).map_err(read_error)?;
                Box::new(file.take(length))
            }
        };
        let mut left = length;
        while let Some(piece) = next_piece(&mut *reader)? {
            left -= piece.len() as u64;
            sink(piece)?;
        }
        if left == 0 { Ok(()) } else { Err(read_error(std::io::ErrorKind::UnexpectedEof.into())) }
    }

    /// Hands the content to `sink` piece by piece, in order. Blocks; call it off the runtime.
    pub fn read_pieces(
        self,
        mut sink: impl FnMut(Bytes) -> Result<(), ObjectsError>,
    ) -> Result<(), ObjectsError> {
        match self.source {
            Source::Sealed(bytes) => {
                let mut reader = bytes.reader();
                while let Some(piece) = next_piece(&mut reader)? {
                    sink(piece)?;
                }
                Ok(())
            }
            Source::Held { mut file, digest } => {
                file.seek(SeekFrom::Start(0)).map_err(read_error)?;
                read_again(&mut file, digest, sink)
            }
        }
    }
}

/// Reads content a second time, and holds its last piece back until the hash was found to be the same.
fn read_again(
    content: &mut dyn Read,
    digest: Digest,
    mut sink: impl FnMut(Bytes) -> Result<(), ObjectsError>,
) -> Result<(), ObjectsError> {
    let mut hasher = Hasher::new();
    let mut held_back: Option<Bytes> = None;
    while let Some(piece) = next_piece(content)? {
        hasher.update(&piece);
        if let Some(former) = held_back.replace(piece) {
            sink(former)?;
        }
    }
    if hasher.finish() != digest {
        return Err(ObjectsError::Corrupt { digest });
    }
    held_back.map_or(Ok(()), sink)
}

fn next_piece(content: &mut dyn Read) -> Result<Option<Bytes>, ObjectsError> {
    let mut piece = vec![0; CHUNK_BYTES];
    let length = content.read(&mut piece).map_err(read_error)?;
    piece.truncate(length);
    Ok((length > 0).then(|| Bytes::from(piece)))
}

fn read_error(source: std::io::Error) -> ObjectsError {
    ObjectsError::Io { action: "read", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_that_changed_after_its_check_never_looks_complete() {
        let content = vec![7; CHUNK_BYTES * 2 + 5];
        let mut served = 0;
        let result = read_again(&mut content.as_slice(), Digest::of(b"something else"), |piece| {
            served += piece.len();
            Ok(())
        });
        assert!(matches!(result, Err(ObjectsError::Corrupt { .. })));
        assert!(served < content.len(), "the last piece was held back");
    }
}
