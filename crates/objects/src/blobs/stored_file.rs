//! Files as they lie on the disk: plain, or encrypted under the key of their project.

use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use casemate_delta::segmented::ReadAt;
use casemate_encryption::{ContentKey, Decryptor, Encryptor, HEADER_BYTES, SALT_BYTES};
use casemate_fs::{Dir, File, FsError, StagedFile};
use casemate_model::Entropy;
use zeroize::Zeroizing;

/// How the files of a project are written.
#[derive(Clone, Copy)]
pub(crate) struct FileKey<'k> {
    pub(crate) key: &'k ContentKey,
    pub(crate) entropy: &'k dyn Entropy,
}

/// A file, by position. Each read names its place, so readers do not disturb each other.
pub(crate) struct StoredFile {
    file: File,
    length: u64,
    encrypted: Option<Encrypted>,
}

struct Encrypted {
    decryptor: Decryptor,
    /// The frame that was read last, and its content. Most reads go on where the former ended.
    kept: Mutex<(u64, Zeroizing<Vec<u8>>)>,
}

impl StoredFile {
    /// Opens a file as what it is. Without a key it is plain; with one, files may still be that were there before.
    pub(crate) fn open(file: File, key: Option<&ContentKey>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let decryptor = match key {
            Some(key) if length >= HEADER_BYTES as u64 => {
                let mut header = [0; HEADER_BYTES];
                file.read_exact_at(&mut header, 0)?;
                Decryptor::open(key, &header, length)
            }
            _ => None,
        };
        let length = decryptor.as_ref().map_or(length, Decryptor::content_len);
        let kept = Mutex::new((u64::MAX, Zeroizing::default()));
        let encrypted = decryptor.map(|decryptor| Encrypted { decryptor, kept });
        Ok(Self { file, length, encrypted })
    }

    /// Reads from the start.
    pub(crate) fn reader(&self) -> StoredReader<'_> {
        StoredReader { file: self, position: 0 }
    }
}

impl ReadAt for StoredFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.encrypted {
            None => self.file.read_exact_at(into, offset),
            Some(encrypted) => encrypted.read_exact_at(&self.file, into, offset),
        }
    }
}

impl Encrypted {
    fn read_exact_at(&self, file: &File, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while !into.is_empty() {
            let (index, within) = Decryptor::frame_of(offset);
            if kept.0 != index {
                // Should it fail, nothing is kept.
                kept.0 = u64::MAX;
                self.read_frame(file, index, &mut kept.1)?;
                kept.0 = index;
            }
            let rest = kept.1.get(within..).filter(|rest| !rest.is_empty());
            let rest = rest.ok_or(io::ErrorKind::UnexpectedEof)?;
            let taken = rest.len().min(into.len());
            into[..taken].copy_from_slice(&rest[..taken]);
            into = &mut into[taken..];
            offset += taken as u64;
        }
        Ok(())
    }

    fn read_frame(&self, file: &File, index: u64, frame: &mut Vec<u8>) -> io::Result<()> {
        let (at, length) = self.decryptor.span(index).ok_or(io::ErrorKind::UnexpectedEof)?;
        frame.resize(length, 0);
        file.read_exact_at(frame, at)?;
        self.decryptor.decrypt(index, frame).map_err(|_| damaged())
    }
}

/// A frame is not what was written. Readers take it for damage, as they do content that does not have its digest.
fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an encrypted frame is damaged")
}

/// Reads a [`StoredFile`] from front to back.
pub(crate) struct StoredReader<'f> {
    file: &'f StoredFile,
    position: u64,
}

impl Read for StoredReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.file.length - self.position;
        let length = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
        self.file.read_exact_at(&mut into[..length], self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

/// A file that is being written. Dropped, it leaves nothing behind.
pub(crate) struct StoredWriter {
    file: StagedFile,
    encryptor: Option<Encryptor>,
}

impl StoredWriter {
    /// Begins a file in `directory`, encrypted if there is a key.
    pub(crate) fn stage(directory: &Dir, key: Option<FileKey<'_>>) -> Result<Self, FsError> {
        let mut file = directory.stage()?;
        let Some(FileKey { key, entropy }) = key else {
            return Ok(Self { file, encryptor: None });
        };
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let mut begun = Vec::with_capacity(HEADER_BYTES);
        let encryptor = Encryptor::begin(key, salt, &mut begun).expect("memory takes it");
        file.append(&begun)?;
        Ok(Self { file, encryptor: Some(encryptor) })
    }

    /// Writes the end; the file has yet to be put in its place.
    pub(crate) fn finish(mut self) -> io::Result<StagedFile> {
        if let Some(encryptor) = self.encryptor.take() {
            encryptor.finish(&mut self.file)?;
        }
        Ok(self.file)
    }
}

impl Write for StoredWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.encryptor {
            None => self.file.write(bytes),
            Some(encryptor) => encryptor.push(bytes, &mut self.file).map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
