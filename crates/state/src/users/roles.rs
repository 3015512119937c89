use async_trait::async_trait;
use casemate_identity::{InvitationRecord, RoleRecord, RoleRemoved, SecretMac};
use casemate_ledger::Event;
use casemate_model::{InvitationId, Project, Role};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};

pub(super) struct PutRole {
    pub(super) role: RoleRecord,
    pub(super) event: Event,
}

#[async_trait]
impl Change for PutRole {
    type Answer = ();
    const ACTION: &'static str = "make a role";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let role = &self.role;
        tx.execute(&PUT_ROLE, values![role.project, role.role, role.scopes, role.created]).await?;
        tx.record(&self.event).await.map(drop)
    }
}

pub(super) struct RemoveRole {
    pub(super) project: Project,
    pub(super) role: Role,
    pub(super) event: Event,
}

#[async_trait]
impl Change for RemoveRole {
    type Answer = RoleRemoved;
    const ACTION: &'static str = "remove a role";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<RoleRemoved, Failure> {
        let role = values![self.project, self.role];
        if tx.row(&LOCK_ROLE, role).await?.is_none() {
            return Ok(RoleRemoved::Missing);
        }
        for holders in [&MEMBER_WITH_ROLE, &KEY_WITH_ROLE, &INVITATION_WITH_ROLE] {
            if tx.row(holders, role).await?.is_some() {
                return Ok(RoleRemoved::InUse);
            }
        }
        tx.execute(&DELETE_ROLE, role).await?;
        tx.record(&self.event).await?;
        Ok(RoleRemoved::Done)
    }
}

pub(super) struct InsertInvitation {
    pub(super) invitation: InvitationRecord,
    pub(super) event: Event,
}

#[async_trait]
impl Change for InsertInvitation {
    type Answer = ();
    const ACTION: &'static str = "add an invitation";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let invitation = &self.invitation;
        tx.execute(&DELETE_EXPIRED_INVITATIONS, values![invitation.created]).await?;
        let values = values![
            invitation.id,
            invitation.project,
            invitation.role,
            invitation.secret.pepper,
            invitation.secret.mac.as_slice(),
            invitation.created,
            invitation.expires,
            invitation.maker,
        ];
        tx.execute(&INSERT_INVITATION, values).await?;
        tx.record(&self.event).await.map(drop)
    }
}

pub(super) struct RemoveInvitation {
    pub(super) project: Project,
    pub(super) id: InvitationId,
    pub(super) event: Event,
}

#[async_trait]
impl Change for RemoveInvitation {
    type Answer = bool;
    const ACTION: &'static str = "remove an invitation";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        if tx.execute(&DELETE_INVITATION, values![self.project, self.id]).await? == 0 {
            return Ok(false);
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

pub(super) fn role_record(row: Row) -> Result<RoleRecord, Failure> {
    let mut columns = row.read("role");
    Ok(RoleRecord {
        project: columns.next()?,
        role: columns.next()?,
        scopes: columns.next()?,
        created: columns.next()?,
    })
}

pub(super) fn invitation_record(row: Row) -> Result<InvitationRecord, Failure> {
    let mut columns = row.read("invitation");
    Ok(InvitationRecord {
        id: columns.next()?,
        project: columns.next()?,
        role: columns.next()?,
        secret: SecretMac { pepper: columns.next()?, mac: columns.next()? },
        created: columns.next()?,
        expires: columns.next()?,
        maker: columns.next()?,
    })
}

macro_rules! invitation_columns {
    () => {
        "id, project, role, pepper, mac, created, expires, maker"
    };
}

const PUT_ROLE: Statement = statement!(
    "INSERT INTO roles (project, role, scopes, created) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (project, role) DO UPDATE SET scopes = excluded.scopes"
);
const LOCK_ROLE: Statement = locking!("SELECT role FROM roles WHERE project = $1 AND role = $2");
const MEMBER_WITH_ROLE: Statement =
    statement!("SELECT user_id FROM members WHERE project = $1 AND role = $2 LIMIT 1");
const KEY_WITH_ROLE: Statement =
    statement!("SELECT id FROM api_keys WHERE project = $1 AND role = $2 AND revoked IS NULL LIMIT 1");
const INVITATION_WITH_ROLE: Statement =
    statement!("SELECT id FROM invitations WHERE project = $1 AND role = $2 LIMIT 1");
const DELETE_ROLE: Statement = statement!("DELETE FROM roles WHERE project = $1 AND role = $2");
pub(super) const ROLES: Statement =
    statement!("SELECT project, role, scopes, created FROM roles WHERE project = $1 ORDER BY role LIMIT $2");
const INSERT_INVITATION: Statement = statement!(
    "INSERT INTO invitations (",
    invitation_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
);
pub(super) const INVITATION: Statement =
    statement!("SELECT ", invitation_columns!(), " FROM invitations WHERE id = $1");
pub(super) const INVITATIONS: Statement = statement!(
    "SELECT ",
    invitation_columns!(),
    " FROM invitations WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3"
);
pub(super) const LOCK_INVITATION: Statement =
    locking!("SELECT id FROM invitations WHERE id = $1 AND expires > $2");
pub(super) const DELETE_USED_INVITATION: Statement = statement!("DELETE FROM invitations WHERE id = $1");
const DELETE_INVITATION: Statement = statement!("DELETE FROM invitations WHERE project = $1 AND id = $2");
const DELETE_EXPIRED_INVITATIONS: Statement = statement!("DELETE FROM invitations WHERE expires <= $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a key with a role", &KEY_WITH_ROLE),
    ("find a member with a role", &MEMBER_WITH_ROLE),
    ("list roles", &ROLES),
    ("find an invitation", &INVITATION),
    ("list invitations", &INVITATIONS),
    ("remove expired invitations", &DELETE_EXPIRED_INVITATIONS),
];
