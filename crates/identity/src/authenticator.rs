mod cache;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::{
    Entropy, KeyId, Principal, PrincipalKind, Project, Role, Scopes, SessionId, StoreError, Timestamp, UserId,
};
use casemate_policy::roles;
use secrecy::SecretString;

use crate::api_key::{bare, s3_secret};
use crate::{
    AccessTokens, CertificateAuthority, ClientCertificate, Credentials, FactorUse, Peppers, Refreshed,
    SecondFactor, SecretMac, SessionRecord, Token, TokenKind, refresh,
};
use cache::{Cache, Cached, Place};

/// How long a console session lasts.
const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// How long a session lasts that goes on by refresh tokens.
const REFRESHED_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Most keys whose use is remembered until it is kept.
const USED_MAX: usize = 10_000;

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
    access_tokens: AccessTokens,
    certificates: CertificateAuthority,
    second_factor: SecondFactor,
    cache: Cache,
    /// Keys that were used and when, until somebody keeps it.
    used: Mutex<HashMap<KeyId, Timestamp>>,
}

impl Authenticator {
    /// Recognises callers by `credentials`, whose secrets are hashed under `peppers`, and by access tokens of `issuer`.
    pub fn new(credentials: Arc<dyn Credentials>, peppers: Peppers, issuer: String) -> Self {
        let access_tokens = AccessTokens::new(peppers.clone(), issuer.clone());
        let certificates = CertificateAuthority::new(peppers.clone(), issuer);
        let second_factor = SecondFactor::default();
        let (cache, used) = (Cache::default(), Mutex::default());
        Self { credentials, peppers, access_tokens, certificates, second_factor, cache, used }
    }

    /// Wants two factors of some users. A session of theirs in which only one was shown may do nothing but what concerns the
    /// user alone, which is how the second is set up.
    #[must_use]
    pub fn with_second_factor(self, second_factor: SecondFactor) -> Self {
        Self { second_factor, ..self }
    }

    /// Of whom two factors are wanted.
    pub fn second_factor(&self) -> SecondFactor {
        self.second_factor
    }

    /// The maker and checker of access tokens.
    pub fn access_tokens(&self) -> &AccessTokens {
        &self.access_tokens
    }

    /// Who signs certificates.
    pub fn certificates(&self) -> &CertificateAuthority {
        &self.certificates
    }

    /// The peppers in force.
    pub fn peppers(&self) -> &Peppers {
        &self.peppers
    }

