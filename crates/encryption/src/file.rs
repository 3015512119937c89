//! Encrypted files: a header, and frames that are read in a row or by position.
//!
//! ```text
//! 0   8   "CASEENCR"
//! 8   1   version, 1
//! 9   7   zero
//! 16  32  salt, random
//! 48  16  the first half of a keyed BLAKE3 of all before
//! 64  …   frames of 64 KiB, each with its tag
//! ```
//!
//! Who does not have the key cannot make a header that fits, so content that happens to look like one is not taken for one.

use std::io::{self, Write};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::ContentKey;
use crate::frames::{self, FRAME_BYTES, FrameError, FrameKey, FrameWriter};

const MAGIC: &[u8; 16] = b"CASEENCR\x01\0\0\0\0\0\0\0";

/// How long the header of an encrypted file is.
pub const HEADER_BYTES: usize = 64;

/// Random bytes that a file is given.
pub const SALT_BYTES: usize = 32;

/// Authenticated with each frame beside its place. Each file has a key of its own, so more is not needed.
const IDENTITY: &[u8] = b"casemate content";

/// Writes one encrypted file.
pub struct Encryptor(FrameWriter);

impl Encryptor {
    /// Writes the header. The salt must be random, and used for this file only.
    pub fn begin(key: &ContentKey, salt: [u8; SALT_BYTES], into: &mut dyn Write) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        header[..16].copy_from_slice(MAGIC);
        header[16..48].copy_from_slice(&salt);
        let seal = header_seal(key, &header);
        header[48..].copy_from_slice(&seal);
        into.write_all(&header)?;
        Ok(Self(FrameWriter::new(frame_key(key, &salt), IDENTITY)))
    }

    /// Adds content.
    pub fn push(&mut self, content: &[u8], into: &mut dyn Write) -> io::Result<()> {
        self.0.push(content, into)
    }

    /// Writes the end, without which the file cannot be read.
    pub fn finish(self, into: &mut dyn Write) -> io::Result<()> {
        self.0.finish(into)
    }
}

/// Reads one encrypted file.
pub struct Decryptor {
    key: FrameKey,
    content_len: u64,
}

impl Decryptor {
    /// `None` if it is no encrypted file of this key: a plain one, one of another key, or one whose length cannot be.
    pub fn open(key: &ContentKey, header: &[u8], file_len: u64) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = header.try_into().ok()?;
        let fits: bool = header_seal(key, header).ct_eq(&header[48..]).into();
        let content_len = frames::content_len(file_len.checked_sub(HEADER_BYTES as u64)?)?;
        let salt = header[16..48].try_into().expect("32 bytes");
        (header.starts_with(MAGIC) && fits).then(|| Self { key: frame_key(key, &salt), content_len })
    }

    /// How many bytes of content the file holds.
    pub fn content_len(&self) -> u64 {
        self.content_len
    }

    /// Which frame holds a byte of the content, and the byte's place in it.
    pub fn frame_of(offset: u64) -> (u64, usize) {
        let within = offset % FRAME_BYTES as u64;
        (offset / FRAME_BYTES as u64, usize::try_from(within).expect("less than 64 KiB"))
    }

    /// Where in the file a frame lies, and how many bytes it takes; `None` behind the last one.
    pub fn span(&self, index: u64) -> Option<(u64, usize)> {
        let (offset, length) = frames::frame_span(index, self.content_len)?;
        Some((HEADER_BYTES as u64 + offset, length))
    }

    /// Decrypts the bytes of a frame where they are. They are emptied if they are not what was written there.
    pub fn decrypt(&self, index: u64, frame: &mut Vec<u8>) -> Result<(), FrameError> {
        frames::open_frame(&self.key, IDENTITY, (index, self.content_len), frame)
    }
}

fn header_seal(key: &ContentKey, header: &[u8; HEADER_BYTES]) -> [u8; 16] {
    let seal = blake3::Hasher::new_keyed(key.bytes()).update(b"header").update(&header[..48]).finalize();
    *seal.as_bytes().first_chunk().expect("32 bytes")
}

fn frame_key(key: &ContentKey, salt: &[u8; SALT_BYTES]) -> FrameKey {
    Zeroizing::new(
        *blake3::Hasher::new_keyed(key.bytes()).update(b"frames").update(salt).finalize().as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::RootKey;

    fn key() -> ContentKey {
        RootKey::new(Zeroizing::new([5; 32])).content_key("default")
    }

    fn encrypted(pieces: &[&[u8]]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encryptor = Encryptor::begin(&key(), [9; SALT_BYTES], &mut file).unwrap();
        for piece in pieces {
            encryptor.push(piece, &mut file).unwrap();
        }
        encryptor.finish(&mut file).unwrap();
        file
    }

    /// Reads every frame, the last one first.
    fn decrypted(file: &[u8]) -> Option<Vec<u8>> {
        let decryptor = Decryptor::open(&key(), file.get(..HEADER_BYTES)?, file.len() as u64)?;
        let count = decryptor.content_len().div_ceil(FRAME_BYTES as u64).max(1);
        let mut content = Vec::new();
        for index in (0..count).rev() {
            let (offset, length) = decryptor.span(index)?;
            let offset = usize::try_from(offset).ok()?;
            let mut frame = file.get(offset..offset + length)?.to_vec();
            decryptor.decrypt(index, &mut frame).ok()?;
            content.splice(..0, frame);
        }
        assert_eq!(decryptor.span(count), None);
        Some(content)
    }

    #[test]
    fn content_of_any_length_comes_back_by_position() {
        for length in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES] {
            let content: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0] % 251).collect();
            let (one, other) = content.split_at(length / 3);
            let file = encrypted(&[one, other]);
            assert_eq!(decrypted(&file), Some(content), "{length}");
        }
    }

    #[test]
    fn another_key_salt_or_plain_content_is_no_encrypted_file() {
        let file = encrypted(&[b"content"]);
        let other = RootKey::new(Zeroizing::new([5; 32])).content_key("other");
        let length = file.len() as u64;
        assert!(Decryptor::open(&other, &file[..HEADER_BYTES], length).is_none());
        let mut forged = file.clone();
        forged[20] ^= 1;
        assert!(Decryptor::open(&key(), &forged[..HEADER_BYTES], length).is_none());
        assert!(Decryptor::open(&key(), &file[..40], length).is_none());
        assert!(Decryptor::open(&key(), &file[..HEADER_BYTES], HEADER_BYTES as u64).is_none());
        assert!(Decryptor::open(&key(), &[b'x'; HEADER_BYTES], length).is_none());
    }

    proptest! {
        #[test]
        fn no_changed_byte_and_no_cut_gives_content(at in 0usize..70_000, cut in 0usize..70_000) {
            let content = vec![3; FRAME_BYTES + 100];
            let file = encrypted(&[&content]);
            let mut changed = file.clone();
            changed[at % file.len()] ^= 0x40;
            prop_assert_eq!(decrypted(&changed), None);
            prop_assert_eq!(decrypted(&file[..cut % file.len()]), None);
        }
    }
}
