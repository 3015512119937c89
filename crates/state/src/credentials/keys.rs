use async_trait::async_trait;
use casemate_identity::{KeyRecord, SecretMac};
use casemate_ledger::Event;
use casemate_model::{KeyId, Project, RequestLimit, Timestamp};

use super::secret_mac;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Columns, Row, Statement, locking, statement, values};

pub(super) struct InsertKey {
    pub(super) key: KeyRecord,
    pub(super) event: Event,
}

#[async_trait]
impl Change for InsertKey {
    type Answer = ();
    const ACTION: &'static str = "add a key";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        tx.insert_key(&self.key).await?;
        tx.record(&self.event).await.map(drop)
    }
}

impl Tx<'_> {
    /// Adds a key.
    pub(crate) async fn insert_key(&mut self, key: &KeyRecord) -> Result<(), Failure> {
        let values = values![
            key.id,
            key.project,
            key.label,
            key.role,
            key.scopes,
            key.secret.pepper,
            key.secret.mac.as_slice(),
            key.created,
            key.expires,
            key.revoked,
            key.owner,
            key.networks,
            key.limit.map(RequestLimit::per_second),
            key.limit.map(RequestLimit::burst),
        ];
        self.execute(&INSERT_KEY, values).await.map(drop)
    }
}

pub(super) struct RevokeKey {
    pub(super) project: Project,
    pub(super) id: KeyId,
    pub(super) at: Timestamp,
    pub(super) event: Event,
}

#[async_trait]
impl Change for RevokeKey {
    type Answer = bool;
    const ACTION: &'static str = "revoke a key";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let Some(row) = tx.row(&LOCK_KEY, values![self.id, self.project]).await? else {
            return Ok(false);
        };
        let revoked: Option<Timestamp> = row.only("key")?;
        if revoked.is_none() {
            tx.execute(&REVOKE_KEY, values![self.id, self.at]).await?;
            tx.record(&self.event).await?;
        }
        Ok(true)
    }
}

pub(super) struct RotateKey {
    pub(super) project: Project,
    pub(super) id: KeyId,
    pub(super) secret: SecretMac,
    pub(super) former_until: Timestamp,
    pub(super) event: Event,
}

#[async_trait]
impl Change for RotateKey {
    type Answer = bool;
    const ACTION: &'static str = "exchange a key's secret";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let SecretMac { pepper, mac } = self.secret;
        let values = values![self.id, self.project, pepper, mac.as_slice(), self.former_until];
        if tx.execute(&ROTATE_KEY, values).await? == 0 {
            return Ok(false);
        }
        // Whoever had the former secret may have opened them.
        tx.execute(&END_SESSIONS_OF_KEY, values![self.id]).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

pub(super) struct NoteUsed {
    pub(super) used: Vec<(KeyId, Timestamp)>,
}

#[async_trait]
impl Change for NoteUsed {
    type Answer = ();
    const ACTION: &'static str = "note when keys were used";

    /// No entry: it says of no change, only that what may be used was used.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        for (id, at) in &self.used {
            tx.execute(&NOTE_USED, values![id, at]).await?;
        }
        Ok(())
    }
}

pub(crate) fn key_record(row: Row) -> Result<KeyRecord, Failure> {
    let mut columns = row.read("key");
    Ok(KeyRecord {
        id: columns.next()?,
        project: columns.next()?,
        label: columns.next()?,
        role: columns.next()?,
        scopes: columns.next()?,
        secret: secret_mac(&mut columns)?,
        created: columns.next()?,
        expires: columns.next()?,
        revoked: columns.next()?,
        owner: columns.next()?,
        networks: columns.next()?,
        used: columns.next()?,
        limit: limit(&mut columns)?,
        former: former(&mut columns)?,
    })
}

fn limit(columns: &mut Columns) -> Result<Option<RequestLimit>, Failure> {
    let (per_second, burst): (Option<u32>, Option<u32>) = (columns.next()?, columns.next()?);
    let limit = per_second.zip(burst).map(|(per_second, burst)| RequestLimit::new(per_second, burst));
    limit.transpose().map_err(|error| Failure::damaged("key", error))
}

fn former(columns: &mut Columns) -> Result<Option<(SecretMac, Timestamp)>, Failure> {
    let (pepper, mac): (Option<u32>, Option<[u8; 32]>) = (columns.next()?, columns.next()?);
    let until: Option<Timestamp> = columns.next()?;
    Ok(pepper.zip(mac).zip(until).map(|((pepper, mac), until)| (SecretMac { pepper, mac }, until)))
}

macro_rules! key_columns {
    () => {
        "id, project, label, role, scopes, pepper, mac, created, expires, revoked, \
         user_id, networks, used, requests_per_second, requests_burst, former_pepper, former_mac, former_until"
    };
}
const INSERT_KEY: Statement = statement!(
    "INSERT INTO api_keys (",
    "id, project, label, role, scopes, pepper, mac, created, expires, revoked, user_id, networks, \
     requests_per_second, requests_burst",
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
);
pub(super) const KEY: Statement = statement!("SELECT ", key_columns!(), " FROM api_keys WHERE id = $1");
pub(super) const KEYS: Statement = statement!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3"
);
pub(crate) const ALL_KEYS: Statement =
    statement!("SELECT ", key_columns!(), " FROM api_keys WHERE id > $1 ORDER BY id LIMIT $2");
const LOCK_KEY: Statement = locking!("SELECT revoked FROM api_keys WHERE id = $1 AND project = $2");
pub(crate) const REVOKE_KEY: Statement = statement!("UPDATE api_keys SET revoked = $2 WHERE id = $1");
const ROTATE_KEY: Statement = statement!(
    "UPDATE api_keys SET former_pepper = pepper, former_mac = mac, former_until = $5, pepper = $3, mac = $4 \
     WHERE id = $1 AND project = $2 AND revoked IS NULL"
);
const END_SESSIONS_OF_KEY: Statement = statement!("DELETE FROM sessions WHERE key_id = $1");
const NOTE_USED: Statement =
    statement!("UPDATE api_keys SET used = $2 WHERE id = $1 AND (used IS NULL OR used < $2)");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a key", &KEY),
    ("list keys", &KEYS),
    ("find a key to revoke", &LOCK_KEY),
    ("revoke a key", &REVOKE_KEY),
    ("exchange a key's secret", &ROTATE_KEY),
    ("note a key's use", &NOTE_USED),
];
