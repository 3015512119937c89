//! Where webhooks may go, and whose certificates they believe.

use std::sync::Arc;

use casemate_api::tls::crypto_provider;
use casemate_model::{Clock, EgressPolicy, Networks};
use casemate_webhooks::{Sender, SystemResolver};
use rustls::{ClientConfig, RootCertStore};

/// The sender of a node: it believes the authorities that the machine trusts, and heeds no variable about proxies.
pub(crate) fn sender(allowed: &Networks, clock: Arc<dyn Clock>) -> Sender {
    let mut roots = RootCertStore::empty();
    // What cannot be read of the machine's list is left out; a receiver that needs it is not believed then.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let mut tls = ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has ciphers for both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Sender::new(EgressPolicy::new(allowed.clone()), Arc::new(SystemResolver::new()), Arc::new(tls), clock)
}
