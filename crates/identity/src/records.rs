use casemate_model::{KeyId, Networks, Project, RequestLimit, Role, Scopes, SessionId, Timestamp, UserId};

/// The keyed hash of a secret, and which pepper it was made with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretMac {
    /// Version of the pepper.
    pub pepper: u32,
    /// HMAC-SHA256 over the secret, under that pepper.
    pub mac: [u8; 32],
}

/// An API key as stored: everything but the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key's id, which is part of its text and not secret.
    pub id: KeyId,
    /// The project that the key acts in.
    pub project: Project,
    /// What a person calls the key: 1 to 64 printable characters.
    pub label: String,
    /// The key's role.
    pub role: Role,
    /// The key's scopes.
    pub scopes: Scopes,
    /// Keyed hash of the secret part.
    pub secret: SecretMac,
    /// When the key was made.
    pub created: Timestamp,
    /// From when on the key is refused.
    pub expires: Option<Timestamp>,
    /// Since when the key is revoked.
    pub revoked: Option<Timestamp>,
    /// The secret that it had before, and until when that still fits.
    pub former: Option<(SecretMac, Timestamp)>,
    /// The user whose key it is: blocked or without a role in the project, the user takes it along, and it can do no more
    /// than the user.
    pub owner: Option<UserId>,
    /// From where it may be used.
    pub networks: Networks,
    /// How many requests it may send, if it has a limit of its own.
    pub limit: Option<RequestLimit>,
    /// When it was used last, to a minute or so.
    pub used: Option<Timestamp>,
}

/// A session as stored: of the console, or of a program that signed in as a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session's id, which is part of the cookie and not secret.
    pub id: SessionId,
    /// The project that the session acts in.
    pub project: Project,
    /// The session's role; of a user's session, the role at the time.
    pub role: Role,
    /// The session's scopes.
    pub scopes: Scopes,
    /// The API key that opened the session; when it is revoked or expires, so does the session.
    pub key: Option<KeyId>,
    /// The user who signed in; blocked or without a role in the project, the user takes the session along.
    pub user: Option<UserId>,
    /// Keyed hash of the session's token.
    pub secret: SecretMac,
    /// When the session was opened.
    pub created: Timestamp,
    /// From when on the session is refused.
    pub expires: Timestamp,
    /// What the client called itself, for the user to tell sessions apart: at most 120 printable characters.
    pub client: String,
    /// Whether two factors were shown in it.
    pub two_factors: bool,
}

impl std::fmt::Debug for SecretMac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretMac {{ pepper: {}, .. }}", self.pepper)
    }
}
