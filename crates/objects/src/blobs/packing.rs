//! The packed forms of blobs: made, read, and put in the place of the whole ones.
//!
//! ```text
//! up to 8 MiB, and archives up to 64 MiB   native      in memory, seen through where it is compressed
//! everything else                          segmented   8 MiB at a time
//! ```

use std::io::{self, Read, Write};
use std::sync::Arc;

use casemate_delta::native::{self, Options};
use casemate_delta::segmented::{self, PackError, ReadAt, Segmented, Sketch};
use casemate_delta::through::Opened;
use casemate_delta::{Limits, Policy, through};
use casemate_model::Digest;

use super::segments::SegmentedContent;
use super::sinks::{HashedSink, MeasuredSink};
use super::{
    Blobs, PIECED_BYTES_MIN, StoredFile, StoredWriter, packed_path_of, path_of, read_error, write_error,
};
use crate::ObjectsError;
use crate::verified::{VerifiedBlob, read_failure};

/// Longer content stays whole.
pub(crate) const PACKED_BYTES_MAX: u64 = segmented::LENGTH_MAX;

/// Longer content is not held in memory to be packed or unpacked.
pub(super) const NATIVE_BYTES_MAX: u64 = 64 << 20;

/// Content up to this size is always tried alone as well.
const ALONE_BYTES_MAX: usize = 1 << 20;

/// What a codec may take for one blob.
pub(super) const LIMITS: Limits =
    Limits { content_bytes_max: 64 << 20, plain_bytes_max: 192 << 20, streams_max: 1 << 16 };

/// How hard segments are packed, as zstd counts.
const SEGMENT_LEVEL: i32 = 9;

/// Larger content is unpacked by few at once.
const UNGATED_BYTES_MAX: u64 = 2 << 20;

/// The packed form of a blob, not in its place yet.
pub(crate) struct PackedBlob {
    staged: StoredWriter,
    /// How long it is before it is encrypted.
    pub(crate) stored_bytes: u64,
    pub(crate) base: Option<Digest>,
    pub(crate) proof: Proof,
}

/// How a packed form is checked once it is in its place. Everything in it was unpacked and compared when it was made.
#[derive(Clone, Copy)]
pub(crate) enum Proof {
    /// It was unpacked as a whole: its bytes are to be these.
    Bytes(blake3::Hash),
    /// It was unpacked segment by segment: each piece of its content is to be what the table says.
    Pieces,
}

impl Blobs {
    /// Opens a packed blob. At most one difference is applied: a base never has one itself.
    pub(super) fn open_packed(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        let packed = self.open_file(digest, &packed_path_of(digest))?;
        match segmented_form(&packed, digest)? {
            Some(form) => self.open_segmented(digest, packed, form),
            None => self.open_native(digest, &packed),
        }
    }

    fn open_native(&self, digest: &Digest, file: &StoredFile) -> Result<VerifiedBlob, ObjectsError> {
        let packed = read_native(digest, file)?;
        let length =
            native::length(&packed, &LIMITS).map_err(|_| ObjectsError::Corrupt { digest: *digest })?;
        let room = self.unpacked.take(length).ok_or(ObjectsError::Busy)?;
        let base = match native_base(digest, &packed)? {
            None => None,
            Some(base) => Some(self.open_base(&base)?),
        };
        // The base has left the gate by now: who waits inside for another place might wait for ever.
        let _place = (length > UNGATED_BYTES_MAX).then(|| self.gate.enter());
        let mut content = HashedSink::new()?;
        native::unpack(&packed, base.as_deref(), &LIMITS, &mut content)
            .map_err(|_| ObjectsError::Corrupt { digest: *digest })?;
        let (found, sealed) = content.seal()?;
        if found == *digest {
            Ok(VerifiedBlob::sealed(&self.project, sealed).holding(room))
        } else {
            Err(ObjectsError::Corrupt { digest: *digest })
        }
    }

    fn open_segmented(
        &self,
        digest: &Digest,
        packed: StoredFile,
        form: Segmented,
    ) -> Result<VerifiedBlob, ObjectsError> {
        let base: Option<Box<dyn ReadAt + Send + Sync>> = match form.base() {
            None => None,
            Some(base) => Some(Box::new(self.open_alone(&Digest::from_bytes(*base))?)),
        };
        let room = self.unpacked.take(SegmentedContent::HELD_BYTES).ok_or(ObjectsError::Busy)?;
        Ok(self.pieced(digest, Box::new(SegmentedContent::new(packed, form, base)))?.holding(room))
    }

