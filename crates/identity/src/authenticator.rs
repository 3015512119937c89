use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::{
    Entropy, KeyId, Principal, PrincipalKind, Project, Role, Scopes, SessionId, StoreError, Timestamp,
};
use casemate_policy::roles;
use secrecy::SecretString;

use crate::api_key::{bare, s3_secret};
use crate::{Credentials, KeyRecord, Peppers, SecretMac, SessionRecord, Token, TokenKind};

/// How long a console session lasts.
const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// How long a credential is believed without asking the store. It bounds how long a revocation on another node may
/// take to be noticed here; a revocation on this node is noticed at once.
const CACHE_LIFETIME: Duration = Duration::from_secs(1);

/// Most credentials believed at once; beyond it the cache starts anew.
const CACHE_ENTRIES_MAX: usize = 10_000;

/// The credential was not accepted. It is deliberately not said why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the credential was not accepted: it may be mistyped, expired or revoked")]
pub struct Rejected;

/// Why a caller could not be recognised.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The credential is no good.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The store that knows could not answer, so nobody is let in.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Turns credentials into principals.
pub struct Authenticator {
    credentials: Arc<dyn Credentials>,
    peppers: Peppers,
    cache: Mutex<Cache>,
}

/// What is believed without asking the store.
#[derive(Default)]
struct Cache {
    entries: HashMap<CacheKey, (Timestamp, Cached)>,
    /// Grows whenever something is forgotten. What was read before is not remembered after, as it may be what was
    /// revoked in between.
    generation: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum CacheKey {
    Key(KeyId),
    Session(SessionId),
}

/// What a request needs of a record, and until when it holds.
#[derive(Clone)]
struct Cached {
    principal: Principal,
    secret: SecretMac,
    expires: Option<Timestamp>,
}

impl Authenticator {
    /// Recognises callers by `credentials`, whose secrets are hashed under `peppers`.
    pub fn new(credentials: Arc<dyn Credentials>, peppers: Peppers) -> Self {
        Self { credentials, peppers, cache: Mutex::default() }
    }

    /// The peppers in force.
    pub fn peppers(&self) -> &Peppers {
        &self.peppers
    }

    /// Recognises the holder of an API key.
    pub async fn by_key(&self, text: &str, now: Timestamp) -> Result<Principal, IdentityError> {
        let token = Token::parse(text, TokenKind::Key)?;
        let id: KeyId = token.claimed_id(KeyId::PREFIX)?;
        let cached = self.key_entry(id, now).await?;
        self.admit(&cached, (TokenKind::Key, &bare(&id.to_string())), &token, now)
    }

    /// Who holds the API key `id`, and the secret with which its holder signs requests to S3. Whoever calls this must let
    /// the caller act only when the signature was checked against that secret.
    pub async fn by_access_key(
        &self,
        id: KeyId,
        now: Timestamp,
    ) -> Result<(Principal, SecretString), IdentityError> {
        let cached = self.key_entry(id, now).await?;
        if cached.expires.is_some_and(|expires| now >= expires) {
            return Err(Rejected.into());
        }
        let secret = s3_secret(&self.peppers, id, &cached.secret).ok_or(Rejected)?;
        Ok((cached.principal, secret))
    }

    /// Recognises the holder of a session's cookie.
    pub async fn by_session(&self, text: &str, now: Timestamp) -> Result<Principal, IdentityError> {
        let token = Token::parse(text, TokenKind::Session)?;
        let id: SessionId = token.claimed_id(SessionId::PREFIX)?;
        let cached = match self.cached(CacheKey::Session(id), now) {
            Ok(cached) => cached,
            Err(generation) => {
                let session = self.credentials.session(id).await?.ok_or(Rejected)?;
                self.check_key_of(&session, now).await?;
                let scopes = self.effective(&session.project, &session.role, &session.scopes).await?;
                self.remember(CacheKey::Session(id), (session_entry(session, scopes), generation), now)
            }
        };
        self.admit(&cached, (TokenKind::Session, &bare(&id.to_string())), &token, now)
    }

    /// Opens a session for `opener` and returns it with the cookie's text. `event` is recorded with it.
    pub async fn open_session(
        &self,
        opener: Opener,
        now: Timestamp,
        entropy: &dyn Entropy,
        event: impl FnOnce(SessionId) -> Event,
    ) -> Result<(SessionRecord, SecretString), StoreError> {
        let id = SessionId::generate(now, entropy);
        let bare_id = bare(&id.to_string());
        let token = Token::generate(&bare_id, entropy);
        let session = SessionRecord {
            id,
            project: opener.project,
            role: opener.role,
            scopes: opener.scopes,
            key: opener.key,
            secret: self.peppers.seal(TokenKind::Session.domain(), &bare_id, token.secret()),
            created: now,
            expires: now.saturating_add(SESSION_LIFETIME),
        };
        self.credentials.insert_session(&session, event(id)).await?;
        Ok((session, token.to_text(TokenKind::Session)))
    }

