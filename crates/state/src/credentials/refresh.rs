use async_trait::async_trait;
use casemate_identity::{RefreshRecord, Rotated, SecretMac};
use casemate_ledger::Event;
use casemate_model::{RefreshId, Timestamp};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};

pub(super) struct Rotate {
    pub(super) id: RefreshId,
    pub(super) successor: RefreshRecord,
    pub(super) grace_from: Timestamp,
    pub(super) ended: Event,
}

#[async_trait]
impl Change for Rotate {
    type Answer = Rotated;
    const ACTION: &'static str = "refresh a session";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Rotated, Failure> {
        let Some(row) = tx.row(&LOCK_REFRESH, values![self.id]).await? else {
            return Ok(Rotated::Gone);
        };
        let token = refresh_record(row)?;
        match token.used {
            None => {
                insert(tx, &self.successor).await?;
                let (at, next) = (self.successor.created, self.successor.id);
                tx.execute(&USE_REFRESH, values![self.id, at, next]).await?;
                Ok(Rotated::First)
            }
            Some((at, next)) if at >= self.grace_from => {
                let row = tx.row(&REFRESH, values![next]).await?;
                Ok(row.map(refresh_record).transpose()?.map_or(Rotated::Gone, Rotated::Again))
            }
            Some(_) => {
                tx.execute(&super::DELETE_SESSION, values![token.session]).await?;
                tx.record(&self.ended).await?;
                Ok(Rotated::Reused)
            }
        }
    }
}

pub(super) async fn insert(tx: &mut Tx<'_>, token: &RefreshRecord) -> Result<(), Failure> {
    let (pepper, mac) = (token.secret.pepper, token.secret.mac);
    let values = values![token.id, token.session, pepper, mac.as_slice(), token.created];
    tx.execute(&INSERT_REFRESH, values).await.map(drop)
}

pub(crate) fn refresh_record(row: Row) -> Result<RefreshRecord, Failure> {
    let mut columns = row.read("refresh token");
    let (id, session) = (columns.next()?, columns.next()?);
    let secret = SecretMac { pepper: columns.next()?, mac: columns.next()? };
    let created = columns.next()?;
    let (used, successor): (Option<Timestamp>, Option<RefreshId>) = (columns.next()?, columns.next()?);
    Ok(RefreshRecord { id, session, secret, created, used: used.zip(successor) })
}

macro_rules! refresh_columns {
    () => {
        "id, session, pepper, mac, created, used, successor"
    };
}

pub(super) const REFRESH: Statement =
    statement!("SELECT ", refresh_columns!(), " FROM refresh_tokens WHERE id = $1");
const LOCK_REFRESH: Statement = locking!("SELECT ", refresh_columns!(), " FROM refresh_tokens WHERE id = $1");
const INSERT_REFRESH: Statement =
    statement!("INSERT INTO refresh_tokens (id, session, pepper, mac, created) VALUES ($1, $2, $3, $4, $5)");
const USE_REFRESH: Statement =
    statement!("UPDATE refresh_tokens SET used = $2, successor = $3 WHERE id = $1");
pub(crate) const ALL_REFRESH: Statement =
    statement!("SELECT ", refresh_columns!(), " FROM refresh_tokens WHERE id > $1 ORDER BY id LIMIT $2");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] =
    &[("find a refresh token", &REFRESH), ("use a refresh token", &USE_REFRESH)];
