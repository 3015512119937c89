use std::net::IpAddr;

use casemate_identity::{
    Assertion, FactorUse, IdentityError, KeepSessions, KeyRecord, LoginLink, Member, NewSession, Opener,
    Password, PasswordCheck, PublicTokenKey, Rejected, Shown, UserRecord,
};
use casemate_ledger::{Decision, Event};
use casemate_limits::{Quota, TokenBuckets};
use casemate_model::{Principal, PrincipalKind, Project, Scopes, SessionId, Timestamp, UserId, UserName};
use casemate_policy::{Resource, operation};
use secrecy::{ExposeSecret, SecretString};

use crate::users::user_resource;
use crate::{Caller, Control, ControlError, FactorError};

/// Tries to sign in with one user name: one in six seconds, after ten at once. It is the same for names that nobody has.
const ATTEMPTS: Quota = Quota { per_second: 10, burst: 600 };
const ATTEMPT_COST: u32 = 60;

/// User names whose tries are told apart; beyond it those that were tried least are forgotten.
const NAMES_MAX: usize = 10_000;

/// Counts tries to sign in.
pub(crate) struct Attempts {
    /// By user name.
    names: TokenBuckets,
    /// Of those who knew the password, by user.
    pub(crate) codes: TokenBuckets,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { names: TokenBuckets::new(NAMES_MAX), codes: TokenBuckets::new(NAMES_MAX) }
    }
}

/// What somebody signs in with.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// The token of a one-time login link.
    Link(SecretString),
    /// An API key; the session reaches as far as the key, and ends with it.
    Key(SecretString),
    /// A user's name and password.
    Password {
        /// The name, if it can be one.
        name: Option<UserName>,
        /// The password.
        password: Password,
        /// The code of an app, or a recovery code.
        code: Option<SecretString>,
        /// The project to act in; the user's first otherwise.
        project: Option<Project>,
    },
    /// A passkey.
    Passkey(Assertion),
}

/// How a session goes on.
#[derive(Clone, Debug)]
pub struct SignInAs {
    /// By refresh tokens, for programs, rather than by a cookie for hours.
    pub refreshed: bool,
    /// What the client calls itself.
    pub client: String,
}

/// A session that was opened or goes on.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The session with what its holder presents.
    pub new: NewSession,
    /// Who it acts as.
    pub principal: Principal,
    /// The user's name, if it is one.
    pub user: Option<UserName>,
    /// A first access token, if it goes on by refresh tokens, and when that ends.
    pub access_token: Option<(SecretString, Timestamp)>,
}

/// The tokens of a session that goes on.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// An access token, and when it ends.
    pub access_token: (SecretString, Timestamp),
    /// What to ask with the next time.
    pub refresh_token: SecretString,
}

impl Control {
    /// Opens a session.
    pub async fn sign_in(
        &self,
        caller: &Caller,
        sign_in: SignIn,
        how: SignInAs,
    ) -> Result<Opened, ControlError> {
        let permit = self.permit::<operation::SignIn>(caller, &Resource::all("session")).await?;
        let name = match &sign_in {
            SignIn::Password { name, .. } => name.clone(),
            SignIn::Link(_) | SignIn::Key(_) | SignIn::Passkey(_) => None,
        };
        let opened = match self.opener(sign_in, caller.from(), how).await {
            Ok(opener) => self.open(caller, permit.action(), opener).await,
            Err(error) => Err(error),
        };
        let why = match &opened {
            Err(ControlError::Rejected(_) | ControlError::WrongPassword) => {
                "credential not accepted".to_owned()
            }
            Err(ControlError::Factor(FactorError::Required)) => {
                "right password without second factor".to_owned()
            }
            Err(ControlError::Factor(FactorError::Wrong)) => "second factor not accepted".to_owned(),
            Err(ControlError::Factor(FactorError::PasskeyRefused(why))) => why.to_string(),
            Ok(_) | Err(_) => return opened,
        };
        let resource = self.whom(name.as_ref()).await?;
        self.record_refused(caller, permit.action(), &resource, &why).await?;
        opened
    }

    async fn open(
        &self,
        caller: &Caller,
        action: &'static str,
        opener: Opener,
    ) -> Result<Opened, ControlError> {
        let (project, user, key) = (opener.project.clone(), opener.user, opener.key);
        let second = second_factor_of(&opener.shown);
        let event = |id: SessionId| {
            let mut event = self.event(caller, action, Resource::one("session", id), "opened");
            event.actor = user.map_or(PrincipalKind::Session(id), PrincipalKind::User);
            event.project = project;
            caller.add_address(&mut event);
            if let Some(key) = key {
                event.details.push(("key".to_owned(), key.to_string()));
            }
            if let Some(second) = second {
                event.details.push(("second_factor".to_owned(), second.to_owned()));
            }
            event
        };
        let now = self.now();
        let new = self.authenticator().open_session(opener, now, self.entropy(), event).await?;
        // Somebody else has used the code or the challenge since it was looked at.
        let new = new.ok_or(FactorError::Wrong)?;
        let principal = self.authenticator().by_session_id(new.session.id, now).await?;
        let access_token = match user {
            Some(user) if new.refresh_token.is_some() => Some(self.access_token(user, new.session.id)),
            Some(_) | None => None,
        };
        let user = self.name_of(&principal).await?;
        Ok(Opened { new, principal, user, access_token })
    }

