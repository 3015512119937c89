//! Proofs of names that are spread among nodes, and up to where logs were followed.

use async_trait::async_trait;
use casemate_model::{Digest, StoreError};
use casemate_peers::{KeptProof, LogPosition, ProofStore};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl ProofStore for Store {
    async fn proofs(&self, after: Option<Digest>, limit: u32) -> Result<Vec<KeptProof>, StoreError> {
        let (action, limit) = ("read proofs of peers", limit.min(PAGE_MAX));
        let rows = match after {
            None => self.rows(action, &FIRST, values![limit]).await?,
            Some(after) => self.rows(action, &AFTER, values![after, limit]).await?,
        };
        read_all(rows, action, kept_proof)
    }

    async fn keep_proofs(&self, proofs: &[KeptProof]) -> Result<(), StoreError> {
        self.change(Keep { proofs: proofs.to_vec() }).await
    }

    async fn drop_proofs(&self, places: &[Digest]) -> Result<(), StoreError> {
        self.change(Drop { places: places.to_vec() }).await
    }

    async fn log_position(&self, log: &str) -> Result<Option<LogPosition>, StoreError> {
        let action = "read up to where a log was followed";
        read_one(self.row(action, &POSITION, values![log]).await?, action, |row| {
            let mut columns = row.read("log position");
            Ok(LogPosition { next: columns.next()?, complete: columns.next()? })
        })
    }

    async fn set_log_position(&self, log: &str, position: LogPosition) -> Result<(), StoreError> {
        self.change(SetPosition { log: log.to_owned(), position }).await
    }
}

struct Keep {
    proofs: Vec<KeptProof>,
}

#[async_trait]
impl Change for Keep {
    type Answer = ();
    const ACTION: &'static str = "keep proofs of peers";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        for KeptProof { place, proof, received } in &self.proofs {
            tx.execute(&KEEP, values![place, &**proof, received]).await?;
        }
        Ok(())
    }
}

struct Drop {
    places: Vec<Digest>,
}

#[async_trait]
impl Change for Drop {
    type Answer = ();
    const ACTION: &'static str = "drop proofs of peers";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        for place in &self.places {
            tx.execute(&DROP, values![place]).await?;
        }
        Ok(())
    }
}

struct SetPosition {
    log: String,
    position: LogPosition,
}

#[async_trait]
impl Change for SetPosition {
    type Answer = ();
    const ACTION: &'static str = "note up to where a log was followed";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let LogPosition { next, complete } = self.position;
        tx.execute(&SET_POSITION, values![self.log, next, complete]).await?;
        Ok(())
    }
}

fn kept_proof(row: Row) -> Result<KeptProof, Failure> {
    let mut columns = row.read("proof of a peer");
    let (place, proof): (_, Vec<u8>) = (columns.next()?, columns.next()?);
    Ok(KeptProof { place, proof: proof.into(), received: columns.next()? })
}

const FIRST: Statement = statement!("SELECT place, proof, received FROM peer_proofs ORDER BY place LIMIT $1");
const AFTER: Statement =
    statement!("SELECT place, proof, received FROM peer_proofs WHERE place > $1 ORDER BY place LIMIT $2");
const KEEP: Statement = statement!(
    "INSERT INTO peer_proofs (place, proof, received) VALUES ($1, $2, $3) \
     ON CONFLICT (place) DO UPDATE SET proof = excluded.proof, received = excluded.received"
);
const DROP: Statement = statement!("DELETE FROM peer_proofs WHERE place = $1");
const POSITION: Statement = statement!("SELECT next, complete FROM log_positions WHERE log = $1");
const SET_POSITION: Statement = statement!(
    "INSERT INTO log_positions (log, next, complete) VALUES ($1, $2, $3) \
     ON CONFLICT (log) DO UPDATE SET next = excluded.next, complete = excluded.complete"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("read proofs of peers", &AFTER),
    ("drop a proof of peers", &DROP),
    ("read up to where a log was followed", &POSITION),
];
