use bytes::Bytes;
use casemate_fs::SealedBytes;
use casemate_model::{Digest, Hasher};
use md5::{Digest as _, Md5};

use super::engine::{compute, encode, shared};
use super::metadata::{self, NewFile};
use super::references::{Copies, Lent, Reference};
use super::stored::{DeltaPlace, Stored};
use super::{DeltaGlider, DeltaGliderError, Form, LogicalKey, Record, is_eligible};
use crate::{Body, Condition, Head, Metadata, Upload};

/// How an object is to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct PutOptions {
    /// Store it as it is, unless its name leaves no choice.
    pub no_delta: bool,
    /// The largest share of the file that a delta may have; a larger one is not worth its trouble, and the file is
    /// stored as it is.
    pub max_ratio: f64,
    /// The media type of an object that is stored as it is. Deltas have none of their own.
    pub content_type: Option<String>,
    /// What to attach, under names that begin with `user-` in the bucket.
    pub metadata: Metadata,
}

impl Default for PutOptions {
    fn default() -> Self {
        Self { no_delta: false, max_ratio: 0.5, content_type: None, metadata: Metadata::new() }
    }
}

/// What putting an object did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOutcome {
    /// The form chosen.
    pub form: Form,
    /// The hash of the file.
    pub sha256: Digest,
    /// The size of the file.
    pub size_bytes: u64,
    /// What was stored for it, without the reference.
    pub stored_bytes: u64,
    /// Whether this file became the reference of its folder.
    pub made_reference: bool,
}

/// A file that is being put, and all that is known of it.
struct Putting<'a> {
    key: &'a LogicalKey,
    bytes: SealedBytes,
    sha256: Digest,
    md5_hex: String,
    options: &'a PutOptions,
}

impl DeltaGlider {
    /// Stores a file under a logical key, in place of what is there.
    ///
    /// A delta is decoded and compared with the file before anything is sent, and an object appears under its key only
    /// if nobody else stored there meanwhile: [`DeltaGliderError::Conflict`] otherwise.
    pub async fn put(
        &self,
        key: &LogicalKey,
        file: SealedBytes,
        options: &PutOptions,
    ) -> Result<PutOutcome, DeltaGliderError> {
        let bytes_max = self.settings.object_bytes_max;
        if file.len() > bytes_max {
            let (key, size_bytes) = (key.to_string(), file.len());
            return Err(DeltaGliderError::TooLarge { key, size_bytes, bytes_max });
        }
        let (sha256, md5_hex) = hash(&file).await?;
        let putting = Putting { key, bytes: file, sha256, md5_hex, options };
        for _ in 0..TRIES_MAX {
            let stored = self.find(key).await?;
            if !self.wants_delta(&putting, &stored)? {
                return self.put_direct(&putting, &stored).await;
            }
            match self.put_delta(&putting, &stored).await? {
                Step::Done(outcome) => return Ok(outcome),
                Step::Direct => return self.put_direct(&putting, &stored).await,
                Step::Again => {}
            }
        }
        Err(DeltaGliderError::Conflict { key: key.to_string() })
    }

    fn wants_delta(&self, putting: &Putting<'_>, stored: &Stored) -> Result<bool, DeltaGliderError> {
        let (key, size_bytes) = (putting.key, putting.bytes.len());
        let is_foreign = matches!(stored.delta, DeltaPlace::Foreign);
        if key.is_reserved() {
            if is_foreign {
                let (key, stored) = (key.to_string(), key.delta_key());
                return Err(DeltaGliderError::Occupied { key, stored });
            }
            let bytes_max = self.settings.delta_bytes_max;
            if size_bytes > bytes_max {
                return Err(DeltaGliderError::TooLarge { key: key.to_string(), size_bytes, bytes_max });
            }
            return Ok(true);
        }
        let fits = size_bytes > 0 && size_bytes <= self.settings.delta_bytes_max;
        Ok(fits && !is_foreign && !putting.options.no_delta && is_eligible(key.name()))
    }

