use std::sync::Arc;

use casemate_api::tls::crypto_provider;
use casemate_fs::FsError;
use casemate_model::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{TlsError, TlsFiles, validity};

/// Most bytes of either file. Chains have a few KiB.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// Tells the contents of two pairs of files apart, whatever their times say.
pub(super) type Fingerprint = [u8; 32];

/// A certificate with its key, checked to belong together.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) fingerprint: Fingerprint,
    /// Until when the certificate is good.
    pub(super) not_after: Option<Timestamp>,
}

impl Pair {
    /// Reads both files; what is in them is judged apart, so that the same mistake is known again.
    pub(super) fn read(files: &TlsFiles) -> Result<(Fingerprint, Result<Self, TlsError>), FsError> {
        let chain = casemate_fs::read_config_file(&files.certificate, FILE_BYTES_MAX)?;
        let key = Zeroizing::new(casemate_fs::read_secret_file(&files.key, FILE_BYTES_MAX)?);
        let parts = [Sha256::digest(&chain), Sha256::digest(&key)];
        let fingerprint = Sha256::digest(parts.concat()).into();
        let judged = judge(files, &chain, &key).map(|key| {
            let not_after =
                key.end_entity_cert().ok().and_then(|certificate| validity::not_after(certificate));
            Self { key: Arc::new(key), fingerprint, not_after }
        });
        Ok((fingerprint, judged))
    }

    /// A pair that is to take the place of another must be of use.
    pub(super) fn refuse_expired(self, files: &TlsFiles, now: Timestamp) -> Result<Self, TlsError> {
        match self.not_after {
            Some(not_after) if not_after <= now => {
                Err(TlsError::Expired { path: files.certificate.clone(), not_after })
            }
            Some(_) | None => Ok(self),
        }
    }
}

fn judge(files: &TlsFiles, chain: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let no_certificate = || TlsError::NoCertificate { path: files.certificate.clone() };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(no_certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey { path: files.key.clone() })?;
    CertifiedKey::from_der(chain, key, &crypto_provider())
        .map_err(|source| TlsError::Unfit { path: files.key.clone(), source })
}
