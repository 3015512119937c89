//! Bytes that nobody can change any more, and that can be handed to another process.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use crate::mapping::Mapping;
use crate::{File, FsError};

/// Bytes in memory that are sealed against change by anybody, this process included. Clones share them.
///
/// They are a memory file with its seals set, which can be passed on as a descriptor; on a system that offers none
/// they are ordinary memory of this process.
#[derive(Clone)]
pub struct SealedBytes(Arc<Backing>);

enum Backing {
    MemoryFile { fd: OwnedFd, len: u64, mapping: OnceLock<Mapping> },
    Ordinary(Vec<u8>),
}

/// Collects the bytes that become [`SealedBytes`].
pub struct SealedBuilder(Open);

enum Open {
    MemoryFile(File, u64),
    Ordinary(Vec<u8>),
}

/// Reads [`SealedBytes`] from their start; each reader has its own position.
pub struct SealedReader {
    bytes: SealedBytes,
    position: u64,
}

impl SealedBytes {
    /// Seals a copy of `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FsError> {
        let mut builder = Self::builder()?;
        builder.write_all(bytes).map_err(failed("write"))?;
        builder.seal()
    }

    /// Starts to collect bytes.
    pub fn builder() -> Result<SealedBuilder, FsError> {
        match memory_file() {
            Ok(fd) => Ok(SealedBuilder(Open::MemoryFile(File::from(fd), 0))),
            Err(Errno::NOSYS | Errno::PERM) => Ok(SealedBuilder(Open::Ordinary(Vec::new()))),
            Err(errno) => Err(failed("make")(errno)),
        }
    }

    /// Takes sealed memory from another process. [`FsError::NotSealed`] unless all seals are set, so that the
    /// sender cannot change it either; an error if it is longer than `bytes_max`.
    pub fn from_fd(fd: OwnedFd, bytes_max: u64) -> Result<Self, FsError> {
        // Only a memory file has seals, so this also refuses every other kind of file.
        let seals = rustix::fs::fcntl_get_seals(&fd).map_err(|_| FsError::NotSealed)?;
        if !seals.contains(SEALS) {
            return Err(FsError::NotSealed);
        }
        let stat = rustix::fs::fstat(&fd).map_err(failed("look at"))?;
        let len = u64::try_from(stat.st_size).map_err(|_| FsError::NotSealed)?;
        if len > bytes_max {
            return Err(FsError::TooLarge { path: NAME.into(), bytes_max });
        }
        Ok(Self(Arc::new(Backing::MemoryFile { fd, len, mapping: OnceLock::new() })))
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        match &*self.0 {
            Backing::MemoryFile { len, .. } => *len,
            Backing::Ordinary(bytes) => bytes.len() as u64,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory file, to be passed to another process; none if the system offers no memory files. Its position
    /// is shared by all who hold it, so readers should name theirs (`pread`) or use [`SealedBytes::reader`].
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match &*self.0 {
            Backing::MemoryFile { fd, .. } => Some(fd.as_fd()),
            Backing::Ordinary(_) => None,
        }
    }

    /// The bytes, mapped on first use and not copied.
    pub fn as_slice(&self) -> Result<&[u8], FsError> {
        let (fd, len, mapping) = match &*self.0 {
            Backing::MemoryFile { len: 0, .. } => return Ok(&[]),
            Backing::MemoryFile { fd, len, mapping } => (fd, *len, mapping),
            Backing::Ordinary(bytes) => return Ok(bytes),
        };
        if let Some(mapping) = mapping.get() {
            return Ok(mapping.as_slice());
        }
        let len = usize::try_from(len).map_err(|_| failed("map")(Errno::NOMEM))?;
        let made = Mapping::of_sealed(fd.as_fd(), len).map_err(failed("map"))?;
        Ok(mapping.get_or_init(|| made).as_slice())
    }

    /// A copy of the bytes.
    pub fn read_all(&self) -> Result<Vec<u8>, FsError> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len()).unwrap_or(0));
        self.reader().read_to_end(&mut bytes).map_err(failed("read"))?;
        Ok(bytes)
    }

    /// A reader from the start.
    pub fn reader(&self) -> SealedReader {
        self.reader_from(0)
    }

    /// A reader from a position; there is nothing to read behind the end.
    pub fn reader_from(&self, position: u64) -> SealedReader {
        SealedReader { bytes: self.clone(), position }
    }
}

impl fmt::Debug for SealedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBytes({} bytes)", self.len())
    }
}

impl SealedBuilder {
    /// How many bytes were written so far.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Open::MemoryFile(_, len) => *len,
            Open::Ordinary(bytes) => bytes.len() as u64,
        }
    }

    /// Whether none were.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends writing, for everybody and for good.
    pub fn seal(self) -> Result<SealedBytes, FsError> {
        let (file, len) = match self.0 {
            Open::Ordinary(bytes) => return Ok(SealedBytes(Arc::new(Backing::Ordinary(bytes)))),
            Open::MemoryFile(file, len) => (file, len),
        };
        rustix::fs::fcntl_add_seals(&file, SEALS).map_err(failed("seal"))?;
        rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).map_err(failed("seal"))?;
        Ok(SealedBytes(Arc::new(Backing::MemoryFile { fd: file.into(), len, mapping: OnceLock::new() })))
    }
}

impl Write for SealedBuilder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Open::MemoryFile(file, len) => {
                let written = file.write(bytes)?;
                *len += written as u64;
                Ok(written)
            }
            Open::Ordinary(collected) => collected.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for SealedReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = match &*self.bytes.0 {
            Backing::MemoryFile { fd, .. } => {
                rustix::io::retry_on_intr(|| rustix::io::pread(fd, &mut *into, self.position))?
            }
            Backing::Ordinary(bytes) => {
                let start =
                    usize::try_from(self.position).map_or(bytes.len(), |start| start.min(bytes.len()));
                (&bytes[start..]).read(into)?
            }
        };
        self.position += length as u64;
        Ok(length)
    }
}

fn memory_file() -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(NAME, flags | MemfdFlags::NOEXEC_SEAL) {
        // Linux before 6.3.
        Err(Errno::INVAL) => rustix::fs::memfd_create(NAME, flags),
        result => result,
    }
}

fn failed<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> FsError {
    move |source| FsError::io(action, NAME, source)
}

/// Nothing can be written, taken away or added, and no seal be lifted.
const SEALS: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// What memory files are called in `/proc` and in messages.
const NAME: &str = "sealed memory";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_memory_stands_in_where_there_are_no_memory_files() {
        let mut builder = SealedBuilder(Open::Ordinary(Vec::new()));
        builder.write_all(b"some bytes").unwrap();
        assert_eq!(builder.len(), 10);
        let sealed = builder.seal().unwrap();
        assert!(sealed.as_fd().is_none());
        assert_eq!((sealed.len(), sealed.as_slice().unwrap()), (10, b"some bytes".as_slice()));
        assert_eq!(sealed.read_all().unwrap(), b"some bytes");
    }
}
