//! Passkeys of users: added in the console, and signed in with.

use std::net::IpAddr;

use casemate_identity::{
    Assertion, CredentialId, FactorUse, Label, Opener, PasskeyAdded, PasskeyError, PasskeyRecord, Password,
    Registration, Rejected, RelyingParty, Shown, UserRecord, issue_challenge,
};
use casemate_model::Scopes;
use casemate_policy::{Resource, operation};

use crate::sessions::SignInAs;
use crate::users::user_resource;
use crate::{Caller, Control, ControlError, FactorError};

/// What a browser is to ask an authenticator for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyOptions {
    /// The site.
    pub party: RelyingParty,
    /// What is to be signed, good for five minutes and one answer.
    pub challenge: String,
}

/// The same for a new passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPasskeyOptions {
    /// Site and challenge.
    pub options: PasskeyOptions,
    /// Whose it is to be.
    pub user: UserRecord,
    /// The passkeys that the user has, which authenticators do not make twice.
    pub passkeys: Vec<CredentialId>,
}

impl Control {
    /// Says what to ask an authenticator for that is to sign somebody in. Who, it says itself.
    pub async fn passkey_sign_in_options(&self, caller: &Caller) -> Result<PasskeyOptions, ControlError> {
        self.permit::<operation::SignIn>(caller, &Resource::all("session")).await?;
        let party = self.relying_party()?.clone();
        let peppers = self.authenticator().peppers();
        Ok(PasskeyOptions { party, challenge: issue_challenge(None, peppers, self.now(), self.entropy()) })
    }

    /// Says what to ask an authenticator for that is to make a passkey of the caller.
    pub async fn begin_passkey(
        &self,
        caller: &Caller,
        password: Password,
    ) -> Result<NewPasskeyOptions, ControlError> {
        let permit = self.permit::<operation::BeginPasskey>(caller, &Resource::all("factors")).await?;
        let party = self.relying_party()?.clone();
        let user = self.own_user(caller).await?;
        self.check_own_password(caller, permit.action(), &user, password).await?;
        self.check_may_add(caller, permit.action(), &user).await?;
        let factors = self.parts.factors.factors(user.id).await?;
        let peppers = self.authenticator().peppers();
        let challenge = issue_challenge(Some(user.id), peppers, self.now(), self.entropy());
        let passkeys = factors.passkeys.into_iter().map(|passkey| passkey.id).collect();
        Ok(NewPasskeyOptions { options: PasskeyOptions { party, challenge }, user, passkeys })
    }

    /// Adds a passkey of the caller. The challenge that it signed was given for the password, minutes ago.
    pub async fn add_passkey(
        &self,
        caller: &Caller,
        label: Label,
        registration: Registration,
    ) -> Result<PasskeyRecord, ControlError> {
        let permit = self.permit::<operation::AddPasskey>(caller, &Resource::all("factors")).await?;
        let user = self.own_user(caller).await?;
        let resource = user_resource(&user.name);
        self.check_may_add(caller, permit.action(), &user).await?;
        let (party, peppers, now) = (self.relying_party()?, self.authenticator().peppers(), self.now());
        let made = match registration.check(user.id, party, peppers, now) {
            Ok(made) => made,
            Err(error) => {
                self.record_refused(caller, permit.action(), &resource, &error.to_string()).await?;
                return Err(FactorError::from(error).into());
            }
        };
        let passkey = PasskeyRecord {
            id: made.id,
            user: user.id,
            label: label.as_str().to_owned(),
            key: made.key,
            sign_count: made.sign_count,
            created: now,
            used: None,
        };
        let mut event = self.event(caller, permit.action(), &resource, "passkey added");
        event.details.push(("label".to_owned(), passkey.label.clone()));
        let session = caller.principal.session;
        match self.parts.passkeys.add_passkey(&passkey, &made.challenge, session, event).await? {
            PasskeyAdded::Done => {}
            PasskeyAdded::Taken => return Err(FactorError::PasskeyTaken.into()),
            PasskeyAdded::TooMany => return Err(FactorError::TooManyPasskeys.into()),
            PasskeyAdded::ChallengeUsed => return Err(FactorError::from(PasskeyError::Challenge).into()),
        }
        self.authenticator().forget_sessions();
        Ok(passkey)
    }

    /// Gives a passkey of the caller another label.
    pub async fn rename_passkey(
        &self,
        caller: &Caller,
        id: &CredentialId,
        label: Label,
    ) -> Result<(), ControlError> {
        let permit = self.permit::<operation::RenamePasskey>(caller, &Resource::all("factors")).await?;
        let user = self.own_user(caller).await?;
        let mut event = self.event(caller, permit.action(), user_resource(&user.name), "passkey renamed");
        event.details.push(("label".to_owned(), label.as_str().to_owned()));
        let renamed = self.parts.passkeys.rename_passkey(user.id, id, label.as_str(), event).await?;
        if renamed { Ok(()) } else { Err(FactorError::PasskeyNotFound.into()) }
    }

    /// Removes a passkey of the caller, which ends its other sessions. It takes the password, and a session in which two
    /// factors were shown.
    pub async fn remove_passkey(
        &self,
        caller: &Caller,
        id: &CredentialId,
        password: Password,
    ) -> Result<(), ControlError> {
        let permit = self.permit::<operation::RemovePasskey>(caller, &Resource::all("factors")).await?;
        let user = self.own_user(caller).await?;
        self.check_own_password(caller, permit.action(), &user, password).await?;
        self.check_two_factors(caller, permit.action(), &user).await?;
        let event = self.event(caller, permit.action(), user_resource(&user.name), "passkey removed");
        let keep = caller.principal.session;
        if !self.parts.passkeys.remove_passkey(user.id, id, keep, event).await? {
            return Err(FactorError::PasskeyNotFound.into());
        }
        self.authenticator().forget_sessions();
        Ok(())
    }

    /// Who signs in with a passkey. Whatever is wrong, the answer is the same; the log says more.
    pub(crate) async fn opener_by_passkey(
        &self,
        used: &Assertion,
        how: SignInAs,
        network: IpAddr,
    ) -> Result<Opener, ControlError> {
        let party = self.relying_party()?;
        let stored = self.parts.passkeys.passkey(&used.id).await?.ok_or(Rejected)?;
        let (peppers, now) = (self.authenticator().peppers(), self.now());
        let (sign_count, challenge) = used.check(&stored, party, peppers, now).map_err(|error| {
            tracing::info!(%network, user = %stored.user, why = %error, "a passkey was refused");
            FactorError::PasskeyRefused(error)
        })?;
        let user = self.parts.users.user(stored.user).await?.ok_or(Rejected)?;
        let member = self.membership_of(&user, None).await?.ok_or(Rejected)?;
        let proof = FactorUse::Passkey { id: stored.id, sign_count, challenge, at: now };
        Ok(Opener {
            project: member.project,
            role: member.role,
            scopes: Scopes::ALL,
            key: None,
            user: Some(user.id),
            refreshed: how.refreshed,
            client: how.client,
            shown: Shown::Proof(proof),
        })
    }

    fn relying_party(&self) -> Result<&RelyingParty, ControlError> {
        self.parts.settings.relying_party.as_ref().ok_or(FactorError::PasskeysOff.into())
    }
}
