use casemate_model::WebhookId;
use zeroize::Zeroizing;

use crate::{Authenticator, Peppers, SecretMac};

/// What keeps the secret of a webhook from passing for a hash of something else.
const DOMAIN: &str = "casemate webhook secret";

impl Authenticator {
    /// The version of the pepper from which new secrets of webhooks follow.
    pub fn webhook_pepper(&self) -> u32 {
        self.peppers().sealing()
    }

    /// The secret with which a webhook signs: it follows from the pepper, the webhook's id and a number that grows with each
    /// exchange, so nothing of it is stored. `None` if the pepper is no longer known.
    pub fn webhook_secret(&self, id: WebhookId, number: (u32, u64)) -> Option<Zeroizing<[u8; 32]>> {
        secret(self.peppers(), id, number)
    }
}

fn secret(peppers: &Peppers, id: WebhookId, (pepper, generation): (u32, u64)) -> Option<Zeroizing<[u8; 32]>> {
    let mut mac = [0; 32];
    mac[24..].copy_from_slice(&generation.to_be_bytes());
    peppers.derive(&SecretMac { pepper, mac }, DOMAIN, &id.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use casemate_model::Timestamp;
    use casemate_model::test_support::CountingEntropy;

    use super::*;
    use crate::Pepper;

    fn pepper(byte: u8) -> Pepper {
        Pepper::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn each_pepper_webhook_and_generation_has_a_secret_of_its_own() {
        let entropy = CountingEntropy::default();
        let ids = [0, 1].map(|_| WebhookId::generate(Timestamp::EPOCH, &entropy));
        let one = Peppers::new(pepper(1));
        let before = secret(&one, ids[0], (1, 1)).unwrap();
        assert!(secret(&one, ids[0], (2, 1)).is_none(), "a pepper that nobody knows");
        let peppers = Peppers::of([(1, pepper(1)), (2, pepper(2))].into(), 2).unwrap();
        assert_eq!(secret(&peppers, ids[0], (1, 1)), Some(before), "live secrets outlast a new pepper");
        let numbers = [(1, 1), (1, 2), (1, 256), (2, 1), (2, 2)];
        let all = ids.iter().flat_map(|id| numbers.map(|number| *secret(&peppers, *id, number).unwrap()));
        assert_eq!(all.collect::<BTreeSet<_>>().len(), 10);
        let other = Peppers::new(pepper(3));
        assert_ne!(secret(&other, ids[0], (1, 1)), secret(&peppers, ids[0], (1, 1)));
    }
}
