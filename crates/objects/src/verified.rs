use std::io;
use std::ops::Range;

use bytes::Bytes;
use casemate_delta::segmented::ReadAt;
use casemate_fs::SealedBytes;
use casemate_model::{Digest, Hasher, Project};

use crate::blobs::{PIECED_BYTES_MIN, Pieces, UnpackedRoom};
use crate::{BlobId, ObjectsError};

/// Content of which no byte is handed out that was not checked, and that nobody can change or swap after its check.
///
/// Small content is a sealed copy in memory, checked as a whole. Large content is checked piece by piece, each in memory
/// before it is handed out: a read ends in an error where the first piece is not what was put, so that a transfer cannot
/// look complete, and a range costs no more than its pieces.
pub struct VerifiedBlob {
    project: Project,
    size_bytes: u64,
    source: Source,
    /// What it takes of the room for unpacked content.
    _room: Option<UnpackedRoom>,
}

enum Source {
    Sealed(SealedBytes),
    Pieced(Pieced),
}

/// Content with the table of its pieces.
struct Pieced {
    content: Box<dyn ReadAt + Send + Sync>,
    pieces: Pieces,
    digest: Digest,
}

impl VerifiedBlob {
    pub(crate) fn sealed(project: &Project, bytes: SealedBytes) -> Self {
        Self { project: project.clone(), size_bytes: bytes.len(), source: Source::Sealed(bytes), _room: None }
    }

    pub(crate) fn holding(self, room: UnpackedRoom) -> Self {
        Self { _room: Some(room), ..self }
    }

    pub(crate) fn pieced(blob: BlobId, content: Box<dyn ReadAt + Send + Sync>, pieces: Pieces) -> Self {
        let BlobId { project, digest } = blob;
        Self {
            project,
            size_bytes: pieces.length(),
            source: Source::Pieced(Pieced { content, pieces, digest }),
            _room: None,
        }
    }

    /// Whose content it is.
    pub fn project(&self) -> &Project {
        &self.project
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
            let written = io::Write::write_all(&mut builder, &piece);
            written.map_err(|source| ObjectsError::Io { action: "write", source })
        })?;
        builder.seal().map_err(ObjectsError::Files)
    }

    /// Hands the content to `sink` piece by piece, in order. Blocks; call it off the runtime.
    pub fn read_pieces(
        &self,
        sink: impl FnMut(Bytes) -> Result<(), ObjectsError>,
    ) -> Result<(), ObjectsError> {
        self.read_range(0..self.size_bytes, sink)
    }

    /// Hands a part of the content to `sink` piece by piece, in order. Blocks; call it off the runtime.
    pub fn read_range(
        &self,
        range: Range<u64>,
        mut sink: impl FnMut(Bytes) -> Result<(), ObjectsError>,
    ) -> Result<(), ObjectsError> {
        let mut at = range.start;
        while at < range.end {
            let piece = self.piece_from(at, range.end)?;
            if piece.is_empty() {
                return Err(read_error(io::ErrorKind::UnexpectedEof.into()));
            }
            at += piece.len() as u64;
            sink(piece)?;
        }
        Ok(())
    }

    /// Whether a part costs no more than that part.
    pub(crate) fn is_read_anywhere(&self) -> bool {
        matches!(self.source, Source::Pieced(_)) || self.size_bytes <= PIECED_BYTES_MIN
    }

    /// Some checked content from `at` on, not beyond `end`; nothing behind the end of the content.
    fn piece_from(&self, at: u64, end: u64) -> Result<Bytes, ObjectsError> {
        if at >= self.size_bytes {
            return Ok(Bytes::new());
        }
        let span = Pieces::span_at(at, self.size_bytes);
        let span = match &self.source {
            Source::Sealed(_) => at.min(span.end)..end.min(span.end),
            Source::Pieced(_) => span,
        };
        let mut piece = vec![0; bytes_in(&span)];
        match &self.source {
            Source::Sealed(bytes) => {
                io::Read::read_exact(&mut bytes.reader_from(span.start), &mut piece).map_err(read_error)?;
                Ok(piece.into())
            }
            Source::Pieced(pieced) => {
                pieced.read(&mut piece, span.start)?;
                let within = |place: u64| bytes_in(&(span.start..place.clamp(span.start, span.end)));
                Ok(Bytes::from(piece).slice(within(at)..within(end).max(within(at))))
            }
        }
    }

    /// Reads all content that was not yet, and compares what it hashes to, whatever the table of its pieces says.
    pub(crate) fn check_again(&self) -> Result<(), ObjectsError> {
        let Source::Pieced(Pieced { content, digest, .. }) = &self.source else {
            return Ok(());
        };
        if hash(&**content, digest, |_| ())? == *digest {
            Ok(())
        } else {
            Err(ObjectsError::Corrupt { digest: *digest })
        }
    }
}

