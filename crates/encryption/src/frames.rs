//! Content as a row of authenticated frames (the STREAM construction).
//!
//! ```text
//! content   [ 64 KiB ][ 64 KiB ][ rest, may be empty ]
//! stored    [ 64 KiB + tag ][ 64 KiB + tag ][ rest + tag ]
//! nonce     index u64, final u8, three zeros; each key is used for one content only
//! also authenticated: endpoint, bucket, prefix, SHA-256, index, final
//! ```

use std::io::{self, Read, Write};

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Tag, XChaCha20Poly1305};
use zeroize::Zeroizing;

/// The key of one content's frames.
pub type FrameKey = Zeroizing<[u8; 32]>;

/// A frame key encrypted under the process key: a nonce, the key and a tag.
pub type WrappedKey = [u8; WRAPPED_BYTES];

/// Why frames could not be read.
#[derive(Debug)]
pub enum FrameError {
    /// They are not what was written.
    Broken,
    /// The disk or the memory failed.
    Io(io::Error),
}

/// How long the frames of so much content are.
pub fn stored_len(content_len: u64) -> u64 {
    let frames = content_len.div_ceil(FRAME_BYTES as u64).max(1);
    content_len.saturating_add(frames.saturating_mul(TAG_BYTES as u64))
}

/// Writes content as frames.
pub fn write(key: &FrameKey, identity: &[u8], content: &[u8], into: &mut dyn Write) -> io::Result<()> {
    let mut writer = FrameWriter::new(key.clone(), identity);
    writer.push(content, into)?;
    writer.finish(into)
}

/// Writes content that comes in pieces as frames.
pub struct FrameWriter {
    key: FrameKey,
    identity: Vec<u8>,
    index: u64,
    /// What is not written yet. The last frame is marked as such, so one waits until it is known whether more comes.
    waiting: Zeroizing<Vec<u8>>,
}

impl FrameWriter {
    /// Begins a row of frames, the only one under this key.
    pub fn new(key: FrameKey, identity: &[u8]) -> Self {
        let waiting = Zeroizing::new(Vec::with_capacity(FRAME_BYTES + TAG_BYTES));
        Self { key, identity: identity.to_vec(), index: 0, waiting }
    }

    /// Adds content.
    pub fn push(&mut self, mut content: &[u8], into: &mut dyn Write) -> io::Result<()> {
        while !content.is_empty() {
            if self.waiting.len() == FRAME_BYTES {
                self.write_frame(false, into)?;
            }
            let (taken, rest) = content.split_at(content.len().min(FRAME_BYTES - self.waiting.len()));
            self.waiting.extend_from_slice(taken);
            content = rest;
        }
        Ok(())
    }

    /// Writes the last frame.
    pub fn finish(mut self, into: &mut dyn Write) -> io::Result<()> {
        self.write_frame(true, into)
    }

    fn write_frame(&mut self, last: bool, into: &mut dyn Write) -> io::Result<()> {
        let cipher = ChaCha20Poly1305::new((&*self.key).into());
        let place = FramePlace { index: self.index, last };
        let tag = cipher
            .encrypt_inout_detached(
                &place.nonce().into(),
                &place.authenticated(&self.identity),
                (&mut self.waiting[..]).into(),
            )
            .expect("64 KiB is within the limit of the cipher");
        self.waiting.extend_from_slice(&tag);
        into.write_all(&self.waiting)?;
        self.waiting.clear();
        self.index += 1;
        Ok(())
    }
}

/// How much content frames of this length hold; none if there are no such frames.
pub fn content_len(stored_len: u64) -> Option<u64> {
    let frames = stored_len.div_ceil((FRAME_BYTES + TAG_BYTES) as u64).max(1);
    stored_len.checked_sub(frames * TAG_BYTES as u64).filter(|content| *content > 0 || frames == 1)
}

/// Where a frame lies among frames of so much content, and how long it is with its tag.
pub fn frame_span(index: u64, content_len: u64) -> Option<(u64, usize)> {
    let count = content_len.div_ceil(FRAME_BYTES as u64).max(1);
    let content = content_len.checked_sub(index * FRAME_BYTES as u64).filter(|_| index < count)?;
    let length = usize::try_from(content).map_or(FRAME_BYTES, |content| content.min(FRAME_BYTES));
    Some((index * (FRAME_BYTES + TAG_BYTES) as u64, length + TAG_BYTES))
}

/// Opens a frame of so much content in its place: what is left is its content. It is emptied if it was not written there.
pub fn open_frame(
    key: &FrameKey,
    identity: &[u8],
    (index, content_len): (u64, u64),
    frame: &mut Vec<u8>,
) -> Result<(), FrameError> {
    let count = content_len.div_ceil(FRAME_BYTES as u64).max(1);
    let place = FramePlace { index, last: index + 1 == count };
    let Some((content, tag)) = frame.split_last_chunk_mut::<TAG_BYTES>() else {
        return Err(FrameError::Broken);
    };
    let opened = ChaCha20Poly1305::new((&**key).into()).decrypt_inout_detached(
        &place.nonce().into(),
        &place.authenticated(identity),
        content.into(),
        &Tag::from(*tag),
    );
    match opened {
        Ok(()) => frame.truncate(frame.len() - TAG_BYTES),
        Err(_) => frame.clear(),
    }
    opened.map_err(|_| FrameError::Broken)
}

