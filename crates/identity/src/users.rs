use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{
    InvitationId, Project, RefreshId, Role, Scopes, SessionId, StoreError, Timestamp, UserId, UserName,
};

use crate::{Maker, PasswordHash, SecretMac, SessionRecord};

/// A person or a service account, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The user's id.
    pub id: UserId,
    /// What the user signs in as; no two users share it.
    pub name: UserName,
    /// Whether it is a program.
    pub kind: UserKind,
    /// The hash of the password, and since when it is that; none for programs, and for persons who have none yet.
    pub password: Option<(PasswordHash, Timestamp)>,
    /// When the user was made.
    pub created: Timestamp,
    /// Since when the user is refused.
    pub blocked: Option<Timestamp>,
}

/// What a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKind {
    /// Somebody who signs in.
    Person,
    /// A program, which has keys and no password.
    Service,
}

/// A user's role in a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The project.
    pub project: Project,
    /// The user.
    pub user: UserId,
    /// The role.
    pub role: Role,
    /// Since when.
    pub created: Timestamp,
}

/// A role that a project made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    /// The project.
    pub project: Project,
    /// Its name.
    pub role: Role,
    /// What it stands for.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Timestamp,
}

/// An invitation to become a user, as stored: everything but its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRecord {
    /// Its id, which is part of its token and not secret.
    pub id: InvitationId,
    /// The project in which the user gets a role.
    pub project: Project,
    /// The role.
    pub role: Role,
    /// In whose name it invites.
    pub maker: Maker,
    /// Keyed hash of its secret.
    pub secret: SecretMac,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// A refresh token, as stored. All of a session are a family, in which each has one successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshRecord {
    /// Its id, which is part of its text and not secret.
    pub id: RefreshId,
    /// The session that it goes on with.
    pub session: SessionId,
    /// Keyed hash of its secret.
    pub secret: SecretMac,
    /// When it was made.
    pub created: Timestamp,
    /// When it was used, and what came after it.
    pub used: Option<(Timestamp, RefreshId)>,
}

/// What became of a new user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAdded {
    /// It is there.
    Done,
    /// Another user has the name.
    NameTaken,
    /// The invitation was used meanwhile, or is over.
    InvitationGone,
}

/// What became of the use of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The proposed successor is the successor.
    First,
    /// It has one already, which is told once more: who asks did not get the answer to the use before.
    Again(RefreshRecord),
    /// It was used too long ago, so that two hold the family. The session is ended.
    Reused,
    /// There is no such token any more.
    Gone,
}

/// What became of removing a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleRemoved {
    /// It is gone.
    Done,
    /// The project made none of the name.
    Missing,
    /// Users, keys or invitations have it.
    InUse,
}

/// Where users, their roles and sessions are kept. Only hashes of secrets ever reach it. Each change is recorded by the
/// event that comes with it, or by none where nothing changed.
#[async_trait]
pub trait Users: Send + Sync + 'static {
    /// Adds a user with a role, using up the invitation if it came by one.
    async fn insert_user(
        &self,
        user: &UserRecord,
        member: Option<&Member>,
        invitation: Option<InvitationId>,
        event: Event,
    ) -> Result<UserAdded, StoreError>;

    /// Finds a user, blocked ones included.
    async fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError>;

    /// Finds a user by name, blocked ones included.
    async fn user_by_name(&self, name: &UserName) -> Result<Option<UserRecord>, StoreError>;

    /// Users after `after` in the order of their ids, at most `limit`.
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>, StoreError>;

    /// Replaces the hash of a user's password, if it still is `former`; and ends all its sessions but `keep`.
    async fn set_password(
        &self,
        id: UserId,
        (former, new): (Option<&PasswordHash>, &PasswordHash),
        at: Timestamp,
        keep: KeepSessions,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Blocks a user and ends its sessions, or lets it in again; false if it is so already or there is none.
    async fn block_user(
        &self,
        id: UserId,
        blocked: Option<Timestamp>,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Gives a user a role in a project, in place of any other; false if there is no such user.
    async fn set_member(&self, member: &Member, event: Event) -> Result<bool, StoreError>;

    /// Takes a user's role in a project away, with its sessions there; false if there is none.
    async fn remove_member(&self, project: &Project, id: UserId, event: Event) -> Result<bool, StoreError>;

    /// A project's members after `after` in the order of their users' ids.
    async fn members(
        &self,
        project: &Project,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Member>, StoreError>;

    /// A user's roles, in the order of their projects.
    async fn memberships(&self, id: UserId) -> Result<Vec<Member>, StoreError>;

    /// A user's live sessions after `after`, in the order of their ids.
    async fn sessions_of(
        &self,
        id: UserId,
        now: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError>;

    /// Makes a role of a project, or changes what it stands for.
    async fn put_role(&self, role: &RoleRecord, event: Event) -> Result<(), StoreError>;

    /// Removes a role that nobody has.
    async fn remove_role(
        &self,
        project: &Project,
        role: &Role,
        event: Event,
    ) -> Result<RoleRemoved, StoreError>;

    /// The roles that a project made, in the order of their names.
    async fn roles(&self, project: &Project) -> Result<Vec<RoleRecord>, StoreError>;

    /// Adds an invitation, and removes those that expired before it was made.
    async fn insert_invitation(&self, invitation: &InvitationRecord, event: Event) -> Result<(), StoreError>;

    /// Finds an invitation, expired ones included.
    async fn invitation(&self, id: InvitationId) -> Result<Option<InvitationRecord>, StoreError>;

    /// A project's invitations after `after`, in the order of their ids.
    async fn invitations(
        &self,
        project: &Project,
        after: Option<InvitationId>,
        limit: u32,
    ) -> Result<Vec<InvitationRecord>, StoreError>;

    /// Removes an invitation of a project; false if there is none.
    async fn remove_invitation(
        &self,
        project: &Project,
        id: InvitationId,
        event: Event,
    ) -> Result<bool, StoreError>;
}

/// Which sessions a change of password leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepSessions {
    /// All: only the method changed.
    All,
    /// The one in use, if any.
    Only(Option<SessionId>),
}

impl UserKind {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }

    /// Reads the text form.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Person, Self::Service].into_iter().find(|kind| kind.as_str() == text)
    }
}
