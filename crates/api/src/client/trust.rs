//! Whom a client believes that a node is who it says.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::BaseUrl;
use crate::tls::crypto_provider;

/// The authorities whose certificates of nodes are believed. A copy is one count.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

/// A text that holds no certificate of an authority.
#[derive(Debug, thiserror::Error)]
#[error("there is no certificate of an authority in it: expected PEM, with BEGIN CERTIFICATE")]
pub struct TrustError;

impl Trust {
    /// Believes the authorities of these certificates. Those that cannot be read are left out, as lists of systems
    /// have some of those; with none left, no node is believed.
    pub fn in_authorities(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        Self::in_roots(roots)
    }

    /// Believes the authorities of a PEM file, each of which must be readable, and no others.
    pub fn in_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| TrustError)?;
            roots.add(certificate).map_err(|_| TrustError)?;
        }
        if roots.is_empty() { Err(TrustError) } else { Ok(Self::in_roots(roots)) }
    }

    fn in_roots(roots: RootCertStore) -> Self {
        let mut config = ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has ciphers for both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// The name that the node's certificate must have.
pub(super) fn name_of(url: &BaseUrl) -> std::io::Result<ServerName<'static>> {
    let (host, _) = url.host_and_port();
    ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)
}
