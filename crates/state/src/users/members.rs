use async_trait::async_trait;
use casemate_identity::Member;
use casemate_ledger::Event;
use casemate_model::{Project, UserId};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};

pub(super) struct SetMember {
    pub(super) member: Member,
    pub(super) event: Event,
}

#[async_trait]
impl Change for SetMember {
    type Answer = bool;
    const ACTION: &'static str = "give a user a role";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.row(&LOCK_USER, values![self.member.user]).await?.is_none() {
            return Ok(false);
        }
        put(tx, &self.member).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

pub(super) struct RemoveMember {
    pub(super) project: Project,
    pub(super) id: UserId,
    pub(super) event: Event,
}

#[async_trait]
impl Change for RemoveMember {
    type Answer = bool;
    const ACTION: &'static str = "take a user's role away";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&DELETE_MEMBER, values![self.project, self.id]).await? == 0 {
            return Ok(false);
        }
        tx.execute(&END_SESSIONS_IN, values![self.id, self.project]).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

/// Gives a user, who is there, a role in place of any other.
pub(super) async fn put(tx: &mut Tx<'_>, member: &Member) -> Result<(), Failure> {
    let values = values![member.project, member.user, member.role, member.created];
    tx.execute(&PUT_MEMBER, values).await.map(drop)
}

pub(super) fn member(row: Row) -> Result<Member, Failure> {
    let mut columns = row.read("member");
    Ok(Member {
        project: columns.next()?,
        user: columns.next()?,
        role: columns.next()?,
        created: columns.next()?,
    })
}

const LOCK_USER: Statement = locking!("SELECT id FROM users WHERE id = $1");
const PUT_MEMBER: Statement = statement!(
    "INSERT INTO members (project, user_id, role, created) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (project, user_id) DO UPDATE SET role = excluded.role"
);
const DELETE_MEMBER: Statement = statement!("DELETE FROM members WHERE project = $1 AND user_id = $2");
const END_SESSIONS_IN: Statement = statement!("DELETE FROM sessions WHERE user_id = $1 AND project = $2");
pub(super) const MEMBERS: Statement = statement!(
    "SELECT project, user_id, role, created FROM members WHERE project = $1 AND user_id > $2 \
     ORDER BY user_id LIMIT $3"
);
pub(super) const MEMBERSHIPS: Statement = statement!(
    "SELECT project, user_id, role, created FROM members WHERE user_id = $1 ORDER BY project LIMIT $2"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] =
    &[("list members", &MEMBERS), ("list a user's roles", &MEMBERSHIPS), ("remove a member", &DELETE_MEMBER)];
