use casemate_ledger::{Entry, Inclusion, LogError, NodePublicKey, TilePath, TreeHash};
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

    /// Reads a file of the log.
    pub async fn log_file(&self, caller: &Caller, path: TilePath) -> Result<Vec<u8>, ControlError> {
        self.permit::<operation::ReadTiles>(caller, &Resource::all("audit")).await?;
        let file = self.parts.log.file(path).await?;
        file.ok_or(ControlError::TileNotFound { path })
    }

    pub(crate) async fn prove(&self, sequence: u64) -> Result<Inclusion, ControlError> {
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