    /// Opens a blob that others are differences to: it is whole, or packed without a base.
    pub(super) fn open_alone(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        match self.open_whole(digest) {
            Err(ObjectsError::BlobMissing { .. }) => {
                if self.base_of(digest)?.is_some() {
                    return Err(ObjectsError::Corrupt { digest: *digest });
                }
                self.open_packed(digest)
            }
            other => other,
        }
    }

    /// The base that the packed form of a blob names. Whatever is wrong with its bytes, what they should have been is not
    /// there.
    pub(super) fn base_of(&self, digest: &Digest) -> Result<Option<Digest>, ObjectsError> {
        let packed = self.open_file(digest, &packed_path_of(digest))?;
        match segmented_form(&packed, digest)? {
            Some(form) => Ok(form.base().map(|base| Digest::from_bytes(*base))),
            None => native_base(digest, &read_native(digest, &packed)?),
        }
    }

    /// Opens a blob to be packed. It has a whole form then, so that a packed form may be replaced or dropped.
    fn open_to_pack(&self, digest: &Digest) -> Result<VerifiedBlob, ObjectsError> {
        // Without a packed form there is nothing that the whole one could be healed from: each piece is checked as it is read.
        if let Err(ObjectsError::BlobMissing { .. }) = self.open_file(digest, &packed_path_of(digest)) {
            return self.open_whole(digest);
        }
        let blob = self.open_verified(digest)?;
        self.ensure_whole(digest, &blob)?;
        Ok(blob)
    }

    /// Makes sure that a blob has a sound whole form, so that a packed form may be replaced or dropped.
    fn ensure_whole(&self, digest: &Digest, blob: &VerifiedBlob) -> Result<(), ObjectsError> {
        match self.open_whole(digest).and_then(|whole| whole.check_again()) {
            Ok(_) => Ok(()),
            Err(ObjectsError::BlobMissing { .. } | ObjectsError::Corrupt { .. }) => {
                let mut staged = self.stage()?;
                blob.read_pieces(|piece| staged.push(&piece))?;
                staged.commit(Some(*digest)).map(drop)
            }
            Err(error) => Err(error),
        }
    }

    /// Packs a blob, as a difference to one of `bases` if that pays; `None` if nothing does. What comes back was unpacked
    /// again and compared.
    pub(crate) fn pack(&self, digest: &Digest, bases: &[Digest]) -> Result<Option<PackedBlob>, ObjectsError> {
        let mut blob = self.open_to_pack(digest)?;
        if blob.size_bytes() <= NATIVE_BYTES_MAX && may_be_native(&blob)? {
            let sealed = blob.into_sealed(NATIVE_BYTES_MAX)?;
            let content = sealed.as_slice().map_err(ObjectsError::Files)?;
            if sealed.len() <= PIECED_BYTES_MIN || through::is_archive(content) {
                return self.pack_native(digest, content, bases);
            }
            blob = VerifiedBlob::sealed(&self.project, sealed);
        }
        self.pack_segmented(digest, &blob, bases)
    }