/// Reads frames of exactly so much content. What was handed on before an error must not be used.
pub fn read(
    key: &FrameKey,
    identity: &[u8],
    content_len: u64,
    from: &mut dyn Read,
    into: &mut dyn Write,
) -> Result<(), FrameError> {
    let cipher = ChaCha20Poly1305::new((&**key).into());
    let mut buffer = Zeroizing::new(vec![0; FRAME_BYTES]);
    let count = content_len.div_ceil(FRAME_BYTES as u64).max(1);
    let mut left = content_len;
    for index in 0..count {
        let length = usize::try_from(left.min(FRAME_BYTES as u64)).expect("at most 64 KiB");
        let place = FramePlace { index, last: index + 1 == count };
        let frame = &mut buffer[..length];
        read_all(from, frame)?;
        let mut tag = [0; TAG_BYTES];
        read_all(from, &mut tag)?;
        cipher
            .decrypt_inout_detached(
                &place.nonce().into(),
                &place.authenticated(identity),
                (&mut *frame).into(),
                &Tag::from(tag),
            )
            .map_err(|_| FrameError::Broken)?;
        into.write_all(frame).map_err(FrameError::Io)?;
        left -= length as u64;
    }
    end(from)
}

/// Fails unless everything was read.
pub fn end(from: &mut dyn Read) -> Result<(), FrameError> {
    match from.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(FrameError::Broken),
        Err(error) => Err(FrameError::Io(error)),
    }
}

/// Fills `into`; frames that end before are broken.
pub fn read_all(from: &mut dyn Read, into: &mut [u8]) -> Result<(), FrameError> {
    from.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Broken,
        _ => FrameError::Io(error),
    })
}

/// Encrypts a frame key under the process key, for one entry. The nonce is random and long enough to be so.
pub fn wrap(process: &[u8; 32], identity: &[u8], nonce: [u8; 24], key: &FrameKey) -> WrappedKey {
    let cipher = XChaCha20Poly1305::new(process.into());
    let mut wrapped = [0; WRAPPED_BYTES];
    wrapped[..24].copy_from_slice(&nonce);
    wrapped[24..56].copy_from_slice(&key[..]);
    let tag = cipher
        .encrypt_inout_detached(&nonce.into(), identity, (&mut wrapped[24..56]).into())
        .expect("32 bytes are within the limit of the cipher");
    wrapped[56..].copy_from_slice(&tag);
    wrapped
}

/// Decrypts a frame key; none if it is not of this process key and entry.
pub fn unwrap(process: &[u8; 32], identity: &[u8], wrapped: &WrappedKey) -> Option<FrameKey> {
    let cipher = XChaCha20Poly1305::new(process.into());
    let nonce: [u8; 24] = wrapped[..24].try_into().ok()?;
    let tag: [u8; TAG_BYTES] = wrapped[56..].try_into().ok()?;
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&wrapped[24..56]);
    let opened =
        cipher.decrypt_inout_detached(&nonce.into(), identity, (&mut key[..]).into(), &Tag::from(tag));
    opened.ok().map(|()| key)
}

struct FramePlace {
    index: u64,
    last: bool,
}

impl FramePlace {
    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.index.to_be_bytes());
        nonce[8] = u8::from(self.last);
        nonce
    }

    fn authenticated(&self, identity: &[u8]) -> Vec<u8> {
        let mut authenticated = identity.to_vec();
        authenticated.extend_from_slice(&self.index.to_be_bytes());
        authenticated.push(u8::from(self.last));
        authenticated
    }
}

/// How much content a frame holds: enough that tags cost nothing, little enough to stay in the processor's cache.
pub const FRAME_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
/// How long a wrapped key is.
pub const WRAPPED_BYTES: usize = 24 + 32 + TAG_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(content: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        write(&key(), b"identity", content, &mut stored).unwrap();
        stored
    }

    fn key() -> FrameKey {
        Zeroizing::new([7; 32])
    }

    fn unframed(stored: &[u8], identity: &[u8], content_len: u64) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        read(&key(), identity, content_len, &mut &*stored, &mut content).ok().map(|()| content)
    }

    #[test]
    fn content_of_any_length_comes_back_and_lengths_are_as_foretold() {
        for length in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES] {
            let content = vec![3; length];
            let stored = framed(&content);
            assert_eq!(stored.len() as u64, stored_len(length as u64), "{length}");
            assert_eq!(unframed(&stored, b"identity", length as u64), Some(content), "{length}");
            assert_eq!(content_len(stored.len() as u64), Some(length as u64), "{length}");
        }
    }

    #[test]
    fn frames_cannot_be_swapped_dropped_added_or_moved_elsewhere() {
        let content: Vec<u8> =
            (0..3 * FRAME_BYTES).map(|at| u8::try_from(at / FRAME_BYTES).unwrap()).collect();
        let (stored, len) = (framed(&content), content.len() as u64);
        let frame = FRAME_BYTES + TAG_BYTES;
        let swapped = [&stored[frame..2 * frame], &stored[..frame], &stored[2 * frame..]].concat();
        assert_eq!(unframed(&swapped, b"identity", len), None);
        assert_eq!(unframed(&stored[..2 * frame], b"identity", len), None);
        assert_eq!(unframed(&stored[..2 * frame], b"identity", 2 * FRAME_BYTES as u64), None);
        assert_eq!(unframed(&[stored.as_slice(), b"x"].concat(), b"identity", len), None);
        assert_eq!(unframed(&stored, b"another", len), None);
    }

    #[test]
    fn a_wrapped_key_opens_for_its_entry_and_process_only() {
        let wrapped = wrap(&[1; 32], b"identity", [2; 24], &key());
        assert_eq!(unwrap(&[1; 32], b"identity", &wrapped).as_deref(), Some(&[7; 32]));
        assert!(unwrap(&[1; 32], b"another", &wrapped).is_none());
        assert!(unwrap(&[9; 32], b"identity", &wrapped).is_none());
    }
}