impl Pieced {
    /// Fills `piece` with the piece that begins at `start`, checked.
    fn read(&self, piece: &mut [u8], start: u64) -> Result<(), ObjectsError> {
        self.content.read_exact_at(piece, start).map_err(|error| read_failure(error, &self.digest))?;
        if self.pieces.fits(start / Pieces::BYTES, piece) {
            Ok(())
        } else {
            Err(ObjectsError::Corrupt { digest: self.digest })
        }
    }
}

/// As the base of other content. Failures carry the [`ObjectsError`].
impl ReadAt for VerifiedBlob {
    fn length(&self) -> u64 {
        self.size_bytes
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let mut filled = 0;
        let end = offset.saturating_add(into.len() as u64);
        let read = self.read_range(offset..end, |piece| {
            into[filled..filled + piece.len()].copy_from_slice(&piece);
            filled += piece.len();
            Ok(())
        });
        read.map_err(io::Error::other)
    }
}

/// Hashes content that is nobody's word yet, and hands it to `each` on the way.
pub(crate) fn hash(
    content: &dyn ReadAt,
    digest: &Digest,
    mut each: impl FnMut(&[u8]),
) -> Result<Digest, ObjectsError> {
    let mut hasher = Hasher::new();
    let mut piece = Vec::new();
    let length = content.length();
    let mut at = 0;
    while at < length {
        let span = Pieces::span_at(at, length);
        piece.resize(bytes_in(&span), 0);
        content.read_exact_at(&mut piece, at).map_err(|error| read_failure(error, digest))?;
        hasher.update(&piece);
        each(&piece);
        at = span.end;
    }
    Ok(hasher.finish())
}

/// The length of a part that is no longer than what memory holds.
fn bytes_in(span: &Range<u64>) -> usize {
    usize::try_from(span.end - span.start).expect("a piece, or content that is in memory")
}

/// What a failure to read stored content of `digest` means: damage of its base, damage of itself, or a disk that fails.
pub(crate) fn read_failure(error: io::Error, digest: &Digest) -> ObjectsError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            ObjectsError::Corrupt { digest: *digest }
        }
        _ => error.downcast().unwrap_or_else(read_error),
    }
}

fn read_error(source: io::Error) -> ObjectsError {
    ObjectsError::Io { action: "read", source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::PieceHasher;

    /// A disk whose content is swapped under the open file.
    struct Swapped(Vec<u8>);

    impl ReadAt for Swapped {
        fn length(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
            self.0.as_slice().read_exact_at(into, offset)
        }
    }

    const PIECE: usize = 256 << 10;

    #[test]
    fn content_that_changed_after_its_check_never_looks_complete() {
        let content = vec![7; 3 * PIECE + 5];
        let mut hasher = PieceHasher::default();
        hasher.update(&content);
        let mut swapped = content.clone();
        swapped[2 * PIECE] = 8;
        let digest = Digest::of(&content);
        let blob = VerifiedBlob::pieced(
            BlobId::new(&Project::default_project(), digest),
            Box::new(Swapped(swapped)),
            hasher.finish(),
        );
        let mut served = Vec::new();
        let result = blob.read_pieces(|piece| {
            served.extend_from_slice(&piece);
            Ok(())
        });
        assert!(matches!(result, Err(ObjectsError::Corrupt { digest: found }) if found == digest));
        assert_eq!(served, content[..2 * PIECE], "what was served is what was put");
        // What does not touch the damage is served.
        let mut last = Vec::new();
        let length = content.len() as u64;
        let read = blob.read_range(length - 5..length, |piece| {
            last.extend_from_slice(&piece);
            Ok(())
        });
        assert!(read.is_ok() && last == [7; 5]);
        blob.read_range(length..length + 1, |_| Ok(())).unwrap_err();
    }
}
