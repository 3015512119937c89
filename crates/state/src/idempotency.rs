//! Keys of requests that must not be carried out twice.
//!
//! Every change begins with the row of the holder, so that requests of one principal take turns on all nodes, and no two
//! transactions wait for each other.

use async_trait::async_trait;
use casemate_identity::{IdempotencyKeys, IdempotencyMark, Reservation, Reserved};
use casemate_model::{Digest, StoreError, Timestamp};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, statement, values};
use crate::store::{PAGE_MAX, Store};

/// Answers that make room at a time.
const EVICTED_AT_ONCE: u32 = 16;

#[async_trait]
impl IdempotencyKeys for Store {
    async fn reserve(&self, wanted: &Reservation) -> Result<Reserved, StoreError> {
        self.change(Reserve { wanted: wanted.clone() }).await
    }

    async fn extend(&self, mark: &IdempotencyMark, lease_until: Timestamp) -> Result<bool, StoreError> {
        self.change(Extend { mark: mark.clone(), lease_until }).await
    }

    async fn answer(&self, mark: &IdempotencyMark, answer: Vec<u8>) -> Result<bool, StoreError> {
        self.change(Answer { mark: mark.clone(), answer }).await
    }

    async fn release(&self, mark: &IdempotencyMark) -> Result<(), StoreError> {
        self.change(Release { mark: mark.clone() }).await
    }

    async fn forget_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(ForgetExpired { now, limit: limit.min(PAGE_MAX) }).await
    }
}

/// What a holder has.
#[derive(Clone, Copy)]
struct Held {
    keys: u64,
    bytes: u64,
}

/// A key as it is stored.
struct Stored {
    fingerprint: Digest,
    lease_until: Timestamp,
    expires: Timestamp,
    answer: Option<Vec<u8>>,
    bytes: u64,
}

struct Reserve {
    wanted: Reservation,
}

#[async_trait]
impl Change for Reserve {
    type Answer = Reserved;
    const ACTION: &'static str = "reserve an idempotency key";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Reserved, Failure> {
        let Reservation { mark, fingerprint, now, .. } = &self.wanted;
        let holder = (mark.project.to_string(), mark.principal.to_string());
        let mut held = hold(tx, &holder).await?;
        if let Some(row) = tx.row(&KEY, values![holder.0, holder.1, mark.key]).await? {
            let stored = stored(row)?;
            if stored.expires > *now {
                return self.of_known(tx, &holder, stored, *fingerprint).await;
            }
            remove(tx, &holder, mark.key.as_bytes(), stored.bytes).await?;
            held = Held { keys: held.keys - 1, bytes: held.bytes - stored.bytes };
        }
        if !self.make_room(tx, &holder, held).await? {
            return Ok(Reserved::TooMany);
        }
        let wanted = &self.wanted;
        let key = values![
            holder.0,
            holder.1,
            mark.key,
            wanted.fingerprint,
            mark.request,
            wanted.lease_until,
            wanted.now,
            wanted.expires,
        ];
        tx.execute(&INSERT_KEY, key).await?;
        tx.execute(&ADD_KEY, values![holder.0, holder.1]).await?;
        Ok(Reserved::Fresh)
    }
}

impl Reserve {
    /// What is to be said to a request whose key is there.
    async fn of_known(
        &self,
        tx: &mut Tx<'_>,
        holder: &(String, String),
        stored: Stored,
        fingerprint: Digest,
    ) -> Result<Reserved, Failure> {
        if stored.fingerprint != fingerprint {
            return Ok(Reserved::OtherRequest);
        }
        if let Some(answer) = stored.answer {
            return Ok(Reserved::Answered(answer));
        }
        if stored.lease_until > self.wanted.now {
            return Ok(Reserved::InFlight);
        }
        let mark = &self.wanted.mark;
        let lease = values![holder.0, holder.1, mark.key, mark.request, self.wanted.lease_until];
        tx.execute(&TAKE_OVER, lease).await?;
        Ok(Reserved::Fresh)
    }

