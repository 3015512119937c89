mod bounds;

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use casemate_ledger::Decision;
use casemate_model::test_support::{CountingEntropy, ManualClock};
use casemate_model::{Clock, KeyLimit, Networks, Pattern, RefreshId, RequestId, Scope};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::cache::{ENTRIES_MAX, LIFETIME};
use super::*;
use crate::refresh::REFRESH_GRACE;
use crate::{KeyLabel, KeyRecord, NewKey, Pepper, RefreshRecord, Rotated, issue_key, reissue_key};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Credentials in memory, which count how often they are asked.
#[derive(Default)]
struct Memory {
    keys: Mutex<HashMap<KeyId, KeyRecord>>,
    sessions: Mutex<HashMap<SessionId, SessionRecord>>,
    roles: Mutex<HashMap<Role, Scopes>>,
    refresh_tokens: Mutex<HashMap<RefreshId, RefreshRecord>>,
    members: Mutex<HashMap<UserId, Role>>,
    questions: AtomicUsize,
}

#[async_trait]
impl Credentials for Memory {
    async fn insert_key(&self, key: &KeyRecord, _event: Event) -> Result<(), StoreError> {
        self.keys.lock().unwrap().insert(key.id, key.clone());
        Ok(())
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        Ok(self.keys.lock().unwrap().get(&id).cloned())
    }

    async fn keys(&self, _: &Project, _: Option<KeyId>, _: u32) -> Result<Vec<KeyRecord>, StoreError> {
        Ok(self.keys.lock().unwrap().values().cloned().collect())
    }

    async fn role(&self, _: &Project, role: &Role) -> Result<Option<Scopes>, StoreError> {
        Ok(self.roles.lock().unwrap().get(role).cloned())
    }

    async fn rotate_key(
        &self,
        _: &Project,
        id: KeyId,
        (secret, until): (SecretMac, Timestamp),
        _: Event,
    ) -> Result<bool, StoreError> {
        let mut keys = self.keys.lock().unwrap();
        let key = keys.get_mut(&id).unwrap();
        key.former = Some((key.secret, until));
        key.secret = secret;
        Ok(true)
    }

    async fn note_used(&self, _: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn revoke_key(&self, _: &Project, id: KeyId, at: Timestamp, _: Event) -> Result<bool, StoreError> {
        let mut keys = self.keys.lock().unwrap();
        Ok(keys.get_mut(&id).map(|key| key.revoked = Some(at)).is_some())
    }

    async fn insert_session(
        &self,
        session: &SessionRecord,
        refresh: Option<&RefreshRecord>,
        proof: Option<&FactorUse>,
        _event: Event,
    ) -> Result<bool, StoreError> {
        if proof.is_some() {
            return Ok(false);
        }
        if let Some(refresh) = refresh {
            self.refresh_tokens.lock().unwrap().insert(refresh.id, refresh.clone());
        }
        self.sessions.lock().unwrap().insert(session.id, session.clone());
        Ok(true)
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.sessions.lock().unwrap().get(&id).cloned())
    }

    async fn end_session(&self, id: SessionId, _event: Event) -> Result<bool, StoreError> {
        Ok(self.sessions.lock().unwrap().remove(&id).is_some())
    }

    async fn standing(&self, user: UserId, _: &Project) -> Result<Option<Role>, StoreError> {
        Ok(self.members.lock().unwrap().get(&user).cloned())
    }

    async fn refresh_token(&self, id: RefreshId) -> Result<Option<RefreshRecord>, StoreError> {
        Ok(self.refresh_tokens.lock().unwrap().get(&id).cloned())
    }

