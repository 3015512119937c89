//! Signing in to the console.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::factors::SignInByPasskey;
use crate::users::LogIn;

/// The header without which a session's cookie cannot change anything. Its value is `1`.
pub const CSRF_HEADER: &str = "x-casemate-csrf";

/// The header by which a caller on the private socket chooses a project.
pub const PROJECT_HEADER: &str = "x-casemate-project";

/// What a person signs in with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "expected an object with `username` and `password`, or `link_token`, or `api_key`, or `passkey_id`"
)]
pub enum SignIn {
    /// A user's name and password.
    Password(LogIn),
    /// A one-time login link.
    Link(SignInByLink),
    /// An API key; the session reaches as far as the key, and ends with it.
    Key(SignInByKey),
    /// A passkey.
    Passkey(SignInByPasskey),
}

/// Signing in with a one-time login link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInByLink {
    /// The token of the link.
    pub link_token: String,
}

/// Signing in with an API key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInByKey {
    /// The secret of the key.
    pub api_key: String,
}

/// Who the caller is and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Principal {
    /// How the caller was recognised, as the audit log spells it.
    #[schema(example = "uid:1000")]
    pub principal: String,
    /// The user's name, for a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada")]
    pub user: Option<String>,
    /// The project that the caller acts in.
    pub project: String,
    /// Its role.
    pub role: String,
    /// What its role and the credential in use both allow.
    pub scopes: Vec<String>,
    /// When the session ends, for a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires: Option<String>,
}

/// A link that signs one person in to the console, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginLink {
    /// The address. The token stands in its fragment, which browsers send to nobody.
    pub url: String,
    /// When it ends, used or not.
    #[schema(format = DateTime)]
    pub expires: String,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "SignIn::Password(..)",
            Self::Link(_) => "SignIn::Link(..)",
            Self::Key(_) => "SignIn::Key(..)",
            Self::Passkey(_) => "SignIn::Passkey(..)",
        })
    }
}

impl fmt::Debug for LoginLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLink").field("expires", &self.expires).finish_non_exhaustive()
    }
}