    fn pack_native(
        &self,
        digest: &Digest,
        content: &[u8],
        bases: &[Digest],
    ) -> Result<Option<PackedBlob>, ObjectsError> {
        let mut best: Option<(Vec<u8>, Option<Digest>)> = None;
        // A base that cannot be read, or is itself a difference, is none.
        let opened = bases.iter().filter_map(|base| self.open_base(base).ok());
        for base in opened.map(Some).chain([None]) {
            // Alone it is tried where no difference is small, which is how a new base comes up, and where it costs little, so
            // that nothing hangs on a base that it does not need.
            let small = best.as_ref().is_some_and(|(best, _)| best.len() < content.len() / 4);
            if base.is_none() && small && content.len() > ALONE_BYTES_MAX {
                break;
            }
            // Each try may cost seconds, and where a base is this near another saves little.
            if best.as_ref().is_some_and(|(best, _)| {
                best.len() < content.len() / NEAR_PART && content.len() > ALONE_BYTES_MAX
            }) {
                break;
            }
            let packed = pack_on(content, base.as_deref());
            let smaller = |(bytes, base): &(Vec<u8>, Option<Digest>)| {
                // To hang on nothing is worth a little.
                best.as_ref().is_none_or(|(best, _)| match base {
                    None => bytes.len() < best.len() + best.len() / 3,
                    Some(_) => bytes.len() < best.len(),
                })
            };
            best = packed.filter(smaller).or(best);
        }
        let Some((bytes, base)) = best.filter(|(best, _)| pays(best.len() as u64, content.len() as u64))
        else {
            return Ok(None);
        };
        let stored = blake3::hash(&bytes);
        if base.is_none() && content.len() > ALONE_BYTES_MAX {
            self.expect_differences_to(digest, content, stored);
        }
        self.check_room()?;
        let mut staged = self.stage_in(&self.directory)?;
        staged.write_all(&bytes).map_err(write_error)?;
        let proof = Proof::Bytes(stored);
        Ok(Some(PackedBlob { staged, stored_bytes: bytes.len() as u64, base, proof }))
    }

    fn pack_segmented(
        &self,
        digest: &Digest,
        blob: &VerifiedBlob,
        bases: &[Digest],
    ) -> Result<Option<PackedBlob>, ObjectsError> {
        let base = self.nearest(digest, blob, bases)?;
        let base = base.as_ref();
        let mut sink = MeasuredSink::new(self)?;
        let on = base.map(|base| segmented::Base {
            digest: base.digest.as_bytes(),
            content: &base.content,
            sketch: &base.sketch,
        });
        match segmented::pack(blob, on, SEGMENT_LEVEL, &mut sink) {
            Ok(stored_bytes) if pays(stored_bytes, blob.size_bytes()) => {
                let base = base.map(|base| base.digest);
                Ok(Some(PackedBlob { staged: sink.file, stored_bytes, base, proof: Proof::Pieces }))
            }
            Ok(_) | Err(PackError::DoesNotPay) => Ok(None),
            Err(PackError::Read(error) | PackError::Sink(error)) => {
                Err(error.downcast().unwrap_or_else(|source| ObjectsError::Io { action: "pack", source }))
            }
            Err(error @ (PackError::TooLong { .. } | PackError::Zstd)) => {
                warn_whole(&error);
                Ok(None)
            }
        }
    }

    /// The one of `bases` with which the content has most in common; none if it has little with any.
    fn nearest(
        &self,
        digest: &Digest,
        blob: &VerifiedBlob,
        bases: &[Digest],
    ) -> Result<Option<NearBase>, ObjectsError> {
        let sketch = Arc::new(Sketch::of(blob).map_err(failure)?);
        self.sketches.keep(self.id(digest), &sketch);
        let (mut nearest, mut most) = (None, sketch.distinct_bytes() / COMMON_PART_MIN);
        for base in bases {
            // A base that cannot be read, or is itself a difference, is none; nor is one that each reader had to unpack whole.
            let opened = self.open_alone(base).ok();
            let Some(content) = opened.filter(VerifiedBlob::is_read_anywhere) else {
                continue;
            };
            let Some(of_base) = self.sketch_of_base(base, &content) else {
                continue;
            };
            let common = sketch.common_bytes(&of_base);
            if common > most {
                most = common;
                nearest = Some(NearBase { digest: *base, content, sketch: of_base });
            }
        }
        Ok(nearest)
    }

    /// Makes the packed form of a blob durable, beside its whole form.
    pub(crate) fn put_packed(&self, digest: &Digest, packed: PackedBlob) -> Result<(), ObjectsError> {
        let staged = packed.staged.finish().map_err(write_error)?;
        staged.commit_replace(&packed_path_of(digest)).map_err(ObjectsError::Files)
    }

    /// Reads the packed form of a blob to its end, and checks it.
    pub(crate) fn check_packed(&self, digest: &Digest, proof: Proof) -> Result<(), ObjectsError> {
        match proof {
            Proof::Bytes(expected) => {
                let stored = read_native(digest, &self.open_file(digest, &packed_path_of(digest))?)?;
                if blake3::hash(&stored) != expected {
                    return Err(ObjectsError::Corrupt { digest: *digest });
                }
                self.check_base_of(digest)?;
                self.remove_pieces(digest)
            }
            Proof::Pieces => self.open_packed(digest)?.read_pieces(|_| Ok(())),
        }
    }

