//! One-time codes and recovery codes of users.

use async_trait::async_trait;
use casemate_identity::{FactorUse, Factors, FactorsRecord, SecretMac, TotpConfirmation, TotpRecord};
use casemate_ledger::Event;
use casemate_model::{SessionId, StoreError, UserId};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

use super::passkeys;

#[async_trait]
impl Factors for Store {
    async fn factors(&self, user: UserId) -> Result<FactorsRecord, StoreError> {
        let action = "read a user's factors";
        let totp = read_one(self.row(action, &TOTP, values![user]).await?, action, totp_record)?;
        let codes = self.rows(action, &RECOVERY_CODES, values![user, PAGE_MAX]).await?;
        let passkeys = self.rows(action, &passkeys::PASSKEYS_OF, values![user, PAGE_MAX]).await?;
        Ok(FactorsRecord {
            totp: totp.flatten(),
            recovery_codes: read_all(codes, action, recovery_code)?,
            passkeys: read_all(passkeys, action, passkeys::passkey_record)?,
        })
    }

    async fn begin_totp(&self, user: UserId, sealed: &[u8], event: Event) -> Result<bool, StoreError> {
        self.change(BeginTotp { user, sealed: sealed.to_vec(), event }).await
    }

    async fn confirm_totp(
        &self,
        user: UserId,
        confirmation: &TotpConfirmation,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(ConfirmTotp { user, confirmation: confirmation.clone(), event }).await
    }

    async fn remove_totp(
        &self,
        user: UserId,
        proof: &FactorUse,
        keep: Option<SessionId>,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(RemoveTotp { user, proof: proof.clone(), keep, event }).await
    }

    async fn reset_factors(&self, user: UserId, event: Event) -> Result<(), StoreError> {
        self.change(ResetFactors { user, event }).await
    }
}

struct BeginTotp {
    user: UserId,
    sealed: Vec<u8>,
    event: Event,
}

#[async_trait]
impl Change for BeginTotp {
    type Answer = bool;
    const ACTION: &'static str = "begin one-time codes";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&BEGIN_TOTP, values![self.user, self.sealed.as_slice()]).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct ConfirmTotp {
    user: UserId,
    confirmation: TotpConfirmation,
    event: Event,
}

#[async_trait]
impl Change for ConfirmTotp {
    type Answer = bool;
    const ACTION: &'static str = "confirm one-time codes";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let TotpConfirmation { sealed, step, at, recovery_codes, session } = &self.confirmation;
        let confirm = values![self.user, sealed.as_slice(), *step, *at];
        if tx.execute(&CONFIRM_TOTP, confirm).await? == 0 {
            return Ok(false);
        }
        tx.execute(&DELETE_RECOVERY_CODES, values![self.user]).await?;
        for code in recovery_codes {
            tx.execute(&INSERT_RECOVERY_CODE, values![self.user, code.mac.as_slice(), code.pepper]).await?;
        }
        end_sessions(tx, self.user, *session).await?;
        show_two_factors(tx, self.user, *session).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct RemoveTotp {
    user: UserId,
    proof: FactorUse,
    keep: Option<SessionId>,
    event: Event,
}

#[async_trait]
impl Change for RemoveTotp {
    type Answer = bool;
    const ACTION: &'static str = "remove one-time codes";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if !use_up(tx, self.user, &self.proof).await? {
            return Ok(false);
        }
        tx.execute(&REMOVE_TOTP, values![self.user]).await?;
        tx.execute(&DELETE_RECOVERY_CODES, values![self.user]).await?;
        end_sessions(tx, self.user, self.keep).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct ResetFactors {
    user: UserId,
    event: Event,
}

#[async_trait]
impl Change for ResetFactors {
    type Answer = ();
    const ACTION: &'static str = "reset a user's factors";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        tx.execute(&REMOVE_TOTP, values![self.user]).await?;
        tx.execute(&DELETE_RECOVERY_CODES, values![self.user]).await?;
        tx.execute(&passkeys::DELETE_PASSKEYS, values![self.user]).await?;
        end_sessions(tx, self.user, None).await?;
        tx.record(&self.event).await.map(drop)
    }
}

