use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{KeyId, Project, RefreshId, Role, Scopes, SessionId, StoreError, Timestamp, UserId};

use crate::{FactorUse, KeyRecord, RefreshRecord, Rotated, SecretMac, SessionRecord};

/// Where credentials are kept. Only keyed hashes of secrets ever reach it.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// Adds a key. Ids are random, so an id that exists already is damage, not a conflict.
    async fn insert_key(&self, key: &KeyRecord, event: Event) -> Result<(), StoreError>;

    /// Finds a key, revoked and expired ones included.
    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// A project's keys after `after` in the order of their ids, at most `limit`, revoked and expired ones included.
    async fn keys(
        &self,
        project: &Project,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, StoreError>;

    /// Revokes a key of `project`; false if there is none. Revoking twice keeps the first time and adds no entry.
    async fn revoke_key(
        &self,
        project: &Project,
        id: KeyId,
        at: Timestamp,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Gives a live key of `project` another secret; the one that it had still fits until `former_until`. False if there is
    /// no such key.
    async fn rotate_key(
        &self,
        project: &Project,
        id: KeyId,
        (secret, former_until): (SecretMac, Timestamp),
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Notes when keys were used last. What is noted twice counts by the later time.
    async fn note_used(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError>;

    /// What a role that a project made stands for; `None` if it made none of the name.
    async fn role(&self, project: &Project, role: &Role) -> Result<Option<Scopes>, StoreError>;

    /// Adds a session, with the token that it is refreshed by if there is one, and removes sessions that expired before
    /// `session.created`. Its user's `proof` is used up; false if it was before, and then there is no session.
    async fn insert_session(
        &self,
        session: &SessionRecord,
        refresh: Option<&RefreshRecord>,
        proof: Option<&FactorUse>,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Finds a session, expired ones included.
    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError>;

    /// Removes a session; false if there is none, and then no entry is added.
    async fn end_session(&self, id: SessionId, event: Event) -> Result<bool, StoreError>;

    /// A user's role in a project; `None` if it has none there, is blocked, or does not exist.
    async fn standing(&self, id: UserId, project: &Project) -> Result<Option<Role>, StoreError>;

    /// Finds a refresh token.
    async fn refresh_token(&self, id: RefreshId) -> Result<Option<RefreshRecord>, StoreError>;

    /// Uses a refresh token up at `successor.created`. One that was used since `grace_from` has its successor already,
    /// which is told once more; the session of one that was used before ends, which `ended` records.
    async fn rotate(
        &self,
        id: RefreshId,
        successor: &RefreshRecord,
        grace_from: Timestamp,
        ended: Event,
    ) -> Result<Rotated, StoreError>;
}
