//! Where the node connects to for others, and whose certificates it believes then.

use std::sync::Arc;

use casemate_api::tls::crypto_provider;
use casemate_egress::{Dialer, SystemResolver};
use casemate_ledger::WitnessPublicKey;
use casemate_model::{EgressPolicy, Networks};
use casemate_witness::{Asked, HttpWitness, WitnessAddress};
use rustls::{ClientConfig, RootCertStore};

/// Makes dialers, which share what they are slow to make: the list of authorities, and the places for looking up names.
pub(crate) struct Dialers {
    tls: Arc<ClientConfig>,
    resolver: Arc<SystemResolver>,
}

impl Dialers {
    /// They believe the authorities that the machine trusts, and heed no variable about proxies.
    pub(crate) fn new() -> Self {
        let mut roots = RootCertStore::empty();
        // What cannot be read of the machine's list is left out; a host that needs it is not believed then.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let mut tls = ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has ciphers for both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { tls: Arc::new(tls), resolver: Arc::new(SystemResolver::new()) }
    }

    /// Witnesses that are asked, wherever the configuration says that they are.
    pub(crate) fn witnesses(&self, wanted: &[(WitnessAddress, WitnessPublicKey)]) -> Vec<Arc<dyn Asked>> {
        let everywhere: Networks = "0.0.0.0/0 ::/0".parse().expect("these are networks");
        let ask = |(address, key): &(WitnessAddress, WitnessPublicKey)| {
            let witness = HttpWitness::new(address.clone(), key.clone(), self.to(&everywhere));
            Arc::new(witness) as Arc<dyn Asked>
        };
        wanted.iter().map(ask).collect()
    }

    /// A dialer that goes to public addresses, and to those of `allowed`.
    pub(crate) fn to(&self, allowed: &Networks) -> Dialer {
        Dialer::new(EgressPolicy::new(allowed.clone()), self.resolver.clone(), Arc::clone(&self.tls))
    }
}