/// Takes a proof of `user`, which nobody can use again; false if it was used, and then nothing has changed.
pub(crate) async fn use_up(tx: &mut Tx<'_>, user: UserId, proof: &FactorUse) -> Result<bool, Failure> {
    match proof {
        FactorUse::Totp { step } => Ok(tx.execute(&USE_STEP, values![user, *step]).await? == 1),
        FactorUse::RecoveryCode { code } => {
            Ok(tx.execute(&USE_RECOVERY_CODE, values![user, code.mac.as_slice()]).await? == 1)
        }
        FactorUse::Passkey { id, sign_count, challenge, at } => {
            passkeys::use_up(tx, (user, id), *sign_count, challenge, *at).await
        }
    }
}

/// Notes that two factors were shown in a session.
pub(super) async fn show_two_factors(
    tx: &mut Tx<'_>,
    user: UserId,
    session: Option<SessionId>,
) -> Result<(), Failure> {
    if let Some(session) = session {
        tx.execute(&SHOW_TWO_FACTORS, values![session, user]).await?;
    }
    Ok(())
}

/// Ends all sessions of a user but one.
pub(super) async fn end_sessions(
    tx: &mut Tx<'_>,
    user: UserId,
    keep: Option<SessionId>,
) -> Result<(), Failure> {
    let kept = keep.map(|id| id.to_string()).unwrap_or_default();
    tx.execute(&super::END_SESSIONS, values![user, kept]).await.map(drop)
}

fn totp_record(row: Row) -> Result<Option<TotpRecord>, Failure> {
    let mut columns = row.read("user");
    let sealed: Option<Vec<u8>> = columns.next()?;
    let confirmed = columns.next()?;
    Ok(sealed.map(|sealed| TotpRecord { sealed, confirmed }))
}

fn recovery_code(row: Row) -> Result<SecretMac, Failure> {
    let mut columns = row.read("recovery code");
    Ok(SecretMac { pepper: columns.next()?, mac: columns.next()? })
}

const TOTP: Statement = statement!("SELECT totp, totp_since FROM users WHERE id = $1");
const RECOVERY_CODES: Statement =
    statement!("SELECT pepper, mac FROM recovery_codes WHERE user_id = $1 ORDER BY mac LIMIT $2");
const BEGIN_TOTP: Statement = statement!(
    "UPDATE users SET totp = $2, totp_step = NULL WHERE id = $1 AND totp_since IS NULL AND kind = 'person'"
);
const CONFIRM_TOTP: Statement = statement!(
    "UPDATE users SET totp_step = $3, totp_since = $4 WHERE id = $1 AND totp = $2 AND totp_since IS NULL"
);
const REMOVE_TOTP: Statement =
    statement!("UPDATE users SET totp = NULL, totp_step = NULL, totp_since = NULL WHERE id = $1");
const USE_STEP: Statement =
    statement!("UPDATE users SET totp_step = $2 WHERE id = $1 AND totp_since IS NOT NULL AND totp_step < $2");
const INSERT_RECOVERY_CODE: Statement =
    statement!("INSERT INTO recovery_codes (user_id, mac, pepper) VALUES ($1, $2, $3)");
const USE_RECOVERY_CODE: Statement = statement!("DELETE FROM recovery_codes WHERE user_id = $1 AND mac = $2");
const DELETE_RECOVERY_CODES: Statement = statement!("DELETE FROM recovery_codes WHERE user_id = $1");
const SHOW_TWO_FACTORS: Statement =
    statement!("UPDATE sessions SET two_factors = 1 WHERE id = $1 AND user_id = $2");
/// Held while passkeys of a user are counted.
pub(super) const LOCK_USER: Statement = locking!("SELECT id FROM users WHERE id = $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("read a user's secret of codes", &TOTP),
    ("list a user's recovery codes", &RECOVERY_CODES),
    ("use a step up", &USE_STEP),
    ("use a recovery code up", &USE_RECOVERY_CODE),
];
