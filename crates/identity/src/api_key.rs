use std::fmt;
use std::str::FromStr;

use casemate_model::{
    Entropy, KeyId, KeyLimit, Networks, Project, RequestLimit, Role, Scopes, Timestamp, UserId,
};
use secrecy::SecretString;

use crate::{KeyRecord, Peppers, SecretMac, Token, TokenKind};

/// What a person calls a key: 1 to 64 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLabel(String);

/// Text that is no [`KeyLabel`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's label has 1 to 64 characters, none of them a control character")]
pub struct KeyLabelError;

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The project that it acts in.
    pub project: Project,
    /// What a person calls it.
    pub label: KeyLabel,
    /// Its role.
    pub role: Role,
    /// Its scopes.
    pub scopes: Scopes,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
    /// The user whose key it is.
    pub owner: Option<UserId>,
    /// From where it may be used.
    pub networks: Networks,
    /// How many requests it may send, if it is to have a limit of its own.
    pub limit: Option<RequestLimit>,
}

/// Makes a key: the record to store and the text to show once.
pub fn issue_key(
    new: NewKey,
    peppers: &Peppers,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> (KeyRecord, SecretString) {
    let id = KeyId::generate(now, entropy);
    let bare_id = bare(&id.to_string());
    let token = Token::generate(&bare_id, entropy);
    let secret = peppers.seal(TokenKind::Key.domain(), &bare_id, token.secret());
    let record = KeyRecord {
        id,
        project: new.project,
        label: new.label.0,
        role: new.role,
        scopes: new.scopes,
        secret,
        created: now,
        expires: new.expires,
        revoked: None,
        former: None,
        owner: new.owner,
        networks: new.networks,
        limit: new.limit,
        used: None,
    };
    (record, token.to_text(TokenKind::Key))
}

/// Makes another secret for a key that stays what it is otherwise: the hash to store, and the text to show once.
pub fn reissue_key(id: KeyId, peppers: &Peppers, entropy: &dyn Entropy) -> (SecretMac, SecretString) {
    let bare_id = bare(&id.to_string());
    let token = Token::generate(&bare_id, entropy);
    (peppers.seal(TokenKind::Key.domain(), &bare_id, token.secret()), token.to_text(TokenKind::Key))
}

/// The secret with which the holder of a key signs requests to S3. It follows from the stored record and the pepper, so
/// that a copy of the database gives nobody a secret. `None` if the pepper is no longer known.
pub fn s3_secret(peppers: &Peppers, id: KeyId, sealed: &SecretMac) -> Option<SecretString> {
    let secret = peppers.derive(sealed, "casemate s3 secret", &bare(&id.to_string()))?;
    Some(SecretString::from(data_encoding::BASE64URL_NOPAD.encode(secret.as_slice())))
}

impl KeyRecord {
    /// The limit that it has, as its requests carry it.
    pub(crate) fn key_limit(&self) -> Option<KeyLimit> {
        self.limit.map(|limit| KeyLimit { key: self.id, limit })
    }

    /// Whether the key is neither revoked nor expired at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// An id without its prefix, as tokens carry it.
pub(crate) fn bare(id: &str) -> String {
    id.rsplit('_').next().unwrap_or_default().to_owned()
}

impl KeyLabel {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyLabel {
    type Err = KeyLabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        if length == 0 || length > 64 || text.chars().any(char::is_control) {
            return Err(KeyLabelError);
        }
        Ok(Self(text.to_owned()))
    }
}
