//! The packed forms of blobs: made, read, and put in the place of the whole ones.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use casemate_delta::native::{self, Options};
use casemate_delta::through::Opened;
use casemate_delta::{Limits, Policy};
use casemate_fs::{SealedBuilder, SealedBytes};
use casemate_model::{Digest, Hasher};

use super::{Blobs, packed_path_of, path_of, read_error};
use crate::ObjectsError;
use crate::verified::VerifiedBlob;

/// Longer content stays whole: packing holds it in memory, and its base as well.
pub(crate) const CONTENT_BYTES_MAX: u64 = 64 << 20;

/// Content up to this size is always tried alone as well.
const ALONE_BYTES_MAX: usize = 1 << 20;

/// What a codec may take for one blob.
const LIMITS: Limits =
    Limits { content_bytes_max: 64 << 20, plain_bytes_max: 192 << 20, streams_max: 1 << 16 };

/// Bytes of content of the bases that are kept open. What was inflated of them comes on top.
const BASES_BYTES_MAX: usize = 64 << 20;

/// The packed form of a blob, not written down yet.
pub(crate) struct PackedBlob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) base: Option<Digest>,
}

/// Bases that were opened lately, the last one used at the end. Versions are read one after the other, and each would
/// unpack the same base.
#[derive(Default)]
pub(super) struct Bases(Mutex<Vec<Arc<Opened>>>);

impl Bases {
    fn get(&self, digest: &Digest) -> Option<Arc<Opened>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().position(|base| base.digest() == digest.as_bytes())?;
        let base = open.remove(at);
        open.push(Arc::clone(&base));
        Some(base)
    }

    fn keep(&self, base: &Arc<Opened>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(Arc::clone(base));
        while open.len() > 1 && open.iter().map(|base| base.content().len()).sum::<usize>() > BASES_BYTES_MAX
        {
            open.remove(0);
        }
    }
}

impl Blobs {
    /// Rebuilds a packed blob. At most one difference is applied: a base never has one itself.
    pub(super) fn open_packed(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        let packed = self.read_packed(digest)?;
        let base = match self.base_of(digest, &packed)? {
            None => None,
            Some(base) => Some(self.open_base(&base)?),
        };
        let mut content = HashedSink::new()?;
        let length = native::unpack(&packed, base.as_deref(), &LIMITS, &mut content)
            .map_err(|_| ObjectsError::Corrupt { digest: *digest })?;
        let (found, sealed) = content.seal()?;
        if found == *digest {
            Ok(VerifiedBlob::sealed(sealed, length))
        } else {
            Err(ObjectsError::Corrupt { digest: *digest })
        }
    }

    /// The base that packed bytes name. Whatever is wrong with the bytes, what they should have been is not there.
    pub(super) fn base_of(&self, digest: &Digest, packed: &[u8]) -> Result<Option<Digest>, ObjectsError> {
        let base = native::base(packed, &LIMITS).map_err(|_| ObjectsError::Corrupt { digest: *digest })?;
        Ok(base.map(Digest::from_bytes))
    }

    /// Opens a blob that others are differences to: it is whole, or packed without a base.
    fn open_base(&self, digest: &Digest) -> Result<Arc<Opened>, ObjectsError> {
        if let Some(base) = self.bases.get(digest) {
            return Ok(base);
        }
        let corrupt = || ObjectsError::Corrupt { digest: *digest };
        let blob = match self.open_whole(digest) {
            Err(ObjectsError::BlobMissing { .. }) => {
                if self.base_of(digest, &self.read_packed(digest)?)?.is_some() {
                    return Err(corrupt());
                }
                self.open_packed(digest)?
            }
            other => other?,
        };
        let content = blob.into_sealed(CONTENT_BYTES_MAX)?.read_all().map_err(ObjectsError::Files)?;
        let opened = Opened::new(*digest.as_bytes(), content, &LIMITS).ok_or_else(corrupt)?;
        let opened = Arc::new(opened);
        self.bases.keep(&opened);
        Ok(opened)
    }

