//! The proofs that a node keeps, in memory: nothing gets here that does not prove itself.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Values;
use std::iter::Empty;
use std::sync::Arc;
use std::time::Duration;

use casemate_ledger::NameBundle;
use casemate_model::{Clock, Digest, Name, RegistryId, Timestamp};
use libp2p::PeerId;
use libp2p::kad::store::{Error as StoreError, RecordStore, Result as StoreResult};
use libp2p::kad::{ProviderRecord, Record, RecordKey};

use crate::error::Refusal;
use crate::place::{Registries, place};

/// Most bytes of one proof: a record with three hybrid keys and two of their signatures.
pub(crate) const PROOF_BYTES_MAX: usize = 48 << 10;

/// How long a proof is kept that nobody sends again.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(48 * 60 * 60);

/// How long it is kept that a name ended: as long as any proof of before could count, so that none comes back.
const END_KEPT_FOR: Duration = Duration::from_secs(500 * 24 * 60 * 60);

/// How often it is written down that a proof was sent again, at most.
const WRITTEN_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// What a record takes beside its bytes, about.
const OVERHEAD_BYTES: usize = 512;

/// A proof that holds.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) place: Digest,
    pub(crate) proof: Arc<[u8]>,
    pub(crate) version: Version,
    pub(crate) until: Timestamp,
    counts_until: Timestamp,
    lasts: Duration,
    received: Timestamp,
}

/// Which of two proofs of one name counts: that of the later version, then that of the longer log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    epoch: u64,
    sequence: u64,
    log_size: u64,
}

#[derive(Debug)]
pub(crate) struct Held {
    record: Record,
    version: Version,
    until: Timestamp,
    /// When it counts no more, however often it is sent, and how long it stays when it is not.
    counts_until: Timestamp,
    lasts: Duration,
    /// When it was last written down.
    written: Timestamp,
}

/// Checks proofs. That takes a while, and is no work for the task that has the network in hand.
#[derive(Clone)]
pub(crate) struct Judge {
    registries: Arc<Registries>,
    clock: Arc<dyn Clock>,
}

impl Judge {
    pub(crate) fn new(registries: Registries, clock: Arc<dyn Clock>) -> Self {
        Self { registries: Arc::new(registries), clock }
    }

    /// Checks a proof that came for a place, or for wherever it belongs. What is kept there is not looked at.
    pub(crate) fn judge(
        &self,
        at: Option<Digest>,
        proof: &[u8],
        received: Timestamp,
    ) -> Result<Judged, Refusal> {
        if proof.len() > PROOF_BYTES_MAX {
            return Err(Refusal::TooLarge { most: PROOF_BYTES_MAX });
        }
        let bundle = NameBundle::parse(proof)?;
        if !self.registries.believe(&bundle) {
            return Err(Refusal::Unknown);
        }
        let record = bundle.signed().record();
        let place = place(record.registry, &record.name);
        if at.is_some_and(|at| at != place) {
            return Err(Refusal::Misplaced);
        }
        let (entered, _) = bundle.verify()?;
        let is_end = record.change.is_end();
        let (counts_until, lasts) = if is_end {
            (entered.saturating_add(END_KEPT_FOR), END_KEPT_FOR)
        } else {
            (record.expires, KEPT_FOR)
        };
        let until = counts_until.min(received.saturating_add(lasts));
        if until <= self.clock.now() {
            return Err(Refusal::Expired);
        }
        let log_size = bundle.checkpoint().size();
        let version = Version { epoch: record.epoch, sequence: record.sequence, log_size };
        Ok(Judged { place, proof: proof.into(), version, until, counts_until, lasts, received })
    }
}

/// The proofs that a node keeps.
pub(crate) struct Shelf {
    judge: Judge,
    held: HashMap<RecordKey, Held>,
    bytes: usize,
    bytes_max: usize,
}

impl Shelf {
    pub(crate) fn new(judge: Judge, bytes_max: usize) -> Self {
        Self { judge, held: HashMap::new(), bytes: 0, bytes_max }
    }