    async fn rotate(
        &self,
        id: RefreshId,
        successor: &RefreshRecord,
        grace_from: Timestamp,
        _ended: Event,
    ) -> Result<Rotated, StoreError> {
        let mut tokens = self.refresh_tokens.lock().unwrap();
        let token = tokens.get_mut(&id).unwrap();
        Ok(match token.used {
            None => {
                token.used = Some((successor.created, successor.id));
                tokens.insert(successor.id, successor.clone());
                Rotated::First
            }
            Some((at, next)) if at >= grace_from => Rotated::Again(tokens[&next].clone()),
            Some(_) => {
                self.sessions.lock().unwrap().remove(&successor.session);
                Rotated::Reused
            }
        })
    }
}

struct World {
    memory: Arc<Memory>,
    authenticator: Authenticator,
    clock: ManualClock,
    entropy: CountingEntropy,
}

impl World {
    fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let peppers = Peppers::new(Pepper::new(Zeroizing::new([7; 32])));
        let authenticator =
            Authenticator::new(Arc::clone(&memory) as Arc<dyn Credentials>, peppers, "casemate".to_owned());
        Self { memory, authenticator, clock: ManualClock::new(), entropy: CountingEntropy::default() }
    }

    async fn key(&self, expires: Option<Timestamp>) -> (KeyRecord, String) {
        let label: KeyLabel = "ci".parse().expect("a label");
        let scopes = Scopes::ALL;
        let new = NewKey {
            project: Project::default_project(),
            label,
            role: Role::DEVELOPER,
            scopes,
            expires,
            owner: None,
            networks: Networks::default(),
            limit: None,
        };
        let (record, text) = issue_key(new, self.authenticator.peppers(), self.clock.now(), &self.entropy);
        self.memory.insert_key(&record, self.event()).await.expect("memory");
        (record, text.expose_secret().to_owned())
    }

    async fn session(&self, key: Option<KeyId>) -> (SessionRecord, String) {
        let opened = self.opened(key, None).await;
        (opened.session, opened.cookie.expose_secret().to_owned())
    }

    /// A user's session, with its refresh token.
    async fn user_session(&self, user: UserId) -> (SessionRecord, String) {
        let opened = self.opened(None, Some(user)).await;
        let refresh_token = opened.refresh_token.expect("programs get one");
        (opened.session, refresh_token.expose_secret().to_owned())
    }

    async fn opened(&self, key: Option<KeyId>, user: Option<UserId>) -> NewSession {
        let project = Project::default_project();
        let opener = Opener {
            project,
            role: Role::DEVELOPER,
            scopes: Scopes::ALL,
            key,
            user,
            refreshed: user.is_some(),
            client: "test".to_owned(),
            shown: Shown::OneFactor,
        };
        let now = self.clock.now();
        let opened = self.authenticator.open_session(opener, now, &self.entropy, |_| self.event()).await;
        opened.expect("memory").expect("no proof was used before")
    }

    fn user(&self, role: Role) -> UserId {
        let user = UserId::generate(self.clock.now(), &self.entropy);
        self.memory.members.lock().unwrap().insert(user, role);
        user
    }

    async fn refresh(&self, text: &str) -> Option<String> {
        let now = self.clock.now();
        let refreshed = self.authenticator.refresh(text, now, &self.entropy, |_| self.event()).await;
        refreshed.ok().map(|refreshed| refreshed.token.expose_secret().to_owned())
    }

    fn event(&self) -> Event {
        Event {
            time: self.clock.now(),
            request: RequestId::generate(self.clock.now(), &self.entropy),
            actor: PrincipalKind::Node,
            project: Project::default_project(),
            action: Cow::Borrowed("test"),
            resource: String::new(),
            decision: Decision::Allowed,
            outcome: String::new(),
            details: Vec::new(),
        }
    }

    async fn by_key(&self, text: &str) -> Option<PrincipalKind> {
        match self.authenticator.by_key(text, HOME, self.clock.now()).await {
            Ok(principal) => Some(principal.kind),
            Err(IdentityError::Rejected(Rejected)) => None,
            Err(IdentityError::Store(error)) => panic!("{error}"),
        }
    }

    async fn by_session(&self, text: &str) -> Option<PrincipalKind> {
        let found = self.authenticator.by_session(text, HOME, self.clock.now()).await;
        found.ok().map(|principal| principal.kind)
    }
}

