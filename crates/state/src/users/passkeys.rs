//! Passkeys of users, and the challenges that were answered.

use async_trait::async_trait;
use casemate_identity::{
    ChallengeUse, CredentialId, PASSKEYS_MAX, PasskeyAdded, PasskeyKey, PasskeyRecord, Passkeys,
};
use casemate_ledger::Event;
use casemate_model::{SessionId, StoreError, Timestamp, UserId};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{Store, read_one};

use super::factors::{LOCK_USER, end_sessions, show_two_factors};

#[async_trait]
impl Passkeys for Store {
    async fn passkey(&self, id: &CredentialId) -> Result<Option<PasskeyRecord>, StoreError> {
        let action = "read a passkey";
        read_one(self.row(action, &PASSKEY, values![id.to_string()]).await?, action, passkey_record)
    }

    async fn add_passkey(
        &self,
        passkey: &PasskeyRecord,
        challenge: &ChallengeUse,
        session: Option<SessionId>,
        event: Event,
    ) -> Result<PasskeyAdded, StoreError> {
        let (passkey, challenge) = (passkey.clone(), challenge.clone());
        self.change(AddPasskey { passkey, challenge, session, event }).await
    }

    async fn rename_passkey(
        &self,
        user: UserId,
        id: &CredentialId,
        label: &str,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(RenamePasskey { user, id: id.clone(), label: label.to_owned(), event }).await
    }

    async fn remove_passkey(
        &self,
        user: UserId,
        id: &CredentialId,
        keep: Option<SessionId>,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(RemovePasskey { user, id: id.clone(), keep, event }).await
    }
}

struct AddPasskey {
    passkey: PasskeyRecord,
    challenge: ChallengeUse,
    session: Option<SessionId>,
    event: Event,
}

#[async_trait]
impl Change for AddPasskey {
    type Answer = PasskeyAdded;
    const ACTION: &'static str = "add a passkey";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<PasskeyAdded, Failure> {
        let passkey = &self.passkey;
        let id = passkey.id.to_string();
        tx.row(&LOCK_USER, values![passkey.user]).await?;
        if tx.row(&PASSKEY, values![id]).await?.is_some() {
            return Ok(PasskeyAdded::Taken);
        }
        let limit = u32::try_from(PASSKEYS_MAX).unwrap_or(u32::MAX);
        if tx.rows(&PASSKEYS_OF, values![passkey.user, limit]).await?.len() >= PASSKEYS_MAX {
            return Ok(PasskeyAdded::TooMany);
        }
        if !answer(tx, &self.challenge, passkey.created).await? {
            return Ok(PasskeyAdded::ChallengeUsed);
        }
        let (label, key) = (&passkey.label, passkey.key.as_bytes());
        let (count, used) = (passkey.sign_count, passkey.used);
        let values = values![id, passkey.user, label, key, count, passkey.created, used];
        tx.execute(&INSERT_PASSKEY, values).await?;
        show_two_factors(tx, passkey.user, self.session).await?;
        tx.record(&self.event).await?;
        Ok(PasskeyAdded::Done)
    }
}

struct RenamePasskey {
    user: UserId,
    id: CredentialId,
    label: String,
    event: Event,
}