    /// Recognises the holder of an API key, who asks from `address`.
    pub async fn by_key(
        &self,
        text: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Principal, IdentityError> {
        let token = Token::parse(text, TokenKind::Key)?;
        let id: KeyId = token.claimed_id(KeyId::PREFIX)?;
        let cached = self.key_entry(id, now).await?;
        let cached = self.admit(cached, TokenKind::Key, &token, now)?;
        self.admit_from(&cached, id, address, now)?;
        Ok(cached.principal)
    }

    /// Refuses a key from where it may not be used, and notes a use that it may.
    fn admit_from(
        &self,
        cached: &Cached,
        id: KeyId,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        if !cached.networks.allow(address) {
            return Err(Rejected);
        }
        let mut used = self.used.lock().expect("nothing panics while it holds the lock");
        if used.len() < USED_MAX || used.contains_key(&id) {
            used.insert(id, now);
        }
        Ok(())
    }

    /// Keys that were used since this was asked last, with the time.
    pub fn take_used(&self) -> Vec<(KeyId, Timestamp)> {
        let mut used = self.used.lock().expect("nothing panics while it holds the lock");
        used.drain().collect()
    }

    /// Recognises the holder of an API key by its id alone, who asks from `address`. Whoever calls this must have seen that
    /// it is the holder: by a signature against [`Self::s3_secret_of`].
    pub async fn by_access_key(
        &self,
        id: KeyId,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Principal, IdentityError> {
        let cached = self.live_key(id, now).await?;
        self.admit_from(&cached, id, address, now)?;
        Ok(cached.principal)
    }

    /// Recognises the holder of a certificate that the authority has signed for a client, who asks from `address`.
    pub async fn by_certificate(
        &self,
        certificate: ClientCertificate,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Principal, IdentityError> {
        if now >= certificate.expires {
            return Err(Rejected.into());
        }
        let cached = self.live_key(certificate.key, now).await?;
        let former = cached.former.as_ref().filter(|(_, until)| now < *until);
        // A certificate goes with one secret of the key: exchanging that shuts out whoever had it.
        if !certificate.fits(&cached.secret) && !former.is_some_and(|(secret, _)| certificate.fits(secret)) {
            return Err(Rejected.into());
        }
        self.admit_from(&cached, certificate.key, address, now)?;
        Ok(cached.principal)
    }

    /// The secret with which the holder of a key signs requests to S3.
    pub async fn s3_secret_of(&self, id: KeyId, now: Timestamp) -> Result<SecretString, IdentityError> {
        let cached = self.live_key(id, now).await?;
        Ok(s3_secret(&self.peppers, id, &cached.secret).ok_or(Rejected)?)
    }

    /// Who a key acts as, if it is live; for what hangs on it.
    pub async fn by_key_id(&self, id: KeyId, now: Timestamp) -> Result<Principal, IdentityError> {
        Ok(self.live_key(id, now).await?.principal)
    }

    async fn live_key(&self, id: KeyId, now: Timestamp) -> Result<Cached, IdentityError> {
        let cached = self.key_entry(id, now).await?;
        Ok(cached.filter(|cached| cached.is_live(now)).ok_or(Rejected)?)
    }

    /// Recognises the holder of a session's cookie, who asks from `address`.
    pub async fn by_session(
        &self,
        text: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Principal, IdentityError> {
        let token = Token::parse(text, TokenKind::Session)?;
        let id: SessionId = token.claimed_id(SessionId::PREFIX)?;
        let cached = self.session_entry(id, now).await?;
        let cached = self.admit(cached, TokenKind::Session, &token, now)?;
        if cached.networks.allow(address) { Ok(cached.principal) } else { Err(Rejected.into()) }
    }

    /// Recognises the holder of an access token.
    pub async fn by_access_token(&self, text: &str, now: Timestamp) -> Result<Principal, IdentityError> {
        let claims = self.access_tokens.open(text, now)?;
        let principal = self.by_session_id(claims.session, now).await?;
        // A session that is another's by now, by whatever mistake, is not the token's.
        if principal.kind == PrincipalKind::User(claims.user) { Ok(principal) } else { Err(Rejected.into()) }
    }

    /// Opens a session for `opener`; see [`NewSession`]. `event` is recorded with it. `None` if what it showed as a second
    /// factor was used before.
    pub async fn open_session(
        &self,
        opener: Opener,
        now: Timestamp,
        entropy: &dyn Entropy,
        event: impl FnOnce(SessionId) -> Event,
    ) -> Result<Option<NewSession>, StoreError> {
        let id = SessionId::generate(now, entropy);
        let bare_id = bare(&id.to_string());
        let token = Token::generate(&bare_id, entropy);
        let session = SessionRecord {
            id,
            project: opener.project,
            role: opener.role,
            scopes: opener.scopes,
            key: opener.key,
            user: opener.user,
            client: opener.client,
            two_factors: opener.shown != Shown::OneFactor,
            secret: self.peppers.seal(TokenKind::Session.domain(), &bare_id, token.secret()),
            created: now,
            expires: now.saturating_add(if opener.refreshed { REFRESHED_LIFETIME } else { SESSION_LIFETIME }),
        };
        let refresh = opener.refreshed.then(|| refresh::first(id, &self.peppers, now, entropy));
        let first = refresh.as_ref().map(|(record, _)| record);
        let proof = match &opener.shown {
            Shown::Proof(proof) => Some(proof),
            Shown::OneFactor | Shown::TwoFactors => None,
        };
        if !self.credentials.insert_session(&session, first, proof, event(id)).await? {
            return Ok(None);
        }
        let refresh_token = refresh.map(|(_, token)| token);
        Ok(Some(NewSession { session, cookie: token.to_text(TokenKind::Session), refresh_token }))
    }

    /// Uses a refresh token up; returns the session and the token that comes after. `ended` is recorded if the session
    /// ends over it, because the token was used long ago.
    pub async fn refresh(
        &self,
        text: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
        ended: impl FnOnce(SessionId) -> Event + Send,
    ) -> Result<Refreshed, IdentityError> {
        refresh::rotate(&*self.credentials, &self.peppers, text, now, entropy, ended).await
    }

    /// Who a session acts as, if it is live.
    pub async fn by_session_id(&self, id: SessionId, now: Timestamp) -> Result<Principal, IdentityError> {
        let cached = self.session_entry(id, now).await?;
        Ok(cached.filter(|cached| cached.is_live(now)).ok_or(Rejected)?.principal)
    }

    /// Forgets what is believed about a key, and about all sessions, as any may hang on it. Called on revocation.
    pub fn forget_key(&self, id: KeyId) {
        self.cache.forget(|place| matches!(place, Place::Key(other) if other != id));
    }

    /// Forgets what is believed about a session. Called when it ends.
    pub fn forget_session(&self, id: SessionId) {
        self.cache.forget(|place| place != Place::Session(id));
    }

    /// Forgets what is believed about all sessions. Called when a user or a role changes.
    pub fn forget_sessions(&self) {
        self.cache.forget(|place| matches!(place, Place::Key(_)));
    }

    /// Forgets everything that is believed. Called when a role changes.
    pub fn forget_all(&self) {
        self.cache.forget(|_| false);
    }

    /// What is known of a live session; `None` if there is none.
    async fn session_entry(&self, id: SessionId, now: Timestamp) -> Result<Option<Cached>, IdentityError> {
        let place = Place::Session(id);
        match self.cache.get(place, now) {
            Ok(known) => Ok(known),
            Err(generation) => {
                Ok(self.cache.remember(place, (self.read_session(id, now).await, generation), now)?)
            }
        }
    }

    async fn read_session(&self, id: SessionId, now: Timestamp) -> Result<Cached, IdentityError> {
        let mut session = self.credentials.session(id).await?.ok_or(Rejected)?;
        // A session that a key opened lives no longer than the key, does no more, and from nowhere else.
        let key = match session.key {
            Some(id) => Some(self.read_key(id, now).await?),
            None => None,
        };
        if let Some(user) = session.user {
            session.role = self.credentials.standing(user, &session.project).await?.ok_or(Rejected)?;
        }
        let mut scopes = self.effective(&session.project, &session.role, &session.scopes).await?;
        if let Some(key) = &key {
            scopes = scopes.intersection(&key.principal.scopes);
        }
        if session.user.is_some() && !session.two_factors && self.second_factor.is_required_of(&scopes) {
            scopes = Scopes::NONE;
        }
        Ok(Cached::of_session(session, scopes, key))
    }

    /// What is known of a live key; `None` if there is none.
    async fn key_entry(&self, id: KeyId, now: Timestamp) -> Result<Option<Cached>, IdentityError> {
        let place = Place::Key(id);
        match self.cache.get(place, now) {
            Ok(known) => Ok(known),
            Err(generation) => {
                Ok(self.cache.remember(place, (self.read_key(id, now).await, generation), now)?)
            }
        }
    }

    async fn read_key(&self, id: KeyId, now: Timestamp) -> Result<Cached, IdentityError> {
        let key = self.credentials.key(id).await?.filter(|key| key.is_live(now)).ok_or(Rejected)?;
        let mut scopes = self.effective(&key.project, &key.role, &key.scopes).await?;
        if let Some(owner) = key.owner {
            let role = self.credentials.standing(owner, &key.project).await?.ok_or(Rejected)?;
            scopes = self.effective(&key.project, &role, &scopes).await?;
        }
        Ok(Cached::of_key(key, scopes))
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

    /// What `token` is good for. It takes as long if there is nothing that it could fit.
    fn admit(
        &self,
        cached: Option<Cached>,
        kind: TokenKind,
        token: &Token,
        now: Timestamp,
    ) -> Result<Cached, Rejected> {
        let opens = |secret| self.peppers.opens(secret, kind.domain(), token.id(), token.secret());
        let Some(cached) = cached else {
            opens(&SecretMac { pepper: self.peppers.sealing(), mac: [0; 32] });
            return Err(Rejected);
        };
        let former = cached.former.as_ref().filter(|(_, until)| now < *until);
        let fits = opens(&cached.secret) || former.is_some_and(|(secret, _)| opens(secret));
        if fits && cached.is_live(now) { Ok(cached) } else { Err(Rejected) }
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
    /// The user who signs in, whose role counts as it is at each request.
    pub user: Option<UserId>,
    /// Whether the session goes on by refresh tokens, for programs, rather than by a cookie for hours.
    pub refreshed: bool,
    /// What the client calls itself.
    pub client: String,
    /// What the user has shown.
    pub shown: Shown,
}

/// What whoever opens a session has shown of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A password, a link or a key.
    OneFactor,
    /// Both factors, in the session that vouches for this one.
    TwoFactors,
    /// Both factors just now, of which the second is to be used up.
    Proof(FactorUse),
}

/// A session that was opened, with what its holder presents; neither can be shown again.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session.
    pub session: SessionRecord,
    /// The text of its cookie.
    pub cookie: SecretString,
    /// The text of its first refresh token, if it goes on by such.
    pub refresh_token: Option<SecretString>,
}

#[cfg(test)]
mod tests;
