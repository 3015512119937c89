use std::io::Read;
use std::os::fd::OwnedFd;

/// Reads sealed bytes from their start.
///
/// A descriptor that was passed between processes shares its offset with all its copies, so reading must not
/// depend on it.
pub(crate) struct SealedReader {
    file: OwnedFd,
    position: u64,
}

impl SealedReader {
    pub(crate) fn new(file: OwnedFd) -> Self {
        Self { file, position: 0 }
    }
}

impl Read for SealedReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = rustix::io::pread(&self.file, buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