    fn access_token(&self, user: UserId, session: SessionId) -> (SecretString, Timestamp) {
        self.authenticator().access_tokens().issue(user, session, self.now(), self.entropy())
    }

    async fn opener(&self, sign_in: SignIn, from: IpAddr, how: SignInAs) -> Result<Opener, ControlError> {
        match sign_in {
            SignIn::Link(token) => {
                let peppers = self.authenticator().peppers();
                let link = self.login_links.redeem(token.expose_secret(), peppers, self.now())?;
                if let Some(session) = link.made_in {
                    // It may have ended meanwhile, because its user was blocked, say, or has another password.
                    self.authenticator().by_session_id(session, self.now()).await?;
                }
                Ok(Opener { client: how.client, ..link.opener })
            }
            SignIn::Key(key) => {
                let principal = self.authenticator().by_key(key.expose_secret(), from, self.now()).await?;
                let PrincipalKind::Key(id) = principal.kind else {
                    return Err(Rejected.into());
                };
                let Principal { project, role, scopes, .. } = principal;
                let (client, key) = (how.client, Some(id));
                let shown = Shown::OneFactor;
                Ok(Opener { project, role, scopes, key, user: None, refreshed: false, client, shown })
            }
            SignIn::Password { name, password, code, project } => {
                self.opener_by_password(name, (password, code), project, how).await
            }
            SignIn::Passkey(used) => self.opener_by_passkey(&used, how, from).await,
        }
    }

    /// What the log says of who could not sign in. A name that nobody has may be a password that was typed in the wrong place.
    async fn whom(&self, name: Option<&UserName>) -> Result<Resource, ControlError> {
        let Some(name) = name else { return Ok(Resource::all("session")) };
        let found = self.parts.users.user_by_name(name).await?;
        Ok(found.map_or_else(|| Resource::all("session"), |_| user_resource(name)))
    }

    /// A user who is unknown, blocked, without the role or with another password is refused alike, after the same time. Only
    /// who knows the password learns that a code is wanted.
    async fn opener_by_password(
        &self,
        name: Option<UserName>,
        (password, code): (Password, Option<SecretString>),
        project: Option<Project>,
        how: SignInAs,
    ) -> Result<Opener, ControlError> {
        let mut user = None;
        if let Some(name) = &name {
            self.check_attempts(name)?;
            user = self.parts.users.user_by_name(name).await?;
        }
        if !self.password_fits(user.as_ref(), password).await? {
            return Err(ControlError::WrongPassword);
        }
        let user = user.ok_or(ControlError::WrongPassword)?;
        let member = self.membership_of(&user, project.as_ref()).await?.ok_or(ControlError::WrongPassword)?;
        let proof = self.second_factor(&user, code.as_ref()).await?;
        Ok(Opener {
            project: member.project,
            role: member.role,
            scopes: Scopes::ALL,
            key: None,
            user: Some(user.id),
            refreshed: how.refreshed,
            client: how.client,
            shown: proof.map_or(Shown::OneFactor, Shown::Proof),
        })
    }

    /// Where a user who signs in acts: in the wanted project, otherwise in its first; nowhere if it is blocked.
    pub(crate) async fn membership_of(
        &self,
        user: &UserRecord,
        wanted: Option<&Project>,
    ) -> Result<Option<Member>, ControlError> {
        let members = self.parts.users.memberships(user.id).await?;
        let mut fitting =
            members.into_iter().filter(|member| wanted.is_none_or(|project| member.project == *project));
        Ok(fitting.next().filter(|_| user.blocked.is_none()))
    }

    /// Refuses a user name that was tried too often.
    pub(crate) fn check_attempts(&self, name: &UserName) -> Result<(), ControlError> {
        let verdict = self.attempts.names.take(name, ATTEMPTS, ATTEMPT_COST, self.now());
        if verdict.allowed {
            return Ok(());
        }
        Err(ControlError::TooManyAttempts { retry_after: verdict.retry_after })
    }

    /// Checks a password, against nobody's if there is no user. A hash that is weaker than today's is replaced while the
    /// password is known.
    pub(crate) async fn password_fits(
        &self,
        user: Option<&UserRecord>,
        password: Password,
    ) -> Result<bool, ControlError> {
        let stored = user.and_then(|user| user.password.as_ref()).map(|(hash, _)| hash);
        let check = self.passwords.check(password.clone(), stored.cloned()).await?;
        if let (PasswordCheck::RightButWeak, Some(user)) = (check, user) {
            let new = self.hash_password(password).await?;
            let node = self.node_caller(&Project::default_project());
            let event = self.event(&node, "users.rehash", user_resource(&user.name), "hash made stronger");
            let change = (stored, &new);
            // Another log-in may have done it meanwhile; then there is nothing to do.
            self.parts.users.set_password(user.id, change, self.now(), KeepSessions::All, event).await?;
        }
        Ok(check != PasswordCheck::Wrong)
    }

