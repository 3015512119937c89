//! A registry without a database, and a store of proofs without a disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use casemate_ledger::test_support::MemoryTiles;
use casemate_ledger::{
    Decision, Entry, Event, Log, NameBundle, NameChange, NameRecord, NodeKey, NodePublicKey,
    SignedNameRecord, Standing,
};
use casemate_model::test_support::CountingEntropy;
use casemate_model::{
    Clock, Digest, DnsRecords, Name, PrincipalKind, Project, RegistryId, RequestId, StoreError, Tags,
    Timestamp,
};
use tokio::sync::watch;

use crate::{KeptProof, LogChanges, LogPosition, ProofStore, Source};

/// A registry with a log in memory.
pub struct MemoryRegistry {
    id: RegistryId,
    key: Arc<NodeKey>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    size: watch::Sender<u64>,
}

struct State {
    log: Log<MemoryTiles>,
    head: Digest,
    newest: HashMap<Name, (u64, NameRecord)>,
}

impl MemoryRegistry {
    /// An empty registry, whose log is signed with the key of `seed`.
    pub fn new(id: RegistryId, seed: u8, clock: Arc<dyn Clock>) -> Arc<Self> {
        let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
        let log = Log::open(MemoryTiles::new(), Arc::clone(&key)).expect("an empty log opens");
        let state = State { log, head: Entry::NO_PREVIOUS, newest: HashMap::new() };
        Arc::new(Self { id, key, clock, state: Mutex::new(state), size: watch::Sender::new(0) })
    }

    /// The key of its log.
    pub fn key(&self) -> NodePublicKey {
        self.key.public_key().clone()
    }

    /// Writes the next version of a name, and proves it.
    pub fn write(&self, name: &str, change: NameChange, expires: Timestamp) -> String {
        let mut state = lock(&self.state);
        let name: Name = name.parse().expect("a test's name is good");
        let former = state.newest.get(&name).map(|(_, record)| record);
        let lives = former.map_or(0, |former| former.epoch);
        let record = NameRecord {
            registry: self.id,
            change,
            standing: Standing::Good,
            epoch: if change == NameChange::Claimed { lives + 1 } else { lives.max(1) },
            sequence: former.map_or(1, |former| former.sequence + 1),
            previous: former.map_or(NameRecord::NO_PREVIOUS, NameRecord::digest_of),
            name: name.clone(),
            project: Project::default_project(),
            offered_to: None,
            owner: None,
            recovery: None,
            successor: None,
            digest: (!change.is_end()).then(|| Digest::of(name.as_str().as_bytes())),
            dns: DnsRecords::default(),
            tags: Tags::default(),
            issued: self.clock.now(),
            take_until: self.clock.now(),
            expires,
        };
        let event = Event {
            time: self.clock.now(),
            request: RequestId::generate(self.clock.now(), &CountingEntropy::default()),
            actor: PrincipalKind::Node,
            project: Project::default_project(),
            action: "names.change".into(),
            resource: format!("name:{name}"),
            decision: Decision::Allowed,
            outcome: change.as_str().to_owned(),
            details: vec![(SignedNameRecord::DETAIL.to_owned(), record.digest_of().to_string())],
        };
        let place = state.log.size();
        let entry = Entry::new(place, state.head, event).encode().expect("a test's entry is short");
        state.head = Entry::digest_of(&entry);
        state.log.append(&[entry]).expect("the entry follows");
        state.newest.insert(name.clone(), (place, record));
        let proof = self.proof(&state, &name);
        self.size.send_replace(state.log.size());
        proof
    }

    fn proof(&self, state: &State, name: &Name) -> String {
        let (place, record) = &state.newest[name];
        let inclusion = state.log.prove(*place).expect("the log has it");
        let signed = SignedNameRecord::new(record.clone(), Vec::new());
        NameBundle::new(signed, inclusion, self.key.public_key()).expect("it holds").to_string()
    }
}

#[async_trait]
impl Source for MemoryRegistry {
    fn log(&self) -> String {
        self.key.origin().to_owned()
    }

    async fn changes(&self, after: u64, limit: u32) -> Result<LogChanges, StoreError> {
        let state = lock(&self.state);
        let mut changed: Vec<_> = state
            .newest
            .iter()
            .map(|(name, (place, _))| (*place, name))
            .filter(|(place, _)| *place >= after)
            .collect();
        changed.sort_unstable();
        let more = changed.len() > limit as usize;
        changed.truncate(limit as usize);
        let next = if more { changed.last().map_or(after, |(place, _)| place + 1) } else { state.log.size() };
        Ok(LogChanges {
            proofs: changed.iter().map(|(_, name)| self.proof(&state, name)).collect(),
            next,
            more,
        })
    }

    async fn held(
        &self,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<(Vec<String>, Option<Name>), StoreError> {
        let state = lock(&self.state);
        let held =
            state.newest.iter().filter(|(_, (_, record))| !record.change.is_end()).map(|(name, _)| name);
        let mut names: Vec<_> = held.filter(|name| after.is_none_or(|after| *name > after)).collect();
        names.sort_unstable();
        names.truncate(limit as usize);
        Ok((
            names.iter().map(|name| self.proof(&state, name)).collect(),
            names.last().map(|name| (*name).clone()),
        ))
    }

    async fn wait_for(&self, place: u64) {
        let _ = self.size.subscribe().wait_for(|size| *size > place).await;
    }
}

/// Keeps proofs in memory.
#[derive(Default)]
pub struct MemoryProofs {
    proofs: Mutex<BTreeMap<Digest, KeptProof>>,
    positions: Mutex<HashMap<String, LogPosition>>,
}

impl MemoryProofs {
    /// The proofs that are kept.
    pub fn all(&self) -> Vec<KeptProof> {
        lock(&self.proofs).values().cloned().collect()
    }
}

#[async_trait]
impl ProofStore for MemoryProofs {
    async fn proofs(&self, after: Option<Digest>, limit: u32) -> Result<Vec<KeptProof>, StoreError> {
        let proofs = lock(&self.proofs);
        let after = proofs.values().filter(|proof| after.is_none_or(|after| proof.place > after));
        Ok(after.take(limit as usize).cloned().collect())
    }

    async fn keep_proofs(&self, proofs: &[KeptProof]) -> Result<(), StoreError> {
        lock(&self.proofs).extend(proofs.iter().map(|proof| (proof.place, proof.clone())));
        Ok(())
    }

    async fn drop_proofs(&self, places: &[Digest]) -> Result<(), StoreError> {
        lock(&self.proofs).retain(|place, _| !places.contains(place));
        Ok(())
    }

    async fn log_position(&self, log: &str) -> Result<Option<LogPosition>, StoreError> {
        Ok(lock(&self.positions).get(log).copied())
    }

    async fn set_log_position(&self, log: &str, position: LogPosition) -> Result<(), StoreError> {
        lock(&self.positions).insert(log.to_owned(), position);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
