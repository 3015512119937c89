//! Second factors of users: codes of an app, and recovery codes. Passkeys are beside it.

use casemate_identity::{
    FactorUse, FactorsRecord, Password, TotpCode, TotpConfirmation, TotpSecret, UserKind, UserRecord,
    find_recovery_code, issue_recovery_codes,
};
use casemate_limits::Quota;
use casemate_model::{UserId, UserName};
use casemate_policy::{Resource, operation};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::sessions::Attempts;
use crate::users::user_resource;
use crate::{Caller, Control, ControlError, FactorError};

/// Codes that one user can try: one in five minutes, after ten at once. Three codes of a million are good at a time, so that
/// somebody who has the password and tries all year has guessed one with a chance of a quarter. Each node counts by itself.
const CODES: Quota = Quota { per_second: 1, burst: 3_000 };
const CODE_COST: u32 = 300;

/// A user's factors beside the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorsDetails {
    /// What is stored.
    pub record: FactorsRecord,
    /// Whether the caller must set one up before it may do anything else.
    pub required: bool,
    /// Whether the node knows at which address browsers reach it, without which there are no passkeys.
    pub passkeys_possible: bool,
}

/// A secret to be put into an authenticator app. It is shown this once.
#[derive(Clone)]
pub struct NewTotp {
    /// The secret in base 32.
    pub secret: Zeroizing<String>,
    /// The same as an address that apps understand.
    pub uri: Zeroizing<String>,
}

impl Control {
    /// Shows the caller's factors.
    pub async fn list_factors(&self, caller: &Caller) -> Result<FactorsDetails, ControlError> {
        self.permit::<operation::ListFactors>(caller, &Resource::all("factors")).await?;
        let user = self.own_user(caller).await?;
        Ok(FactorsDetails {
            record: self.parts.factors.factors(user.id).await?,
            required: self.must_show_two_factors(caller).await?,
            passkeys_possible: self.parts.settings.relying_party.is_some(),
        })
    }

    /// Makes the secret that codes of the caller's app are to be made from. It counts when a code of it was shown.
    pub async fn begin_totp(&self, caller: &Caller, password: Password) -> Result<NewTotp, ControlError> {
        let permit = self.permit::<operation::BeginTotp>(caller, &Resource::all("factors")).await?;
        let user = self.own_user(caller).await?;
        self.check_own_password(caller, permit.action(), &user, password).await?;
        self.check_may_add(caller, permit.action(), &user).await?;
        let secret = TotpSecret::generate(self.entropy());
        let sealed = secret.seal(user.id, self.authenticator().peppers(), self.entropy());
        let event = self.event(caller, permit.action(), user_resource(&user.name), "begun");
        if !self.parts.factors.begin_totp(user.id, &sealed, event).await? {
            return Err(FactorError::TotpInUse.into());
        }
        Ok(NewTotp { secret: secret.to_base32(), uri: secret.to_uri(&user.name) })
    }

    /// Confirms the secret by a first code, and gives the caller recovery codes. They are in the answer and nowhere else.
    /// The caller's other sessions, in which no code was shown, end.
    pub async fn confirm_totp(
        &self,
        caller: &Caller,
        code: TotpCode,
    ) -> Result<Vec<SecretString>, ControlError> {
        let permit = self.permit::<operation::ConfirmTotp>(caller, &Resource::all("factors")).await?;
        let user = self.own_user(caller).await?;
        let resource = user_resource(&user.name);
        self.check_may_add(caller, permit.action(), &user).await?;
        self.check_code_attempts(user.id)?;
        let factors = self.parts.factors.factors(user.id).await?;
        let totp = factors.totp.filter(|totp| totp.confirmed.is_none()).ok_or(FactorError::TotpNotBegun)?;
        let peppers = self.authenticator().peppers();
        let secret = TotpSecret::open(&totp.sealed, user.id, peppers);
        let Some(step) = secret.and_then(|secret| secret.step_of(code, self.now())) else {
            self.record_refused(caller, permit.action(), &resource, "the code is another").await?;
            return Err(FactorError::Wrong.into());
        };
        let (recovery_codes, shown) = issue_recovery_codes(user.id, peppers, self.entropy());
        let event = self.event(caller, permit.action(), &resource, "one-time codes set up");
        let (sealed, at, session) = (totp.sealed, self.now(), caller.principal.session);
        let confirmation = TotpConfirmation { sealed, step, at, recovery_codes, session };
        if !self.parts.factors.confirm_totp(user.id, &confirmation, event).await? {
            return Err(ControlError::UserChanged(user.name));
        }
        self.authenticator().forget_sessions();
        Ok(shown)
    }

    /// Removes the caller's secret and recovery codes, which ends its other sessions. It takes the password and a code, so
    /// that nobody removes the factor who has not both.
    pub async fn remove_totp(
        &self,
        caller: &Caller,
        password: Password,
        code: &SecretString,
    ) -> Result<(), ControlError> {
        let permit = self.permit::<operation::RemoveTotp>(caller, &Resource::all("factors")).await?;
        let user = self.own_user(caller).await?;
        let resource = user_resource(&user.name);
        self.check_own_password(caller, permit.action(), &user, password).await?;
        let factors = self.parts.factors.factors(user.id).await?;
        if factors.confirmed_totp().is_none() {
            return Err(FactorError::TotpNotBegun.into());
        }
        self.check_code_attempts(user.id)?;
        let proof = self.proof_by_code(user.id, &factors, code);
        let event = self.event(caller, permit.action(), &resource, "one-time codes removed");
        let removed = match &proof {
            Some(proof) => {
                self.parts.factors.remove_totp(user.id, proof, caller.principal.session, event).await?
            }
            None => false,
        };
        if !removed {
            self.record_refused(caller, permit.action(), &resource, "second factor not accepted").await?;
            return Err(FactorError::Wrong.into());
        }
        self.authenticator().forget_sessions();
        Ok(())
    }

