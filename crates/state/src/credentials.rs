//! API keys and sessions.

pub(crate) mod keys;
pub(crate) mod refresh;

use async_trait::async_trait;
use casemate_identity::{
    Credentials, FactorUse, KeyRecord, RefreshRecord, Rotated, SecretMac, SessionRecord,
};
use casemate_ledger::Event;
use casemate_model::{KeyId, Project, RefreshId, Role, Scopes, SessionId, StoreError, Timestamp, UserId};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Columns, Row, Statement, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};
use crate::users::factors;

#[async_trait]
impl Credentials for Store {
    async fn insert_key(&self, key: &KeyRecord, event: Event) -> Result<(), StoreError> {
        self.change(keys::InsertKey { key: key.clone(), event }).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let action = "read a key";
        read_one(self.row(action, &keys::KEY, values![id]).await?, action, keys::key_record)
    }

    async fn keys(
        &self,
        project: &Project,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, StoreError> {
        let action = "list keys";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(action, &keys::KEYS, values![project, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, keys::key_record)
    }

    async fn revoke_key(
        &self,
        project: &Project,
        id: KeyId,
        at: Timestamp,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(keys::RevokeKey { project: project.clone(), id, at, event }).await
    }

    async fn rotate_key(
        &self,
        project: &Project,
        id: KeyId,
        (secret, former_until): (SecretMac, Timestamp),
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(keys::RotateKey { project: project.clone(), id, secret, former_until, event }).await
    }

    async fn note_used(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        self.change(keys::NoteUsed { used: used.to_vec() }).await
    }

    async fn role(&self, project: &Project, role: &Role) -> Result<Option<Scopes>, StoreError> {
        let action = "read a role";
        read_one(self.row(action, &ROLE, values![project, role]).await?, action, |row| row.only("role"))
    }

    async fn insert_session(
        &self,
        session: &SessionRecord,
        refresh: Option<&RefreshRecord>,
        proof: Option<&FactorUse>,
        event: Event,
    ) -> Result<bool, StoreError> {
        let (refresh, proof) = (refresh.cloned(), proof.cloned());
        self.change(InsertSession { session: session.clone(), refresh, proof, event }).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let action = "read a session";
        read_one(self.row(action, &SESSION, values![id]).await?, action, session_record)
    }

    async fn end_session(&self, id: SessionId, event: Event) -> Result<bool, StoreError> {
        self.change(EndSession { id, event }).await
    }

    async fn standing(&self, user: UserId, project: &Project) -> Result<Option<Role>, StoreError> {
        let action = "read a user's role";
        read_one(self.row(action, &STANDING, values![user, project]).await?, action, |row| row.only("role"))
    }

    async fn refresh_token(&self, id: RefreshId) -> Result<Option<RefreshRecord>, StoreError> {
        let action = "read a refresh token";
        read_one(self.row(action, &refresh::REFRESH, values![id]).await?, action, refresh::refresh_record)
    }

    async fn rotate(
        &self,
        id: RefreshId,
        successor: &RefreshRecord,
        grace_from: Timestamp,
        ended: Event,
    ) -> Result<Rotated, StoreError> {
        self.change(refresh::Rotate { id, successor: successor.clone(), grace_from, ended }).await
    }
}

struct InsertSession {
    session: SessionRecord,
    refresh: Option<RefreshRecord>,
    proof: Option<FactorUse>,
    event: Event,
}

#[async_trait]
impl Change for InsertSession {
    type Answer = bool;
    const ACTION: &'static str = "open a session";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let session = &self.session;
        if let (Some(proof), Some(user)) = (&self.proof, session.user)
            && !factors::use_up(tx, user, proof).await?
        {
            return Ok(false);
        }
        tx.execute(&DELETE_EXPIRED_SESSIONS, values![session.created]).await?;
        let values = values![
            session.id,
            session.project,
            session.role,
            session.scopes,
            session.key,
            session.secret.pepper,
            session.secret.mac.as_slice(),
            session.created,
            session.expires,
            session.user,
            session.client,
            session.two_factors,
        ];
        tx.execute(&INSERT_SESSION, values).await?;
        if let Some(refresh) = &self.refresh {
            refresh::insert(tx, refresh).await?;
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct EndSession {
    id: SessionId,
    event: Event,
}

#[async_trait]
impl Change for EndSession {
    type Answer = bool;
    const ACTION: &'static str = "end a session";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&DELETE_SESSION, values![self.id]).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

pub(crate) fn session_record(row: Row) -> Result<SessionRecord, Failure> {
    let mut columns = row.read("session");
    Ok(SessionRecord {
        id: columns.next()?,
        project: columns.next()?,
        role: columns.next()?,
        scopes: columns.next()?,
        key: columns.next()?,
        secret: secret_mac(&mut columns)?,
        created: columns.next()?,
        expires: columns.next()?,
        user: columns.next()?,
        client: columns.next()?,
        two_factors: columns.next()?,
    })
}

pub(super) fn secret_mac(columns: &mut Columns) -> Result<SecretMac, Failure> {
    Ok(SecretMac { pepper: columns.next()?, mac: columns.next()? })
}

macro_rules! session_columns {
    () => {
        "id, project, role, scopes, key_id, pepper, mac, created, expires, user_id, client, two_factors"
    };
}
pub(crate) use session_columns;

const ROLE: Statement = statement!("SELECT scopes FROM roles WHERE project = $1 AND role = $2");
const INSERT_SESSION: Statement = statement!(
    "INSERT INTO sessions (",
    session_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);
const SESSION: Statement = statement!("SELECT ", session_columns!(), " FROM sessions WHERE id = $1");
pub(crate) const ALL_SESSIONS: Statement =
    statement!("SELECT ", session_columns!(), " FROM sessions WHERE id > $1 ORDER BY id LIMIT $2");
const STANDING: Statement = statement!(
    "SELECT members.role FROM members JOIN users ON users.id = members.user_id \
     WHERE members.user_id = $1 AND members.project = $2 AND users.blocked IS NULL"
);
const DELETE_EXPIRED_SESSIONS: Statement = statement!("DELETE FROM sessions WHERE expires < $1");
const DELETE_SESSION: Statement = statement!("DELETE FROM sessions WHERE id = $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a role", &ROLE),
    ("find a session", &SESSION),
    ("find a user's role", &STANDING),
    ("remove expired sessions", &DELETE_EXPIRED_SESSIONS),
    ("end a session", &DELETE_SESSION),
];
