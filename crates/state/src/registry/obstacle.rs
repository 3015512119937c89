//! What stands in the way of a claim.

use std::collections::BTreeMap;
use std::iter;

use async_trait::async_trait;
use casemate_ledger::NameChange;
use casemate_model::{Name, Project, Timestamp};
use casemate_names::Obstacle;

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Statement, ToValue, locking, statement, values};

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
        Around::read(tx, (&self.name, &self.project, self.now)).await?.obstacle(tx).await
    }
}

/// What there is around a name, as a project sees it that would claim it.
pub(super) struct Around<'a> {
    name: &'a Name,
    project: &'a Project,
    now: Timestamp,
    /// The name and those above it, as far as they are held.
    family: Vec<Held>,
    /// Who has or had what the name and those above it look like, by that.
    looks: BTreeMap<String, Likeness>,
    /// A name below it that another project holds.
    below: Option<Name>,
    /// Until when a name below it cools off for another project.
    cooling_below: Option<Timestamp>,
    last: u64,
}

struct Held {
    name: Name,
    holder: Project,
    sequence: u64,
}

/// Who has what names look like, or had it.
struct Likeness {
    name: Name,
    holder: Project,
    /// From when on others may have it; `None` while it is held.
    free_from: Option<Timestamp>,
}

impl<'a> Around<'a> {
    pub(super) async fn read(
        tx: &mut Tx<'_>,
        (name, project, now): (&'a Name, &'a Project, Timestamp),
    ) -> Result<Self, Failure> {
        let mut family = Vec::new();
        for row in tx.rows(&HOLDERS, &rows::family_of(name)).await? {
            let mut columns = row.read("name");
            family.push(Held { name: columns.next()?, holder: columns.next()?, sequence: columns.next()? });
        }
        let mut around = Self {
            name,
            project,
            now,
            family,
            looks: BTreeMap::new(),
            below: None,
            cooling_below: None,
            last: 0,
        };
        around.read_rest(tx).await?;
        Ok(around)
    }

    async fn read_rest(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let reversed = self.name.reversed();
        let skeletons =
            iter::once(self.name.skeleton()).chain(self.name.ancestors().map(|above| above.skeleton()));
        let mut values = rows::eight(skeletons.map(|skeleton| skeleton.to_value()));
        // A slash is the character after a dot.
        let (from, to) = (format!("{reversed}."), format!("{reversed}/"));
        values.extend_from_slice(values![from, to, self.project, self.now, self.name]);
        for row in tx.rows(&AROUND, &values).await? {
            let mut columns = row.read("what is around a name");
            let skeleton: Option<String> = columns.next()?;
            let name: Option<Name> = columns.next()?;
            let holder: Option<Project> = columns.next()?;
            let free_from = columns.next()?;
            match (skeleton, name, holder) {
                (Some(skeleton), Some(name), Some(holder)) => {
                    self.looks.insert(skeleton, Likeness { name, holder, free_from });
                }
                (_, below, _) => {
                    let last: Option<u64> = columns.next()?;
                    (self.below, self.cooling_below, self.last) = (below, free_from, last.unwrap_or(0));
                }
            }
        }
        Ok(())
    }

    /// The project that holds the name itself.
    pub(super) fn holder(&self) -> Option<&Project> {
        self.family.iter().find(|held| held.name == *self.name).map(|held| &held.holder)
    }

    /// Whether those above the name that are held are these, at these versions.
    pub(super) fn is_above(&self, known: &BTreeMap<Name, u64>) -> bool {
        let mut above = self.family.iter().filter(|held| held.name != *self.name);
        above.clone().count() == known.len()
            && above.all(|held| known.get(&held.name) == Some(&held.sequence))
    }

    /// The number of the last version in the history of the name; 0 if it has none.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// What stands in the way of a claim.
    pub(super) async fn obstacle(&self, tx: &mut Tx<'_>) -> Result<Option<Obstacle>, Failure> {
        match self.family.iter().max_by_key(|held| held.name.as_str().len()) {
            Some(held) if held.name == *self.name => return Ok(Some(Obstacle::Held(held.holder.clone()))),
            Some(above) if above.holder != *self.project => {
                return Ok(Some(Obstacle::OfAnother(above.name.clone())));
            }
            // Below a name of one's own all is one's own, but for what was handed on.
            Some(_) => {}
            None => {
                if let Some(below) = &self.below {
                    return Ok(Some(Obstacle::OfAnother(below.clone())));
                }
                if let Some(until) = self.cooling_around(tx).await? {
                    return Ok(Some(Obstacle::CoolingOff(until)));
                }
            }
        }
        match self.looks.get(&self.name.skeleton()) {
            Some(Likeness { name, free_from: None, .. }) => Ok(Some(Obstacle::LooksLike(name.clone()))),
            Some(former) => Ok(self.cooling(former, tx).await?.map(Obstacle::CoolingOff)),
            None => Ok(None),
        }
    }

    /// Until when a name above or below cools off for another project: whoever believes in it is not sent to a stranger by one beside
    /// it, and who gave it up can have it back.
    async fn cooling_around(&self, tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Failure> {
        for above in self.name.ancestors() {
            if let Some(former) = self.looks.get(&above.skeleton())
                && let Some(until) = self.cooling(former, tx).await?
            {
                return Ok(Some(until));
            }
        }
        Ok(self.cooling_below)
    }

    /// Until when what somebody had cools off for the project; `None` if it may have it.
    async fn cooling(&self, former: &Likeness, tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Failure> {
        let Some(until) = former.free_from.filter(|until| *until > self.now) else { return Ok(None) };
        let waits = former.holder != *self.project || was_taken_away(tx, &former.name).await?;
        Ok(waits.then_some(until))
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
    let reversed = name.reversed();
    let values = values![format!("{reversed}."), format!("{reversed}/"), project];
    match tx.row(&BELOW_OF_ANOTHER, values).await? {
        Some(row) => Ok(Some(row.only("name")?)),
        None => Ok(None),
    }
}

pub(super) const HOLDERS: Statement =
    locking!("SELECT name, project, sequence FROM names WHERE name IN ($1, $2, $3, $4, $5, $6, $7, $8)");
/// A row for each look, and one without a look for what is below and how the history ended.
pub(super) const AROUND: Statement = statement!(
    "SELECT skeleton, name, project, free_from, NULL FROM name_skeletons \
     WHERE skeleton IN ($1, $2, $3, $4, $5, $6, $7, $8) \
     UNION ALL SELECT NULL, \
     (SELECT name FROM names WHERE reversed >= $9 AND reversed < $10 AND project <> $11 ORDER BY reversed LIMIT 1), \
     NULL, \
     (SELECT free_from FROM name_skeletons WHERE reversed >= $9 AND reversed < $10 AND free_from > $12 AND project <> $11 LIMIT 1), \
     (SELECT sequence FROM name_versions WHERE name = $13 ORDER BY sequence DESC LIMIT 1)"
);
pub(super) const BELOW_OF_ANOTHER: Statement = statement!(
    "SELECT name FROM names WHERE reversed >= $1 AND reversed < $2 AND project <> $3 ORDER BY reversed LIMIT 1"
);
pub(super) const LAST_CHANGE: Statement =
    statement!("SELECT kind FROM name_versions WHERE name = $1 ORDER BY sequence DESC LIMIT 1");
