use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory that is shared by content under way. Whoever takes some waits until there is enough.
pub(super) struct Memory {
    pieces: Arc<Semaphore>,
    pieces_max: u32,
}

/// A share of it, until the last clone is dropped.
pub(super) type Share = Arc<OwnedSemaphorePermit>;

impl Memory {
    pub(super) fn new(bytes_max: u64) -> Self {
        let pieces_max = u32::try_from(bytes_max / PIECE_BYTES).unwrap_or(u32::MAX).clamp(1, PIECES_MAX);
        Self { pieces: Arc::new(Semaphore::new(pieces_max as usize)), pieces_max }
    }

    /// Takes room for so many bytes. More than there is counts as all of it, so that what is very large goes alone.
    pub(super) async fn take(&self, bytes: u64) -> Share {
        let pieces = u32::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX).clamp(1, self.pieces_max);
        Arc::new(Arc::clone(&self.pieces).acquire_many_owned(pieces).await.expect("nobody closes it"))
    }
}

const PIECE_BYTES: u64 = 1 << 20;

/// Far below what a semaphore counts to.
const PIECES_MAX: u32 = 1 << 24;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn shares_fit_together_and_what_is_too_large_goes_alone() {
        let memory = Memory::new(10 << 20);
        let small = memory.take(4 << 20).await;
        assert!(memory.take(7 << 20).now_or_never().is_none(), "together they are too large");
        assert!(memory.take(6 << 20).now_or_never().is_some());
        assert!(memory.take(1 << 40).now_or_never().is_none(), "something is there");
        drop(small);
        assert!(memory.take(1 << 40).now_or_never().is_some());
    }
}
