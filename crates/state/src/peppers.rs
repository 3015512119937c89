//! Which peppers hashes were made under, and what leans on each. The peppers themselves never come here.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Clock, StoreError, Timestamp};

use crate::change::{Change, Tx};
use crate::engine::SERVER_TIME;
use crate::failure::Failure;
use crate::sql::{Dialect, Row, Statement, Value, statement, values};
use crate::store::{Store, read_all};

/// What is written down of a pepper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPepper {
    /// Its version.
    pub version: u32,
    /// What tells it from another one.
    pub check: [u8; 32],
    /// Since when it is known.
    pub noted: Timestamp,
    /// Since when nothing that leans on it is good.
    pub retired: Option<Timestamp>,
}

/// How many live credentials lean on a pepper. Links to objects are not among them: they are stored nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaning {
    /// API keys, those that are exchanged counted once for each secret.
    pub keys: u64,
    /// Sessions of the console.
    pub sessions: u64,
    /// Refresh tokens that were not used.
    pub refresh_tokens: u64,
    /// Invitations.
    pub invitations: u64,
    /// Authenticator apps of users.
    pub apps: u64,
    /// Recovery codes that were not used.
    pub recovery_codes: u64,
    /// Webhooks, those whose secret is exchanged counted once for each.
    pub webhooks: u64,
    /// Answers that are kept for requests that come again.
    pub answers: u64,
}

impl Leaning {
    /// All of them.
    pub const fn total(&self) -> u64 {
        let of_users = self.apps + self.recovery_codes;
        self.keys
            + self.sessions
            + self.refresh_tokens
            + self.invitations
            + of_users
            + self.webhooks
            + self.answers
    }
}

impl Store {
    /// The peppers that are written down, by version.
    pub async fn peppers(&self) -> Result<Vec<KnownPepper>, StoreError> {
        read_all(self.rows(READ, &PEPPERS, &[]).await?, READ, read)
    }

    /// Writes a pepper down unless its version is, and returns what is written down of the version. Of two nodes that come
    /// with different ones at the same time, one learns that it came second.
    pub async fn note_pepper(
        &self,
        version: u32,
        check: [u8; 32],
        event: Event,
    ) -> Result<KnownPepper, StoreError> {
        self.change(Note { version, check, event }).await
    }

    /// Writes down that nothing is good any more that leans on a pepper; false if it is not known or was retired before.
    pub async fn retire_pepper(&self, version: u32, event: Event) -> Result<bool, StoreError> {
        self.change(Retire { version, event }).await
    }

    /// Counts what leans on a pepper at the time `now`. Looks at every credential, so it is for now and then.
    pub async fn leaning_on_pepper(&self, version: u32, now: Timestamp) -> Result<Leaning, StoreError> {
        let count = async |statement, values: &[Value]| -> Result<u64, StoreError> {
            let row = self.row(READ, statement, values).await?;
            let count = row.map(|row| row.only("count of credentials")).transpose();
            Ok(count.map_err(|failure| failure.into_error(READ))?.unwrap_or_default())
        };
        let live = values![version, now];
        Ok(Leaning {
            keys: count(&COUNT_KEYS, live).await?,
            sessions: count(&COUNT_SESSIONS, live).await?,
            refresh_tokens: count(&COUNT_REFRESH_TOKENS, live).await?,
            invitations: count(&COUNT_INVITATIONS, live).await?,
            apps: count(&COUNT_APPS, values![version.to_be_bytes().as_slice()]).await?,
            recovery_codes: count(&COUNT_RECOVERY_CODES, values![version]).await?,
            webhooks: count(&COUNT_WEBHOOKS, live).await?,
            answers: count(&COUNT_ANSWERS, values![version.to_be_bytes().as_slice(), now]).await?,
        })
    }

    /// How many milliseconds the clock of the database's server is ahead of `clock`, or behind if negative. `None` where the
    /// database has no clock of its own.
    pub async fn clock_ahead_ms(&self, clock: &dyn Clock) -> Result<Option<i64>, StoreError> {
        let action = "read the clock of the database";
        if self.dialect() == Dialect::Sqlite {
            return Ok(None);
        }
        let before = clock.now().as_millis();
        let row = self.row(action, &SERVER_TIME, &[]).await?;
        let after = clock.now().as_millis();
        let there: Option<u64> = row
            .map(|row| row.only("clock"))
            .transpose()
            .map_err(|failure: Failure| failure.into_error(action))?;
        // The answer was made somewhere between question and arrival.
        let here = u64::midpoint(before, after);
        Ok(there.map(|there| there.cast_signed().wrapping_sub(here.cast_signed())))
    }
}

