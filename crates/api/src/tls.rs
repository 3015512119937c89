//! The cryptography of TLS that client and server agree on.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};

/// Ways to agree on a key, the wanted one first. The hybrid one stays secret as long as either of its halves holds, so
/// that who records a connection today cannot read it with a quantum computer later.
static KEY_EXCHANGES: [&dyn SupportedKxGroup; 4] =
    [kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];

/// Ciphers, signatures and key exchanges, for TLS 1.3 and 1.2.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: KEY_EXCHANGES.to_vec(), ..default_provider() })
}
