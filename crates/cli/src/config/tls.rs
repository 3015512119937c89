use std::path::PathBuf;

use casemate_server::TlsFiles;

use super::{ConfigError, Written, bad};

/// Where certificate and key are, if the node is to speak TLS.
pub(super) fn files(written: &Written) -> Result<Option<TlsFiles>, ConfigError> {
    let (certificate, key) = (&written.tls_certificate_file, &written.tls_key_file);
    match (certificate.is_empty(), key.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => {
            Ok(Some(TlsFiles { certificate: PathBuf::from(certificate), key: PathBuf::from(key) }))
        }
        (true, false) => {
            Err(bad("tls_certificate_file", "", "the file of the certificate that the key is for"))
        }
        (false, true) => Err(bad("tls_key_file", "", "the file of the certificate's private key")),
    }
}
