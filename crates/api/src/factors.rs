//! Second factors: codes of an authenticator app, recovery codes, and passkeys (Web Authentication).
//!
//! Bytes of passkeys are base64url without padding, as browsers write them (`PublicKeyCredential.toJSON()`).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One's own factors beside the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Factors {
    /// Since when there is an authenticator app; null if there is none.
    #[schema(required = true, format = DateTime)]
    pub app_since: Option<String>,
    /// How many recovery codes are left.
    pub recovery_codes_left: u32,
    /// The passkeys.
    pub passkeys: Vec<Passkey>,
    /// Whether one must be set up before anything else can be done.
    pub required: bool,
    /// Whether the node has passkeys: it must know under which domain browsers reach it.
    pub passkeys_possible: bool,
}

/// A passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Passkey {
    /// Its id, which is not secret.
    pub id: String,
    /// What its user calls it.
    #[schema(example = "phone")]
    pub label: String,
    /// When it was added.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it was used last; null if it never was.
    #[schema(required = true, format = DateTime)]
    pub used: Option<String>,
}

/// The password, to show that who asks is not just somebody at an open screen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithPassword {
    /// One's password.
    #[schema(format = Password)]
    pub password: String,
}

/// Password and code, to remove what makes the codes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithPasswordAndCode {
    /// One's password.
    #[schema(format = Password)]
    pub password: String,
    /// A code of the app, or a recovery code.
    #[schema(example = "123456")]
    pub code: String,
}

/// A secret to be put into an authenticator app. It is shown this once, and counts after a code of it was shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewApp {
    /// The secret in base 32, to be typed.
    pub secret: String,
    /// The same as an address that apps understand.
    #[schema(example = "otpauth://totp/Casemate:ada?secret=…")]
    pub uri: String,
    /// That address as a QR code: one text a row, `#` for dark and `.` for light.
    pub qr: Vec<String>,
}

/// A code of the app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmApp {
    /// Six digits.
    #[schema(example = "123456")]
    pub code: String,
}

/// Codes that are good once each in the place of one from the app. They are shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub recovery_codes: Vec<String>,
}

/// What to ask an authenticator for that is to sign somebody in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasskeyOptions {
    /// What is to be signed. Good for five minutes and one answer.
    pub challenge: String,
    /// The domain that the passkey must be for.
    #[schema(example = "casemate.example.org")]
    pub rp_id: String,
}

/// What to ask an authenticator for that is to make a passkey: discoverable, its user verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPasskeyOptions {
    /// What is to be signed. Good for five minutes and one answer.
    pub challenge: String,
    /// The domain that the passkey is to be for.
    pub rp_id: String,
    /// The user's handle, in base64url.
    pub user_handle: String,
    /// What the user signs in as.
    pub user_name: String,
    /// The kinds of key that are taken, by their numbers in the registry of COSE, the best first.
    pub algorithms: Vec<i64>,
    /// Passkeys that the user has, of which authenticators are not to make another.
    pub exclude: Vec<String>,
}

/// A new passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPasskey {
    /// What to call it: 1 to 64 characters.
    pub label: String,
    /// `clientDataJSON`, in base64url.
    pub client_data: String,
    /// `getAuthenticatorData()`, in base64url. Attestation is not looked at, so it is not sent.
    pub authenticator_data: String,
}

/// A new label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenamePasskey {
    /// What to call it: 1 to 64 characters.
    pub label: String,
}

/// Signing in with a passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInByPasskey {
    /// The passkey's id.
    pub passkey_id: String,
    /// The user's handle, in base64url.
    pub user_handle: String,
    /// `clientDataJSON`, in base64url.
    pub client_data: String,
    /// The authenticator data, in base64url.
    pub authenticator_data: String,
    /// The signature, in base64url.
    pub signature: String,
}

macro_rules! hides_secrets {
    ($($type:ident),+) => { $(impl fmt::Debug for $type {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(concat!(stringify!($type), "(..)"))
        }
    })+ };
}

hides_secrets!(WithPassword, WithPasswordAndCode, NewApp, ConfirmApp, RecoveryCodes);
