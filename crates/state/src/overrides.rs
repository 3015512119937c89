//! Exceptions from the limits of requests.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_limits::Quota;
use casemate_model::StoreError;
use casemate_throttle::{OVERRIDES_MAX, Override, Overrides, SetOverride, Subject, Tier};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, statement, values};
use crate::store::{Store, read_all};

#[async_trait]
impl Overrides for Store {
    async fn overrides(&self) -> Result<Vec<Override>, StoreError> {
        let action = "read the overrides of limits";
        read_all(self.rows(action, &OVERRIDES, values![OVERRIDES_MAX]).await?, action, read)
    }

    async fn set_override(&self, set: &Override, event: Event) -> Result<SetOverride, StoreError> {
        self.change(Set { set: set.clone(), event }).await
    }

    async fn remove_override(&self, tier: Tier, subject: Subject, event: Event) -> Result<bool, StoreError> {
        self.change(Remove { tier, subject, event }).await
    }
}

struct Set {
    set: Override,
    event: Event,
}

#[async_trait]
impl Change for Set {
    type Answer = SetOverride;
    const ACTION: &'static str = "set an override of a limit";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<SetOverride, Failure> {
        let Override { tier, subject, quota, expires, created } = &self.set;
        tx.execute(&DELETE_EXPIRED, values![created]).await?;
        let replaced = tx.execute(&DELETE, values![tier, subject]).await? > 0;
        let count: u64 = match tx.row(&COUNT, &[]).await? {
            Some(row) => row.only("count of overrides")?,
            None => 0,
        };
        if count >= u64::from(OVERRIDES_MAX) {
            return Ok(SetOverride::TooMany);
        }
        tx.execute(&INSERT, values![tier, subject, quota.per_second, quota.burst, expires, created]).await?;
        tx.record(&self.event).await?;
        Ok(if replaced { SetOverride::Replaced } else { SetOverride::Made })
    }
}

struct Remove {
    tier: Tier,
    subject: Subject,
    event: Event,
}

#[async_trait]
impl Change for Remove {
    type Answer = bool;
    const ACTION: &'static str = "remove an override of a limit";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&DELETE, values![self.tier, self.subject]).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

fn read(row: Row) -> Result<Override, Failure> {
    let mut columns = row.read("override of a limit");
    Ok(Override {
        tier: columns.next()?,
        subject: columns.next()?,
        quota: Quota { per_second: columns.next()?, burst: columns.next()? },
        expires: columns.next()?,
        created: columns.next()?,
    })
}

const OVERRIDES: Statement = statement!(
    "SELECT tier, subject, per_second, burst, expires, created FROM limit_overrides ORDER BY tier, subject LIMIT $1"
);
const COUNT: Statement = statement!("SELECT COUNT(*) FROM limit_overrides");
const INSERT: Statement = statement!(
    "INSERT INTO limit_overrides (tier, subject, per_second, burst, expires, created) \
     VALUES ($1, $2, $3, $4, $5, $6)"
);
const DELETE: Statement = statement!("DELETE FROM limit_overrides WHERE tier = $1 AND subject = $2");
const DELETE_EXPIRED: Statement = statement!("DELETE FROM limit_overrides WHERE expires <= $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] =
    &[("remove an override", &DELETE), ("remove overrides that are over", &DELETE_EXPIRED)];
