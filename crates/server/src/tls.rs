//! TLS of the listeners: certificate and key from files, exchanged while the node serves.
//!
//! ```text
//!   files -> Pair (read whole, checked to belong together) -> Current, which every new handshake asks
//!     a new pair that is broken: the one before stays, and the log says so
//! ```

mod mutual;
mod pair;
mod validity;
mod watch;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use casemate_api::tls::crypto_provider;
use casemate_fs::FsError;
use casemate_model::Timestamp;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

pub use mutual::MutualTls;
pub(crate) use mutual::client_of;
use pair::{Fingerprint, Pair};

/// HTTP/1.1 alone: what is not spoken cannot be abused, and its places are easy to count.
const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM. Nobody but its owner and group may read it.
    pub key: PathBuf,
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("certificate or key cannot be read")]
    Files(#[from] FsError),
    /// There is no certificate.
    #[error("`{}` holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is no key.
    #[error("`{}` holds no private key in PEM", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// No client believes it any more.
    #[error("the certificate in `{}` has expired at {not_after}", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// When that was.
        not_after: Timestamp,
    },
    /// They do not belong together, or are of a kind that is not known.
    #[error("the key in `{}` cannot be used with the certificate", path.display())]
    Unfit {
        /// The key's file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
}

/// What the listeners need to speak TLS.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// What new handshakes are answered with.
#[derive(Debug)]
struct Current(RwLock<Pair>);

impl Tls {
    /// Reads certificate and key. It blocks.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let current = Arc::new(Current(RwLock::new(Pair::read(&files)?.1?)));
        let mut config = ServerConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has ciphers for both versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self { files, current, config: Arc::new(config) })
    }

    /// Until when the certificate in use is good, if it says so.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.current.0.read().unwrap_or_else(PoisonError::into_inner).not_after
    }

    /// The same certificates for another protocol than HTTP, such as `dot`.
    pub fn config_for(&self, protocol: &[u8]) -> Arc<ServerConfig> {
        let mut config = (*self.config).clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(config)
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Looks at the files. If they hold another pair than the one in use, new handshakes get that from now on.
    /// A pair that is broken, or has expired, changes nothing. It blocks.
    fn look(&self, now: Timestamp) -> Look {
        let (fingerprint, pair) = match Pair::read(&self.files) {
            Ok(read) => read,
            Err(error) => return Look::Broken(None, error.into()),
        };
        if fingerprint == self.current.fingerprint() {
            return Look::Same;
        }
        match pair.and_then(|pair| pair.refuse_expired(&self.files, now)) {
            Ok(pair) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
                Look::Exchanged
            }
            Err(error) => Look::Broken(Some(fingerprint), error),
        }
    }
}

/// What a look at the files has shown.
#[derive(Debug)]
enum Look {
    /// They hold what is in use.
    Same,
    /// They held something else, which is in use now.
    Exchanged,
    /// What they hold, if they could be read at all, cannot be used.
    Broken(Option<Fingerprint>, TlsError),
}

impl Current {
    fn fingerprint(&self) -> Fingerprint {
        self.0.read().unwrap_or_else(PoisonError::into_inner).fingerprint
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

#[cfg(test)]
mod tests;
