//! Users, the roles that they have, and what they sign in with.

pub(crate) mod factors;
pub(crate) mod members;
pub(crate) mod passkeys;
pub(crate) mod roles;

use async_trait::async_trait;
use casemate_identity::{
    InvitationRecord, KeepSessions, Member, PasswordHash, RoleRecord, RoleRemoved, SessionRecord, UserAdded,
    UserKind, UserRecord, Users,
};
use casemate_ledger::Event;
use casemate_model::{InvitationId, Project, Role, SessionId, StoreError, Timestamp, UserId, UserName};

use crate::change::{Change, Tx};
use crate::credentials::session_record;
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

use members::{RemoveMember, SetMember, member};
use roles::{InsertInvitation, PutRole, RemoveInvitation, RemoveRole, invitation_record, role_record};

#[async_trait]
impl Users for Store {
    async fn insert_user(
        &self,
        user: &UserRecord,
        member: Option<&Member>,
        invitation: Option<InvitationId>,
        event: Event,
    ) -> Result<UserAdded, StoreError> {
        let member = member.cloned();
        self.change(InsertUser { user: user.clone(), member, invitation, event }).await
    }

    async fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        let action = "read a user";
        read_one(self.row(action, &USER, values![id]).await?, action, user_record)
    }

    async fn user_by_name(&self, name: &UserName) -> Result<Option<UserRecord>, StoreError> {
        let action = "read a user";
        read_one(self.row(action, &USER_BY_NAME, values![name]).await?, action, user_record)
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>, StoreError> {
        let action = "list users";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(action, &USERS, values![after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, user_record)
    }

    async fn set_password(
        &self,
        id: UserId,
        (former, new): (Option<&PasswordHash>, &PasswordHash),
        at: Timestamp,
        keep: KeepSessions,
        event: Event,
    ) -> Result<bool, StoreError> {
        let (former, new) = (former.cloned(), new.clone());
        self.change(SetPassword { id, former, new, at, keep, event }).await
    }

    async fn block_user(
        &self,
        id: UserId,
        blocked: Option<Timestamp>,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(BlockUser { id, blocked, event }).await
    }

    async fn set_member(&self, member: &Member, event: Event) -> Result<bool, StoreError> {
        self.change(SetMember { member: member.clone(), event }).await
    }

    async fn remove_member(&self, project: &Project, id: UserId, event: Event) -> Result<bool, StoreError> {
        self.change(RemoveMember { project: project.clone(), id, event }).await
    }

    async fn members(
        &self,
        project: &Project,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Member>, StoreError> {
        let action = "list members";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(action, &members::MEMBERS, values![project, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, member)
    }

    async fn memberships(&self, id: UserId) -> Result<Vec<Member>, StoreError> {
        let action = "list a user's roles";
        let rows = self.rows(action, &members::MEMBERSHIPS, values![id, PAGE_MAX]).await?;
        read_all(rows, action, member)
    }

    async fn sessions_of(
        &self,
        id: UserId,
        now: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let action = "list sessions";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(action, &SESSIONS_OF, values![id, now, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, session_record)
    }

    async fn put_role(&self, role: &RoleRecord, event: Event) -> Result<(), StoreError> {
        self.change(PutRole { role: role.clone(), event }).await
    }

    async fn remove_role(
        &self,
        project: &Project,
        role: &Role,
        event: Event,
    ) -> Result<RoleRemoved, StoreError> {
        self.change(RemoveRole { project: project.clone(), role: role.clone(), event }).await
    }

    async fn roles(&self, project: &Project) -> Result<Vec<RoleRecord>, StoreError> {
        let action = "list roles";
        let rows = self.rows(action, &roles::ROLES, values![project, PAGE_MAX]).await?;
        read_all(rows, action, role_record)
    }

    async fn insert_invitation(&self, invitation: &InvitationRecord, event: Event) -> Result<(), StoreError> {
        self.change(InsertInvitation { invitation: invitation.clone(), event }).await
    }

    async fn invitation(&self, id: InvitationId) -> Result<Option<InvitationRecord>, StoreError> {
        let action = "read an invitation";
        read_one(self.row(action, &roles::INVITATION, values![id]).await?, action, invitation_record)
    }

    async fn invitations(
        &self,
        project: &Project,
        after: Option<InvitationId>,
        limit: u32,
    ) -> Result<Vec<InvitationRecord>, StoreError> {
        let action = "list invitations";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let page = values![project, after, limit.min(PAGE_MAX)];
        read_all(self.rows(action, &roles::INVITATIONS, page).await?, action, invitation_record)
    }

    async fn remove_invitation(
        &self,
        project: &Project,
        id: InvitationId,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(RemoveInvitation { project: project.clone(), id, event }).await
    }
}

struct InsertUser {
    user: UserRecord,
    member: Option<Member>,
    invitation: Option<InvitationId>,
    event: Event,
}

#[async_trait]
impl Change for InsertUser {
    type Answer = UserAdded;
    const ACTION: &'static str = "add a user";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<UserAdded, Failure> {
        let user = &self.user;
        if tx.row(&LOCK_USER_BY_NAME, values![user.name]).await?.is_some() {
            return Ok(UserAdded::NameTaken);
        }
        if let Some(invitation) = self.invitation
            && tx.row(&roles::LOCK_INVITATION, values![invitation, user.created]).await?.is_none()
        {
            return Ok(UserAdded::InvitationGone);
        }
        let (password, changed) = match &user.password {
            Some((hash, changed)) => (Some(hash.as_str()), Some(*changed)),
            None => (None, None),
        };
        let kind = user.kind.as_str();
        let values = values![user.id, user.name, kind, password, changed, user.created, user.blocked];
        // Another node may have added one of the name since it was looked for.
        if tx.execute(&INSERT_USER, values).await? == 0 {
            return Ok(UserAdded::NameTaken);
        }
        if let Some(invitation) = self.invitation {
            tx.execute(&roles::DELETE_USED_INVITATION, values![invitation]).await?;
        }
        if let Some(member) = &self.member {
            members::put(tx, member).await?;
        }
        tx.record(&self.event).await?;
        Ok(UserAdded::Done)
    }
}

struct SetPassword {
    id: UserId,
    former: Option<PasswordHash>,
    new: PasswordHash,
    at: Timestamp,
    keep: KeepSessions,
    event: Event,
}

#[async_trait]
impl Change for SetPassword {
    type Answer = bool;
    const ACTION: &'static str = "change a password";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let Some(row) = tx.row(&LOCK_PASSWORD, values![self.id]).await? else {
            return Ok(false);
        };
        let stored: Option<String> = row.only("user")?;
        if stored.as_deref() != self.former.as_ref().map(PasswordHash::as_str) {
            return Ok(false);
        }
        tx.execute(&SET_PASSWORD, values![self.id, self.new.as_str(), self.at]).await?;
        if let KeepSessions::Only(kept) = self.keep {
            let kept = kept.map(|id| id.to_string()).unwrap_or_default();
            tx.execute(&END_SESSIONS, values![self.id, kept]).await?;
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct BlockUser {
    id: UserId,
    blocked: Option<Timestamp>,
    event: Event,
}

#[async_trait]
impl Change for BlockUser {
    type Answer = bool;
    const ACTION: &'static str = "block a user";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let Some(row) = tx.row(&LOCK_BLOCKED, values![self.id]).await? else {
            return Ok(false);
        };
        let stored: Option<Timestamp> = row.only("user")?;
        if stored.is_some() == self.blocked.is_some() {
            return Ok(false);
        }
        tx.execute(&SET_BLOCKED, values![self.id, self.blocked]).await?;
        if self.blocked.is_some() {
            tx.execute(&END_SESSIONS, values![self.id, ""]).await?;
        }
        tx.record(&self.event).await?;
        Ok(true)
    }
}

pub(crate) fn user_record(row: Row) -> Result<UserRecord, Failure> {
    let mut columns = row.read("user");
    let (id, name) = (columns.next()?, columns.next()?);
    let kind: String = columns.next()?;
    let kind = UserKind::from_text(&kind).ok_or_else(|| Failure::damaged("user", BadUser("kind")))?;
    let (password, changed): (Option<String>, Option<Timestamp>) = (columns.next()?, columns.next()?);
    let password = match password.zip(changed) {
        Some((text, changed)) => {
            let hash = PasswordHash::parse(&text);
            Some((hash.map_err(|error| Failure::damaged("user", error))?, changed))
        }
        None => None,
    };
    Ok(UserRecord { id, name, kind, password, created: columns.next()?, blocked: columns.next()? })
}

/// A user's row that no version of this program has written.
#[derive(Debug, thiserror::Error)]
#[error("its {0} is unknown")]
struct BadUser(&'static str);

macro_rules! user_columns {
    () => {
        "id, name, kind, password, password_changed, created, blocked"
    };
}

const INSERT_USER: Statement = statement!(
    "INSERT INTO users (",
    user_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING"
);
const USER: Statement = statement!("SELECT ", user_columns!(), " FROM users WHERE id = $1");
const USER_BY_NAME: Statement = statement!("SELECT ", user_columns!(), " FROM users WHERE name = $1");
const LOCK_USER_BY_NAME: Statement = locking!("SELECT id FROM users WHERE name = $1");
pub(crate) const USERS: Statement =
    statement!("SELECT ", user_columns!(), " FROM users WHERE id > $1 ORDER BY id LIMIT $2");
const LOCK_PASSWORD: Statement = locking!("SELECT password FROM users WHERE id = $1");
const SET_PASSWORD: Statement =
    statement!("UPDATE users SET password = $2, password_changed = $3 WHERE id = $1");
const LOCK_BLOCKED: Statement = locking!("SELECT blocked FROM users WHERE id = $1");
const SET_BLOCKED: Statement = statement!("UPDATE users SET blocked = $2 WHERE id = $1");
const END_SESSIONS: Statement = statement!("DELETE FROM sessions WHERE user_id = $1 AND id <> $2");
const SESSIONS_OF: Statement = statement!(
    "SELECT ",
    crate::credentials::session_columns!(),
    " FROM sessions WHERE user_id = $1 AND expires > $2 AND id > $3 ORDER BY id LIMIT $4"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a user", &USER),
    ("find a user by name", &USER_BY_NAME),
    ("list users", &USERS),
    ("end a user's sessions", &END_SESSIONS),
    ("list a user's sessions", &SESSIONS_OF),
];
