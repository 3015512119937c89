use casemate_fs::SealedBytes;
use casemate_model::Digest;

use super::codec::Unpacked;
use super::engine::{compute, decode};
use super::metadata::{DeltaRecord, DirectRecord};
use super::references::{Copies, not_found};
use super::stored::Current;
use super::{DeltaGlider, DeltaGliderError, Form, LogicalKey, Record};

/// An object as it was put.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Its bytes.
    pub bytes: SealedBytes,
    /// Their hash, which was compared with the one stored, unless the form is [`Form::Plain`].
    pub sha256: Digest,
    /// How it is stored.
    pub form: Form,
}

/// What checking an object found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// How it is stored.
    pub form: Form,
    /// What its hash is.
    pub sha256: Digest,
    /// Its size.
    pub size_bytes: u64,
    /// Whether something said what its hash should be.
    pub was_expected: bool,
}

impl DeltaGlider {
    /// Gets an object back, verified. Whatever is wrong on the way is an error; wrong bytes are never given.
    pub async fn get(&self, key: &LogicalKey) -> Result<Restored, DeltaGliderError> {
        self.get_by(key, Copies::All).await
    }

    async fn get_by(&self, key: &LogicalKey, copies: Copies) -> Result<Restored, DeltaGliderError> {
        let stored = self.find(key).await?;
        match stored.current(key)? {
            Current::Delta(record) => self.get_delta(key, &record, copies).await,
            Current::Whole => self.get_whole(key).await,
        }
    }

    /// Gets an object and says what was found instead of giving it. All of it is read from the bucket, its reference
    /// too, once: that a copy is kept here says nothing of what is there.
    pub async fn verify(&self, key: &LogicalKey) -> Result<Verification, DeltaGliderError> {
        let Restored { bytes, sha256, form } = self.get_by(key, Copies::Seen).await?;
        Ok(Verification { form, sha256, size_bytes: bytes.len(), was_expected: form != Form::Plain })
    }

    async fn get_whole(&self, key: &LogicalKey) -> Result<Restored, DeltaGliderError> {
        let key = key.as_str();
        let download = self.bucket.get(key, None).await.map_err(|error| not_found(key, error))?;
        // By what came with the bytes: the object may have been replaced since it was looked at.
        let record = Record::of(key, &download.head)?;
        let (bytes, sha256) = self.take(key, download).await?;
        match record {
            Record::Direct(DirectRecord { file_sha256, .. }) if file_sha256 != sha256 => {
                Err(damaged(key, file_sha256, sha256))
            }
            Record::Direct(_) => Ok(Restored { bytes, sha256, form: Form::Direct }),
            Record::Plain => Ok(Restored { bytes, sha256, form: Form::Plain }),
            Record::Delta(_) | Record::Reference(_) => {
                Err(DeltaGliderError::Conflict { key: key.to_owned() })
            }
        }
    }

    async fn get_delta(
        &self,
        key: &LogicalKey,
        found: &DeltaRecord,
        copies: Copies,
    ) -> Result<Restored, DeltaGliderError> {
        // The file is the reference: there is nothing to apply, and nothing that could have been unpacked.
        if found.file_sha256 == found.ref_sha256 {
            let (sha256, key) = (found.file_sha256, key.as_str());
            let bytes = self.reference_of(key, sha256, &found.ref_keys, copies).await?;
            return Ok(Restored { bytes, sha256, form: Form::Delta });
        }
        let (record, delta) = self.fetch_delta(key).await?;
        match Unpacked::of(delta.as_slice()?) {
            unpacked if unpacked == Unpacked::default() => {}
            Unpacked { target: Some(b'G'), .. } => {
                return Err(DeltaGliderError::NeedsRescue { key: key.to_string() });
            }
            // With the same packer in the same way, which is known, unlike that of gzip.
            unpacked => return self.repack((key, copies), record, unpacked, delta).await,
        }
        let reference = self.reference_of(key.as_str(), record.ref_sha256, &record.ref_keys, copies).await?;
        self.apply(key, record, delta, reference).await
    }

    /// A delta with the metadata that belongs to exactly these bytes.
    pub(super) async fn fetch_delta(
        &self,
        key: &LogicalKey,
    ) -> Result<(DeltaRecord, SealedBytes), DeltaGliderError> {
        let delta_key = key.delta_key();
        let download =
            self.bucket.get(&delta_key, None).await.map_err(|error| not_found(key.as_str(), error))?;
        let Record::Delta(record) = Record::of(&delta_key, &download.head)? else {
            return Err(DeltaGliderError::Conflict { key: key.to_string() });
        };
        let (delta, _) = self.take(&delta_key, download).await?;
        Ok((record, delta))
    }

    async fn apply(
        &self,
        key: &LogicalKey,
        record: DeltaRecord,
        delta: SealedBytes,
        reference: SealedBytes,
    ) -> Result<Restored, DeltaGliderError> {
        let bytes_max = self.settings.object_bytes_max;
        if record.file_size > bytes_max {
            let (key, size_bytes) = (key.to_string(), record.file_size);
            return Err(DeltaGliderError::TooLarge { key, size_bytes, bytes_max });
        }
        let (codec, key) = (self.codec.clone(), key.to_string());
        compute(move || {
            let pair = (delta.as_slice()?, reference.as_slice()?);
            let (bytes, sha256) = decode(&*codec, &key, pair, record.file_size)?;
            if sha256 != record.file_sha256 {
                return Err(damaged(&key, record.file_sha256, sha256));
            }
            Ok(Restored { bytes, sha256, form: Form::Delta })
        })
        .await
    }
}

pub(super) fn damaged(key: &str, expected: Digest, found: Digest) -> DeltaGliderError {
    DeltaGliderError::Damaged { key: key.to_owned(), expected, found }
}
