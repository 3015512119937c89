//! A base, ready for many acts on it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::scan::{self, Stream};
use super::tokens::Tokens;
use super::zlib;
use crate::Limits;

/// Whole content that others are stored as differences to, and what was once made of it.
///
/// Opening costs a look at the archive's directory. A stream is inflated when the first difference leans on it and kept
/// for the next, up to [`Limits::plain_bytes_max`] together; what goes beyond is inflated each time.
#[derive(Debug)]
pub struct Opened {
    digest: [u8; 32],
    content: Vec<u8>,
    streams: Vec<Stream>,
    around: OnceLock<Vec<u8>>,
    kept: Vec<Kept>,
    kept_bytes: AtomicUsize,
    kept_bytes_max: usize,
}

/// What was made of one stream.
#[derive(Debug, Default)]
struct Kept {
    plain: OnceLock<Arc<Vec<u8>>>,
    tokens: OnceLock<Arc<Tokens>>,
}

impl Opened {
    /// Opens content under the digest by which differences name it; none if it is too long. That digest and content
    /// belong together is the caller's word.
    pub fn new(digest: [u8; 32], content: Vec<u8>, limits: &Limits) -> Option<Self> {
        if content.len() > limits.content_bytes_max {
            return None;
        }
        let streams = scan::scan(&content);
        let kept = streams.iter().map(|_| Kept::default()).collect();
        Some(Self {
            digest,
            content,
            streams,
            around: OnceLock::new(),
            kept,
            kept_bytes: AtomicUsize::new(0),
            kept_bytes_max: limits.plain_bytes_max,
        })
    }

    /// The digest by which differences name it.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The content itself.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The bytes of memory that it takes by now, about.
    pub fn held_bytes(&self) -> usize {
        let around = self.around.get().map_or(0, Vec::len);
        let kept = self.kept_bytes.load(Ordering::Relaxed).min(self.kept_bytes_max);
        self.content.len() + around + kept
    }

    pub(crate) fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The compressed bytes of a stream.
    pub(crate) fn stream(&self, index: usize) -> &[u8] {
        &self.content[self.streams[index].at.clone()]
    }

    /// The bytes around the streams.
    pub(crate) fn around(&self) -> &[u8] {
        self.around.get_or_init(|| scan::around(&self.content, &self.streams))
    }

    /// What a stream inflates to; none if it is no deflate, or more than `max` bytes.
    pub(crate) fn plain(&self, index: usize, max: usize) -> Option<Arc<Vec<u8>>> {
        let kept = &self.kept[index].plain;
        if let Some(plain) = kept.get() {
            return (plain.len() <= max).then(|| plain.clone());
        }
        let plain = Arc::new(zlib::inflate(self.stream(index), self.streams[index].plain_bytes, max)?);
        if self.has_room_for(plain.len()) {
            return Some(kept.get_or_init(|| plain).clone());
        }
        Some(plain)
    }

    /// The tokens of a stream; none if it is no deflate.
    pub(crate) fn tokens(&self, index: usize) -> Option<Arc<Tokens>> {
        let kept = &self.kept[index].tokens;
        if let Some(tokens) = kept.get() {
            return Some(tokens.clone());
        }
        let tokens = Arc::new(Tokens::parse(self.stream(index), None)?);
        // Five bytes a match and less than a match a byte: about as much as the compressed stream, twice at most.
        if self.has_room_for(2 * self.stream(index).len()) {
            return Some(kept.get_or_init(|| tokens).clone());
        }
        Some(tokens)
    }

    fn has_room_for(&self, bytes: usize) -> bool {
        let before = self.kept_bytes.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= self.kept_bytes_max
    }
}
