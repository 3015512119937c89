//! Who is calling: users with passwords, sessions, API keys and login links.
//!
//! A credential is a random 256-bit secret with a public id in front. Stores keep only `HMAC-SHA256(pepper, secret)`
//! with the pepper's version, so that a stolen database opens nothing, and peppers can be changed without a log-out.
//! Every refusal is the same [`Rejected`], whatever was wrong, and takes the same time.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod access_token;
mod api_key;
mod authenticator;
mod certificates;
mod factors;
mod idempotency;
mod invitation;
mod login_links;
mod maker;
mod nodes;
mod passkey;
mod password;
mod pepper;
mod ports;
mod records;
mod recovery;
mod redact;
mod refresh;
mod share;
mod token;
mod totp;
mod users;
mod webhook_secret;

pub use access_token::{AccessClaims, AccessTokens, PublicTokenKey};
pub use api_key::{KeyLabel, KeyLabelError, NewKey, issue_key, reissue_key, s3_secret};
pub use authenticator::{Authenticator, IdentityError, NewSession, Opener, Rejected, Shown};
pub use certificates::{
    CertificateAuthority, CertificateRequestError, ClientCertificate, IssuedCertificate, ServerCertificate,
    ServerNameError, ed25519_request,
};
pub use factors::{
    FactorUse, Factors, FactorsRecord, PasskeyAdded, Passkeys, SecondFactor, TotpConfirmation, TotpRecord,
};
pub use idempotency::{IdempotencyKeys, IdempotencyMark, Reservation, Reserved};
pub use invitation::{claimed_invitation, issue_invitation, opens_invitation};
pub use login_links::{LOGIN_LINK_LIFETIME, LoginLink, LoginLinks};
pub use maker::{Maker, MakerError};
pub use nodes::{
    Capabilities, JoinTokenRecord, Joined, NODES_MAX, NodeOrder, NodeRecord, NodeState, NodeStateError,
    Nodes, Ordered, WorkRecord, claimed_join_token, issue_join_token, opens_join,
};
pub use passkey::{
    Assertion, ChallengeUse, CredentialId, CredentialIdError, Label, LabelError, NewPasskey, PASSKEYS_MAX,
    PasskeyAlgorithm, PasskeyError, PasskeyKey, PasskeyRecord, Registration, RelyingParty, RelyingPartyError,
    issue_challenge,
};
pub use password::{Password, PasswordCheck, PasswordError, PasswordHash, PasswordHashError};
pub use pepper::{Pepper, Peppers};
pub use ports::Credentials;
pub use records::{KeyRecord, SecretMac, SessionRecord};
pub use recovery::{RECOVERY_CODES, find_recovery_code, issue_recovery_codes};
pub use redact::redacted;
pub use refresh::Refreshed;
pub use share::SharedObject;
pub use token::{Token, TokenKind};
pub use totp::{TotpCode, TotpCodeError, TotpSecret};
pub use users::{
    InvitationRecord, KeepSessions, Member, RefreshRecord, RoleRecord, RoleRemoved, Rotated, UserAdded,
    UserKind, UserRecord, Users,
};
