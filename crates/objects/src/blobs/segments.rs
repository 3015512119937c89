//! Reading content that is packed in segments anywhere.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use casemate_delta::segmented::{ReadAt, SEGMENT_BYTES, Segmented, UnpackError};

use super::StoredFile;

/// Segments that a reader keeps. What leans on a base reads neighbouring segments of it by turns.
const SEGMENTS_KEPT: usize = 2;

/// Content that is packed in segments, with its base. It hands out what the form says; others check it.
pub(super) struct SegmentedContent {
    packed: StoredFile,
    form: Segmented,
    base: Option<Box<dyn ReadAt + Send + Sync>>,
    kept: Mutex<Vec<(u64, Arc<Vec<u8>>)>>,
}

impl SegmentedContent {
    /// How much a reader holds unpacked.
    pub(super) const HELD_BYTES: u64 = SEGMENTS_KEPT as u64 * SEGMENT_BYTES;

    pub(super) fn new(
        packed: StoredFile,
        form: Segmented,
        base: Option<Box<dyn ReadAt + Send + Sync>>,
    ) -> Self {
        Self { packed, form, base, kept: Mutex::default() }
    }

    fn segment(&self, index: u64) -> io::Result<Arc<Vec<u8>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(kept, _)| *kept == index) {
            let found = kept.remove(at);
            let segment = Arc::clone(&found.1);
            kept.push(found);
            return Ok(segment);
        }
        if kept.len() >= SEGMENTS_KEPT {
            kept.remove(0);
        }
        let base = self.base.as_deref().map(|base| base as &dyn ReadAt);
        let segment = self.form.segment(index, &self.packed, base).map_err(|error| match error {
            UnpackError::Read(error) => error,
            broken => io::Error::new(io::ErrorKind::InvalidData, broken),
        })?;
        let segment = Arc::new(segment);
        kept.push((index, Arc::clone(&segment)));
        Ok(segment)
    }
}

impl ReadAt for SegmentedContent {
    fn length(&self) -> u64 {
        self.form.length()
    }

    fn read_exact_at(&self, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !into.is_empty() {
            if offset >= self.length() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let segment = self.segment(offset / SEGMENT_BYTES)?;
            let within = (offset % SEGMENT_BYTES) as usize;
            let taken = into.len().min(segment.len() - within);
            into[..taken].copy_from_slice(&segment[within..within + taken]);
            into = &mut into[taken..];
            offset += taken as u64;
        }
        Ok(())
    }
}