    /// Forgets what is believed about a key, and about all sessions, as any may hang on it. Called on revocation.
    pub fn forget_key(&self, id: KeyId) {
        let mut cache = self.cache();
        cache.generation += 1;
        cache.entries.retain(|key, _| matches!(key, CacheKey::Key(other) if *other != id));
    }

    /// Forgets what is believed about a session. Called when it ends.
    pub fn forget_session(&self, id: SessionId) {
        let mut cache = self.cache();
        cache.generation += 1;
        cache.entries.remove(&CacheKey::Session(id));
    }

    /// What is known of a live key.
    async fn key_entry(&self, id: KeyId, now: Timestamp) -> Result<Cached, IdentityError> {
        match self.cached(CacheKey::Key(id), now) {
            Ok(cached) => Ok(cached),
            Err(generation) => {
                let key = self.credentials.key(id).await?.filter(|key| key.is_live(now)).ok_or(Rejected)?;
                let scopes = self.effective(&key.project, &key.role, &key.scopes).await?;
                Ok(self.remember(CacheKey::Key(id), (key_entry(key, scopes), generation), now))
            }
        }
    }

    /// What a role and a credential allow together. A role that is gone allows nobody in.
    async fn effective(
        &self,
        project: &Project,
        role: &Role,
        scopes: &Scopes,
    ) -> Result<Scopes, IdentityError> {
        let of_role = match roles::built_in(role) {
            Some(of_role) => of_role,
            None => self.credentials.role(project, role).await?.ok_or(Rejected)?,
        };
        Ok(of_role.intersection(scopes))
    }

    /// A session that a key opened lives no longer than the key.
    async fn check_key_of(&self, session: &SessionRecord, now: Timestamp) -> Result<(), IdentityError> {
        if let Some(id) = session.key {
            self.credentials.key(id).await?.filter(|key| key.is_live(now)).ok_or(Rejected)?;
        }
        Ok(())
    }

    fn admit(
        &self,
        cached: &Cached,
        (kind, bare_id): (TokenKind, &str),
        token: &Token,
        now: Timestamp,
    ) -> Result<Principal, IdentityError> {
        let fits = self.peppers.opens(&cached.secret, kind.domain(), bare_id, token.secret());
        let live = cached.expires.is_none_or(|expires| now < expires);
        if fits && live { Ok(cached.principal.clone()) } else { Err(Rejected.into()) }
    }

    /// What is believed, or the generation to remember under what the store is now asked for.
    fn cached(&self, key: CacheKey, now: Timestamp) -> Result<Cached, u64> {
        let cache = self.cache();
        let entry = cache.entries.get(&key).filter(|(until, _)| now < *until);
        entry.map(|(_, cached)| cached.clone()).ok_or(cache.generation)
    }

    fn remember(&self, key: CacheKey, (cached, generation): (Cached, u64), now: Timestamp) -> Cached {
        let mut cache = self.cache();
        if cache.generation == generation {
            if cache.entries.len() >= CACHE_ENTRIES_MAX {
                cache.entries.clear();
            }
            cache.entries.insert(key, (now.saturating_add(CACHE_LIFETIME), cached.clone()));
        }
        cached
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().expect("nothing panics while it holds the lock")
    }
}

/// Who opens a session, and how far it reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opener {
    /// The project to act in.
    pub project: Project,
    /// The session's role.
    pub role: Role,
    /// The session's scopes.
    pub scopes: Scopes,
    /// The API key that it hangs on: revoked or expired, it takes the session along.
    pub key: Option<KeyId>,
}

fn key_entry(key: KeyRecord, scopes: Scopes) -> Cached {
    let kind = PrincipalKind::Key(key.id);
    let principal = Principal { kind, project: key.project, role: key.role, scopes };
    Cached { principal, secret: key.secret, expires: key.expires }
}

fn session_entry(session: SessionRecord, scopes: Scopes) -> Cached {
    let kind = PrincipalKind::Session(session.id);
    let principal = Principal { kind, project: session.project, role: session.role, scopes };
    Cached { principal, secret: session.secret, expires: Some(session.expires) }
}

#[cfg(test)]
mod tests;
