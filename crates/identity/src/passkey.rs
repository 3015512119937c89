//! Passkeys (Web Authentication, level 3): what an authenticator signs is checked here, and nowhere else.
//!
//! ```text
//!   challenge ──> authenticator ──> client data (JSON: type, challenge, origin)
//!                                   authenticator data (bytes: relying party, flags, counter, new key)
//!                                   signature over authenticator data + SHA-256(client data)
//! ```
//!
//! Only what this product asks for is taken: discoverable credentials with user verification, so that a passkey is both
//! factors; no attestation, as any authenticator will do; no extensions. ADR 0014 says why this is not a library's.

mod authenticator_data;
mod challenge;
mod client_data;
mod cose;
mod relying_party;

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use casemate_model::{Timestamp, UserId};
use data_encoding::BASE64URL_NOPAD;

use crate::Peppers;
use authenticator_data::AuthenticatorData;
use challenge::Purpose;
use client_data::Ceremony;

pub use challenge::{ChallengeUse, issue_challenge};
pub use cose::{PasskeyAlgorithm, PasskeyKey};
pub use relying_party::{RelyingParty, RelyingPartyError};

/// Most passkeys of one user.
pub const PASSKEYS_MAX: usize = 10;

/// Lengths of credential ids: the standard's most, and no less than cannot be guessed.
const ID_BYTES_MIN: usize = 16;
const ID_BYTES_MAX: usize = 1_023;

/// Most characters of a label.
const LABEL_CHARS_MAX: usize = 64;

/// The id that an authenticator gave a passkey.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialId(Vec<u8>);

/// Text that is no [`CredentialId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a passkey has {ID_BYTES_MIN} to {ID_BYTES_MAX} bytes in base64url")]
pub struct CredentialIdError;

/// What a person calls a passkey: 1 to 64 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

/// Text that is no [`Label`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a passkey's label has 1 to {LABEL_CHARS_MAX} characters, none of them a control character")]
pub struct LabelError;

/// A passkey as stored; nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRecord {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub user: UserId,
    /// What the user calls it.
    pub label: String,
    /// What checks its signatures.
    pub key: PasskeyKey,
    /// How often it said it was used; always 0 of those that do not count.
    pub sign_count: u32,
    /// When it was added.
    pub created: Timestamp,
    /// When it was used last.
    pub used: Option<Timestamp>,
}

/// What a browser sends of a new passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The client data, as the browser wrote it.
    pub client_data: Vec<u8>,
    /// The authenticator data with the new key.
    pub authenticator_data: Vec<u8>,
}

/// What a browser sends of a passkey in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Which passkey it claims to be.
    pub id: CredentialId,
    /// Whose it claims to be.
    pub user_handle: Vec<u8>,
    /// The client data, as the browser wrote it.
    pub client_data: Vec<u8>,
    /// The authenticator data.
    pub authenticator_data: Vec<u8>,
    /// The signature over both.
    pub signature: Vec<u8>,
}

/// A new passkey whose every word was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPasskey {
    /// Its id.
    pub id: CredentialId,
    /// What checks its signatures.
    pub key: PasskeyKey,
    /// Its counter.
    pub sign_count: u32,
    /// The challenge, to be used up.
    pub challenge: ChallengeUse,
}

/// Why a passkey is refused. For the log; whoever signs in is told no more than that it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// The client data is not what a browser writes.
    #[error("the client data cannot be read")]
    ClientData,
    /// The client data is of another ceremony.
    #[error("the passkey was asked for something else")]
    Ceremony,
    /// The browser was at another site, or in somebody else's frame.
    #[error("the passkey was used at another site")]
    Origin,
    /// The challenge is not ours, or not for this, or too old.
    #[error("the challenge is not one of ours, or too old")]
    Challenge,
    /// The authenticator data is not what an authenticator writes.
    #[error("the authenticator data cannot be read")]
    AuthenticatorData,
    /// It is of another relying party.
    #[error("the passkey is one of another site")]
    RelyingParty,
    /// Nobody showed the authenticator that it is them.
    #[error("the authenticator has not verified its user")]
    NotVerified,
    /// The key is of an unknown kind.
    #[error("the passkey's key is of an unknown kind")]
    Key,
    /// The passkey is another user's.
    #[error("the passkey is another user's")]
    User,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// The counter went back: the passkey may have been copied.
    #[error("the passkey's counter went back, so it may have been copied")]
    Counter,
}

impl Registration {
    /// Checks a new passkey of `user`.
    pub fn check(
        &self,
        user: UserId,
        party: &RelyingParty,
        peppers: &Peppers,
        now: Timestamp,
    ) -> Result<NewPasskey, PasskeyError> {
        let challenge = client_data::check(&self.client_data, Ceremony::Create, party)?;
        let challenge = challenge::open(&challenge, Purpose::Register(user), peppers, now)?;
        let data = AuthenticatorData::parse(&self.authenticator_data)?;
        data.check(party)?;
        let (id, key) = data.credential.ok_or(PasskeyError::AuthenticatorData)?;
        Ok(NewPasskey { id, key, sign_count: data.sign_count, challenge })
    }
}

impl Assertion {
    /// Checks the use of `stored` to sign in; returns the new counter and the challenge, to be used up.
    pub fn check(
        &self,
        stored: &PasskeyRecord,
        party: &RelyingParty,
        peppers: &Peppers,
        now: Timestamp,
    ) -> Result<(u32, ChallengeUse), PasskeyError> {
        let challenge = client_data::check(&self.client_data, Ceremony::Get, party)?;
        let challenge = challenge::open(&challenge, Purpose::SignIn, peppers, now)?;
        let data = AuthenticatorData::parse(&self.authenticator_data)?;
        data.check(party)?;
        if data.credential.is_some() {
            return Err(PasskeyError::AuthenticatorData);
        }
        if self.id != stored.id || self.user_handle != stored.user.to_string().as_bytes() {
            return Err(PasskeyError::User);
        }
        let mut signed = self.authenticator_data.clone();
        signed.extend_from_slice(digest(&SHA256, &self.client_data).as_ref());
        stored.key.verify(&signed, &self.signature)?;
        // A counter of 0 on both sides is of an authenticator that does not count.
        let counts = data.sign_count != 0 || stored.sign_count != 0;
        if counts && data.sign_count <= stored.sign_count {
            return Err(PasskeyError::Counter);
        }
        Ok((data.sign_count, challenge))
    }
}

impl CredentialId {
    /// Takes the bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, CredentialIdError> {
        let fits = (ID_BYTES_MIN..=ID_BYTES_MAX).contains(&bytes.len());
        if fits { Ok(Self(bytes)) } else { Err(CredentialIdError) }
    }
}

impl FromStr for CredentialId {
    type Err = CredentialIdError;

    fn from_str(text: &str) -> Result<Self, CredentialIdError> {
        if text.len() > ID_BYTES_MAX * 2 {
            return Err(CredentialIdError);
        }
        Self::new(BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| CredentialIdError)?)
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl Label {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let text = text.trim();
        let length = text.chars().count();
        let fits = (1..=LABEL_CHARS_MAX).contains(&length) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(LabelError) }
    }
}

#[cfg(test)]
mod tests;