#[tokio::test]
async fn a_key_is_recognised_and_looked_up_once_a_second() {
    let world = World::new();
    let (record, text) = world.key(None).await;
    for _ in 0..5 {
        assert_eq!(world.by_key(&text).await, Some(PrincipalKind::Key(record.id)));
    }
    assert_eq!(world.memory.questions.load(Ordering::SeqCst), 1);
    world.clock.advance(LIFETIME);
    assert_eq!(world.by_key(&text).await, Some(PrincipalKind::Key(record.id)));
    assert_eq!(world.memory.questions.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn another_secret_under_a_known_id_is_refused() {
    let world = World::new();
    let (record, text) = world.key(None).await;
    assert!(world.by_key(&text).await.is_some());
    let forged = Token::generate(&bare(&record.id.to_string()), &world.entropy).to_text(TokenKind::Key);
    assert_ne!(forged.expose_secret(), text);
    assert_eq!(world.by_key(forged.expose_secret()).await, None);
    assert_eq!(world.by_key("casemate_key_nonsense").await, None);
}

#[tokio::test]
async fn revoked_and_expired_keys_are_refused() {
    let world = World::new();
    let (record, text) = world.key(None).await;
    assert!(world.by_key(&text).await.is_some());
    let now = world.clock.now();
    world.memory.revoke_key(&record.project, record.id, now, world.event()).await.expect("memory");
    world.authenticator.forget_key(record.id);
    assert_eq!(world.by_key(&text).await, None, "revoked on this node: at once");

    let expires = world.clock.now().saturating_add(Duration::from_millis(500));
    let (_, text) = world.key(Some(expires)).await;
    assert!(world.by_key(&text).await.is_some());
    world.clock.advance(Duration::from_millis(500));
    assert_eq!(world.by_key(&text).await, None, "expired while it was believed");
}

#[tokio::test]
async fn a_revocation_elsewhere_is_noticed_within_the_cache_lifetime() {
    let world = World::new();
    let (record, text) = world.key(None).await;
    assert!(world.by_key(&text).await.is_some());
    let now = world.clock.now();
    world.memory.revoke_key(&record.project, record.id, now, world.event()).await.expect("memory");
    world.clock.advance(LIFETIME);
    assert_eq!(world.by_key(&text).await, None);
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_with_its_key() {
    let world = World::new();
    let (session, cookie) = world.session(None).await;
    assert_eq!(world.by_session(&cookie).await, Some(PrincipalKind::Session(session.id)));
    world.clock.advance(SESSION_LIFETIME);
    assert_eq!(world.by_session(&cookie).await, None, "its time is over");

    let (key, _) = world.key(None).await;
    let (_, cookie) = world.session(Some(key.id)).await;
    assert!(world.by_session(&cookie).await.is_some());
    let now = world.clock.now();
    world.memory.revoke_key(&key.project, key.id, now, world.event()).await.expect("memory");
    world.authenticator.forget_key(key.id);
    assert_eq!(world.by_session(&cookie).await, None, "its key is revoked");
}

#[tokio::test]
async fn a_user_acts_by_the_role_of_today() {
    let world = World::new();
    let user = world.user(Role::ADMIN);
    let (session, _) = world.user_session(user).await;
    let tokens = world.authenticator.access_tokens();
    let (token, _) = tokens.issue(user, session.id, world.clock.now(), &world.entropy);
    let role = async || {
        let found = world.authenticator.by_access_token(token.expose_secret(), world.clock.now()).await;
        found.ok().map(|principal| (principal.kind, principal.role))
    };
    assert_eq!(role().await, Some((PrincipalKind::User(user), Role::ADMIN)));
    world.memory.members.lock().unwrap().insert(user, Role::VIEWER);
    world.clock.advance(LIFETIME);
    assert_eq!(role().await, Some((PrincipalKind::User(user), Role::VIEWER)));
    world.memory.members.lock().unwrap().remove(&user);
    world.clock.advance(LIFETIME);
    assert_eq!(role().await, None, "no role, no session");

    let other = world.user(Role::ADMIN);
    let (forged, _) = tokens.issue(other, session.id, world.clock.now(), &world.entropy);
    let found = world.authenticator.by_access_token(forged.expose_secret(), world.clock.now()).await;
    assert!(matches!(found, Err(IdentityError::Rejected(Rejected))), "another user's session");
}

#[tokio::test]
async fn a_refresh_token_has_one_successor_and_late_reuse_ends_the_session() {
    let world = World::new();
    let (session, first) = world.user_session(world.user(Role::VIEWER)).await;
    let second = world.refresh(&first).await.expect("it was not used before");
    world.clock.advance(REFRESH_GRACE);
    assert_eq!(world.refresh(&first).await.as_ref(), Some(&second), "whoever missed the answer asks again");
    let third = world.refresh(&second).await.expect("the successor is good");
    assert_ne!(second, third);

    world.clock.advance(Duration::from_millis(1));
    assert!(world.memory.session(session.id).await.unwrap().is_some());
    assert_eq!(world.refresh(&first).await, None, "used long ago");
    assert_eq!(world.memory.session(session.id).await.unwrap(), None, "the family is over");
    assert_eq!(world.refresh("casemate_rft_nonsense").await, None);
    assert_eq!(world.refresh(&third.replace("_rft_", "_ses_")).await, None);
}

#[tokio::test]
async fn a_refresh_token_outlives_its_pepper() {
    let mut world = World::new();
    let (_, first) = world.user_session(world.user(Role::VIEWER)).await;
    let second = world.refresh(&first).await.expect("it was not used before");
    let pepper = |byte| Pepper::new(Zeroizing::new([byte; 32]));
    let peppers = Peppers::of([(1, pepper(7)), (2, pepper(8))].into(), 2).expect("both are known");
    let credentials = Arc::clone(&world.memory) as Arc<dyn Credentials>;
    world.authenticator = Authenticator::new(credentials, peppers, "casemate".to_owned());
    assert_eq!(world.refresh(&first).await, Some(second.clone()), "in the grace of a use before the change");
    assert!(world.refresh(&second).await.is_some());
}

#[tokio::test]
async fn a_key_has_two_secrets_while_they_are_exchanged() {
    let world = World::new();
    let (record, first) = world.key(None).await;
    let (secret, second) = reissue_key(record.id, world.authenticator.peppers(), &world.entropy);
    let until = world.clock.now().saturating_add(Duration::from_secs(60));
    world.memory.rotate_key(&record.project, record.id, (secret, until), world.event()).await.unwrap();
    world.authenticator.forget_key(record.id);
    let kind = Some(PrincipalKind::Key(record.id));
    assert_eq!((world.by_key(&first).await, world.by_key(second.expose_secret()).await), (kind, kind));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!((world.by_key(&first).await, world.by_key(second.expose_secret()).await), (None, kind));
}

#[tokio::test]
async fn a_users_key_can_do_no_more_than_the_user() {
    let world = World::new();
    let user = world.user(Role::VIEWER);
    let (record, text) = world.key(None).await;
    world.memory.insert_key(&KeyRecord { owner: Some(user), ..record }, world.event()).await.unwrap();
    let scopes = async || {
        let found = world.authenticator.by_key(&text, HOME, world.clock.now()).await;
        found.ok().map(|principal| principal.scopes)
    };
    assert_eq!(scopes().await, roles::built_in(&Role::VIEWER), "the key alone could do what developers do");
    world.memory.members.lock().unwrap().remove(&user);
    world.clock.advance(LIFETIME);
    assert_eq!(scopes().await, None);
}
