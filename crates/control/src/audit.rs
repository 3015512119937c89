use casemate_ledger::{Decision, Entry, Inclusion, LogError, NodePublicKey, TilePath, TreeHash};
use casemate_model::{Digest, StoreError};
use casemate_policy::{Resource, operation};

use crate::{Caller, Control, ControlError};

/// The proof that an audit entry is in the log.
#[derive(Clone, Debug)]
pub struct EntryProof {
    /// The entry's bytes, the hashes of the proof and the checkpoint that they lead to.
    pub inclusion: Inclusion,
    /// The key that signed the checkpoint.
    pub public_key: NodePublicKey,
}

/// What entries are to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// Each of these must stand somewhere in the entry, in whatever case.
    pub words: Vec<String>,
    /// What was decided.
    pub decision: Option<Decision>,
}

/// Entries that a search found.
#[derive(Clone, Debug)]
pub struct AuditFound {
    /// The entries, newest first.
    pub entries: Vec<(Entry, Digest)>,
    /// Below which number the search goes on; absent if it has come to the beginning of the log.
    pub next: Option<u64>,
}

/// Most entries that one search looks at. Entries are kept as signed bytes without an index, so a search reads.
const LOOKED_AT_MAX: u64 = 20_000;

/// Entries that a search reads at a time.
const READ_AT_ONCE: u64 = 500;

impl AuditSearch {
    fn finds(&self, entry: &Entry) -> bool {
        let event = &entry.event;
        if self.decision.is_some_and(|decision| decision != event.decision) {
            return false;
        }
        let mut text = format!(
            "{} {} {} {} {} {} {} {}",
            entry.sequence,
            event.time,
            event.actor,
            event.project,
            event.action,
            event.resource,
            event.outcome,
            event.request
        );
        for (key, value) in &event.details {
            text.extend([" ", key.as_str(), " ", value.as_str()]);
        }
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(&word.to_lowercase()))
    }
}

impl EntryProof {
    /// The hash that the proof starts from.
    pub fn leaf_hash(&self) -> TreeHash {
        TreeHash::of_leaf(&self.inclusion.entry)
    }
}

impl Control {
    /// Lists audit entries from `from` on, oldest first.
    pub async fn audit_from(
        &self,
        caller: &Caller,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(Entry, Digest)>, ControlError> {
        self.permit::<operation::ListAudit>(caller, &Resource::all("audit")).await?;
        Ok(decode(self.parts.audit.entries(from, limit).await?)?)
    }

    /// Lists audit entries below `before`, newest first.
    pub async fn audit_before(
        &self,
        caller: &Caller,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(Entry, Digest)>, ControlError> {
        self.permit::<operation::ListAudit>(caller, &Resource::all("audit")).await?;
        let size = self.parts.audit.size().await?;
        let end = before.unwrap_or(size).min(size);
        let from = end.saturating_sub(u64::from(limit));
        let count = u32::try_from(end - from).expect("at most the limit");
        let mut entries = decode(self.parts.audit.entries(from, count).await?)?;
        entries.reverse();
        Ok(entries)
    }

    /// Looks for entries below `before`, newest first, until it has `limit` or has looked at as many as one search may.
    pub async fn search_audit(
        &self,
        caller: &Caller,
        search: &AuditSearch,
        before: Option<u64>,
        limit: u32,
    ) -> Result<AuditFound, ControlError> {
        self.permit::<operation::ListAudit>(caller, &Resource::all("audit")).await?;
        let size = self.parts.audit.size().await?;
        let mut end = before.unwrap_or(size).min(size);
        let last = end.saturating_sub(LOOKED_AT_MAX);
        let mut found = Vec::new();
        while end > last {
            let from = end.saturating_sub(READ_AT_ONCE).max(last);
            let count = u32::try_from(end - from).expect("at most what is read at once");
            let entries = decode(self.parts.audit.entries(from, count).await?)?;
            for (entry, digest) in entries.into_iter().rev() {
                let sequence = entry.sequence;
                if search.finds(&entry) {
                    found.push((entry, digest));
                }
                if found.len() >= limit as usize {
                    return Ok(AuditFound { entries: found, next: Some(sequence).filter(|next| *next > 0) });
                }
            }
            end = from;
        }
        Ok(AuditFound { entries: found, next: Some(last).filter(|next| *next > 0) })
    }

    /// Proves that an entry is in the log.
    pub async fn prove_entry(&self, caller: &Caller, sequence: u64) -> Result<EntryProof, ControlError> {
        self.permit::<operation::ProveAudit>(caller, &Resource::one("audit", sequence)).await?;
        let inclusion = self.prove(sequence).await?;
        Ok(EntryProof { inclusion, public_key: self.parts.node_key.public_key().clone() })
    }

    /// The log's signed checkpoint.
    pub async fn checkpoint(&self, caller: &Caller) -> Result<String, ControlError> {
        self.permit::<operation::ReadCheckpoint>(caller, &Resource::all("audit")).await?;
        Ok(self.parts.log.checkpoint())
    }

    /// Proves that the log's first `old` entries begin its first `new` ones. The hashes tell nothing about entries.
    pub async fn prove_growth(
        &self,
        caller: &Caller,
        (old, new): (u64, u64),
    ) -> Result<Vec<TreeHash>, ControlError> {
        self.permit::<operation::ProveGrowth>(caller, &Resource::all("audit")).await?;
        match self.parts.log.prove_growth(old, new).await {
            Err(LogError::NotCovered { sequence, .. }) => Err(ControlError::EntryNotFound { sequence }),
            proved => Ok(proved?),
        }
    }

    /// Reads a file of the log.
    pub async fn log_file(&self, caller: &Caller, path: TilePath) -> Result<Vec<u8>, ControlError> {
        self.permit::<operation::ReadTiles>(caller, &Resource::all("audit")).await?;
        let file = self.parts.log.file(path).await?;
        file.ok_or(ControlError::TileNotFound { path })
    }

    pub(crate) async fn prove(&self, sequence: u64) -> Result<Inclusion, ControlError> {
        if sequence >= self.parts.log.size() && sequence < self.parts.audit.size().await? {
            self.parts.log.wait_for(sequence).await;
        }
        match self.parts.log.prove(sequence).await {
            Ok(inclusion) => Ok(inclusion),
            Err(LogError::NotCovered { .. }) if sequence < self.parts.audit.size().await? => {
                Err(ControlError::ProofPending { sequence })
            }
            Err(LogError::NotCovered { .. }) => Err(ControlError::EntryNotFound { sequence }),
            Err(error) => Err(error.into()),
        }
    }
}

fn decode(entries: Vec<Vec<u8>>) -> Result<Vec<(Entry, Digest)>, StoreError> {
    let decode = |bytes: Vec<u8>| match Entry::decode(&bytes) {
        Ok(entry) => Ok((entry, Entry::digest_of(&bytes))),
        Err(source) => Err(StoreError::Damaged { what: "audit entry", source: Box::new(source) }),
    };
    entries.into_iter().map(decode).collect()
}
