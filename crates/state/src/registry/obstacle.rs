//! What stands in the way of a claim.

use async_trait::async_trait;
use casemate_ledger::NameChange;
use casemate_model::{Name, Project, Timestamp};
use casemate_names::Obstacle;

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, locking, statement, values};

use super::rows;

pub(super) struct Look {
    pub(super) name: Name,
    pub(super) project: Project,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Change for Look {
    type Answer = Option<Obstacle>;
    const ACTION: &'static str = "look whether a name is free";

    /// It changes nothing. It takes its turn among those that do, so that what it says was so at one moment.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<Obstacle>, Failure> {
        find(tx, &self.name, &self.project, self.now).await
    }
}

pub(super) async fn find(
    tx: &mut Tx<'_>,
    name: &Name,
    project: &Project,
    now: Timestamp,
) -> Result<Option<Obstacle>, Failure> {
    match nearest(tx, name).await? {
        Some((held, holder)) if held == *name => return Ok(Some(Obstacle::Held(holder))),
        Some((above, holder)) if holder != *project => return Ok(Some(Obstacle::OfAnother(above))),
        // Below a name of one's own all is one's own, but for what was handed on.
        Some(_) => {}
        None => {
            if let Some(below) = below_of_another(tx, name, project).await? {
                return Ok(Some(Obstacle::OfAnother(below)));
            }
            if let Some(until) = cooling_around(tx, name, project, now).await? {
                return Ok(Some(Obstacle::CoolingOff(until)));
            }
        }
    }
    let Some(row) = tx.row(&WHO_LOOKS_SO, values![name.skeleton()]).await? else { return Ok(None) };
    let mut columns = row.read("what a name looks like");
    let (other, former, free_from): (Name, Project, Option<Timestamp>) =
        (columns.next()?, columns.next()?, columns.next()?);
    match free_from {
        None => Ok(Some(Obstacle::LooksLike(other))),
        Some(until) if until <= now => Ok(None),
        Some(until) if former != *project || was_taken_away(tx, &other).await? => {
            Ok(Some(Obstacle::CoolingOff(until)))
        }
        Some(_) => Ok(None),
    }
}

/// Until when a name above or below cools off for another project: whoever believes in it is not sent to a stranger by one beside it,
/// and who gave it up can have it back.
async fn cooling_around(
    tx: &mut Tx<'_>,
    name: &Name,
    project: &Project,
    now: Timestamp,
) -> Result<Option<Timestamp>, Failure> {
    for above in name.ancestors() {
        let Some(row) = tx.row(&WHO_LOOKS_SO, values![above.skeleton()]).await? else { continue };
        let mut columns = row.read("what a name looks like");
        let (other, former, free_from): (Name, Project, Option<Timestamp>) =
            (columns.next()?, columns.next()?, columns.next()?);
        if let Some(until) = free_from.filter(|until| *until > now)
            && (former != *project || was_taken_away(tx, &other).await?)
        {
            return Ok(Some(until));
        }
    }
    let reversed = name.reversed();
    let values = values![format!("{reversed}."), format!("{reversed}/"), now, project];
    match tx.row(&COOLING_BELOW, values).await? {
        Some(row) => Ok(Some(row.only("time")?)),
        None => Ok(None),
    }
}

/// Whether a name ended since it was stopped, so that its former holder waits like everybody.
async fn was_taken_away(tx: &mut Tx<'_>, name: &Name) -> Result<bool, Failure> {
    let Some(row) = tx.row(&LAST_CHANGE, values![name]).await? else { return Ok(false) };
    Ok(row.only::<NameChange>("kind")? == NameChange::Removed)
}

/// A name below a name that another project holds.
pub(super) async fn below_of_another(
    tx: &mut Tx<'_>,
    name: &Name,
    project: &Project,
) -> Result<Option<Name>, Failure> {
    // A slash is the character after a dot.
    let reversed = name.reversed();
    let values = values![format!("{reversed}."), format!("{reversed}/"), project];
    match tx.row(&BELOW_OF_ANOTHER, values).await? {
        Some(row) => Ok(Some(row.only("name")?)),
        None => Ok(None),
    }
}

/// The name or the nearest above it that is held, and its holder.
async fn nearest(tx: &mut Tx<'_>, name: &Name) -> Result<Option<(Name, Project)>, Failure> {
    let mut nearest: Option<(Name, Project)> = None;
    for row in tx.rows(&HOLDERS, &rows::family_of(name)).await? {
        let mut columns = row.read("name");
        let (held, holder): (Name, Project) = (columns.next()?, columns.next()?);
        if nearest.as_ref().is_none_or(|(other, _)| held.as_str().len() > other.as_str().len()) {
            nearest = Some((held, holder));
        }
    }
    Ok(nearest)
}

pub(super) const HOLDERS: Statement =
    locking!("SELECT name, project FROM names WHERE name IN ($1, $2, $3, $4, $5, $6, $7, $8)");
pub(super) const BELOW_OF_ANOTHER: Statement = statement!(
    "SELECT name FROM names WHERE reversed >= $1 AND reversed < $2 AND project <> $3 ORDER BY reversed LIMIT 1"
);
pub(super) const COOLING_BELOW: Statement = statement!(
    "SELECT free_from FROM name_skeletons WHERE reversed >= $1 AND reversed < $2 AND free_from > $3 AND project <> $4 LIMIT 1"
);
pub(super) const LAST_CHANGE: Statement =
    statement!("SELECT kind FROM name_versions WHERE name = $1 ORDER BY sequence DESC LIMIT 1");
pub(super) const WHO_LOOKS_SO: Statement =
    statement!("SELECT name, project, free_from FROM name_skeletons WHERE skeleton = $1");
