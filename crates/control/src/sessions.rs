use casemate_identity::{IdentityError, KeyRecord, Opener, Rejected, SessionRecord};
use casemate_model::{Principal, PrincipalKind, SessionId, Timestamp};
use casemate_policy::{Resource, operation};
use secrecy::{ExposeSecret, SecretString};

use crate::{Caller, Control, ControlError};

/// What a person signs in to the console with.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// The token of a one-time login link.
    Link(SecretString),
    /// An API key; the session reaches as far as the key, and ends with it.
    Key(SecretString),
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The session.
    pub session: SessionRecord,
    /// The text of its cookie.
    pub cookie: SecretString,
}

impl Control {
    /// Opens a console session.
    pub async fn sign_in(&self, caller: &Caller, sign_in: &SignIn) -> Result<Opened, ControlError> {
        let permit = self.permit::<operation::SignIn>(caller, &Resource::all("session")).await?;
        let opener = match self.opener(sign_in).await {
            Ok(opener) => opener,
            Err(IdentityError::Store(error)) => return Err(error.into()),
            Err(IdentityError::Rejected(rejected)) => {
                self.record_refused(caller, permit.action(), "session", "credential not accepted").await?;
                return Err(rejected.into());
            }
        };
        let (principal, now) = (opener.clone(), self.now());
        let event = |id: SessionId| {
            let principal = Principal {
                kind: PrincipalKind::Session(id),
                project: principal.project,
                role: principal.role,
                scopes: principal.scopes,
            };
            let opened = Caller { principal, ..caller.clone() };
            let mut event = self.event(&opened, permit.action(), "session", "opened");
            opened.add_address(&mut event);
            if let Some(key) = opener.key {
                event.details.push(("key".to_owned(), key.to_string()));
            }
            event
        };
        let opened = self.authenticator().open_session(opener.clone(), now, self.entropy(), event).await?;
        Ok(Opened { session: opened.0, cookie: opened.1 })
    }

    async fn opener(&self, sign_in: &SignIn) -> Result<Opener, IdentityError> {
        match sign_in {
            SignIn::Link(token) => {
                let peppers = self.authenticator().peppers();
                Ok(self.login_links.redeem(token.expose_secret(), peppers, self.now())?)
            }
            SignIn::Key(key) => {
                let principal = self.authenticator().by_key(key.expose_secret(), self.now()).await?;
                let PrincipalKind::Key(id) = principal.kind else {
                    return Err(Rejected.into());
                };
                let Principal { project, role, scopes, .. } = principal;
                Ok(Opener { project, role, scopes, key: Some(id) })
            }
        }
    }

    /// Ends the session in use. Other callers have none to end, which is fine.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), ControlError> {
        let permit = self.permit::<operation::SignOut>(caller, &Resource::all("session")).await?;
        if let PrincipalKind::Session(id) = caller.principal.kind {
            let event = self.event(caller, permit.action(), "session", "ended");
            self.parts.credentials.end_session(id, event).await?;
            self.authenticator().forget_session(id);
        }
        Ok(())
    }

    /// Tells who the caller is.
    pub async fn who_am_i(&self, caller: &Caller) -> Result<Principal, ControlError> {
        let permit = self.permit::<operation::WhoAmI>(caller, &Resource::all("session")).await?;
        Ok(permit.principal().clone())
    }

    /// Makes a one-time login link; returns its token and when it expires.
    pub async fn create_login_link(
        &self,
        caller: &Caller,
    ) -> Result<(SecretString, Timestamp), ControlError> {
        let permit = self.permit::<operation::CreateLoginLink>(caller, &Resource::all("session")).await?;
        let maker = permit.principal();
        let key = self.key_behind(maker).await?;
        let opener = Opener {
            project: permit.project().clone(),
            role: maker.role.clone(),
            scopes: maker.scopes.clone(),
            key: key.map(|key| key.id),
        };
        self.parts.audit.append(self.event(caller, permit.action(), "session", "login link made")).await?;
        let (peppers, now) = (self.authenticator().peppers(), self.now());
        Ok(self.login_links.issue(opener, peppers, now, self.entropy()))
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
