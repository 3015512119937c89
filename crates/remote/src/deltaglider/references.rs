use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use casemate_fs::SealedBytes;
use casemate_model::Digest;

use super::{DeltaGlider, DeltaGliderError, Record};

/// References that were used and verified, in sealed memory, the latest last.
pub(super) struct References {
    bytes_max: u64,
    kept: Mutex<VecDeque<(Digest, SealedBytes)>>,
}

/// A reference whose bytes were checked.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) key: String,
    pub(super) sha256: Digest,
    pub(super) bytes: SealedBytes,
}

impl References {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    pub(super) fn get(&self, sha256: Digest) -> Option<SealedBytes> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(kept, _)| *kept == sha256)?;
        let found = kept.remove(at)?;
        kept.push_back(found.clone());
        Some(found.1)
    }

    /// Keeps bytes that were verified; those unused for longest make room.
    pub(super) fn keep(&self, sha256: Digest, bytes: &SealedBytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(kept, _)| *kept != sha256);
        kept.push_back((sha256, bytes.clone()));
        while kept.iter().map(|(_, bytes)| bytes.len()).sum::<u64>() > self.bytes_max {
            kept.pop_front();
        }
    }
}

impl DeltaGlider {
    /// The reference that a delta of `key` was made against: with that hash, at the first of the places that has it.
    pub(super) async fn reference_of(
        &self,
        key: &str,
        sha256: Digest,
        places: &[String],
    ) -> Result<SealedBytes, DeltaGliderError> {
        if let Some(bytes) = self.references.get(sha256) {
            return Ok(bytes);
        }
        let mut failure = None;
        for place in places {
            let error = match self.fetch_reference(place).await {
                Ok(found) if found.sha256 == sha256 => return Ok(found.bytes),
                Ok(found) => {
                    DeltaGliderError::Damaged { key: place.clone(), expected: sha256, found: found.sha256 }
                }
                Err(DeltaGliderError::NotFound { .. }) => {
                    DeltaGliderError::ReferenceMissing { key: key.to_owned(), reference: place.clone() }
                }
                Err(error) => error,
            };
            // The likeliest place tells best what is wrong.
            failure.get_or_insert(error);
        }
        let reference = places.first().cloned().unwrap_or_default();
        Err(failure.unwrap_or(DeltaGliderError::ReferenceMissing { key: key.to_owned(), reference }))
    }

    /// Reads what lies at `place`, which has the hash that it says if it says one.
    pub(super) async fn fetch_reference(&self, place: &str) -> Result<Reference, DeltaGliderError> {
        let download = self.bucket.get(place, None).await.map_err(|error| not_found(place, error))?;
        let record = Record::of(place, &download.head)?;
        let (bytes, found) = self.take(place, download).await?;
        match record {
            Record::Reference(record) if record.file_sha256 != found => {
                let (key, expected) = (place.to_owned(), record.file_sha256);
                return Err(DeltaGliderError::Damaged { key, expected, found });
            }
            Record::Reference(_) | Record::Delta(_) | Record::Direct(_) | Record::Plain => {}
        }
        self.references.keep(found, &bytes);
        Ok(Reference { key: place.to_owned(), sha256: found, bytes })
    }
}

pub(super) fn not_found(key: &str, error: crate::BucketError) -> DeltaGliderError {
    if error.is_not_found() {
        return DeltaGliderError::NotFound { key: key.to_owned() };
    }
    error.into()
}
