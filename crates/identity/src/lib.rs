//! Who is calling: API keys, login links and console sessions.
//!
//! A credential is a random 256-bit secret with a public id in front. Stores keep only `HMAC-SHA256(pepper, secret)`
//! with the pepper's version, so that a stolen database opens nothing, and peppers can be changed without a log-out.
//! Every refusal is the same [`Rejected`], whatever was wrong, and takes the same time.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod api_key;
mod authenticator;
mod idempotency;
mod login_links;
mod pepper;
mod ports;
mod records;
mod share;
mod token;

pub use api_key::{KeyLabel, KeyLabelError, NewKey, issue_key, s3_secret};
pub use authenticator::{Authenticator, IdentityError, Opener, Rejected};
pub use idempotency::{IdempotencyKeys, IdempotencyMark, Reservation, Reserved};
pub use login_links::{LOGIN_LINK_LIFETIME, LoginLinks};
pub use pepper::{Pepper, Peppers};
pub use ports::Credentials;
pub use records::{KeyRecord, SecretMac, SessionRecord};
pub use share::SharedObject;
pub use token::{Token, TokenKind};