#[async_trait]
impl Change for RenamePasskey {
    type Answer = bool;
    const ACTION: &'static str = "rename a passkey";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let values = values![self.id.to_string(), self.user, self.label];
        if tx.execute(&SET_LABEL, values).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct RemovePasskey {
    user: UserId,
    id: CredentialId,
    keep: Option<SessionId>,
    event: Event,
}

#[async_trait]
impl Change for RemovePasskey {
    type Answer = bool;
    const ACTION: &'static str = "remove a passkey";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&DELETE_PASSKEY, values![self.id.to_string(), self.user]).await? == 0 {
            return Ok(false);
        }
        end_sessions(tx, self.user, self.keep).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

/// Notes the use of a passkey, whose counter only goes up, and its challenge as answered; false if either was there before,
/// and then nothing has changed.
pub(super) async fn use_up(
    tx: &mut Tx<'_>,
    (user, id): (UserId, &CredentialId),
    sign_count: u32,
    challenge: &ChallengeUse,
    at: Timestamp,
) -> Result<bool, Failure> {
    let id = id.to_string();
    let Some(row) = tx.row(&LOCK_PASSKEY, values![id, user]).await? else {
        return Ok(false);
    };
    let stored: u32 = row.only("passkey")?;
    let counts = stored != 0 || sign_count != 0;
    if (counts && sign_count <= stored) || !answer(tx, challenge, at).await? {
        return Ok(false);
    }
    tx.execute(&SET_USED, values![id, sign_count, at]).await?;
    Ok(true)
}

/// Notes that a challenge is answered; false if it was before. Those that nobody can answer any more are forgotten.
async fn answer(tx: &mut Tx<'_>, challenge: &ChallengeUse, now: Timestamp) -> Result<bool, Failure> {
    if tx.execute(&INSERT_CHALLENGE, values![challenge.nonce, challenge.expires]).await? == 0 {
        return Ok(false);
    }
    tx.execute(&DELETE_EXPIRED_CHALLENGES, values![now]).await?;
    Ok(true)
}

pub(crate) fn passkey_record(row: Row) -> Result<PasskeyRecord, Failure> {
    let mut columns = row.read("passkey");
    let id: String = columns.next()?;
    let id = id.parse().map_err(|error| Failure::damaged("passkey", BadPasskey::Id(error)))?;
    let (user, label) = (columns.next()?, columns.next()?);
    let key: Vec<u8> = columns.next()?;
    let key = PasskeyKey::parse(&key).map_err(|error| Failure::damaged("passkey", BadPasskey::Key(error)))?;
    let (sign_count, created, used) = (columns.next()?, columns.next()?, columns.next()?);
    Ok(PasskeyRecord { id, user, label, key, sign_count, created, used })
}

/// A passkey's row that no version of this program has written.
#[derive(Debug, thiserror::Error)]
enum BadPasskey {
    #[error("its id cannot be one")]
    Id(#[source] casemate_identity::CredentialIdError),
    #[error("its key cannot be one")]
    Key(#[source] casemate_identity::PasskeyError),
}

macro_rules! passkey_columns {
    () => {
        "id, user_id, label, public_key, sign_count, created, used"
    };
}

const PASSKEY: Statement = statement!("SELECT ", passkey_columns!(), " FROM passkeys WHERE id = $1");
pub(super) const PASSKEYS_OF: Statement =
    statement!("SELECT ", passkey_columns!(), " FROM passkeys WHERE user_id = $1 ORDER BY id LIMIT $2");
pub(crate) const ALL_PASSKEYS: Statement =
    statement!("SELECT ", passkey_columns!(), " FROM passkeys WHERE id > $1 ORDER BY id LIMIT $2");
const INSERT_PASSKEY: Statement =
    statement!("INSERT INTO passkeys (", passkey_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)");
const LOCK_PASSKEY: Statement = locking!("SELECT sign_count FROM passkeys WHERE id = $1 AND user_id = $2");
const SET_USED: Statement = statement!("UPDATE passkeys SET sign_count = $2, used = $3 WHERE id = $1");
const SET_LABEL: Statement = statement!("UPDATE passkeys SET label = $3 WHERE id = $1 AND user_id = $2");
const DELETE_PASSKEY: Statement = statement!("DELETE FROM passkeys WHERE id = $1 AND user_id = $2");
pub(super) const DELETE_PASSKEYS: Statement = statement!("DELETE FROM passkeys WHERE user_id = $1");
const INSERT_CHALLENGE: Statement =
    statement!("INSERT INTO used_challenges (nonce, expires) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING");
const DELETE_EXPIRED_CHALLENGES: Statement = statement!("DELETE FROM used_challenges WHERE expires < $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a passkey", &PASSKEY),
    ("list a user's passkeys", &PASSKEYS_OF),
    ("forget challenges that are over", &DELETE_EXPIRED_CHALLENGES),
];