    /// Goes on with a session. A token that was used long ago ends it: somebody else has it too.
    pub async fn refresh(&self, caller: &Caller, token: &SecretString) -> Result<Refreshed, ControlError> {
        let permit = self.permit::<operation::Refresh>(caller, &Resource::all("session")).await?;
        let now = self.now();
        let ended = |session| self.reuse_event(caller, permit.action(), session);
        let refreshed = self.authenticator().refresh(token.expose_secret(), now, self.entropy(), ended).await;
        let refreshed = match refreshed {
            Ok(refreshed) => refreshed,
            Err(IdentityError::Store(error)) => return Err(error.into()),
            Err(IdentityError::Rejected(rejected)) => {
                let session = Resource::all("session");
                self.record_refused(caller, permit.action(), &session, "token not accepted").await?;
                return Err(rejected.into());
            }
        };
        let principal = self.authenticator().by_session_id(refreshed.session, now).await?;
        let user = principal.user().ok_or(Rejected)?;
        let access_token = self.access_token(user, refreshed.session);
        Ok(Refreshed { access_token, refresh_token: refreshed.token })
    }

    /// The public keys of access tokens.
    pub async fn token_keys(&self, caller: &Caller) -> Result<Vec<PublicTokenKey>, ControlError> {
        self.permit::<operation::ReadTokenKeys>(caller, &Resource::all("session")).await?;
        Ok(self.authenticator().access_tokens().public_keys(self.now()))
    }

    fn reuse_event(&self, caller: &Caller, action: &'static str, session: SessionId) -> Event {
        let resource = Resource::one("session", session);
        let mut event = self.event(caller, action, &resource, "ended, as a token was used twice");
        event.decision = Decision::Denied;
        event
    }

    /// Ends the session in use. Other callers have none to end, which is fine.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), ControlError> {
        let permit = self.permit::<operation::SignOut>(caller, &Resource::all("session")).await?;
        if let Some(id) = caller.principal.session {
            let event = self.event(caller, permit.action(), Resource::one("session", id), "ended");
            self.parts.credentials.end_session(id, event).await?;
            self.authenticator().forget_session(id);
        }
        Ok(())
    }

    /// Tells who the caller is, and the user's name if it is one.
    pub async fn who_am_i(&self, caller: &Caller) -> Result<(Principal, Option<UserName>), ControlError> {
        let permit = self.permit::<operation::WhoAmI>(caller, &Resource::all("session")).await?;
        Ok((permit.principal().clone(), self.name_of(permit.principal()).await?))
    }

    async fn name_of(&self, principal: &Principal) -> Result<Option<UserName>, ControlError> {
        match principal.user() {
            Some(id) => Ok(self.parts.users.user(id).await?.map(|user| user.name)),
            None => Ok(None),
        }
    }

    /// Makes a one-time login link; returns its token and when it expires.
    pub async fn create_login_link(
        &self,
        caller: &Caller,
    ) -> Result<(SecretString, Timestamp), ControlError> {
        let permit = self.permit::<operation::CreateLoginLink>(caller, &Resource::all("session")).await?;
        let maker = permit.principal();
        let key = self.key_behind(maker).await?;
        let two_factors = self.has_shown_two_factors(caller).await?;
        let opener = Opener {
            project: permit.project().clone(),
            role: maker.role.clone(),
            scopes: maker.scopes.clone(),
            key: key.map(|key| key.id),
            user: maker.user(),
            refreshed: false,
            client: String::new(),
            shown: if two_factors { Shown::TwoFactors } else { Shown::OneFactor },
        };
        self.parts.audit.append(self.event(caller, permit.action(), "session", "login link made")).await?;
        let (peppers, now) = (self.authenticator().peppers(), self.now());
        let link = LoginLink { opener, made_in: maker.session };
        Ok(self.login_links.issue(link, peppers, now, self.entropy()))
    }

    /// The API key that a principal is, or that its session hangs on.
    pub(crate) async fn key_behind(&self, principal: &Principal) -> Result<Option<KeyRecord>, ControlError> {
        let credentials = &self.parts.credentials;
        let id = match principal.kind {
            PrincipalKind::Key(id) => Some(id),
            PrincipalKind::Session(id) => credentials.session(id).await?.and_then(|session| session.key),
            PrincipalKind::Anonymous
            | PrincipalKind::LocalUser(_)
            | PrincipalKind::Node
            | PrincipalKind::User(_) => None,
        };
        match id {
            Some(id) => Ok(credentials.key(id).await?),
            None => Ok(None),
        }
    }
}

/// The second factor that was shown, as the log spells it.
fn second_factor_of(shown: &Shown) -> Option<&'static str> {
    match shown {
        Shown::OneFactor | Shown::TwoFactors => None,
        Shown::Proof(FactorUse::Totp { .. }) => Some("code"),
        Shown::Proof(FactorUse::RecoveryCode { .. }) => Some("recovery code"),
        Shown::Proof(FactorUse::Passkey { .. }) => Some("passkey"),
    }
}
