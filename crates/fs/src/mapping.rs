//! The one place that maps memory.
#![expect(
    unsafe_code,
    reason = "mapping sealed memory has no safe interface, and copying a module costs its size again"
)]

use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags};

/// A read-only view of memory that nobody can change.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    /// Maps `len` bytes, more than none, of sealed memory.
    ///
    /// The caller has checked that the descriptor carries the seals against writing and shrinking and is at least
    /// `len` long.
    pub(crate) fn of_sealed(fd: BorrowedFd<'_>, len: usize) -> rustix::io::Result<Self> {
        assert!(len > 0, "an empty mapping does not exist");
        // SAFETY: with a null hint and without MAP_FIXED the kernel picks an unused range, so that no memory of
        // ours is touched.
        let start =
            unsafe { rustix::mm::mmap(ptr::null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, fd, 0) }?;
        let start = NonNull::new(start.cast()).expect("without MAP_FIXED nothing is mapped at address zero");
        Ok(Self { start, len })
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` is the start of a mapping of `len` readable bytes, which lives until `drop`, and the
        // returned borrow ends before that. The content never changes: the write seal keeps everybody from writing
        // it, the shrink seal from taking pages away. A length in one mapping fits into an `isize`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `of_sealed`, is unmapped only here, and all borrows of it have ended.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a mapping of ours can be unmapped");
    }
}

// SAFETY: the memory is read-only for everybody and belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; all access is by shared reads.
unsafe impl Sync for Mapping {}
