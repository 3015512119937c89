//! Users, their roles in projects, and what they sign in with.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user to be made by an administrator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// What the user signs in as: 1 to 32 characters of a-z, 0-9, and dots, hyphens and underscores inside.
    #[schema(example = "ada")]
    pub name: String,
    /// The password, 8 to 256 bytes; absent for a service account, and for a person who cannot sign in yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Password)]
    pub password: Option<String>,
    /// The user's role in the project.
    #[schema(example = "developer")]
    pub role: String,
    /// Whether it is a program, which has keys and no password.
    #[serde(default)]
    pub service: bool,
}

/// What a person registers with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// What to sign in as.
    #[schema(example = "ada")]
    pub username: String,
    /// The password, 8 to 256 bytes.
    #[schema(format = Password)]
    pub password: String,
    /// The token of an invitation; nodes that are open to all need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
}

/// What a program signs in with as a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The user.
    #[schema(example = "ada")]
    pub username: String,
    /// The password.
    #[schema(format = Password)]
    pub password: String,
    /// A code of the authenticator app, or a recovery code, for users who have an app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "123456")]
    pub code: Option<String>,
    /// The project to act in; the user's first otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// What goes on with a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshSession {
    /// The newest refresh token of the session.
    pub refresh_token: String,
}

/// The tokens of a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// What to send as `Authorization: Bearer`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token ends.
    pub expires_in: u64,
    /// What to ask for the next tokens with; each is good once.
    pub refresh_token: String,
}

/// A change of one's own password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password so far.
    #[schema(format = Password)]
    pub former: String,
    /// The new one, 8 to 256 bytes.
    #[schema(format = Password)]
    pub new: String,
}

/// A new password for a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// The new one, 8 to 256 bytes.
    #[schema(format = Password)]
    pub password: String,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Its id.
    #[schema(example = "usr_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// What it signs in as.
    #[schema(example = "ada")]
    pub name: String,
    /// `person` or `service`.
    pub kind: String,
    /// Whether it has a password.
    pub has_password: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// Since when it is blocked; null if it is not.
    #[schema(required = true, format = DateTime)]
    pub blocked: Option<String>,
}

/// A user with its roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserDetails {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// Its role in each project.
    pub roles: Vec<ProjectRole>,
}

/// A role in a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectRole {
    /// The project.
    pub project: String,
    /// The role.
    pub role: String,
}

/// Who has a role in a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// Its role in the project.
    pub role: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
}

/// A role to be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveRole {
    /// The role.
    #[schema(example = "developer")]
    pub role: String,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Its name.
    pub role: String,
    /// What it stands for.
    pub scopes: Vec<String>,
    /// Whether it is built in, and so the same in every project.
    pub built_in: bool,
}

/// What a role is to stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutRole {
    /// Scopes, each on everything or with a pattern behind it.
    #[schema(example = json!(["objects:write:releases/*", "names:write"]))]
    pub scopes: Vec<String>,
}

/// All roles of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Roles {
    /// Those that are built in first.
    pub items: Vec<Role>,
}

/// An invitation to become a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// Its id, which is not secret.
    #[schema(example = "inv_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// The role that the user gets.
    pub role: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it ends, used or not.
    #[schema(format = DateTime)]
    pub expires: String,
}

/// A new invitation with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedInvitation {
    /// The invitation.
    #[serde(flatten)]
    pub invitation: Invitation,
    /// What to register with. Nobody can show it again.
    pub token: String,
    /// The console's address at which to do that. The token stands in its fragment, which browsers send to nobody.
    pub url: String,
}

/// A session of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its id, which is not secret.
    #[schema(example = "ses_01kg9ys7kv040g2081040g2081")]
    pub id: String,
    /// The project that it acts in.
    pub project: String,
    /// What the client called itself when it signed in.
    pub client: String,
    /// Whether it is the session in use.
    pub current: bool,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires: String,
}

/// The public keys of access tokens (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenKeys {
    /// The next key, the one in use and the one before.
    pub keys: Vec<TokenKey>,
}

/// A public key of access tokens (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenKey {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// Always `EdDSA`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// The key's name.
    pub kid: String,
    /// The key.
    pub x: String,
}

macro_rules! hides_secrets {
    ($($type:ident),+) => { $(impl fmt::Debug for $type {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(concat!(stringify!($type), "(..)"))
        }
    })+ };
}

hides_secrets!(
    CreateUser,
    Register,
    LogIn,
    RefreshSession,
    Tokens,
    ChangePassword,
    ResetPassword,
    CreatedInvitation
);
