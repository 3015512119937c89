//! Commitments to names that are not said yet.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Project, Timestamp};
use casemate_names::{COMMITMENT_AGE_MAX, COMMITMENTS_MAX, NewCommitment, Revealed};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, locking, statement, values};

pub(super) struct Commit {
    pub(super) new: NewCommitment,
    pub(super) event: Event,
}

#[async_trait]
impl Change for Commit {
    type Answer = Option<Timestamp>;
    const ACTION: &'static str = "keep a commitment";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Failure> {
        let NewCommitment { commitment, project, made } = &self.new;
        tx.execute(&FORGET, values![made.saturating_sub(COMMITMENT_AGE_MAX)]).await?;
        if let Some((_, made)) = find(tx, commitment).await? {
            return Ok(Some(made));
        }
        let count: u64 = match tx.row(&COUNT, values![project]).await? {
            Some(row) => row.only("commitments")?,
            None => 0,
        };
        if count >= u64::from(COMMITMENTS_MAX) {
            return Ok(None);
        }
        tx.execute(&ADD, values![commitment, project, made]).await?;
        tx.record(&self.event).await?;
        Ok(Some(*made))
    }
}

/// Whether a commitment is there that a claim of a project reveals.
pub(super) async fn is_there(
    tx: &mut Tx<'_>,
    revealed: &Revealed,
    project: &Project,
) -> Result<bool, Failure> {
    let found = find(tx, &revealed.commitment).await?;
    Ok(found.is_some_and(|(by, made)| by == *project && made >= revealed.from && made <= revealed.until))
}

/// It is good once.
pub(super) async fn spend(tx: &mut Tx<'_>, revealed: &Revealed) -> Result<(), Failure> {
    tx.execute(&SPEND, values![revealed.commitment]).await.map(drop)
}

async fn find(
    tx: &mut Tx<'_>,
    commitment: &casemate_model::Digest,
) -> Result<Option<(Project, Timestamp)>, Failure> {
    let Some(row) = tx.row(&FIND, values![commitment]).await? else { return Ok(None) };
    let mut columns = row.read("commitment");
    Ok(Some((columns.next()?, columns.next()?)))
}

const FORGET: Statement = statement!("DELETE FROM name_commitments WHERE made < $1");
pub(super) const COUNT: Statement =
    statement!("SELECT CAST(COUNT(*) AS BIGINT) FROM name_commitments WHERE project = $1");
const ADD: Statement = statement!(
    "INSERT INTO name_commitments (commitment, project, made) VALUES ($1, $2, $3) ON CONFLICT (commitment) DO NOTHING"
);
pub(super) const FIND: Statement =
    locking!("SELECT project, made FROM name_commitments WHERE commitment = $1");
pub(super) const SPEND: Statement = statement!("DELETE FROM name_commitments WHERE commitment = $1");