    async fn put_delta(&self, putting: &Putting<'_>, stored: &Stored) -> Result<Step, DeltaGliderError> {
        let key = putting.key;
        let (reference, made_reference) = match self.reference_for(putting).await? {
            Found::There(reference) => (reference, false),
            Found::Made(reference) => (reference, true),
            Found::Foreign if key.is_reserved() => {
                let (key, stored) = (key.to_string(), key.reference_key());
                return Err(DeltaGliderError::Occupied { key, stored });
            }
            Found::Foreign => return Ok(Step::Direct),
        };
        let delta = self.encode(key, &putting.bytes, &reference.bytes).await?;
        let pays = is_within(delta.len(), putting.bytes.len(), putting.options.max_ratio);
        // Another one, with another version of the file, may be the reference when it is too different now.
        if !pays && !key.is_reserved() && !made_reference {
            return Ok(Step::Direct);
        }
        let metadata =
            putting.metadata(|new| new.delta(&reference.key, reference.sha256, delta.len()), self)?;
        let replaced = match &stored.delta {
            DeltaPlace::Delta(head, _) => Some(head),
            DeltaPlace::Free | DeltaPlace::Foreign => None,
        };
        let stored_bytes = delta.len() as u64;
        let upload = Upload { body: Body::Whole(delta), content_type: None, metadata };
        self.create(key, &key.delta_key(), upload, replaced).await?;
        if !self.reference_stays(&reference, putting).await? {
            return Ok(Step::Again);
        }
        self.drop_whole(key, stored).await?;
        let size_bytes = putting.bytes.len();
        let form = Form::Delta;
        Ok(Step::Done(PutOutcome { form, sha256: putting.sha256, size_bytes, stored_bytes, made_reference }))
    }

    async fn put_direct(
        &self,
        putting: &Putting<'_>,
        stored: &Stored,
    ) -> Result<PutOutcome, DeltaGliderError> {
        let key = putting.key;
        let metadata = putting.metadata(|new| new.direct(), self)?;
        let body = Body::Whole(shared(&putting.bytes)?);
        let upload = Upload { body, content_type: putting.options.content_type.clone(), metadata };
        let replaced = stored.whole.as_ref().map(|(head, _)| head);
        self.create(key, key.as_str(), upload, replaced).await?;
        if let DeltaPlace::Delta(..) = stored.delta {
            self.delete_delta(key).await?;
        }
        let size_bytes = putting.bytes.len();
        let form = Form::Direct;
        let sha256 = putting.sha256;
        Ok(PutOutcome { form, sha256, size_bytes, stored_bytes: size_bytes, made_reference: false })
    }

    /// The reference of the file's folder. The file becomes it if there is none.
    async fn reference_for(&self, putting: &Putting<'_>) -> Result<Found, DeltaGliderError> {
        let place = putting.key.reference_key();
        for _ in 0..TRIES_MAX {
            match self.look(&place).await? {
                Some((_, Record::Reference(record))) => {
                    let places = std::slice::from_ref(&place);
                    let bytes =
                        self.reference_of(putting.key.as_str(), record.file_sha256, places, Copies::All);
                    let Lent { bytes, .. } = bytes.await?;
                    return Ok(Found::There(Reference { key: place, sha256: record.file_sha256, bytes }));
                }
                Some((_, Record::Delta(_) | Record::Direct(_) | Record::Plain)) => return Ok(Found::Foreign),
                None => {}
            }
            // All that may fail here without the bucket fails before the reference is stored.
            self.encode(putting.key, &putting.bytes, &putting.bytes).await?;
            if self.make_reference(putting, &place).await? {
                let bytes = putting.bytes.clone();
                let made = Reference { key: place, sha256: putting.sha256, bytes };
                self.keep_reference(&made).await;
                return Ok(Found::Made(made));
            }
        }
        Err(DeltaGliderError::Conflict { key: putting.key.to_string() })
    }

