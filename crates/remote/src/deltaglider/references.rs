//! References, which every delta of a folder needs: each is read from the bucket once, and every copy of it that is
//! used was hashed after it was sealed.
//!
//! ```text
//!   memory of this engine, bounded  ->  the zero-trust cache, if there is one  ->  the bucket
//! ```

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use casemate_cache::{Cache, EntryKey};
use casemate_fs::SealedBytes;
use casemate_model::Digest;
use tokio::sync::OwnedSemaphorePermit;

use super::engine::compute;
use super::get::length_of;
use super::memory::{Memory, Share};
use super::names::split;
use super::{DeltaGlider, DeltaGliderError, Record};

/// A cache for references, and where the bucket is that they are of: no entry is used for another place.
#[derive(Clone)]
pub struct ReferenceCache {
    /// The cache.
    pub cache: Arc<dyn Cache>,
    /// The server of the bucket, by its address.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
}

/// References that were used and verified.
pub(super) struct References {
    bytes_max: u64,
    /// For those that are being used. Apart from that of the files: whoever waits for a reference has room for a file.
    memory: Memory,
    held: Mutex<Held>,
    pub(super) cache: Option<ReferenceCache>,
    /// Whoever reads a reference holds the one of its hash, so that the others find it read.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

#[derive(Default)]
struct Held {
    /// In sealed memory, the latest last.
    kept: VecDeque<(Digest, SealedBytes)>,
    /// The shares of those that are lent, by hash: many users of one reference hold one.
    shares: HashMap<Digest, Weak<OwnedSemaphorePermit>>,
    /// Which places of the bucket this engine has read, and what it found there.
    seen: HashSet<(String, Digest)>,
}

/// A reference whose bytes were checked.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) key: String,
    pub(super) sha256: Digest,
    pub(super) bytes: SealedBytes,
}

/// The bytes of a reference for as long as they are used.
#[derive(Clone, Debug)]
pub(super) struct Lent {
    pub(super) bytes: SealedBytes,
    pub(super) share: Share,
}

/// Which copies of a reference will do. All have its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copies {
    /// Any.
    All,
    /// Only if this engine has read the one in the bucket, because it is the bucket that is checked.
    Seen,
}

impl References {
    pub(super) fn new(bytes_max: u64, memory_bytes_max: u64) -> Self {
        let memory = Memory::new(memory_bytes_max);
        Self { bytes_max, memory, held: Mutex::default(), cache: None, turns: Default::default() }
    }

    /// Keeps bytes that were verified; those unused for longest make room.
    fn keep(&self, sha256: Digest, bytes: &SealedBytes) {
        let mut held = self.held();
        held.kept.retain(|(kept, _)| *kept != sha256);
        held.kept.push_back((sha256, bytes.clone()));
        while held.kept.iter().map(|(_, bytes)| bytes.len()).sum::<u64>() > self.bytes_max {
            held.kept.pop_front();
        }
    }

    fn in_memory(&self, sha256: Digest) -> Option<SealedBytes> {
        let mut held = self.held();
        let at = held.kept.iter().position(|(kept, _)| *kept == sha256)?;
        let found = held.kept.remove(at)?;
        held.kept.push_back(found.clone());
        Some(found.1)
    }

    /// Whoever calls it has the turn of that hash.
    async fn lend(&self, sha256: Digest, bytes: SealedBytes) -> Lent {
        let shared = self.held().shares.get(&sha256).and_then(Weak::upgrade);
        if let Some(share) = shared {
            return Lent { bytes, share };
        }
        let share = self.memory.take(bytes.len()).await;
        let mut held = self.held();
        held.shares.retain(|_, share| share.strong_count() > 0);
        held.shares.insert(sha256, Arc::downgrade(&share));
        drop(held);
        Lent { bytes, share }
    }

    fn was_seen(&self, sha256: Digest, places: &[String]) -> bool {
        let held = self.held();
        places.iter().any(|place| held.seen.contains(&(place.clone(), sha256)))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Whatever a panic left is only less than was held.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, sha256: Digest) -> &tokio::sync::Mutex<()> {
        &self.turns[usize::from(sha256.as_bytes()[0]) % TURNS]
    }

