//! Tables of pieces: what each part of a blob hashes to, so that a part is checked without the others.
//!
//! ```text
//! 0   8    "CASEPIEC"
//! 8   1    version, 1
//! 9   7    zero
//! 16  32   digest of the content
//! 48  8    length of the content, big endian
//! 56  32n  BLAKE3 of each 256 KiB of the content
//! …   32   keyed BLAKE3 of all before
//! ```
//!
//! A table says nothing that does not follow from the content, so it may be lost at any time. Its key is the node's: who can
//! write into the directory of blobs can make a table of his own, but none that is believed.

use casemate_model::Digest;

const MAGIC: &[u8; 16] = b"CASEPIEC\x01\0\0\0\0\0\0\0";
const HEADER_BYTES: usize = 56;
const HASH_BYTES: usize = 32;

/// The key under which tables of pieces are believed.
#[derive(Clone, Copy)]
pub struct PieceKey([u8; 32]);

impl PieceKey {
    /// Takes 32 secret bytes, the same at every start of the node.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for PieceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PieceKey(..)")
    }
}

/// What the pieces of a blob hash to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pieces {
    length: u64,
    hashes: Vec<[u8; HASH_BYTES]>,
}

impl Pieces {
    /// Bytes of content in a piece, the last one aside.
    pub(crate) const BYTES: u64 = 256 << 10;

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Where the piece lies that holds a byte of content of some length.
    pub(crate) fn span_at(at: u64, length: u64) -> std::ops::Range<u64> {
        let start = (at - at % Self::BYTES).min(length);
        start..(start + Self::BYTES).min(length)
    }

    /// Whether a piece is what it was when the blob was put.
    pub(crate) fn fits(&self, index: u64, piece: &[u8]) -> bool {
        let expected = usize::try_from(index).ok().and_then(|index| self.hashes.get(index));
        expected.is_some_and(|expected| blake3::hash(piece) == *expected)
    }

    pub(crate) fn write(&self, digest: &Digest, key: &PieceKey) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + (self.hashes.len() + 1) * HASH_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(digest.as_bytes());
        bytes.extend(self.length.to_be_bytes());
        bytes.extend(self.hashes.as_flattened());
        let seal = blake3::keyed_hash(&key.0, &bytes);
        bytes.extend(seal.as_bytes());
        bytes
    }

    /// The table of a blob; none unless it was written under this key for this content, and all of it is there.
    pub(crate) fn parse(bytes: &[u8], digest: &Digest, key: &PieceKey) -> Option<Self> {
        let (sealed, seal) = bytes.split_last_chunk::<HASH_BYTES>()?;
        // The comparison takes the same time wherever the first difference is.
        if blake3::keyed_hash(&key.0, sealed) != *seal {
            return None;
        }
        let (header, hashes) = sealed.split_first_chunk::<HEADER_BYTES>()?;
        let length = u64::from_be_bytes(*header.last_chunk()?);
        let (hashes, rest) = hashes.as_chunks::<HASH_BYTES>();
        let whole = rest.is_empty() && hashes.len() as u64 == length.div_ceil(Pieces::BYTES);
        let known = header.starts_with(MAGIC) && header[16..48] == *digest.as_bytes();
        (known && whole).then(|| Self { length, hashes: hashes.to_vec() })
    }

    /// How long the table of content may be.
    pub(crate) fn table_bytes(length: u64) -> u64 {
        HEADER_BYTES as u64 + (length.div_ceil(Pieces::BYTES) + 1) * HASH_BYTES as u64
    }
}

/// Makes the table of content that passes.
#[derive(Default)]
pub(crate) struct PieceHasher {
    piece: blake3::Hasher,
    length: u64,
    hashes: Vec<[u8; HASH_BYTES]>,
}

impl PieceHasher {
    pub(crate) fn update(&mut self, mut content: &[u8]) {
        while !content.is_empty() {
            let room = Pieces::BYTES - self.length % Pieces::BYTES;
            let taken = content.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            self.piece.update(&content[..taken]);
            content = &content[taken..];
            self.length += taken as u64;
            if self.length.is_multiple_of(Pieces::BYTES) {
                self.end_piece();
            }
        }
    }

    pub(crate) fn finish(mut self) -> Pieces {
        if !self.length.is_multiple_of(Pieces::BYTES) {
            self.end_piece();
        }
        Pieces { length: self.length, hashes: self.hashes }
    }

    fn end_piece(&mut self) {
        self.hashes.push(*self.piece.finalize().as_bytes());
        self.piece.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PieceKey = PieceKey([1; 32]);

    fn pieces(content: &[u8], step: usize) -> Pieces {
        let mut hasher = PieceHasher::default();
        content.chunks(step).for_each(|piece| hasher.update(piece));
        hasher.finish()
    }

    #[test]
    fn a_table_tells_each_piece_from_every_other() {
        let content: Vec<u8> = (0..600_000_u32).flat_map(u32::to_be_bytes).collect();
        let table = pieces(&content, 1000);
        assert_eq!(table, pieces(&content, 1 << 20));
        assert_eq!((table.length(), table.hashes.len()), (2_400_000, 10));
        for index in 0..10 {
            let piece = content.chunks(256 << 10).nth(usize::try_from(index).unwrap()).unwrap();
            assert!(table.fits(index, piece));
            assert!(!table.fits(index + 1, piece));
            assert!(!table.fits(index, &piece[1..]));
        }
        assert!(!table.fits(10, &[]));
        assert_eq!(Pieces::span_at(2_399_999, 2_400_000), 9 * Pieces::BYTES..2_400_000);
        assert_eq!(Pieces::span_at(2_400_000, 2_400_000), 9 * Pieces::BYTES..2_400_000);
    }

    #[test]
    fn a_table_is_believed_only_as_it_was_written_and_for_its_content() {
        let table = pieces(&[7; 300_000], 300_000);
        let digest = Digest::of(b"the content");
        let bytes = table.write(&digest, &KEY);
        assert_eq!(bytes.len() as u64, Pieces::table_bytes(300_000));
        assert_eq!(Pieces::parse(&bytes, &digest, &KEY), Some(table));
        assert_eq!(Pieces::parse(&bytes, &Digest::of(b"other content"), &KEY), None);
        assert_eq!(Pieces::parse(&bytes, &digest, &PieceKey([2; 32])), None);
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert_eq!(Pieces::parse(&bad, &digest, &KEY), None, "byte {at}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Pieces::parse(&bytes[..length], &digest, &KEY), None, "{length} bytes");
        }
    }

    #[test]
    fn nothing_has_no_pieces() {
        let table = pieces(&[], 1);
        assert_eq!((table.length(), table.hashes.len()), (0, 0));
        let digest = Digest::of(b"");
        assert_eq!(Pieces::parse(&table.write(&digest, &KEY), &digest, &KEY), Some(table));
    }
}
