//! Words that holders sort names by: written and removed with the version that has them.

use casemate_names::HeldName;

use crate::change::Tx;
use crate::failure::Failure;
use crate::sql::{Statement, statement, values};

pub(super) async fn tag(tx: &mut Tx<'_>, held: &HeldName) -> Result<(), Failure> {
    for tag in held.record.tags.iter() {
        tx.execute(&TAG, values![held.record.project, tag.as_str(), held.record.name]).await?;
    }
    Ok(())
}

pub(super) async fn untag(tx: &mut Tx<'_>, held: &HeldName) -> Result<(), Failure> {
    for tag in held.record.tags.iter() {
        tx.execute(&UNTAG, values![held.record.project, tag.as_str(), held.record.name]).await?;
    }
    Ok(())
}

const TAG: Statement = statement!("INSERT INTO name_tags (project, tag, name) VALUES ($1, $2, $3)");
pub(super) const UNTAG: Statement =
    statement!("DELETE FROM name_tags WHERE project = $1 AND tag = $2 AND name = $3");
