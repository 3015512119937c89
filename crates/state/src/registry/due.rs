//! What time has to do with names.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::Timestamp;
use casemate_names::{HeldName, Notice};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, statement, values};

use super::held_columns;

pub(super) struct Note {
    pub(super) held: HeldName,
    pub(super) next: (Notice, Timestamp),
    pub(super) event: Option<Event>,
}

#[async_trait]
impl Change for Note {
    type Answer = bool;
    const ACTION: &'static str = "note what was said of a name";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let (record, (noticed, due)) = (&self.held.record, self.next);
        let values = values![record.name, record.sequence, self.held.noticed, noticed, due];
        let noted = tx.execute(&NOTE, values).await? == 1;
        if let Some(event) = self.event.as_ref().filter(|_| noted) {
            tx.record(event).await?;
        }
        Ok(noted)
    }
}

pub(super) const DUE: Statement =
    statement!("SELECT ", held_columns!(), " FROM names WHERE due <= $1 ORDER BY due, name LIMIT $2");
pub(super) const NOTE: Statement =
    statement!("UPDATE names SET noticed = $4, due = $5 WHERE name = $1 AND sequence = $2 AND noticed = $3");
