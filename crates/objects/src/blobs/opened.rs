//! What unpacking in memory keeps, and how many do it at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use casemate_delta::segmented::Sketch;
use casemate_delta::through::Opened;

use crate::BlobId;

/// Bytes that the bases may take that are kept open, with what was inflated of them; the last one used stays in any case.
const BASES_BYTES_MAX: usize = 96 << 20;

/// Bases that were opened lately, the last one used at the end. Versions are read one after the other, and each would
/// unpack the same base.
#[derive(Default)]
pub(super) struct Bases(Mutex<Vec<Kept>>);

/// A base that is kept open.
struct Kept {
    id: BlobId,
    base: Arc<Opened>,
    /// What its file hashes to, before it is encrypted: as long as it does, the base can be had from the disk as well.
    stored: blake3::Hash,
}

impl Bases {
    pub(super) fn get(&self, blob: &BlobId) -> Option<Arc<Opened>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().position(|kept| kept.id == *blob)?;
        let found = open.remove(at);
        let base = Arc::clone(&found.base);
        open.push(found);
        drop_oldest(&mut open);
        Some(base)
    }

    pub(super) fn keep(&self, id: BlobId, base: &Arc<Opened>, stored: blake3::Hash) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|kept| kept.id != id);
        open.push(Kept { id, base: Arc::clone(base), stored });
        drop_oldest(&mut open);
    }

    /// What the file of a base that is kept open hashed to.
    pub(super) fn stored(&self, blob: &BlobId) -> Option<blake3::Hash> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().find(|kept| kept.id == *blob).map(|kept| kept.stored)
    }

    pub(super) fn forget(&self, blob: &BlobId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|kept| kept.id != *blob);
    }
}

/// Sketches that are kept, each of about a four hundredth of its content.
const SKETCHES_MAX: usize = 8;

/// Content with a longer sketch is read again.
const SKETCHED_BYTES_MAX: u64 = 1 << 30;

/// What lies where in content that was packed lately, the last one used at the end: each of the next versions is looked
/// up in it.
#[derive(Default)]
pub(super) struct Sketches(Mutex<Vec<(BlobId, Arc<Sketch>)>>);

impl Sketches {
    pub(super) fn get(&self, blob: &BlobId) -> Option<Arc<Sketch>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(kept, _)| kept == blob)?;
        let found = kept.remove(at);
        let sketch = Arc::clone(&found.1);
        kept.push(found);
        Some(sketch)
    }

    pub(super) fn keep(&self, blob: BlobId, sketch: &Arc<Sketch>) {
        if sketch.length() > SKETCHED_BYTES_MAX {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(other, _)| *other != blob);
        if kept.len() >= SKETCHES_MAX {
            kept.remove(0);
        }
        kept.push((blob, Arc::clone(sketch)));
    }

    pub(super) fn forget(&self, blob: &BlobId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(kept, _)| kept != blob);
    }
}

/// Bytes that readers may hold unpacked at once, all together.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// Counts what readers hold unpacked.
#[derive(Default)]
pub(super) struct Unpacked(AtomicU64);

/// Room for unpacked content, until it is dropped.
pub(crate) struct UnpackedRoom {
    unpacked: Arc<Unpacked>,
    bytes: u64,
}

impl Unpacked {
    /// Takes room for so much; `None` if there is not that much left.
    pub(super) fn take(self: &Arc<Self>, bytes: u64) -> Option<UnpackedRoom> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(bytes).filter(|held| *held <= UNPACKED_BYTES_MAX)
        });
        taken.ok().map(|_| UnpackedRoom { unpacked: Arc::clone(self), bytes })
    }
}

impl Drop for UnpackedRoom {
    fn drop(&mut self) {
        self.unpacked.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bases grow while they are used, so they are measured each time.
fn drop_oldest(open: &mut Vec<Kept>) {
    while open.len() > 1 && open.iter().map(|kept| kept.base.held_bytes()).sum::<usize>() > BASES_BYTES_MAX {
        open.remove(0);
    }
}

/// How many may unpack large content in memory at once. Each may take some hundred megabytes while it does.
pub(crate) const UNPACKING_MAX: usize = 4;

/// Lets few in at a time; others wait.
#[derive(Default)]
pub(super) struct Gate {
    inside: Mutex<usize>,
    left: Condvar,
}

/// A place behind a [`Gate`], until it is dropped.
pub(super) struct InGate<'g>(&'g Gate);

impl Gate {
    pub(super) fn enter(&self) -> InGate<'_> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.left.wait_while(inside, |inside| *inside >= UNPACKING_MAX);
        *waited.unwrap_or_else(PoisonError::into_inner) += 1;
        InGate(self)
    }
}

impl Drop for InGate<'_> {
    fn drop(&mut self) {
        *self.0.inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}