    /// Forgets the oldest answers of who has as much as may be kept; false if requests under way are all there is.
    async fn make_room(
        &self,
        tx: &mut Tx<'_>,
        holder: &(String, String),
        mut held: Held,
    ) -> Result<bool, Failure> {
        while held.keys >= self.wanted.keys_max || held.bytes >= self.wanted.bytes_max {
            let oldest = tx.rows(&OLDEST, values![holder.0, holder.1, EVICTED_AT_ONCE]).await?;
            if oldest.is_empty() {
                return Ok(held.keys < self.wanted.keys_max);
            }
            for row in oldest {
                let mut columns = row.read("idempotency key");
                let (key, bytes): (Vec<u8>, u64) = (columns.next()?, columns.next()?);
                remove(tx, holder, &key, bytes).await?;
                held = Held { keys: held.keys - 1, bytes: held.bytes - bytes };
            }
        }
        Ok(true)
    }
}

struct Extend {
    mark: IdempotencyMark,
    lease_until: Timestamp,
}

#[async_trait]
impl Change for Extend {
    type Answer = bool;
    const ACTION: &'static str = "extend an idempotency key";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let IdempotencyMark { project, principal, key, request } = &self.mark;
        let changed = tx
            .execute(&EXTEND, values![project, principal.to_string(), key, request, self.lease_until])
            .await?;
        Ok(changed == 1)
    }
}

struct Answer {
    mark: IdempotencyMark,
    answer: Vec<u8>,
}

#[async_trait]
impl Change for Answer {
    type Answer = bool;
    const ACTION: &'static str = "keep an answer";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let IdempotencyMark { project, principal, key, request } = &self.mark;
        let holder = (project.to_string(), principal.to_string());
        hold(tx, &holder).await?;
        let bytes = self.answer.len() as u64;
        let kept = values![holder.0, holder.1, key, request, self.answer.as_slice(), bytes];
        if tx.execute(&KEEP, kept).await? == 0 {
            return Ok(false);
        }
        tx.execute(&ADD_BYTES, values![holder.0, holder.1, bytes]).await?;
        Ok(true)
    }
}

struct Release {
    mark: IdempotencyMark,
}

#[async_trait]
impl Change for Release {
    type Answer = ();
    const ACTION: &'static str = "release an idempotency key";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let IdempotencyMark { project, principal, key, request } = &self.mark;
        let holder = (project.to_string(), principal.to_string());
        hold(tx, &holder).await?;
        if tx.execute(&RELEASE, values![holder.0, holder.1, key, request]).await? == 1 {
            tx.execute(&SUBTRACT, values![holder.0, holder.1, 0_u64]).await?;
        }
        Ok(())
    }
}

struct ForgetExpired {
    now: Timestamp,
    limit: u32,
}

#[async_trait]
impl Change for ForgetExpired {
    type Answer = u64;
    const ACTION: &'static str = "forget idempotency keys";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, Failure> {
        let mut expired = Vec::new();
        for row in tx.rows(&EXPIRED, values![self.now, self.limit]).await? {
            let mut columns = row.read("idempotency key");
            let holder: (String, String) = (columns.next()?, columns.next()?);
            let key: Vec<u8> = columns.next()?;
            expired.push((holder, key));
        }
        // In one order, so that two nodes that forget at once do not wait for each other.
        expired.sort();
        let mut forgotten = 0;
        for (holder, key) in expired {
            hold(tx, &holder).await?;
            // It may have been forgotten, or used anew, while the holder was waited for.
            let row = tx.row(&STILL_EXPIRED, values![holder.0, holder.1, key.as_slice(), self.now]).await?;
            if let Some(row) = row {
                remove(tx, &holder, &key, row.only("idempotency key")?).await?;
                forgotten += 1;
            }
            tx.execute(&FORGET_HOLDER, values![holder.0, holder.1]).await?;
        }
        Ok(forgotten)
    }
}

/// Makes the holder's row if it is not there, and keeps others off it until the transaction ends.
async fn hold(tx: &mut Tx<'_>, holder: &(String, String)) -> Result<Held, Failure> {
    let row = tx.row(&HOLD, values![holder.0, holder.1]).await?;
    let mut columns =
        row.ok_or_else(|| Failure::damaged("idempotency holder", HolderMissing))?.read("holder");
    Ok(Held { keys: columns.next()?, bytes: columns.next()? })
}