struct Note {
    version: u32,
    check: [u8; 32],
    event: Event,
}

#[async_trait]
impl Change for Note {
    type Answer = KnownPepper;
    const ACTION: &'static str = "note a pepper";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<KnownPepper, Failure> {
        let noted = self.event.time;
        if tx.execute(&INSERT, values![self.version, self.check.as_slice(), noted]).await? > 0 {
            tx.record(&self.event).await?;
        }
        let row = tx.row(&PEPPER, values![self.version]).await?;
        row.map(read).transpose()?.ok_or_else(|| Failure::damaged("peppers", NotThere))
    }
}

struct Retire {
    version: u32,
    event: Event,
}

#[async_trait]
impl Change for Retire {
    type Answer = bool;
    const ACTION: &'static str = "retire a pepper";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&RETIRE, values![self.version, self.event.time]).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

/// A row that was just written is not there.
#[derive(Debug, thiserror::Error)]
#[error("a pepper that was noted is not there")]
struct NotThere;

fn read(row: Row) -> Result<KnownPepper, Failure> {
    let mut columns = row.read("pepper");
    Ok(KnownPepper {
        version: columns.next()?,
        check: columns.next()?,
        noted: columns.next()?,
        retired: columns.next()?,
    })
}

const READ: &str = "read which peppers there are";

const PEPPERS: Statement =
    statement!("SELECT version, pepper_check, noted, retired FROM peppers ORDER BY version LIMIT 1000");
const PEPPER: Statement =
    statement!("SELECT version, pepper_check, noted, retired FROM peppers WHERE version = $1");
const INSERT: Statement = statement!(
    "INSERT INTO peppers (version, pepper_check, noted) VALUES ($1, $2, $3) ON CONFLICT (version) DO NOTHING"
);
const RETIRE: Statement =
    statement!("UPDATE peppers SET retired = $2 WHERE version = $1 AND retired IS NULL");
const COUNT_KEYS: Statement = statement!(
    "SELECT (SELECT COUNT(*) FROM api_keys WHERE pepper = $1 AND revoked IS NULL AND (expires IS NULL OR expires > $2)) \
     + (SELECT COUNT(*) FROM api_keys WHERE former_pepper = $1 AND revoked IS NULL AND former_until > $2 \
        AND (expires IS NULL OR expires > $2))"
);
// The secret of a session that goes on by refresh tokens is in no cookie, so nothing leans on it.
const COUNT_SESSIONS: Statement = statement!(
    "SELECT COUNT(*) FROM sessions WHERE pepper = $1 AND expires > $2 \
     AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE refresh_tokens.session = sessions.id)"
);
const COUNT_REFRESH_TOKENS: Statement = statement!(
    "SELECT COUNT(*) FROM refresh_tokens r JOIN sessions s ON s.id = r.session \
     WHERE r.pepper = $1 AND r.used IS NULL AND s.expires > $2"
);
// What is encrypted begins with the version of its pepper.
const COUNT_APPS: Statement =
    statement!("SELECT COUNT(*) FROM users WHERE totp IS NOT NULL AND substr(totp, 1, 4) = $1");
const COUNT_RECOVERY_CODES: Statement = statement!("SELECT COUNT(*) FROM recovery_codes WHERE pepper = $1");
const COUNT_WEBHOOKS: Statement = statement!(
    "SELECT (SELECT COUNT(*) FROM webhooks WHERE pepper = $1) \
     + (SELECT COUNT(*) FROM webhooks WHERE former_pepper = $1 AND former_until > $2)"
);
const COUNT_ANSWERS: Statement =
    statement!("SELECT COUNT(*) FROM idempotency_keys WHERE substr(answer, 1, 4) = $1 AND expires > $2");
const COUNT_INVITATIONS: Statement =
    statement!("SELECT COUNT(*) FROM invitations WHERE pepper = $1 AND expires > $2");
