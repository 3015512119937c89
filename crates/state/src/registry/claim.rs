//! Claiming a name.

use std::collections::BTreeMap;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::Name;
use casemate_names::{Claimed, NewVersion, Obstacle};
use casemate_objects::BlobId;

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Dialect, Statement, statement, values};

use super::obstacle::Around;
use super::tags::tag;
use super::{commitments, enter, rows};

pub(super) struct Claim {
    pub(super) version: NewVersion,
    /// What is held above the name as far as whoever claims it knows, by the number of its version.
    pub(super) above: BTreeMap<Name, u64>,
    pub(super) event: Event,
}

#[async_trait]
impl Change for Claim {
    type Answer = Claimed;
    const ACTION: &'static str = "claim a name";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Claimed, Failure> {
        let (held, record) = (&self.version.held, self.version.record());
        // Names of one tree are claimed one after another: else of two that exclude each other both could be.
        if tx.dialect() == Dialect::Postgres {
            tx.row(&LOCK_TREE, values![record.name.top()]).await?;
        }
        let around = Around::read(tx, (&record.name, &record.project, held.updated)).await?;
        if let Some(holder) = around.holder() {
            return Ok(Claimed::Refused(Obstacle::Held(holder.clone())));
        }
        if !around.is_above(&self.above) || record.sequence != around.last() + 1 {
            return Ok(Claimed::Overtaken);
        }
        if let Some(obstacle) = around.obstacle(tx).await? {
            return Ok(Claimed::Refused(obstacle));
        }
        if let Some(revealed) = &self.version.revealed
            && !commitments::is_there(tx, revealed, &record.project).await?
        {
            return Ok(Claimed::NotCommitted);
        }
        let digest = record.digest.ok_or_else(|| Failure::damaged("claim", rows::NoContent))?;
        if !tx.refer_to_readable(&BlobId::new(&record.project, digest)).await? {
            return Ok(Claimed::BlobMissing);
        }
        if let Some(revealed) = &self.version.revealed {
            commitments::spend(tx, revealed).await?;
        }
        tx.execute(&INSERT_NAME, &rows::held_values(held)).await?;
        let (name, reversed) = (&record.name, record.name.reversed());
        let skeleton = values![name.skeleton(), name, record.project, reversed];
        if tx.execute(&TAKE_SKELETON, skeleton).await? == 0 {
            // Somebody of another tree was first, at the same moment.
            return Err(Failure::Overtaken);
        }
        tag(tx, held).await?;
        enter(tx, &self.version, &self.event).await?;
        Ok(Claimed::Done)
    }
}

const LOCK_TREE: Statement = statement!("SELECT 1 FROM pg_advisory_xact_lock(7310038, hashtext($1)) AS held");
const INSERT_NAME: Statement = statement!(
    "INSERT INTO names (project, sequence, digest, claimed, updated, epoch, change, standing, offered_to, owner, recovery, \
     successor, dns, tags, issued, take_until, expires, previous, locked_until, noticed, due, name, reversed) VALUES ($1, $2, $3, \
     $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)"
);
const TAKE_SKELETON: Statement = statement!(
    "INSERT INTO name_skeletons (skeleton, name, project, reversed) VALUES ($1, $2, $3, $4) ON CONFLICT (skeleton) DO UPDATE \
     SET name = $2, project = $3, reversed = $4, free_from = NULL WHERE name_skeletons.free_from IS NOT NULL"
);
