//! Certificates for the mutual TLS listener.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request for a certificate, made on the machine where its private key stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestCertificate {
    /// A certificate signing request (PKCS #10) in PEM, of an Ed25519 or ECDSA (P-256, P-384) key, at most 8 KiB. Nothing
    /// of it is used but the key.
    pub request: String,
}

/// A certificate of the holder of an API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// In PEM. It can do what the key can, as long as the key can.
    pub certificate: String,
    /// The roots by which to check the listener, in PEM.
    pub roots: String,
    /// Until when it is good.
    #[schema(format = DateTime)]
    pub expires: String,
    /// From when on to get another.
    #[schema(format = DateTime)]
    pub renew_after: String,
}