    /// Keeps a proof that holds, unless a newer one is there. Says whether it is another than before.
    pub(crate) fn keep(&mut self, judged: &Judged) -> Result<bool, Refusal> {
        let key = RecordKey::new(judged.place.as_bytes());
        let former = self.held.get(&key);
        if former.is_some_and(|former| former.version > judged.version) {
            return Err(Refusal::Older);
        }
        let same = former.is_some_and(|former| former.record.value == *judged.proof);
        let freed = former.map_or(0, |former| former.record.value.len() + OVERHEAD_BYTES);
        let bytes = self.bytes - freed + judged.proof.len() + OVERHEAD_BYTES;
        if bytes > self.bytes_max {
            return Err(Refusal::Full);
        }
        self.bytes = bytes;
        let record =
            Record { key: key.clone(), value: judged.proof.to_vec(), publisher: None, expires: None };
        let Judged { version, until, counts_until, lasts, received, .. } = *judged;
        self.held.insert(key, Held { record, version, until, counts_until, lasts, written: received });
        Ok(!same)
    }

    /// Notes that a proof was sent again which is kept as it is: it was checked when it came first. Says whether that is to be written
    /// down; `None` if this is another.
    pub(crate) fn sent_again(&mut self, place: Digest, proof: &[u8]) -> Option<bool> {
        let now = self.judge.clock.now();
        let held = self.held.get_mut(&RecordKey::new(place.as_bytes()))?;
        if held.record.value != proof || held.until <= now {
            return None;
        }
        held.until = held.counts_until.min(now.saturating_add(held.lasts));
        let is_due = now.saturating_since(held.written) >= WRITTEN_EVERY;
        if is_due {
            held.written = now;
        }
        Some(is_due)
    }

    /// Drops what counts no more, and says what that was.
    pub(crate) fn sweep(&mut self) -> Vec<Digest> {
        let now = self.judge.clock.now();
        let gone: Vec<_> =
            self.held.iter().filter(|(_, held)| held.until <= now).map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| self.remove(key));
        gone.iter().filter_map(digest_of).collect()
    }

    /// The proof of a name.
    pub(crate) fn proof(&self, registry: RegistryId, name: &Name) -> Option<&[u8]> {
        let key = RecordKey::new(place(registry, name).as_bytes());
        let held = self.held.get(&key).filter(|held| held.until > self.judge.clock.now())?;
        Some(&held.record.value)
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Judged {
    /// When it was received, if it is to be kept as long.
    pub(crate) fn kept(&self, received: Timestamp) -> crate::KeptProof {
        debug_assert!(self.until <= received.saturating_add(self.lasts));
        crate::KeptProof { place: self.place, proof: Arc::clone(&self.proof), received }
    }
}

/// The place that a key of the table is.
pub(crate) fn digest_of(key: &RecordKey) -> Option<Digest> {
    Some(Digest::from_bytes(key.as_ref().try_into().ok()?))
}

/// What Kademlia sees of it. It asks for records that others want and to hand them on, and puts none here by itself: what peers
/// send goes to [`Judge`] first. Who has what is not told of: there are no provider records.
impl RecordStore for Shelf {
    type RecordsIter<'a> = std::iter::Map<Values<'a, RecordKey, Held>, fn(&'a Held) -> Cow<'a, Record>>;
    type ProvidedIter<'a> = Empty<Cow<'a, ProviderRecord>>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        let held = self.held.get(key).filter(|held| held.until > self.judge.clock.now())?;
        Some(Cow::Borrowed(&held.record))
    }

    /// Called for what this node publishes, which it keeps like everybody.
    fn put(&mut self, record: Record) -> StoreResult<()> {
        let place = digest_of(&record.key).ok_or(StoreError::ValueTooLarge)?;
        if self.sent_again(place, &record.value).is_some() {
            return Ok(());
        }
        let judged = self.judge.judge(Some(place), &record.value, self.judge.clock.now());
        judged.and_then(|judged| self.keep(&judged)).map(drop).map_err(|_| StoreError::MaxRecords)
    }

    fn remove(&mut self, key: &RecordKey) {
        if let Some(held) = self.held.remove(key) {
            self.bytes -= held.record.value.len() + OVERHEAD_BYTES;
        }
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        self.held.values().map(|held| Cow::Borrowed(&held.record))
    }

    fn add_provider(&mut self, _: ProviderRecord) -> StoreResult<()> {
        Err(StoreError::MaxProvidedKeys)
    }

    fn providers(&self, _: &RecordKey) -> Vec<ProviderRecord> {
        Vec::new()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        std::iter::empty()
    }

    fn remove_provider(&mut self, _: &RecordKey, _: &PeerId) {}
}