    /// Removes the whole form of a blob whose packed form was checked, and is still there; true if there was one.
    pub(crate) fn remove_whole(&self, digest: &Digest) -> Result<bool, ObjectsError> {
        self.open_file(digest, &packed_path_of(digest))?;
        self.remove_file(&path_of(digest))
    }

    /// Removes a packed form that is not to be.
    pub(crate) fn remove_packed(&self, digest: &Digest) -> Result<(), ObjectsError> {
        self.forget(digest);
        self.remove_file(&packed_path_of(digest)).map(drop)
    }
}

/// Whether content is worth to be read into memory before it is packed.
fn may_be_native(blob: &VerifiedBlob) -> Result<bool, ObjectsError> {
    let length = blob.size_bytes();
    if length <= PIECED_BYTES_MIN {
        return Ok(true);
    }
    let (mut head, mut tail) = ([0; 4], vec![0; through::TAIL_BYTES]);
    blob.read_exact_at(&mut head, 0).map_err(failure)?;
    blob.read_exact_at(&mut tail, length - through::TAIL_BYTES as u64).map_err(failure)?;
    Ok(through::may_be_archive(&head, &tail))
}

/// A difference of less than this part of its content is not tried to be made smaller.
const NEAR_PART: usize = 16;

/// Which part of content must be in a base for it to be one.
const COMMON_PART_MIN: u64 = 16;

/// What content is packed on in segments.
struct NearBase {
    digest: Digest,
    content: VerifiedBlob,
    sketch: Arc<Sketch>,
}

/// Whether a packed form is so much smaller than its content that it is worth the time of each read.
fn pays(stored_bytes: u64, content_bytes: u64) -> bool {
    stored_bytes < content_bytes - content_bytes / 10
}

/// The form in segments, if it is one.
fn segmented_form(packed: &StoredFile, digest: &Digest) -> Result<Option<Segmented>, ObjectsError> {
    let mut magic = Vec::new();
    packed.reader().take(8).read_to_end(&mut magic).map_err(|error| read_failure(error, digest))?;
    if !Segmented::begins(&magic) {
        return Ok(None);
    }
    match Segmented::open(packed) {
        Ok(form) => Ok(Some(form)),
        Err(segmented::UnpackError::Read(error)) => Err(read_failure(error, digest)),
        Err(_) => Err(ObjectsError::Corrupt { digest: *digest }),
    }
}

fn read_native(digest: &Digest, file: &StoredFile) -> Result<Vec<u8>, ObjectsError> {
    // Only what is smaller than its content is kept packed.
    if file.length() > NATIVE_BYTES_MAX {
        return Err(ObjectsError::Corrupt { digest: *digest });
    }
    let mut bytes = vec![0; usize::try_from(file.length()).expect("64 MiB at most")];
    file.read_exact_at(&mut bytes, 0).map_err(|error| read_failure(error, digest))?;
    Ok(bytes)
}

fn native_base(digest: &Digest, packed: &[u8]) -> Result<Option<Digest>, ObjectsError> {
    let base = native::base(packed, &LIMITS).map_err(|_| ObjectsError::Corrupt { digest: *digest })?;
    Ok(base.map(Digest::from_bytes))
}

/// Packs content on a base; `None` if it cannot be packed.
fn pack_on(content: &[u8], base: Option<&Opened>) -> Option<(Vec<u8>, Option<Digest>)> {
    let options = Options { policy: Policy::Balanced, limits: LIMITS, ..Options::default() };
    let packed = native::pack(content, base, &options).inspect_err(|error| warn_whole(error)).ok()?;
    let base = base.filter(|_| packed.on_base);
    Some((packed.bytes, base.map(|base| Digest::from_bytes(*base.digest()))))
}

fn warn_whole(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "content could not be packed and stays whole");
}

/// The failure that came through a reader of stored content.
fn failure(error: io::Error) -> ObjectsError {
    error.downcast().unwrap_or_else(read_error)
}