    /// Stores the file as the reference; false if somebody else was faster.
    async fn make_reference(&self, putting: &Putting<'_>, place: &str) -> Result<bool, DeltaGliderError> {
        let mut metadata = putting.new_file(self).reference();
        // The reference's own fields always fit: its name is cut.
        let _ = metadata::fit(&mut metadata);
        let upload = Upload::of(shared(&putting.bytes)?).with_metadata(metadata);
        match self.bucket.put(place, upload, Condition::Absent).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_lost_race() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure that a delta that was just stored has its reference: somebody may have removed it, with what was
    /// the last delta, between our reading it and our storing. False if another one took its place.
    async fn reference_stays(
        &self,
        reference: &Reference,
        putting: &Putting<'_>,
    ) -> Result<bool, DeltaGliderError> {
        match self.look(&reference.key).await? {
            Some((_, Record::Reference(record))) => Ok(record.file_sha256 == reference.sha256),
            Some(_) => Ok(false),
            None => self.restore_reference(reference, putting.key.name()).await,
        }
    }

    /// Stores a reference again whose bytes we still have; false if another one is there.
    pub(super) async fn restore_reference(
        &self,
        reference: &Reference,
        name: &str,
    ) -> Result<bool, DeltaGliderError> {
        let (sha256, md5_hex) = hash(&reference.bytes).await?;
        let (size_bytes, created) = (reference.bytes.len(), self.clock.now());
        let new = NewFile { name, sha256, md5_hex: &md5_hex, size_bytes, created };
        let upload = Upload::of(shared(&reference.bytes)?).with_metadata(new.reference());
        match self.bucket.put(&reference.key, upload, Condition::Absent).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_lost_race() => match self.look(&reference.key).await? {
                Some((_, Record::Reference(record))) => Ok(record.file_sha256 == sha256),
                Some(_) | None => Ok(false),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Stores under a key that is free, or has exactly the object that was looked at.
    async fn create(
        &self,
        key: &LogicalKey,
        stored_key: &str,
        upload: Upload,
        replaced: Option<&Head>,
    ) -> Result<(), DeltaGliderError> {
        let condition = match replaced {
            None => Condition::Absent,
            Some(Head { etag: Some(etag), .. }) => Condition::Unchanged(etag.clone()),
            Some(_) => Condition::Always,
        };
        let ours = upload.metadata.clone();
        match self.bucket.put(stored_key, upload, condition).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_lost_race() => {
                // A put that was repeated because its answer got lost fails on itself.
                let found = self.bucket.head(stored_key).await?;
                let is_ours = found.metadata == ours;
                if is_ours { Ok(()) } else { Err(DeltaGliderError::Conflict { key: key.to_string() }) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the older whole form of a key whose delta was just stored.
    async fn drop_whole(&self, key: &LogicalKey, stored: &Stored) -> Result<(), DeltaGliderError> {
        if stored.whole.is_some() && !key.is_reserved() {
            self.bucket.delete(key.as_str()).await?;
        }
        Ok(())
    }

    async fn encode(
        &self,
        key: &LogicalKey,
        target: &SealedBytes,
        source: &SealedBytes,
    ) -> Result<Bytes, DeltaGliderError> {
        let (codec, key) = (self.codec.clone(), key.to_string());
        let (target, source) = (target.clone(), source.clone());
        compute(move || encode(&*codec, &key, &target, &source)).await
    }
}

impl Putting<'_> {
    fn new_file<'a>(&'a self, engine: &DeltaGlider) -> NewFile<'a> {
        NewFile {
            name: self.key.name(),
            sha256: self.sha256,
            md5_hex: &self.md5_hex,
            size_bytes: self.bytes.len(),
            created: engine.clock.now(),
        }
    }

    /// The fields of a form and what the user attaches.
    fn metadata(
        &self,
        fields: impl FnOnce(&NewFile<'_>) -> Metadata,
        engine: &DeltaGlider,
    ) -> Result<Metadata, DeltaGliderError> {
        with_users(fields(&self.new_file(engine)), self.key, self.options)
    }
}

/// The fields of a form, and what the user attaches.
pub(super) fn with_users(
    mut metadata: Metadata,
    key: &LogicalKey,
    options: &PutOptions,
) -> Result<Metadata, DeltaGliderError> {
    for (name, value) in &options.metadata {
        metadata.insert(format!("user-{}", name.to_lowercase()), value.clone());
    }
    metadata::fit(&mut metadata).map_err(|bytes| DeltaGliderError::MetadataTooLarge {
        key: key.to_string(),
        bytes,
        bytes_max: metadata::METADATA_BYTES_MAX,
    })?;
    Ok(metadata)
}

enum Step {
    Done(PutOutcome),
    Direct,
    Again,
}

enum Found {
    There(Reference),
    Made(Reference),
    /// Something that is not DeltaGlider's has the name.
    Foreign,
}

/// Whether a delta is small enough. Without a file there is nothing to save.
fn is_within(delta_bytes: usize, file_bytes: u64, max_ratio: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
    let (delta, file) = (delta_bytes as f64, file_bytes as f64);
    file > 0.0 && delta <= file * max_ratio
}

async fn hash(bytes: &SealedBytes) -> Result<(Digest, String), DeltaGliderError> {
    let bytes = bytes.clone();
    compute(move || {
        let (mut sha256, mut md5) = (Hasher::new(), Md5::new());
        for piece in bytes.as_slice()?.chunks(HASHED_AT_ONCE_BYTES) {
            sha256.update(piece);
            md5.update(piece);
        }
        Ok((sha256.finish(), data_encoding::HEXLOWER.encode(&md5.finalize())))
    })
    .await
}

/// How often somebody else may come in between before that is an answer.
const TRIES_MAX: usize = 8;

const HASHED_AT_ONCE_BYTES: usize = 64 << 10;