    pub(super) fn read_packed(&self, digest: &Digest) -> Result<Vec<u8>, ObjectsError> {
        let mut bytes = Vec::new();
        let file = self.open_file(digest, &packed_path_of(digest))?;
        // Only what is smaller than its content is kept packed.
        let read = file.take(CONTENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(read_error)?;
        if read as u64 > CONTENT_BYTES_MAX {
            return Err(ObjectsError::Corrupt { digest: *digest });
        }
        Ok(bytes)
    }

    /// Makes sure that a blob has a sound whole form, so that a packed form may be replaced or dropped.
    fn ensure_whole(&self, digest: &Digest, content: &[u8]) -> Result<(), ObjectsError> {
        match self.open_whole(digest) {
            Ok(_) => Ok(()),
            Err(ObjectsError::BlobMissing { .. } | ObjectsError::Corrupt { .. }) => {
                let mut staged = self.stage()?;
                staged.push(content)?;
                staged.commit(Some(*digest)).map(drop)
            }
            Err(error) => Err(error),
        }
    }

    /// Packs a blob, as a difference to one of `bases` if that pays; `None` if nothing does. What comes back was unpacked
    /// again and compared.
    pub(crate) fn pack(&self, digest: &Digest, bases: &[Digest]) -> Result<Option<PackedBlob>, ObjectsError> {
        let sealed = self.open_verified(digest)?.into_sealed(CONTENT_BYTES_MAX)?;
        let content = sealed.as_slice().map_err(ObjectsError::Files)?;
        self.ensure_whole(digest, content)?;
        let mut best: Option<PackedBlob> = None;
        // A base that cannot be read, or is itself a difference, is none.
        let opened = bases.iter().filter_map(|base| self.open_base(base).ok());
        for base in opened.map(Some).chain([None]) {
            // Alone it is tried where no difference is small, which is how a new base comes up, and where it costs little, so
            // that nothing hangs on a base that it does not need.
            let small = best.as_ref().is_some_and(|best| best.bytes.len() < content.len() / 4);
            if base.is_none() && small && content.len() > ALONE_BYTES_MAX {
                break;
            }
            let packed = pack_on(content, base.as_deref())?;
            let smaller = |packed: &PackedBlob| {
                // To hang on nothing is worth a little.
                let bytes = packed.bytes.len();
                best.as_ref().is_none_or(|best| match packed.base {
                    None => bytes < best.bytes.len() + best.bytes.len() / 3,
                    Some(_) => bytes < best.bytes.len(),
                })
            };
            best = packed.filter(smaller).or(best);
        }
        Ok(best.filter(|best| best.bytes.len() < content.len() - content.len() / 10))
    }

    /// Makes the packed form of a blob durable, beside its whole form.
    pub(crate) fn put_packed(&self, digest: &Digest, bytes: &[u8]) -> Result<(), ObjectsError> {
        self.check_room()?;
        self.directory.replace(&packed_path_of(digest), bytes).map_err(ObjectsError::Files)
    }

    /// Removes the whole form of a blob whose packed form is sound; true if there was one.
    pub(crate) fn remove_whole(&self, digest: &Digest) -> Result<bool, ObjectsError> {
        self.open_packed(digest)?;
        self.directory.remove_file(&path_of(digest)).map_err(ObjectsError::Files)
    }

    /// Removes a packed form that is not to be.
    pub(crate) fn remove_packed(&self, digest: &Digest) -> Result<(), ObjectsError> {
        self.directory.remove_file(&packed_path_of(digest)).map(drop).map_err(ObjectsError::Files)
    }
}

/// Packs content on a base, and unpacks it again; `None` if it does not come back.
fn pack_on(content: &[u8], base: Option<&Opened>) -> Result<Option<PackedBlob>, ObjectsError> {
    let options = Options { policy: Policy::Balanced, limits: LIMITS, ..Options::default() };
    let packed = match native::pack(content, base, &options) {
        Ok(packed) => packed,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "content could not be packed and stays whole"
            );
            return Ok(None);
        }
    };
    let base = base.filter(|_| packed.on_base);
    let mut compared = Compared { expected: content };
    let unpacked = native::unpack(&packed.bytes, base, &LIMITS, &mut compared);
    if unpacked.is_err() || !compared.expected.is_empty() {
        tracing::error!("packed content did not come back the same; it stays whole");
        return Ok(None);
    }
    Ok(Some(PackedBlob { bytes: packed.bytes, base: base.map(|base| Digest::from_bytes(*base.digest())) }))
}

/// Takes only what it expects.
struct Compared<'c> {
    expected: &'c [u8],
}

impl Write for Compared<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.expected = self.expected.strip_prefix(bytes).ok_or(std::io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Content on its way into sealed memory, hashed on the way.
struct HashedSink {
    builder: SealedBuilder,
    hasher: Hasher,
}

impl HashedSink {
    fn new() -> Result<Self, ObjectsError> {
        Ok(Self { builder: SealedBytes::builder().map_err(ObjectsError::Files)?, hasher: Hasher::new() })
    }

    fn seal(self) -> Result<(Digest, SealedBytes), ObjectsError> {
        Ok((self.hasher.finish(), self.builder.seal().map_err(ObjectsError::Files)?))
    }
}

impl Write for HashedSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.builder.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
