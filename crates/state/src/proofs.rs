//! Keys that proofs are checked with, and what came of proofs.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Digest, Project, StoreError, TaskId};
use casemate_proofs::{CheckedProof, KEYS_MAX, KeyAdded, Proofs, Recorded, VerificationKey};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl Proofs for Store {
    async fn add_verification_key(
        &self,
        key: &VerificationKey,
        event: Event,
    ) -> Result<KeyAdded, StoreError> {
        self.change(AddKey { key: key.clone(), event }).await
    }

    async fn verification_key(
        &self,
        project: &Project,
        digest: Digest,
    ) -> Result<Option<VerificationKey>, StoreError> {
        let action = "read a verification key";
        read_one(self.row(action, &KEY, values![project, digest]).await?, action, key_record)
    }

    async fn verification_keys(&self, project: &Project) -> Result<Vec<VerificationKey>, StoreError> {
        let action = "list verification keys";
        read_all(self.rows(action, &KEYS, values![project, KEYS_MAX]).await?, action, key_record)
    }

    async fn remove_verification_key(
        &self,
        project: &Project,
        digest: Digest,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(RemoveKey { project: project.clone(), digest, event }).await
    }

    async fn checked_proof(
        &self,
        project: &Project,
        digest: Digest,
        (task, key): (TaskId, Digest),
    ) -> Result<Option<CheckedProof>, StoreError> {
        let action = "read what came of a proof";
        let same = self.row(action, &PROOF, values![project, digest, task, key]).await?;
        let found = match same {
            Some(row) => Some(row),
            None => self.row(action, &VALID, values![project, digest]).await?,
        };
        read_one(found, action, proof_record)
    }

    async fn record_proof(&self, proof: &CheckedProof, event: Event) -> Result<Recorded, StoreError> {
        self.change(RecordProof { proof: proof.clone(), event }).await
    }

    async fn proofs_of_task(
        &self,
        project: &Project,
        task: TaskId,
        limit: u32,
    ) -> Result<Vec<CheckedProof>, StoreError> {
        let action = "list proofs of a task";
        let rows = self.rows(action, &PROOFS, values![project, task, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, proof_record)
    }
}

struct AddKey {
    key: VerificationKey,
    event: Event,
}

#[async_trait]
impl Change for AddKey {
    type Answer = KeyAdded;
    const ACTION: &'static str = "register a verification key";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<KeyAdded, Failure> {
        let VerificationKey { digest, project, system, label, bytes, actor, created } = &self.key;
        tx.row(&LOCK_COUNT, values![project]).await?;
        if tx.row(&KEY, values![project, digest]).await?.is_some() {
            return Ok(KeyAdded::Done);
        }
        let count: u32 = match tx.row(&COUNT, values![project]).await? {
            Some(row) => row.only("count of verification keys")?,
            None => 0,
        };
        if count >= KEYS_MAX {
            return Ok(KeyAdded::TooMany);
        }
        let values = values![project, digest, system, label, bytes.as_slice(), actor, created];
        tx.execute(&INSERT_KEY, values).await?;
        tx.record(&self.event).await?;
        Ok(KeyAdded::Done)
    }
}

struct RemoveKey {
    project: Project,
    digest: Digest,
    event: Event,
}

#[async_trait]
impl Change for RemoveKey {
    type Answer = bool;
    const ACTION: &'static str = "remove a verification key";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&DELETE_KEY, values![self.project, self.digest]).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct RecordProof {
    proof: CheckedProof,
    event: Event,
}

#[async_trait]
impl Change for RecordProof {
    type Answer = Recorded;
    const ACTION: &'static str = "write down what came of a proof";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Recorded, Failure> {
        let CheckedProof { digest, project, task, key, statement, valid, actor, checked } = &self.proof;
        let values = values![project, digest, task, key, statement, valid, actor, checked];
        if tx.execute(&INSERT_PROOF, values).await? == 0 {
            let row = tx.row(&PROOF, values![project, digest, task, key]).await?;
            return row
                .map(proof_record)
                .transpose()?
                .map_or(Err(Failure::Overtaken), |before| Ok(Recorded::Before(Box::new(before))));
        }
        tx.record(&self.event).await?;
        Ok(Recorded::Done)
    }
}

fn key_record(row: Row) -> Result<VerificationKey, Failure> {
    let mut columns = row.read("verification key");
    Ok(VerificationKey {
        project: columns.next()?,
        digest: columns.next()?,
        system: columns.next()?,
        label: columns.next()?,
        bytes: columns.next()?,
        actor: columns.next()?,
        created: columns.next()?,
    })
}

fn proof_record(row: Row) -> Result<CheckedProof, Failure> {
    let mut columns = row.read("proof");
    Ok(CheckedProof {
        project: columns.next()?,
        digest: columns.next()?,
        task: columns.next()?,
        key: columns.next()?,
        statement: columns.next()?,
        valid: columns.next()?,
        actor: columns.next()?,
        checked: columns.next()?,
    })
}

/// A count has no row that could be locked: those who add to one project take turns. SQLite has one writer anyway.
const LOCK_COUNT: Statement = Statement {
    sqlite: "SELECT 1 WHERE $1 IS NOT NULL",
    postgres: "SELECT 1 FROM pg_advisory_xact_lock(7310037, hashtext($1)) AS held",
};
const COUNT: Statement = statement!("SELECT COUNT(*) FROM verification_keys WHERE project = $1");
const KEY: Statement = statement!(
    "SELECT project, digest, system, label, bytes, actor, created FROM verification_keys \
     WHERE project = $1 AND digest = $2"
);
const KEYS: Statement = statement!(
    "SELECT project, digest, system, label, bytes, actor, created FROM verification_keys \
     WHERE project = $1 ORDER BY digest LIMIT $2"
);
const INSERT_KEY: Statement = statement!(
    "INSERT INTO verification_keys (project, digest, system, label, bytes, actor, created) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)"
);
const DELETE_KEY: Statement = statement!("DELETE FROM verification_keys WHERE project = $1 AND digest = $2");
const PROOF: Statement = statement!(
    "SELECT project, digest, task, verification_key, statement, valid, actor, checked FROM checked_proofs \
     WHERE project = $1 AND digest = $2 AND task = $3 AND verification_key = $4"
);
const VALID: Statement = statement!(
    "SELECT project, digest, task, verification_key, statement, valid, actor, checked FROM checked_proofs \
     WHERE project = $1 AND digest = $2 AND valid = 1 LIMIT 1"
);
const PROOFS: Statement = statement!(
    "SELECT project, digest, task, verification_key, statement, valid, actor, checked FROM checked_proofs \
     WHERE project = $1 AND task = $2 ORDER BY checked, digest LIMIT $3"
);
const INSERT_PROOF: Statement = statement!(
    "INSERT INTO checked_proofs (project, digest, task, verification_key, statement, valid, actor, checked) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (project, digest, task, verification_key) DO NOTHING"
);
/// Of a task that is removed.
pub(crate) const FORGET: Statement =
    statement!("DELETE FROM checked_proofs WHERE project = $1 AND task = $2");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("read a verification key", &KEY),
    ("list verification keys", &KEYS),
    ("read what came of a proof", &PROOF),
    ("find a proof that is valid", &VALID),
    ("forget proofs of a task", &FORGET),
    ("list proofs of a task", &PROOFS),
];
