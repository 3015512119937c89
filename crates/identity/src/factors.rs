use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Scope, Scopes, SessionId, StoreError, Timestamp, UserId};

use crate::{ChallengeUse, CredentialId, PasskeyRecord, SecretMac};

/// Whom the operator wants to sign in with two factors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondFactor {
    /// Whoever wants to.
    #[default]
    Optional,
    /// Those who may change users or the node, whatever their role is called.
    Admins,
    /// Every user.
    All,
}

/// A user's factors beside the password, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactorsRecord {
    /// What codes are made from, if the user has begun to use them.
    pub totp: Option<TotpRecord>,
    /// Hashes of the recovery codes that are left.
    pub recovery_codes: Vec<SecretMac>,
    /// The user's passkeys, in the order of their ids.
    pub passkeys: Vec<PasskeyRecord>,
}

/// What a user's codes are made from, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotpRecord {
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
    /// Since when it counts: when the user first showed a code of it.
    pub confirmed: Option<Timestamp>,
}

/// A proof of a second factor, which the store takes once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorUse {
    /// The code of a step; steps only go up.
    Totp {
        /// The step.
        step: u64,
    },
    /// A recovery code.
    RecoveryCode {
        /// Its hash.
        code: SecretMac,
    },
    /// A passkey, which is both factors.
    Passkey {
        /// Which one.
        id: CredentialId,
        /// What it says how often it was used; always 0 of those that do not count.
        sign_count: u32,
        /// The challenge that it has signed.
        challenge: ChallengeUse,
        /// When.
        at: Timestamp,
    },
}

/// A first code of a secret, which confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotpConfirmation {
    /// The secret, encrypted, as it was stored.
    pub sealed: Vec<u8>,
    /// The step of the code.
    pub step: u64,
    /// When.
    pub at: Timestamp,
    /// Hashes of the user's new recovery codes.
    pub recovery_codes: Vec<SecretMac>,
    /// The session in which two factors have been shown by that.
    pub session: Option<SessionId>,
}

/// What became of a new passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyAdded {
    /// It is there.
    Done,
    /// Somebody has one of the id.
    Taken,
    /// The user has as many as a user may have.
    TooMany,
    /// The challenge was used before.
    ChallengeUsed,
}

/// Where second factors are kept. Each change is recorded by the event that comes with it, or by none where nothing changed.
#[async_trait]
pub trait Factors: Send + Sync + 'static {
    /// A user's factors; none of an unknown user.
    async fn factors(&self, user: UserId) -> Result<FactorsRecord, StoreError>;

    /// Keeps a secret that is yet to be confirmed, in place of one before it; false if the user has a confirmed one.
    async fn begin_totp(&self, user: UserId, sealed: &[u8], event: Event) -> Result<bool, StoreError>;

    /// Confirms a secret, with recovery codes in place of any others, and ends all sessions but the one it is confirmed in.
    /// False if the secret is another one by now, or confirmed.
    async fn confirm_totp(
        &self,
        user: UserId,
        confirmation: &TotpConfirmation,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Removes secret and recovery codes, and ends all sessions but `keep`; false if `proof` was used before.
    async fn remove_totp(
        &self,
        user: UserId,
        proof: &FactorUse,
        keep: Option<SessionId>,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Removes all factors but the password, and ends all sessions.
    async fn reset_factors(&self, user: UserId, event: Event) -> Result<(), StoreError>;
}

/// Where passkeys are kept. Each change is recorded by the event that comes with it, or by none where nothing changed.
#[async_trait]
pub trait Passkeys: Send + Sync + 'static {
    /// Finds a passkey.
    async fn passkey(&self, id: &CredentialId) -> Result<Option<PasskeyRecord>, StoreError>;

    /// Adds a passkey, uses its challenge up, and notes that `session` has shown both factors.
    async fn add_passkey(
        &self,
        passkey: &PasskeyRecord,
        challenge: &ChallengeUse,
        session: Option<SessionId>,
        event: Event,
    ) -> Result<PasskeyAdded, StoreError>;

    /// Gives a passkey of `user` another label; false if there is none.
    async fn rename_passkey(
        &self,
        user: UserId,
        id: &CredentialId,
        label: &str,
        event: Event,
    ) -> Result<bool, StoreError>;

    /// Removes a passkey of `user`, and ends all its sessions but `keep`; false if there is none.
    async fn remove_passkey(
        &self,
        user: UserId,
        id: &CredentialId,
        keep: Option<SessionId>,
        event: Event,
    ) -> Result<bool, StoreError>;
}

impl SecondFactor {
    /// Whether somebody whose role stands for `scopes` must show two factors.
    pub fn is_required_of(self, scopes: &Scopes) -> bool {
        match self {
            Self::Optional => false,
            Self::Admins => {
                scopes.iter().any(|grant| matches!(grant.scope, Scope::UsersWrite | Scope::NodeWrite))
            }
            Self::All => true,
        }
    }
}

impl FactorsRecord {
    /// The confirmed secret of codes.
    pub fn confirmed_totp(&self) -> Option<&TotpRecord> {
        self.totp.as_ref().filter(|totp| totp.confirmed.is_some())
    }

    /// Whether there is any factor beside the password.
    pub fn is_empty(&self) -> bool {
        self.confirmed_totp().is_none() && self.passkeys.is_empty()
    }
}