    /// Removes all factors of a user but the password, which ends all its sessions: for who has lost them.
    pub async fn reset_factors(&self, caller: &Caller, name: &UserName) -> Result<(), ControlError> {
        let resource = user_resource(name);
        let permit = self.permit::<operation::ResetFactors>(caller, &resource).await?;
        let user = self.find_user(name).await?;
        self.refuse_oneself(caller, &user).await?;
        self.check_outranks(caller, permit.action(), &user, None).await?;
        let event = self.event(caller, permit.action(), &resource, "second factors removed");
        self.parts.factors.reset_factors(user.id, event).await?;
        self.authenticator().forget_sessions();
        Ok(())
    }

    /// What a user who knows the password must show beside it: nothing, or a code. Right and wrong codes count alike.
    pub(crate) async fn second_factor(
        &self,
        user: &UserRecord,
        code: Option<&SecretString>,
    ) -> Result<Option<FactorUse>, ControlError> {
        let factors = self.parts.factors.factors(user.id).await?;
        if factors.confirmed_totp().is_none() {
            return Ok(None);
        }
        let code = code.ok_or(FactorError::Required)?;
        self.check_code_attempts(user.id)?;
        self.proof_by_code(user.id, &factors, code).map(Some).ok_or(FactorError::Wrong.into())
    }

    fn proof_by_code(&self, user: UserId, factors: &FactorsRecord, code: &SecretString) -> Option<FactorUse> {
        let peppers = self.authenticator().peppers();
        if let Ok(code) = code.expose_secret().parse::<TotpCode>() {
            let secret = TotpSecret::open(&factors.confirmed_totp()?.sealed, user, peppers)?;
            return secret.step_of(code, self.now()).map(|step| FactorUse::Totp { step });
        }
        let code = find_recovery_code(code.expose_secret(), user, &factors.recovery_codes, peppers)?;
        Some(FactorUse::RecoveryCode { code })
    }

    /// Refuses a user who tried too many codes.
    fn check_code_attempts(&self, user: UserId) -> Result<(), ControlError> {
        let Attempts { codes, .. } = &*self.attempts;
        let verdict = codes.take(&user, CODES, CODE_COST, self.now());
        if verdict.allowed {
            return Ok(());
        }
        Err(ControlError::TooManyAttempts { retry_after: verdict.retry_after })
    }

    /// Refuses who does not know the caller's password, so that nobody takes over what somebody left open.
    pub(crate) async fn check_own_password(
        &self,
        caller: &Caller,
        action: &'static str,
        user: &UserRecord,
        password: Password,
    ) -> Result<(), ControlError> {
        self.check_attempts(&user.name)?;
        if self.password_fits(Some(user), password).await? {
            return Ok(());
        }
        self.record_refused(caller, action, user_resource(&user.name), "the password is another").await?;
        Err(ControlError::WrongPassword)
    }

    /// Refuses a new factor where there is one already that this session has not shown: with a password alone nobody gets
    /// past the factor of who it belongs to by adding their own.
    pub(crate) async fn check_may_add(
        &self,
        caller: &Caller,
        action: &'static str,
        user: &UserRecord,
    ) -> Result<(), ControlError> {
        if user.kind == UserKind::Service {
            return Err(ControlError::ServiceHasPassword);
        }
        if self.parts.factors.factors(user.id).await?.is_empty() {
            return Ok(());
        }
        self.check_two_factors(caller, action, user).await
    }

    /// Refuses a session in which no second factor was shown.
    pub(crate) async fn check_two_factors(
        &self,
        caller: &Caller,
        action: &'static str,
        user: &UserRecord,
    ) -> Result<(), ControlError> {
        if self.has_shown_two_factors(caller).await? {
            return Ok(());
        }
        let why = "no second factor was shown in this session";
        self.record_refused(caller, action, user_resource(&user.name), why).await?;
        Err(FactorError::NotShown.into())
    }

    /// Whether the caller may do nothing before it has shown a second factor.
    pub(crate) async fn must_show_two_factors(&self, caller: &Caller) -> Result<bool, ControlError> {
        if caller.principal.user().is_none() {
            return Ok(false);
        }
        let scopes = self.scopes_of(&caller.principal.project, &caller.principal.role).await?;
        let wanted = self.authenticator().second_factor().is_required_of(&scopes.unwrap_or_default());
        Ok(wanted && !self.has_shown_two_factors(caller).await?)
    }

    pub(crate) async fn has_shown_two_factors(&self, caller: &Caller) -> Result<bool, ControlError> {
        let Some(id) = caller.principal.session else {
            return Ok(false);
        };
        Ok(self.parts.credentials.session(id).await?.is_some_and(|session| session.two_factors))
    }
}