async fn remove(tx: &mut Tx<'_>, holder: &(String, String), key: &[u8], bytes: u64) -> Result<(), Failure> {
    tx.execute(&DELETE_KEY, values![holder.0, holder.1, key]).await?;
    tx.execute(&SUBTRACT, values![holder.0, holder.1, bytes]).await.map(drop)
}

fn stored(row: Row) -> Result<Stored, Failure> {
    let mut columns = row.read("idempotency key");
    Ok(Stored {
        fingerprint: columns.next()?,
        lease_until: columns.next()?,
        expires: columns.next()?,
        answer: columns.next()?,
        bytes: columns.next()?,
    })
}

/// A row that was just made and is not there.
#[derive(Debug, thiserror::Error)]
#[error("the row of a holder is not there")]
struct HolderMissing;

const HOLD: Statement = statement!(
    "INSERT INTO idempotency_holders (project, principal, keys, bytes) VALUES ($1, $2, 0, 0) ",
    "ON CONFLICT (project, principal) DO UPDATE SET keys = idempotency_holders.keys RETURNING keys, bytes"
);
const KEY: Statement = statement!(
    "SELECT fingerprint, lease_until, expires, answer, bytes FROM idempotency_keys ",
    "WHERE project = $1 AND principal = $2 AND key = $3"
);
const INSERT_KEY: Statement = statement!(
    "INSERT INTO idempotency_keys (project, principal, key, fingerprint, request, lease_until, created, expires) ",
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
);
const ADD_KEY: Statement =
    statement!("UPDATE idempotency_holders SET keys = keys + 1 WHERE project = $1 AND principal = $2");
const ADD_BYTES: Statement =
    statement!("UPDATE idempotency_holders SET bytes = bytes + $3 WHERE project = $1 AND principal = $2");
const SUBTRACT: Statement = statement!(
    "UPDATE idempotency_holders SET keys = keys - 1, bytes = bytes - $3 WHERE project = $1 AND principal = $2"
);
const TAKE_OVER: Statement = statement!(
    "UPDATE idempotency_keys SET request = $4, lease_until = $5 WHERE project = $1 AND principal = $2 AND key = $3"
);
const EXTEND: Statement = statement!(
    "UPDATE idempotency_keys SET lease_until = $5 ",
    "WHERE project = $1 AND principal = $2 AND key = $3 AND request = $4 AND answer IS NULL"
);
const KEEP: Statement = statement!(
    "UPDATE idempotency_keys SET answer = $5, bytes = $6 ",
    "WHERE project = $1 AND principal = $2 AND key = $3 AND request = $4 AND answer IS NULL"
);
const RELEASE: Statement = statement!(
    "DELETE FROM idempotency_keys ",
    "WHERE project = $1 AND principal = $2 AND key = $3 AND request = $4 AND answer IS NULL"
);
const DELETE_KEY: Statement =
    statement!("DELETE FROM idempotency_keys WHERE project = $1 AND principal = $2 AND key = $3");
const OLDEST: Statement = statement!(
    "SELECT key, bytes FROM idempotency_keys WHERE project = $1 AND principal = $2 AND answer IS NOT NULL ",
    "ORDER BY created LIMIT $3"
);
const EXPIRED: Statement = statement!(
    "SELECT project, principal, key FROM idempotency_keys WHERE expires <= $1 ORDER BY expires LIMIT $2"
);
const STILL_EXPIRED: Statement = statement!(
    "SELECT bytes FROM idempotency_keys WHERE project = $1 AND principal = $2 AND key = $3 AND expires <= $4"
);
const FORGET_HOLDER: Statement =
    statement!("DELETE FROM idempotency_holders WHERE project = $1 AND principal = $2 AND keys = 0");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find an idempotency key", &KEY),
    ("take an idempotency key over", &TAKE_OVER),
    ("extend an idempotency key", &EXTEND),
    ("keep an answer", &KEEP),
    ("release an idempotency key", &RELEASE),
    ("delete an idempotency key", &DELETE_KEY),
    ("find the oldest answers", &OLDEST),
    ("find expired idempotency keys", &EXPIRED),
    ("forget a holder of idempotency keys", &FORGET_HOLDER),
];
