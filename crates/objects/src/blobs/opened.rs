//! What unpacking in memory keeps, and how many do it at once.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use casemate_delta::segmented::Sketch;
use casemate_delta::through::Opened;

use crate::BlobId;

/// Bytes that the bases may take that are kept open, with what was inflated of them; the last one used stays in any case.
const BASES_BYTES_MAX: usize = 96 << 20;

/// Bases that were opened lately, the last one used at the end. Versions are read one after the other, and each would
/// unpack the same base.
#[derive(Default)]
pub(super) struct Bases(Mutex<Vec<(BlobId, Arc<Opened>)>>);

impl Bases {
    pub(super) fn get(&self, blob: &BlobId) -> Option<Arc<Opened>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().position(|(id, _)| id == blob)?;
        let found = open.remove(at);
        let base = Arc::clone(&found.1);
        open.push(found);
        drop_oldest(&mut open);
        Some(base)
    }

    pub(super) fn keep(&self, blob: BlobId, base: &Arc<Opened>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(other, _)| *other != blob);
        open.push((blob, Arc::clone(base)));
        drop_oldest(&mut open);
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
}

/// Bases grow while they are used, so they are measured each time.
fn drop_oldest(open: &mut Vec<(BlobId, Arc<Opened>)>) {
    while open.len() > 1 && open.iter().map(|(_, base)| base.held_bytes()).sum::<usize>() > BASES_BYTES_MAX {
        open.remove(0);
    }
}

/// How many may unpack large content in memory at once. Each may take some hundred megabytes while it does.
const UNPACKING_MAX: usize = 4;

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