    /// From the cache, verified by it. A cache that fails is as good as none.
    async fn in_cache(&self, sha256: Digest, places: &[String]) -> Option<SealedBytes> {
        for place in places {
            let Some((cache, key)) = self.entry(place, sha256) else { continue };
            let got = compute(move || {
                let got = cache.get(&key);
                Ok(got.inspect_err(|error| tracing::warn!(%error, "a cached reference cannot be read")))
            });
            if let Ok(Ok(Some(bytes))) = got.await {
                return Some(bytes);
            }
        }
        None
    }

    async fn put_in_cache(&self, place: &str, sha256: Digest, bytes: &SealedBytes) {
        let Some((cache, key)) = self.entry(place, sha256) else { return };
        let bytes = bytes.clone();
        let put = compute(move || {
            if let Err(error) = cache.put(&key, bytes.as_slice()?) {
                tracing::warn!(%error, "a reference cannot be cached");
            }
            Ok(())
        });
        // Not kept, and so read again when it is needed.
        let _ = put.await;
    }

    fn entry(&self, place: &str, sha256: Digest) -> Option<(Arc<dyn Cache>, EntryKey)> {
        let ReferenceCache { cache, endpoint, bucket } = self.cache.as_ref()?;
        let key = EntryKey::new(endpoint, bucket, split(place).0, sha256).ok()?;
        Some((Arc::clone(cache), key))
    }
}

impl DeltaGlider {
    /// Also keeps references in `cache`, and takes them from there: bytes that were hashed after they were sealed.
    #[must_use]
    pub fn with_cache(mut self, cache: ReferenceCache) -> Self {
        self.references.cache = Some(cache);
        self
    }

    /// The reference that a delta of `key` was made against: with that hash, at the first of the places that has it.
    pub(super) async fn reference_of(
        &self,
        key: &str,
        sha256: Digest,
        places: &[String],
        copies: Copies,
    ) -> Result<Lent, DeltaGliderError> {
        let _turn = self.references.turn(sha256).lock().await;
        if copies == Copies::All || self.references.was_seen(sha256, places) {
            if let Some(bytes) = self.references.in_memory(sha256) {
                return Ok(self.references.lend(sha256, bytes).await);
            }
            if let Some(bytes) = self.references.in_cache(sha256, places).await {
                self.references.keep(sha256, &bytes);
                return Ok(self.references.lend(sha256, bytes).await);
            }
        }
        self.read_reference(key, sha256, places).await
    }

    async fn read_reference(
        &self,
        key: &str,
        sha256: Digest,
        places: &[String],
    ) -> Result<Lent, DeltaGliderError> {
        let mut failure = None;
        for place in places {
            let error = match self.fetch_reference(place).await {
                Ok((found, share)) if found.sha256 == sha256 => {
                    self.references.held().seen.insert((place.clone(), sha256));
                    self.keep_reference(&found).await;
                    self.references.held().shares.insert(sha256, Arc::downgrade(&share));
                    return Ok(Lent { bytes: found.bytes, share });
                }
                Ok((found, _)) => {
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

    /// Keeps a reference for its next use, here and in the cache.
    pub(super) async fn keep_reference(&self, Reference { key, sha256, bytes }: &Reference) {
        self.references.keep(*sha256, bytes);
        self.references.put_in_cache(key, *sha256, bytes).await;
    }

    /// Reads what lies at `place`, which has the hash that it says if it says one.
    async fn fetch_reference(&self, place: &str) -> Result<(Reference, Share), DeltaGliderError> {
        let download = self.bucket.get(place, None).await.map_err(|error| not_found(place, error))?;
        let record = Record::of(place, &download.head)?;
        let share = self.references.memory.take(length_of(&download)).await;
        let (bytes, found) = self.take(place, download).await?;
        match record {
            Record::Reference(record) if record.file_sha256 != found => {
                let (key, expected) = (place.to_owned(), record.file_sha256);
                return Err(DeltaGliderError::Damaged { key, expected, found });
            }
            Record::Reference(_) | Record::Delta(_) | Record::Direct(_) | Record::Plain => {}
        }
        Ok((Reference { key: place.to_owned(), sha256: found, bytes }, share))
    }
}

pub(super) fn not_found(key: &str, error: crate::BucketError) -> DeltaGliderError {
    if error.is_not_found() {
        return DeltaGliderError::NotFound { key: key.to_owned() };
    }
    error.into()
}

/// Enough that references that are read at once rarely wait for one another.
const TURNS: usize = 32;
