//! Whom a client believes that a node is who it says.

use std::fmt;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::BaseUrl;
use crate::tls::crypto_provider;

/// The authorities whose certificates of nodes are believed. A copy is one count.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

/// A text that holds no certificate of an authority.
#[derive(Debug, thiserror::Error)]
#[error("there is no certificate in it that can be used: expected PEM, with BEGIN CERTIFICATE")]
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

    /// The same, and shows a certificate of its own: `certificate` and `private_key` are in PEM.
    pub fn in_pem_as(roots: &[u8], certificate: &[u8], private_key: &[u8]) -> Result<Self, TrustError> {
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(roots) {
            store.add(root.map_err(|_| TrustError)?).map_err(|_| TrustError)?;
        }
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|_| TrustError)?;
        let config = Self::builder(store).with_client_auth_cert(chain.map_err(|_| TrustError)?, key);
        Ok(Self::of(config.map_err(|_| TrustError)?))
    }

    fn in_roots(roots: RootCertStore) -> Self {
        Self::of(Self::builder(roots).with_no_client_auth())
    }

    fn builder(roots: RootCertStore) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has ciphers for both versions")
            .with_root_certificates(roots)
    }

    fn of(mut config: ClientConfig) -> Self {
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
